"""Where a request's CPU goes: the header `X-Bench` of a server that runs with BENCH_TIMERS=1.

CPU time of the request's own thread, in milliseconds: in all of Django (from the first middleware on), in executing the
GraphQL document (parsing and validation included, which are cached), and in the ORM: building and compiling queries,
the database, making model instances, and what runs after a commit (hooks). The timers themselves cost a few
microseconds a query, so shares are taken from them and never a request's whole time.
"""

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import strawberry
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

import cms.api.loading

NAMES = ("django", "graphql", "orm", "orm_in_graphql", "sql", "connect", "hooks")


class _Clock(threading.local):
    """CPU seconds of this thread by name; of nested calls of one name the outermost counts."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.open: set[str] = set()


_clock = _Clock()


def _timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        if name in _clock.open:
            return function(*args, **kwargs)
        _clock.open.add(name)
        started = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent = time.thread_time() - started
            _clock.spent[name] += spent
            _clock.open.discard(name)
            if name == "orm" and "graphql" in _clock.open:
                _clock.spent["orm_in_graphql"] += spent

    return timed


# Methods of a query set that build a query, and those that run one.
QUERY_METHODS = (
    "_fetch_all", "_filter_or_exclude", "_chain", "order_by", "select_related", "prefetch_related", "values_list",
    "annotate", "get", "first", "exists", "count", "in_bulk", "create", "get_or_create", "bulk_create", "update",
    "__getitem__",
)  # fmt: skip


def install() -> None:
    """Put the timers in. Once a process, before the first request."""
    for name in QUERY_METHODS:
        setattr(QuerySet, name, _timed("orm", getattr(QuerySet, name)))
    for owner, name in (
        (Model, "save"),
        (Model, "refresh_from_db"),
        (transaction.Atomic, "__enter__"),
        (transaction.Atomic, "__exit__"),
        (cms.api.loading, "prefetch_related_objects"),
    ):
        setattr(owner, name, _timed("orm", getattr(owner, name)))
    BaseDatabaseWrapper.connect = _timed("connect", BaseDatabaseWrapper.connect)  # type: ignore[method-assign]
    hooks = BaseDatabaseWrapper.run_and_clear_commit_hooks
    BaseDatabaseWrapper.run_and_clear_commit_hooks = _timed("hooks", hooks)  # type: ignore[method-assign]
    strawberry.Schema.execute_sync = _timed("graphql", strawberry.Schema.execute_sync)  # type: ignore[method-assign]


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer what the request's thread spent."""
    install()
    django = _timed("django", get_response)

    def respond(request: HttpRequest) -> HttpResponse:
        _clock.spent.clear()
        with connection.execute_wrapper(_sql):
            response: HttpResponse = django(request)
        response.headers["X-Bench"] = " ".join(f"{name}={1000 * _clock.spent[name]:.4f}" for name in NAMES)
        return response

    return respond


def _sql(execute: Callable[..., Any], *args: Any) -> Any:
    return _timed("sql", execute)(*args)
