"""Scalars of our own."""

from collections.abc import Mapping
from typing import Any, NewType

import strawberry


def _parse_big_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
        raise ValueError("BigInt is a whole number up to 2^53.")
    return value


BigInt = NewType("BigInt", int)

SCALARS: Mapping[object, Any] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number up to 2^53, as a JSON number.",
        serialize=int,
        parse_value=_parse_big_int,
    )
}
