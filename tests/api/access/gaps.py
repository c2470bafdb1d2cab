"""What of a schema the tables do not cover, said so that whoever added it knows what to do."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
)

from .arguing import Arguing
from .reading import Access, Seen
from .registry import cases, merged
from .walk import Edge

WHERE = "of its subject in tests/api/access/"
# They say nothing of anybody's.
PLAIN = {"Boolean"}
ROOTS = {"roots": "query_type", "mutations": "mutation_type", "subscriptions": "subscription_type"}


def uncovered(schema: GraphQLSchema) -> list[str]:
    """Fields of the roots that no table calls, entries for what is not there, and ids that no mutation is given."""
    found = []
    for table, attribute in ROOTS.items():
        fields, entries = set(getattr(schema, attribute).fields), set(merged(table))
        found += [f"Call {name}: add it to `{table}` {WHERE}." for name in sorted(fields - entries)]
        found += [f"There is no {name}: take it out of `{table}` {WHERE}." for name in sorted(entries - fields)]
    assert schema.mutation_type is not None
    given: dict[str, set[str]] = {}
    for name, case in cases():
        given.setdefault(name, set()).update(case.ids)
    for name, definition in schema.mutation_type.fields.items():
        wanted = {key for argument in definition.args.values() for key in _ids(argument.type)}
        for key in sorted(wanted - given.get(name, set())):
            found.append(f"Give {name} a row for {key}: `ids` of its Case in `mutations` {WHERE}.")
    return found


def _ids(type_: Any) -> Iterator[str]:
    kind = get_named_type(type_)
    if isinstance(kind, GraphQLInputObjectType):
        for name, field in kind.fields.items():
            if get_named_type(field.type).name == "ID":
                yield name
            yield from _ids(field.type)


def without_values(access: Access) -> list[str]:
    """Arguments for which no table has values."""
    arguing = Arguing(access)
    keys = {place.key for place in arguing.places() if not arguing.has_values(place)}
    return [f"Give {key} values to try: `arguments` {WHERE}." for key in sorted(keys)]


def never_shown(schema: GraphQLSchema, seen: Seen) -> list[str]:
    """Fields that were null or empty all the time, or showed no row's own value; and what is listed so, but is not."""
    never, unmarked = merged("never"), merged("unmarked")
    edges = dict(_edges(schema))
    names = {f"{kind}.{name}": (kind, name) for kind, name in edges}
    found = [
        f"{name} was always null or empty: add rows for it in `fill`, or say why in `never` {WHERE}."
        for name, edge in names.items()
        if edge not in seen.fields and name not in never
    ]
    found += [
        f"{name} showed no value that is a row's own: add rows for it in `fill`, or say why in `unmarked` {WHERE}."
        for name, edge in names.items()
        if edge in seen.fields and edge not in seen.marked and _is_own(edges[edge]) and name not in unmarked
    ]
    found += [f"{name} is shown: take it out of `never` {WHERE}." for name in never if names.get(name) in seen.fields]
    found += [
        f"{name} shows values: take it out of `unmarked` {WHERE}."
        for name in unmarked
        if names.get(name) in seen.marked
    ]
    return found + [f"There is no {name} {WHERE}." for name in {**never, **unmarked} if name not in names]


def _edges(schema: GraphQLSchema) -> Iterator[tuple[Edge, Any]]:
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                yield (kind.name, name), get_named_type(field.type)


def _is_own(type_: Any) -> bool:
    """Whether values of the type can be a row's own."""
    return not (is_composite_type(type_) or isinstance(type_, GraphQLEnumType) or type_.name in PLAIN)
