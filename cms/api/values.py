"""Reading inputs: an absent field stays as it is, null is a value of its own."""

from typing import Annotated, Any, TypeVar

import strawberry

InputType = TypeVar("InputType")
Input = Annotated[InputType, strawberry.argument(description="All that the mutation takes.")]


def given(input_: Any, *names: str) -> dict[str, Any]:
    """The fields that were sent, by name; enums as the values that the rows hold."""
    return {name: plain(value) for name in names if (value := getattr(input_, name)) is not strawberry.UNSET}


def plain(value: Any) -> Any:
    """An enum's value, a list's plain values, anything else as it is."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.value if hasattr(type(value), "__members__") else value


def or_none(value: Any) -> Any:
    """The value, or None where the field was absent."""
    return None if value is strawberry.UNSET else plain(value)
