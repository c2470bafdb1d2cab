"""Enumerations of the domain as GraphQL enums: one source of names and values, a description for each."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import strawberry


def graphql_enum(source: type[Enum], description: str, values: Mapping[str, str] | None = None) -> Any:
    """The GraphQL enum of a domain enumeration, with the same member names and values.

    `values` holds a description for each member name; without it, the member's label is its description.
    The fields of models hold the bare values, which the enum serialises as well; `.value` of an argument
    gives the value to store. Raises KeyError where a member has no description.
    """
    members = {
        member.name: strawberry.enum_value(
            member.value, description=values[member.name] if values else str(member.label)  # type: ignore[attr-defined]  # TextChoices
        )
        for member in source
    }
    # The functional API cannot be followed by the type checker.
    return strawberry.enum(Enum(source.__name__, members), description=description)  # type: ignore[call-overload]
