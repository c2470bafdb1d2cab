"""Loading the neighbours of rows without a query for each.

Rows that were loaded together know each other (`together`). The first resolver that asks one of them for a
related row has it fetched for all of them, and the rows it got know each other in turn. So any path through the
graph costs a fixed number of queries, however long the lists are, and only what was asked for is fetched.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from django.db.models import Model, Prefetch, prefetch_related_objects

M = TypeVar("M", bound=Model)
_TOGETHER = "_loaded_together"


def together(rows: Iterable[M]) -> list[M]:
    """Let rows that were loaded together be served together; answers them as a list."""
    rows = list(rows)
    for row in rows:
        row.__dict__[_TOGETHER] = rows
    return rows


def siblings(row: M) -> Sequence[M]:
    """The rows that were loaded together with this one, itself included."""
    return cast("Sequence[M]", row.__dict__.get(_TOGETHER) or [row])


def related(row: Model, name: str) -> Any:
    """The row behind a foreign key or one-to-one relation `name`, or None; one query for all siblings."""
    field = row._meta.get_field(name)
    rows = siblings(row)
    if not field.is_cached(row):  # type: ignore[union-attr]  # relations have a cache
        prefetch_related_objects(list(rows), name)
    other = _cached(row, name)
    # Rows that came with a join do not know each other yet.
    if other is not None and _TOGETHER not in other.__dict__:
        together({id(found): found for sibling in rows if (found := _cached(sibling, name)) is not None}.values())
    return other


def _cached(row: Model, name: str) -> Any:
    field = row._meta.get_field(name)
    # A reverse one-to-one without a row is cached as None by the prefetch, and its descriptor would raise.
    return field.get_cached_value(row, default=None)  # type: ignore[union-attr]


def related_list(row: Model, lookup: str | Prefetch) -> list[Any]:
    """The rows of a to-many relation, in the queryset's order; one query for all siblings.

    `lookup` is the relation's name, or a Prefetch whose `to_attr` names where the list is kept: use one where
    the rows depend on the viewer.
    """
    name = lookup if isinstance(lookup, str) else cast("str", lookup.to_attr)
    rows = siblings(row)
    if isinstance(lookup, str):
        missing = name not in getattr(row, "_prefetched_objects_cache", {})
    else:
        missing = name not in row.__dict__
    if missing:
        prefetch_related_objects(list(rows), lookup)
        together({id(other): other for sibling in rows for other in _all(sibling, name)}.values())
    return _all(row, name)


def _all(row: Model, name: str) -> list[Any]:
    value = getattr(row, name)
    return list(value.all()) if hasattr(value, "all") else list(value)
