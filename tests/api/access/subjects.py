"""What a subject's table says of its part of the schema."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from .worlds import Hidden, World


@dataclass(frozen=True)
class Every:
    """Stands for the ids of all rows of these types, in every world; `names` alone take those rows of each world."""

    models: tuple[type[Model], ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """Stands for the values that rows of a model have in a column, in every world."""

    model: type[Model]
    name: str


@dataclass(frozen=True)
class Case:
    """A mutation with the rows of the victim's world that it names, by their names, and its other values.

    Whoever sees all these rows may do it, but for those in `refused`, with the code that they get. `own` are the
    actors for whom it is about themselves alone: they may do it whatever they see.
    """

    ids: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A subject's part: see the package's own words.

    `roots` and `subscriptions` have for each field the arguments to call it with. `arguments` has the values to try for
    an argument ("Query.media.projectId") or a field of an input ("MediaFilter.search"). `hidden` are columns that the
    API never shows, of all models that have rows; `without_rows` are models that need none, and why.
    """

    fill: Callable[[World], None] | None = None
    hidden: Hidden = field(default_factory=dict)
    without_rows: Mapping[type[Model], str] = field(default_factory=dict)
    roots: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    subscriptions: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    arguments: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    mutations: Mapping[str, "Case | tuple[Case, ...]"] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)
    unmarked: Mapping[str, str] = field(default_factory=dict)
