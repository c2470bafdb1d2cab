"""All subjects together, and the worlds that they fill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cms.accounts.models import User

from . import conversation, generation, media, people, projects, usage, webhooks, workflow
from .markers import Markers
from .subjects import Case, Column, Every, Subject
from .worlds import Rows, World, gid

# In the order in which they are filled: later ones name rows of earlier ones.
SUBJECTS: list[Subject] = [
    module.SUBJECT for module in (people, projects, media, conversation, generation, usage, webhooks, workflow)
]
ACTORS = ("anonymous", "stranger", "user", "collaborator", "creator", "producer", "admin")


def merged(name: str) -> dict[Any, Any]:
    """A table of all subjects; lists under one key are joined."""
    found: dict[Any, Any] = {}
    for subject in SUBJECTS:
        for key, value in getattr(subject, name).items():
            found[key] = [*found[key], *value] if key in found else value
    return found


def cases() -> Iterator[tuple[str, Case]]:
    """All mutations with the ways to call them."""
    for name, value in merged("mutations").items():
        for case in value if isinstance(value, tuple) else (value,):
            yield name, case


@dataclass
class Worlds:
    """The victim's world; that of a producer, for whom the victim works too; and that of a user who knows neither."""

    rows: Rows
    people: Mapping[str, User]
    victim: World
    bridge: World
    own: World

    @property
    def all(self) -> tuple[World, ...]:
        return self.victim, self.bridge, self.own

    def of(self, actor: str) -> World | None:
        """The world in which an actor who is a stranger to the victim's has rows of their own."""
        return {"producer": self.bridge, "user": self.own}.get(actor)

    def each(self, value: Any) -> list[Any]:
        """The values that a table's entry stands for."""
        if isinstance(value, Every):
            named = [world.rows[name] for name in value.names for world in self.all if name in world.rows]
            return [gid(row) for row in (*named, *(row for model in value.models for row in self.rows.made[model]))]
        return [value for _, value in self.columns(value)] if isinstance(value, Column) else [value]

    @property
    def close(self) -> set[frozenset[str]]:
        """The sets of people who see rows of the victim's project."""
        return {self.victim.everyone, self.victim.owners, self.victim.members}

    def samples(self) -> dict[str, bool]:
        """For each set of people the last row of each type that they see, by its id, and whether it is the victim's; of
        those the first row too, as if it were not.
        """
        first: dict[str, bool] = {}
        last: dict[str, bool] = {}
        for model, made in self.rows.made.items():
            of_audience: dict[Any, list[str]] = {}
            for row in made:
                of_audience.setdefault(self.rows.seen_by[model, row.pk], []).append(gid(row))
            for audience, ids in of_audience.items():
                is_close = audience in self.close
                last[ids[-1]] = is_close
                first |= {ids[0]: False} if is_close else {}
        # From there the producer gets to the victim.
        return first | last | {gid(self.bridge.rows["project"]): True}

    def columns(self, column: Column) -> list[tuple[frozenset[str], Any]]:
        """Values of a column with those who see their rows: one for each set of people."""
        rows = [row for row in self.rows.made[column.model] if getattr(row, column.name) not in ("", None)]
        by_audience = {self.rows.seen_by[column.model, row.pk]: getattr(row, column.name) for row in rows}
        return list(by_audience.items())


def build(nodes: frozenset[str]) -> Worlds:
    """Fill the database."""
    rows = Rows(Markers(), merged("hidden"), nodes)
    known = people.add_people(rows)
    worlds = Worlds(
        rows,
        known,
        World(rows, known["creator"], "creator", known["collaborator"], "collaborator"),
        World(rows, known["producer"], "producer", known["creator"], "creator"),
        World(rows, known["user"], "user"),
    )
    worlds.victim.rows["former"] = known["former"]
    for world in worlds.all:
        for subject in SUBJECTS:
            if subject.fill is not None:
                subject.fill(world)
        for module in (people, projects, conversation):
            module.fill_later(world)
    workflow.add_draft(rows)
    return worlds
