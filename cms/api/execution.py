"""Many small fields at little cost.

Strawberry passes every field through several layers (arguments, extensions, an `Info`), and graphql-core gives
each its resolve info and argument map. Most fields of an answer need none of it: they take no argument and read
an attribute of a row, or a function of the row. Those are called directly here; whatever is out of the ordinary
(an error, null, an awaitable) takes the long way, which says the same as ever. docs/bench.md has what it saves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
)
from graphql.pyutils import Path
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from .ids import global_id
from .threads import under_a_loop

LEAN = "lean"


@dataclass(frozen=True, slots=True)
class LeanLeaf:
    """A scalar or enum field: how its value is read from the source and serialised.

    `anywhere`: reading it never touches the database, so an event loop may do it.
    """

    nullable: bool

    read: Callable[[Any], Any]
    serialize: Callable[[Any], Any]
    anywhere: bool


def make_lean(schema: GraphQLSchema, config: StrawberryConfig) -> None:
    """Prepare the fields of `schema`; they are executed by `LeanExecutionContext`."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                definition = field.extensions.get("strawberry-definition")
                if isinstance(definition, StrawberryField) and not field.args and not definition.extensions:
                    _prepare(type_, name, field, definition, config)


def _prepare(
    type_: GraphQLObjectType,
    name: str,
    field: GraphQLField,
    definition: StrawberryField,
    config: StrawberryConfig,
) -> None:
    resolver = definition.base_resolver
    if resolver is None:
        _mark_leaf(field, attrgetter(definition.python_name), anywhere=True)
    elif name == "id" and resolver.info_parameter:
        _mark_leaf(field, lambda row: global_id(type_.name, row.pk), anywhere=True)
    elif not definition.is_async and resolver.parent_parameter and not resolver.self_parameter:
        call: Callable[..., Any] = resolver.wrapped_func  # type: ignore[assignment]  # a function: it has no self
        if resolver.info_parameter is None:
            _mark_leaf(field, call, anywhere=False)
            field.resolve = lambda source, _info: call(source)
        elif resolver.info_parameter.name == "info":
            field.resolve = lambda source, info: call(source, info=config.info_class(_raw_info=info, _field=definition))


def _mark_leaf(field: GraphQLField, read: Callable[[Any], Any], *, anywhere: bool) -> None:
    type_, nullable = (field.type.of_type, False) if isinstance(field.type, GraphQLNonNull) else (field.type, True)
    if isinstance(type_, GraphQLScalarType | GraphQLEnumType):
        field.extensions[LEAN] = LeanLeaf(nullable, read, type_.serialize, anywhere)


class LeanExecutionContext(StrawberryGraphQLCoreExecutionContext):
    """Answers prepared leaves directly."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_a_thread = not under_a_loop()

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, field_nodes: list[FieldNode], path: Path
    ) -> Any:
        field = parent_type.fields.get(field_nodes[0].name.value)
        leaf = field.extensions.get(LEAN) if field is not None else None
        if leaf is not None and (leaf.anywhere or self._in_a_thread):
            try:
                value = leaf.read(source)
                if value is None and leaf.nullable:
                    return None
                value = leaf.serialize(value)
            except Exception:
                value = None
            if isinstance(value, str | int | float):
                return value
        return super().execute_field(parent_type, source, field_nodes, path)
