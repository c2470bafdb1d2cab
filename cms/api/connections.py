"""Connections of the Relay cursor specification, paged by key and never by offset."""

import base64
import binascii
import datetime
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from django.db.models import DateTimeField, Model, Q, QuerySet

from .context import invalid_argument
from .loading import together

NodeType = TypeVar("NodeType")
DEFAULT_PAGE, MAX_PAGE = 20, 100
First = Annotated[
    int | None,
    strawberry.argument(description="So many from the start, up to 100. Neither this nor `last`: 20."),
]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="So many from the end, up to 100.")]
Before = Annotated[str | None, strawberry.argument(description="Only what lies before this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follow after `endCursor`.")
    has_previous_page: bool = strawberry.field(description="Whether more lie before `startCursor`.")
    start_cursor: str | None = strawberry.field(description="The first edge's cursor; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The last edge's cursor; null on an empty page.")


@strawberry.type(description="An entry of a page and its place in the list.")
class Edge(Generic[NodeType]):
    cursor: str = strawberry.field(description="Opaque; for `after` and `before`.")
    node: NodeType = strawberry.field(description="The entry itself.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[NodeType]):
    edges: list[Edge[NodeType]] = strawberry.field(description="The page's entries, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where the page lies in the list.")


def paginate(
    rows: QuerySet[Any],
    *,
    order: Sequence[str],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    node: Callable[[Any], Model] | None = None,
) -> Connection[Any]:
    """One page of `rows`.

    `order` names fields of the rows or whole numbers annotated to them, each with "-" for descending; the last must
    be unique. `node` answers the entry of a row, the row itself by default. Neither `first` nor `last`: the first 20.
    Raises the top-level error INVALID for over 100, both, a negative number, or a cursor that is not ours.
    """
    size = _page_size(first, last)
    backwards = last is not None
    if after is not None:
        rows = rows.filter(_beyond(order, _decode(after, rows, order), forwards=True))
    if before is not None:
        rows = rows.filter(_beyond(order, _decode(before, rows, order), forwards=False))
    wanted = [_flip(name) for name in order] if backwards else list(order)
    page = list(rows.order_by(*wanted)[: size + 1])
    more = len(page) > size
    page = page[:size]
    if backwards:
        page.reverse()
    cursors = [_encode(row, order) for row in page]
    nodes = together(node(row) for row in page) if node else together(page)
    return Connection(
        edges=[Edge(cursor=cursor, node=entry) for cursor, entry in zip(cursors, nodes, strict=True)],
        page_info=PageInfo(
            has_next_page=before is not None if backwards else more,
            has_previous_page=more if backwards else after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        ),
    )


def _page_size(first: int | None, last: int | None) -> int:
    if first is not None and last is not None:
        raise invalid_argument("Ask for `first` or for `last`, not for both.")
    size = first if first is not None else last
    if size is None:
        return DEFAULT_PAGE
    if size < 0:
        raise invalid_argument("`first` and `last` must not be negative.")
    if size > MAX_PAGE:
        raise invalid_argument(f"A page holds at most {MAX_PAGE} entries.")
    return size


def _flip(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _beyond(order: Sequence[str], values: Sequence[Any], *, forwards: bool) -> Q:
    """Rows strictly after (or before) a place. The outer bound on the first field lets an index be used."""
    condition = Q()
    for index, name in enumerate(order):
        field = name.lstrip("-")
        operator = "gt" if name.startswith("-") is not forwards else "lt"
        equal = {order[i].lstrip("-"): values[i] for i in range(index)}
        condition |= Q(**equal, **{f"{field}__{operator}": values[index]})
    leading = order[0].lstrip("-")
    operator = "gte" if order[0].startswith("-") is not forwards else "lte"
    return Q(**{f"{leading}__{operator}": values[0]}) & condition


def _encode(row: Any, order: Sequence[str]) -> str:
    values = []
    for name in order:
        value: Any = row
        for part in name.lstrip("-").split("__"):
            value = getattr(value, part)
        values.append(value.isoformat() if isinstance(value, datetime.datetime) else value)
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decode(cursor: str, rows: QuerySet[Any], order: Sequence[str]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError
        return [_cursor_value(value, rows, name.lstrip("-")) for value, name in zip(values, order, strict=True)]
    except (binascii.Error, UnicodeError, ValueError, OverflowError, RecursionError):
        raise invalid_argument("That cursor is not one of ours: start from the first page.") from None


def _cursor_value(value: Any, rows: QuerySet[Any], name: str) -> Any:
    meta = rows.model._meta
    is_computed = name in rows.query.annotations
    if not is_computed and isinstance(meta.pk if name == "pk" else meta.get_field(name), DateTimeField):
        moment = datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(datetime.UTC)
    if type(value) is not int or abs(value) >= 2**63:
        raise ValueError
    return value
