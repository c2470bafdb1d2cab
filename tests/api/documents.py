"""Documents made from the schema, so that what is added to it is tested too."""

from pathlib import Path
from typing import Any

from django.conf import settings
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    build_schema,
    get_named_type,
    is_composite_type,
)

from cms.api.ids import global_id

SCHEMA = build_schema(Path(settings.BASE_DIR, "graphql/schema.graphql").read_text())
SCALARS = {"String": '"words"', "Int": "1", "Float": "1.5", "Boolean": "true", "JSON": "{}", "BigInt": "1"}


def literal(type_: Any, ids: dict[str, str], name: str = "") -> str:
    """A value of a type as a document spells it; an id is the one that `ids` has for its name, else one of nothing."""
    if isinstance(type_, GraphQLNonNull):
        return literal(type_.of_type, ids, name)
    if isinstance(type_, GraphQLList):
        return f"[{literal(type_.of_type, ids, name)}]"
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        fields = {
            key: field for key, field in type_.fields.items() if isinstance(field.type, GraphQLNonNull) or key in ids
        }
        return "{" + " ".join(f"{key}: {literal(field.type, ids, key)}" for key, field in fields.items()) + "}"
    if type_.name == "ID":
        return f'"{ids.get(name, global_id("Project", 999_999_999))}"'
    return SCALARS[type_.name]


def call(name: str, field: GraphQLField, ids: dict[str, str] | None = None, select: str = "__typename") -> str:
    """A call of a field with its required arguments, and the others that `ids` names."""
    ids = ids or {}
    wanted = {
        key: argument for key, argument in field.args.items() if isinstance(argument.type, GraphQLNonNull) or key in ids
    }
    arguments = ", ".join(f"{key}: {literal(argument.type, ids, key)}" for key, argument in wanted.items())
    selection = f" {{ {select} }}" if is_composite_type(get_named_type(field.type)) else ""
    return f"{name}{f'({arguments})' if arguments else ''}{selection}"
