"""Reading as each actor: what was asked, what came back, and which markers were in it."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client
from graphql import GraphQLSchema

from cms.api.ids import split_id

from .markers import Marker
from .registry import Worlds, merged
from .walk import Edge, Selection, Walk, fragments, operation

ANONYMOUS = "anonymous"
# How far from any root, and from one row of each type for each set of people.
STEPS, MORE_STEPS = 1, 2
# Rows that one document asks for.
BATCH = 15
BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True)
class Question:
    """A document with what is selected in its root field, and the variables that it is asked with."""

    kind: str
    root: str
    text: str
    selection: Selection | None
    variables: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.root} {json.dumps(self.variables)}: {self.text}"


@dataclass
class Seen:
    """What an actor was shown: markers, fields that were not null, and those that showed markers."""

    markers: set[Marker] = field(default_factory=set)
    fields: set[Edge] = field(default_factory=set)
    marked: set[Edge] = field(default_factory=set)

    def __or__(self, other: "Seen") -> "Seen":
        return Seen(self.markers | other.markers, self.fields | other.fields, self.marked | other.marked)


def _ask_nodes(selection: Selection, count: int = 1) -> str:
    leaves: dict[str, tuple[str, ...]] = {}
    inner = selection.text(leaves)
    calls = " ".join(f"id{number}: node(id: $id{number}) {{ {inner} }}" for number in range(count))
    variables = ", ".join(f"$id{number}: ID!" for number in range(count))
    return f"query ({variables}) {{ {calls} }} {fragments(leaves)}"


@dataclass
class Access:
    """The worlds, a schema, and everybody's client."""

    worlds: Worlds
    schema: GraphQLSchema
    walk: Walk = field(init=False)
    clients: dict[str, Client] = field(default_factory=lambda: defaultdict(Client))
    _kept: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.walk = Walk(self.schema)
        for name, person in self.worlds.people.items():
            self.clients[name].force_login(person, backend=BACKEND)

    def post(self, actor: str, text: str, variables: Mapping[str, Any]) -> HttpResponse:
        """The answer over HTTP; fails where it holds anything that is not for the actor."""
        body = {"query": text, "variables": variables}
        response = self.clients[actor].post("/graphql/", body, content_type="application/json")
        assert response.status_code == 200, f"{text} {variables}: {response.text}"
        self.look(actor, f"{text} {variables}", f"{response.headers}{response.text}")
        assert '"INTERNAL"' not in response.text, f"{text} {variables}: {response.text}"
        return response

    def look(self, actor: str, asked: str, answer: str) -> set[Marker]:
        """The markers in an answer, all of which are for the actor."""
        found = self.worlds.rows.markers.found(answer)
        foreign = sorted(str(marker) for marker in found if actor not in marker.seen_by)
        assert not foreign, f"{actor} was shown {', '.join(foreign)}\nby {asked}\nwhich answered {answer}"
        return found

    def questions(self) -> list[Question]:
        """Everything that there is to read, from every root field."""
        if "questions" not in self._kept:
            self._kept["questions"] = list(self._questions())
        return self._kept["questions"]

    def _questions(self) -> Iterator[Question]:
        query = self.schema.query_type
        assert query is not None
        for root, entries in merged("roots").items():
            for entry in entries:
                if root == "node":
                    yield from self._nodes(self.worlds.each(entry["id"]))
                    continue
                definition = query.fields[root]
                # What `id` names is walked on from by `node`.
                selection = self.walk.selection(definition.type, 0 if "id" in entry else STEPS)
                wrap = lambda part, root=root, definition=definition, entry=entry: operation(  # noqa: E731
                    "query", root, definition, entry, part
                )
                found = list(self.walk.documents(wrap, selection))
                for values in itertools.product(*map(self.worlds.each, entry.values())):
                    variables = dict(zip(entry, values, strict=True))
                    yield from (Question("Query", root, text, part, variables) for text, part in found)

    def _nodes(self, ids: list[str]) -> Iterator[Question]:
        """By paths from one row for each set of people; of the others what is their own, many at once."""
        samples = self.worlds.samples()
        others: dict[str, list[str]] = defaultdict(list)
        documents = {}
        for node_id in ids:
            (name, _) = split_id(node_id) or ("", "")
            if node_id not in samples:
                others[name].append(node_id)
                continue
            steps = MORE_STEPS if samples[node_id] else STEPS
            if (name, steps) not in documents:
                documents[name, steps] = list(self.walk.documents(_ask_nodes, self._node(name, steps)))
            yield from (
                Question("Query", "node", text, part, {"id0": node_id}) for text, part in documents[name, steps]
            )
        for name, rest in others.items():
            whole = self._node(name, 0)
            for start in range(0, len(rest), BATCH):
                some = {f"id{number}": each for number, each in enumerate(rest[start : start + BATCH])}
                yield Question("Query", "node", _ask_nodes(whole, len(some)), whole, some)

    def _node(self, name: str, steps: int) -> Selection:
        inner = self.walk.selection(self.schema.type_map[name], steps)
        return Selection(self.schema.type_map["Node"], fragments={name: inner})

    def read(self, actor: str) -> Seen:
        """All questions asked by an actor."""
        if ("read", actor) not in self._kept:
            seen = Seen()
            for question in self.questions():
                answer = self.post(actor, question.text, question.variables).json()
                self.note(seen, question, answer)
            self._kept["read", actor] = seen
        return self._kept["read", actor]

    def note(self, seen: Seen, question: Question, answer: Mapping[str, Any]) -> None:
        """Add to what was seen the answer to a question."""
        markers = self.worlds.rows.markers
        values = [value for value in (answer.get("data") or {}).values() if value is not None]
        seen.markers |= markers.found(json.dumps(values))
        if question.selection is None:
            return

        def visit(edge: Edge, shown: Any) -> None:
            # On success there are no errors.
            if shown not in (None, []) or (shown == [] and edge[1] == "errors"):
                seen.fields.add(edge)
                if edge not in seen.marked and markers.found(json.dumps(shown)):
                    seen.marked.add(edge)

        for value in values:
            seen.fields.add((question.kind, question.root))
            question.selection.read(value, visit)
