"""Every mutation as each actor: who may, and that the others are answered as for what is not there."""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Model

from cms.api.ids import global_id, split_id

from .reading import ANONYMOUS, Access, Question, Seen
from .registry import cases
from .subjects import Case
from .walk import Selection, fragments
from .worlds import World, gid

ACCESS_CODES = ("UNAUTHENTICATED", "NOT_FOUND", "FORBIDDEN")
UNKNOWN = 799_999_999
# Mutations in one document.
BATCH = 15
OURS = ("accounts", "projects", "media", "workflow", "generation", "usage", "conversation", "webhooks")

Snapshot = dict[str, list[tuple[Any, ...]]]


def snapshot() -> Snapshot:
    """All rows of all tables of ours."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for label in OURS
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
    }


@contextmanager
def undone() -> Iterator[None]:
    """What is written in the block is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@dataclass(frozen=True)
class Attempt:
    """A mutation with an input; `absent` is the same with an id of nothing in place of the row that is not theirs."""

    name: str
    input: Mapping[str, Any]
    absent: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Writing:
    """Calls of mutations."""

    access: Access

    @cached_property
    def before(self) -> Snapshot:
        """All rows as they were made."""
        return snapshot()

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What is done in the block writes nothing that stays."""
        before = self.before
        yield
        after = snapshot()
        changed = {label for label in before if before[label] != after[label]}
        assert not changed, f"What was refused changed {changed}"

    def input(self, case: Case, world: World, instead: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A case's input with the rows of a world; `instead` has ids for some of its fields."""
        people = self.access.worlds.people
        values = {key: value(people) if callable(value) else value for key, value in case.values.items()}
        for key, names in case.ids.items():
            if instead and key in instead:
                values[key] = instead[key]
            else:
                values[key] = gid(world.rows[names]) if isinstance(names, str) else [gid(world.rows[n]) for n in names]
        return values

    def rows(self, case: Case, key: str, world: World) -> list[Model]:
        """The rows that a case names in a field of its input."""
        names = case.ids[key]
        return [world.rows[name] for name in ((names,) if isinstance(names, str) else names)]

    def expected(self, actor: str, name: str, case: Case) -> str:
        """The code that an actor gets for the victim's rows; "" where they may."""
        if actor in case.refused:
            return case.refused[actor]
        if actor == ANONYMOUS:
            return "UNAUTHENTICATED"
        rows = [row for key in case.ids for row in self.rows(case, key, self.access.worlds.victim)]
        return "" if all(self.access.worlds.rows.sees(actor, row) for row in rows) else "NOT_FOUND"

    def call(self, actor: str, name: str, values: Mapping[str, Any]) -> tuple[Question, dict[str, Any]]:
        """One mutation, with all that its payload holds. Whoever signs out by it is signed in again."""
        text, (selection,) = self._document([name], 1)
        cookies = copy.deepcopy(self.access.clients[actor].cookies)
        answer = self.access.post(actor, text, {"input0": values}).json()
        self.access.clients[actor].cookies = cookies
        return Question("Mutation", name, text, selection, values), answer

    def attempts(self, actor: str) -> Seen:
        """All cases as an actor, and what the payloads showed."""
        seen = Seen()
        with self.unchanged():
            for name, case in cases():
                self.attempt(actor, name, case, seen)
        return seen

    def attempt(self, actor: str, name: str, case: Case, seen: Seen) -> None:
        """A case as an actor: what is expected happens, and what they may is added to what was seen, and undone."""
        code = self.expected(actor, name, case)
        values = self.input(case, self.access.worlds.victim)
        asked = f"{name} {json.dumps(values)} as {actor}"
        with nullcontext() if code in ACCESS_CODES else undone():
            question, answer = self.call(actor, name, values)
        if code == "UNAUTHENTICATED":
            (error,) = answer["errors"]
            assert (answer["data"], error["extensions"]["code"]) == (None, code), f"{asked}: {answer}"
            return
        assert "errors" not in answer, f"{asked}: {answer}"
        codes = [error["code"] for error in answer["data"]["input0"]["errors"]]
        assert codes == ([code] if code else []), f"{asked} was answered {answer['data']}"
        self.access.note(seen, question, answer)

    def refusals(self, actor: str) -> list[Attempt]:
        """Each field that takes an id, with a row of each sort that the actor does not see.

        The other fields hold the victim's rows, and once more the actor's own.
        """
        victim, own = self.access.worlds.victim, self.access.worlds.of(actor)
        found = []
        for name, case in cases():
            for key, names in case.ids.items() if actor not in case.refused else ():
                others = {other for field, other in case.ids.items() if field != key}
                with_own = own is not None and others and all(_names(other) <= own.rows.keys() for other in others)
                for row in self._unseen(actor, type(self.rows(case, key, victim)[0])):
                    ids = [gid(row), nothing_like(gid(row))]
                    wanted = [{key: id if isinstance(names, str) else [id]} for id in ids]
                    for world in (victim, own) if with_own else (victim,):
                        found.append(Attempt(name, *(self.input(case, world, each) for each in wanted)))
        return found

    def _unseen(self, actor: str, model: type[Model]) -> list[Model]:
        """Of the rows that an actor does not see one for each set of people who do."""
        rows = self.access.worlds.rows
        found = {rows.seen_by[model, row.pk]: row for row in rows.made[model] if not rows.sees(actor, row)}
        return list(found.values())

    def refuse(self, actor: str, attempts: list[Attempt]) -> None:
        """Let an actor make attempts, several in a document: all refused in the very words for what is not there."""
        with self.unchanged():
            for start in range(0, len(attempts), BATCH):
                self._refuse(actor, attempts[start : start + BATCH])

    def _refuse(self, actor: str, attempts: list[Attempt]) -> None:
        text, _ = self._document([attempt.name for attempt in attempts], 0)
        answers = []
        for which in ("input", "absent"):
            variables = {f"input{number}": getattr(attempt, which) for number, attempt in enumerate(attempts)}
            answers.append(self.access.post(actor, text, variables).json()["data"])
        there, absent = answers
        for number, attempt in enumerate(attempts):
            told = there[f"input{number}"]
            asked = f"{attempt.name} {json.dumps(attempt.input)} as {actor}"
            assert [error["code"] for error in told["errors"]] == ["NOT_FOUND"], f"{asked} was answered {told}"
            assert told == absent[f"input{number}"], f"{asked} is answered differently for an unknown id"

    def _document(self, names: list[str], steps: int) -> tuple[str, list[Selection]]:
        mutation = self.access.schema.mutation_type
        assert mutation is not None
        leaves: dict[str, tuple[str, ...]] = {}
        calls, variables, selections = [], [], []
        for number, name in enumerate(names):
            definition = mutation.fields[name]
            selection = self.access.walk.selection(definition.type, steps)
            calls.append(f"input{number}: {name}(input: $input{number}) {{ {selection.text(leaves)} }}")
            variables.append(f"$input{number}: {definition.args['input'].type}")
            selections.append(selection)
        return f"mutation ({', '.join(variables)}) {{ {' '.join(calls)} }} {fragments(leaves)}", selections


def _names(names: str | tuple[str, ...]) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


def nothing_like(node_id: str) -> str:
    """An id of the same type, of nothing."""
    return global_id((split_id(node_id) or ("", ""))[0], UNKNOWN)
