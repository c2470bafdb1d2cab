"""Every argument of every field with every sort of value: filters, searches, pages and ids.

What an actor asks about another's words, numbers and rows is answered as if they were nowhere.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
    is_non_null_type,
)

from .reading import Access
from .registry import merged
from .subjects import Column, Every
from .walk import Selection, fragments
from .worlds import gid
from .writing import nothing_like

# Calls in one document.
BATCH = 15
UNKNOWN = {str: "canary99999x", int: 999_999_999}
SIZES, CURSORS = ("first", "last"), ("after", "before")
REFUSED = {"UNAUTHENTICATED", "NOT_FOUND"}
EVERYONE: frozenset[str] = frozenset({"anonymous", "stranger", "user", "collaborator", "creator", "producer", "admin"})


@dataclass(frozen=True)
class Place:
    """A value's place: a field of a type, and the way to it from the field's arguments."""

    type: str
    field: str
    path: tuple[str, ...]
    key: str
    kind: Any


@dataclass(frozen=True)
class Probe:
    """A call with one value at its place, and the same with one that is nowhere; `seen_by` know the value."""

    place: Place
    variables: Mapping[str, Any]
    control: Mapping[str, Any] | None = None
    seen_by: frozenset[str] = EVERYONE
    node: str = ""


@dataclass
class Arguing:
    """All probes of a schema."""

    access: Access
    different: dict[str, set[str]] = field(default_factory=dict)
    _answers: dict[Any, Any] = field(default_factory=dict)

    def definition(self, place: Place) -> GraphQLField:
        return self.access.schema.type_map[place.type].fields[place.field]

    def places(self) -> Iterator[Place]:
        """Where a value can be given to a field that is read."""
        for name, kind in self.access.schema.type_map.items():
            if name == "Query" or self.access.walk.is_node(kind):
                for each, definition in kind.fields.items():
                    for argument, found in definition.args.items():
                        yield from self._inner(name, each, (argument,), f"{name}.{each}.{argument}", found.type)

    def _inner(self, name: str, each: str, path: tuple[str, ...], key: str, type_: Any) -> Iterator[Place]:
        named = get_named_type(type_)
        if isinstance(named, GraphQLInputObjectType):
            for inner, found in named.fields.items():
                yield from self._inner(name, each, (*path, inner), f"{named.name}.{inner}", found.type)
        else:
            yield Place(name, each, path, key, type_)

    def has_values(self, place: Place) -> bool:
        """Whether a value can be made for it, or a table has some."""
        named = get_named_type(place.kind)
        made = isinstance(named, GraphQLEnumType) or named.name == "Boolean" or place.path[-1] in SIZES + CURSORS
        return made or self._entries(place) is not None

    def _entries(self, place: Place) -> list[Any] | None:
        entries = merged("arguments").get(place.key)
        if entries is None and place.type == "Query":
            roots = merged("roots").get(place.field, [])
            entries = [entry[place.path[0]] for entry in roots if place.path[0] in entry] or None
        return entries

    def values(self, place: Place) -> list[tuple[Any, Any, frozenset[str]]]:
        """Values with what stands for nothing, and who knows the value."""
        named = get_named_type(place.kind)
        if isinstance(named, GraphQLEnumType):
            return [(value, None, EVERYONE) for value in named.values]
        if named.name == "Boolean":
            return [(value, None, EVERYONE) for value in (True, False)]
        if place.path[-1] in SIZES:
            return [(1, None, EVERYONE)]
        if place.path[-1] in CURSORS:
            return [(cursor, None, EVERYONE) for cursor in self._cursors(place)]
        return [found for entry in self._entries(place) or () for found in self._known(entry)]

    def _known(self, entry: Any) -> list[tuple[Any, Any, frozenset[str]]]:
        worlds = self.access.worlds
        if isinstance(entry, Column):
            return [(value, UNKNOWN[type(value)], seen_by) for seen_by, value in worlds.columns(entry)]
        if isinstance(entry, Every):
            samples = worlds.samples()
            of_names = {gid(world.rows[name]) for world in worlds.all for name in entry.names if name in world.rows}
            seen_by = {
                gid(row): worlds.rows.seen_by[type(row), row.pk] for made in worlds.rows.made.values() for row in made
            }
            ids = [each for each in worlds.each(entry) if each in samples or each in of_names]
            return [(each, nothing_like(each), seen_by[each]) for each in ids]
        return [(entry, None, EVERYONE)]

    def _cursors(self, place: Place) -> list[str]:
        """A cursor of a list that somebody else has."""
        info = Selection(self.access.schema.type_map["PageInfo"], ("endCursor",))
        selection = Selection(get_named_type(self.definition(place).type), children={"pageInfo": info})
        for probe in self._probes(place, [(1, None, EVERYONE)], instead=("first",)):
            for actor in ("creator", "admin"):
                (page,), _ = self._ask(actor, [probe], selection)
                if page is not None and (cursor := page["pageInfo"]["endCursor"]) is not None:
                    return [cursor]
        raise AssertionError(f"There is nothing in {place.type}.{place.field}: add rows in tests/api/access/.")

    @cached_property
    def all(self) -> list[Probe]:
        """All probes of all places, in order."""
        return [probe for place in self.places() for probe in self.probes(place)]

    def probes(self, place: Place) -> list[Probe]:
        """All values at a place."""
        return self._probes(place, self.values(place), place.path)

    def _probes(self, place: Place, values: list[Any], instead: tuple[str, ...]) -> list[Probe]:
        found = []
        for base, node in self._bases(place, instead[0]):
            for value, control, seen_by in values:
                many = isinstance(get_nullable_type(place.kind), GraphQLList) and instead == place.path
                given = [
                    _put(base, instead, [each] if many else each) if each is not None else None
                    for each in (value, control)
                ]
                assert given[0] is not None
                found.append(Probe(place, given[0], given[1], seen_by, node))
        return found

    def _bases(self, place: Place, argument: str) -> list[tuple[dict[str, Any], str]]:
        """What else a call is given; of a field of rows, on which row."""
        worlds = self.access.worlds
        if place.type != "Query":
            model = next(model for model in worlds.rows.made if model.__name__ == place.type)
            samples = worlds.samples()
            rows = [gid(row) for row in worlds.rows.made[model] if samples.get(gid(row))]
            return [({}, node) for node in rows[:1]]
        entries = merged("roots").get(place.field, [{}])
        entry = next((entry for entry in entries if argument in entry), entries[0])
        others = {key: worlds.each(value)[:1] for key, value in entry.items() if key != argument}
        if place.path[0] in ("last", "before", "after"):
            others.pop("first", None)
        return [(dict(zip(others, each, strict=True)), "") for each in itertools.product(*others.values())]

    def without_difference(self, actor: str) -> set[str]:
        """Places at which values that the actor knows were answered as those that are nowhere."""
        self.argue(actor)
        tried = {probe.place.key for probe in self.all if probe.control is not None and actor in probe.seen_by}
        return {key for key in tried if actor not in self.different.get(key, set())}

    def argue(self, actor: str) -> None:
        """All probes as an actor."""
        for (place, _), probes in itertools.groupby(self.all, key=lambda probe: (probe.place, probe.node)):
            answer = self.definition(place).type
            kind = get_named_type(answer)
            whole = self.access.walk.selection(answer, 0)
            # Of an abstract type what all its members have.
            selection = Selection(kind, tuple(kind.fields)) if whole.fragments else whole
            # Where one is refused the others are not answered.
            is_refused = get_named_type(place.kind).name == "ID" and is_non_null_type(answer)
            some, size = list(probes), 1 if is_refused else BATCH
            for start in range(0, len(some), size):
                self._compare(actor, some[start : start + size], selection)

    def _compare(self, actor: str, probes: list[Probe], selection: Selection) -> None:
        values, errors = self._ask(actor, probes, selection)
        if all(probe.control is None for probe in probes):
            return
        controls = [Probe(each.place, each.control or each.variables, node=each.node) for each in probes]
        nothing, no_errors = self._ask(actor, controls, selection)
        for probe, value, control in zip(probes, values, nothing, strict=True):
            asked = f"{probe.place.key} {probe.variables} {probe.node} as {actor}"
            if actor not in probe.seen_by:
                assert (value, errors) == (control, no_errors), f"{asked} is answered differently for what is nowhere"
            elif (value, errors) != (control, no_errors):
                self.different.setdefault(probe.place.key, set()).add(actor)

    def _ask(self, actor: str, probes: list[Probe], selection: Selection) -> tuple[list[Any], list[Any]]:
        """The values of calls, all of one place and node, and the errors."""
        (place, node), leaves, variables = (probes[0].place, probes[0].node), {}, {}
        definition, calls, declared = self.definition(place), [], ["$id: ID!"] if node else []
        inner = f" {{ {text} }}" if (text := selection.text(leaves)) else ""
        for number, probe in enumerate(probes):
            used = {key: f"{key}{number}" for key in probe.variables}
            declared += [f"${name}: {definition.args[key].type}" for key, name in used.items()]
            arguments = ", ".join(f"{key}: ${name}" for key, name in used.items())
            calls.append(f"v{number}: {place.field}({arguments}){inner}")
            variables |= {name: probe.variables[key] for key, name in used.items()}
        body = " ".join(calls)
        if node:
            body, variables["id"] = f"node(id: $id) {{ ... on {place.type} {{ {body} }} }}", node
        document = f"query ({', '.join(declared)}) {{ {body} }} {fragments(leaves)}"
        asked = actor, document, json.dumps(variables)
        if asked not in self._answers:
            self._answers[asked] = self.access.post(actor, document, variables).json()
        answer = self._answers[asked]
        found = answer.get("data") or {}
        found = (found.get("node") if node else found) or {}
        errors = [(error["message"], error["extensions"]["code"]) for error in answer.get("errors", [])]
        assert {code for _, code in errors} <= REFUSED, f"{document} {variables}: {errors}"
        return [found.get(f"v{number}") for number in range(len(probes))], errors


def _put(base: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of variables with a value at a place in them."""
    name, *rest = path
    return {**base, name: _put({}, tuple(rest), value) if rest else value}
