"""Enumerations of the domain as GraphQL enums: one class, with a description for the API."""

from collections.abc import Mapping
from enum import Enum

import strawberry


def graphql_enum(source: type[Enum], description: str, values: Mapping[str, str] | None = None) -> None:
    """Let a domain enumeration be a GraphQL enum of the same member names and values.

    `values` holds a description for each member name; without it, the member's label is its description.
    The fields of models hold the bare values, which the enum serialises as well; arguments arrive as members.
    Raises KeyError where a member has no description.
    """
    strawberry.enum(source, description=description)
    for value in source.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by the line before
        value.description = values[value.name] if values else str(source[value.name].label)  # type: ignore[attr-defined]
