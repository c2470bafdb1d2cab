"""What no database takes, found at the door: NUL, half a surrogate pair, numbers that are none, endless nesting."""

import dataclasses
import math
import re
from collections.abc import Iterator
from typing import Any

from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from .context import invalid_argument

MAX_NESTING = 50
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# The escapes by which a document's own text may hold NUL; graphql-core refuses half pairs there.
_NUL_ESCAPE = re.compile(r"\\u(0000|\{0+\})")
Flaw = tuple[str, tuple[str, ...]]


def flaw(value: Any, path: tuple[str, ...] = (), depth: int = 0) -> Flaw | None:
    """Why a value cannot be stored and the path to it, in Python's spelling; None where it can."""
    if isinstance(value, str):
        return (
            ("Text cannot hold the character NUL or half of a surrogate pair.", path)
            if _UNSTORABLE.search(value)
            else None
        )
    if isinstance(value, float):
        return None if math.isfinite(value) else ("That is not a finite number.", path)
    if depth > MAX_NESTING:
        return f"Values are nested at most {MAX_NESTING} deep.", path
    return next(filter(None, (flaw(item, where, depth + 1) for item, where in _parts(value, path))), None)


def _parts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    if dataclasses.is_dataclass(value):
        yield from ((getattr(value, field.name), (*path, field.name)) for field in dataclasses.fields(value))
    elif isinstance(value, dict):
        # A JSON value's own keys are no part of the path: it ends at the field.
        yield from ((key, path) for key in value)
        yield from ((item, path) for item in value.values())
    elif isinstance(value, list):
        yield from ((item, path) for item in value)


class StorableArguments(SchemaExtension):
    """A query whose arguments hold such a value is INVALID; a mutation's payload says so itself (`answers`)."""

    def on_execute(self) -> Iterator[None]:
        asked = self.execution_context
        if asked.operation_type is not OperationType.MUTATION:
            found = flaw(asked.variables or {})
            if found:
                raise invalid_argument(found[0])
            if _NUL_ESCAPE.search(asked.query or ""):
                raise invalid_argument("Text cannot hold the character NUL.")
        yield
