"""A world: one person's project with rows of every kind, full of markers."""

import itertools
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import models

from cms.accounts.models import User
from cms.api.ids import global_id

from .markers import NOBODY, Actors, Markers

M = TypeVar("M", bound=models.Model)
ADMIN = "admin"
Hidden = dict[type[models.Model], str]
# How the API calls what is a row.
API_NAMES = {"Upload": "UploadTicket"}


def gid(row: models.Model) -> str:
    """A row's global id."""
    name = type(row).__name__
    return global_id(API_NAMES.get(name, name), row.pk)


@dataclass
class Rows:
    """All rows that were made, by type."""

    markers: Markers
    hidden: Hidden
    nodes: frozenset[str]
    made: dict[type[models.Model], list[models.Model]] = field(default_factory=dict)
    seen_by: dict[tuple[type[models.Model], Any], Actors] = field(default_factory=dict)

    def add(self, model: type[M], seen_by: Actors, to: dict[str, Actors] | None = None, /, **values: Any) -> M:
        """A row whose values are markers that `seen_by` are to be shown, beside those of `values`.

        `to` says of single columns who is to be shown them. What the API never shows says the subject's `hidden`.
        """
        to = to or {}
        hidden = self.hidden[model].split()
        key = self._key(model, seen_by)
        made: dict[str, Any] = {} if key is None else {"pk": key}
        for each in model._meta.concrete_fields:
            if each.primary_key or each.is_relation or each.name in values or each.attname in values:
                continue
            audience = NOBODY if each.name in hidden else to.get(each.name, seen_by)
            value = self.markers.value(each, f"{model.__name__}.{each.name}", audience)
            if value is not None:
                made[each.name] = value
        row: Any = model(**made, **values)
        kept = {each.attname: getattr(row, each.attname) for each in model._meta.concrete_fields}
        # Neither signals nor what `save` works out: the row is as it is said to be.
        model._base_manager.bulk_create([row])
        dates = {name: kept[name] for name in kept if isinstance(model._meta.get_field(name), models.DateTimeField)}
        if dates:
            model._base_manager.filter(pk=row.pk).update(**dates)
        row = model._base_manager.get(pk=row.pk)
        self.made.setdefault(model, []).append(row)
        self.seen_by[model, row.pk] = seen_by
        return row

    def _key(self, model: type[models.Model], seen_by: Actors) -> int | None:
        if model._meta.pk is None or model._meta.pk.is_relation:
            return None
        is_shown = model.__name__ in self.nodes and "pk" not in self.hidden[model].split()
        shown = seen_by if is_shown else NOBODY
        return self.markers.key(f"{model.__name__}.pk", shown)

    def sees(self, actor: str, row: models.Model) -> bool:
        """Whether an actor is to be shown a row."""
        return actor in self.seen_by[type(row), row.pk]


@dataclass
class World:
    """One person's project. `names` are those of the actors: whose it is, and who else is a member.

    `rows` has a row of each kind by a name that is the same in every world.
    """

    all: Rows
    owner: User
    owner_name: str
    member: User | None = None
    member_name: str = ""
    rows: dict[str, Any] = field(default_factory=dict)
    number: itertools.count = field(default_factory=lambda: itertools.count(1))

    @property
    def everyone(self) -> Actors:
        return frozenset({self.owner_name, self.member_name, ADMIN} - {""})

    @property
    def owners(self) -> Actors:
        return frozenset({self.owner_name, ADMIN})

    @property
    def members(self) -> Actors:
        return frozenset({self.member_name, ADMIN})

    def add(
        self,
        model: type[M],
        name: str = "",
        /,
        *,
        seen_by: Actors | None = None,
        to: dict[str, Actors] | None = None,
        **values: Any,
    ) -> M:
        """A row of this world, by default one that every member is to be shown."""
        row = self.all.add(model, self.everyone if seen_by is None else seen_by, to, **values)
        if name:
            self.rows[name] = row
        return row
