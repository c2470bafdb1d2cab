"""Synchronous resolvers under an event loop.

Resolvers are synchronous and read the database; subscriptions (and whatever else comes over the WebSocket) are
executed on the event loop, where that is forbidden and would stop everybody. So there, and only there, each resolver
that may touch the database runs in a worker thread.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import close_old_connections, connections
from graphql import GraphQLObjectType, GraphQLSchema

from . import deadline

P = ParamSpec("P")
T = TypeVar("T")

# SQLite has one writer and cheap reads, PostgreSQL a pool: a few threads serve all sockets of a process.
_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="realtime")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run database work off the event loop, with connections given back afterwards."""
    return await asyncio.get_running_loop().run_in_executor(
        _threads, functools.partial(with_connections, function, *args, **kwargs)
    )


def with_connections(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run database work in a thread that lives on, with connections given back afterwards."""
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        for connection in connections.all(initialized_only=True):
            if connection.vendor != "sqlite":
                connection.close()


def _under_a_loop() -> bool:
    """Whether this thread is running an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def run_resolvers_in_threads(schema: GraphQLSchema) -> None:
    """Let every resolver of `schema` that has code of ours run in a thread where an event loop runs."""
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or type_ is schema.subscription_type:
            continue
        if type_.name.startswith("__"):
            continue
        for name, field in type_.fields.items():
            definition = field.extensions.get("strawberry-definition")
            # `id` computes from the row at hand, and fields without a resolver read an attribute of it.
            if field.resolve is not None and name != "id" and getattr(definition, "base_resolver", None):
                field.resolve = _threaded(field.resolve)


def _threaded(resolve: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(resolve)
    def resolver(root: Any, info: Any, **arguments: Any) -> Any | Awaitable[Any]:
        deadline.check(info.context.deadline)
        if _under_a_loop():
            return in_thread(in_time, root, info, **arguments)
        return resolve(root, info, **arguments)

    def in_time(root: Any, info: Any, **arguments: Any) -> Any:
        with deadline.enforced(info.context.deadline):
            return resolve(root, info, **arguments)

    return resolver
