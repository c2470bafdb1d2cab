"""The application, with a read and a write that fail (tests/api/test_masking.py)."""

from typing import Any

from cms.accounts import hooks, services
from cms.asgi import application

__all__ = ["application"]


def _fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a secret: postgres://user:hunter2@db")


hooks.active_projects = _fail
services.update_me = _fail
