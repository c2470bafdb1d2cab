"""Relay's Node: the interface, and the register behind the root field `node`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import strawberry
from django.db.models import Model

from .ids import global_id, split_id

if TYPE_CHECKING:
    from cms.accounts.models import User

Loader = Callable[["User | None", int], Any]
_loaders: dict[str, Loader] = {}


@strawberry.interface(description="An object with a global id, which `node` finds again.")
class Node:
    """The base of API types whose instances, at run time, are rows of `model`.

    A field without a resolver reads the row's attribute of that name. A field that reads another row must
    have a resolver (cms.api.loading), so that lists are loaded in one query and subscriptions in a thread.
    """

    model: ClassVar[type[Model]]

    @strawberry.field(description="Opaque and global; valid for `node`.")
    def id(self, info: strawberry.Info) -> strawberry.ID:
        return strawberry.ID(global_id(info._raw_info.parent_type.name, self.pk))  # type: ignore[attr-defined]  # a row

    @classmethod
    def is_type_of(cls, obj: Any, info: Any) -> bool:
        return isinstance(obj, cls.model)


def register_node(type_name: str, loader: Loader) -> None:
    """Let `node(id:)` find rows of a type; `loader(user, pk)` answers None for what the user may not see."""
    _loaders[type_name] = loader


def load_node(user: "User | None", value: str) -> Any:
    """The row behind a global id, or None where it is unknown, malformed or not the caller's to see."""
    parts = split_id(value)
    if parts is None or not parts[1].isascii() or not parts[1].isdigit():
        return None
    loader = _loaders.get(parts[0])
    return loader(user, int(parts[1])) if loader else None
