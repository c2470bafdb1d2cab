"""A schema and a client of graphql-transport-ws in the tests' own process."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import strawberry
from asgiref.testing import ApplicationCommunicator
from strawberry.types import ExecutionResult

from cms.api.websocket import GraphQLWebSocket
from cms.realtime import listen

PROTOCOL = "graphql-transport-ws"
Headers = list[tuple[bytes, bytes]]
HOST = (b"host", b"localhost")
SECONDS = 10
# What the schema's mutation was told; and of the present loop: whether an operation has ended, and may go on.
said: list[str] = []
events: dict[str, asyncio.Event] = {}


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"

    @strawberry.field
    async def slow(self) -> str:
        try:
            await events["let_go"].wait()
        finally:
            events["ended"].set()
        return "at last"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def say(self, word: str) -> str:
        said.append(word)
        return word


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number

    @strawberry.subscription
    async def follow(self) -> AsyncGenerator[str, None]:
        try:
            async with listen("news") as hints:
                yield "listening"
                while True:
                    if hint := await hints.next(SECONDS):
                        yield hint["word"]
        finally:
            events["ended"].set()


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription)
FOLLOW = "subscription { follow }"
HELLO = {"data": {"hello": "world"}}


class StubbornSchema(strawberry.Schema):
    async def stream(self, *args: Any, **options: Any) -> Any:
        async def answer() -> AsyncGenerator[ExecutionResult, None]:
            try:
                await events["let_go"].wait()
            except asyncio.CancelledError:
                events["ended"].set()
            yield ExecutionResult(data={"hello": "all the same"}, errors=None)

        return answer()


class FailingSchema(strawberry.Schema):
    async def stream(self, *args: Any, **options: Any) -> Any:
        raise ConnectionError("the database's secret name")


class Socket(ApplicationCommunicator):
    """A client, which says what it likes."""

    def __init__(self, app: Any, headers: Headers, subprotocols: Sequence[str], user: Any = None) -> None:
        scope = {"type": "websocket", "path": "/graphql/", "query_string": b"", "headers": headers}
        super().__init__(app, {**scope, "subprotocols": list(subprotocols), "user": user})

    async def connect(self) -> dict[str, Any]:
        """The answer to the handshake."""
        await self.send_input({"type": "websocket.connect"})
        answer: dict[str, Any] = await self.receive_output(SECONDS)
        return answer

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(SECONDS)

    async def send(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def say(self, message: object) -> None:
        await self.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        event = await self.receive_output(SECONDS)
        assert event["type"] == "websocket.send", event
        message: dict[str, Any] = json.loads(event["text"])
        return message

    async def subscribe(self, id: str, query: str = FOLLOW, **payload: Any) -> None:
        await self.say({"id": id, "type": "subscribe", "payload": {"query": query, **payload}})

    async def closing(self) -> tuple[int, str]:
        """Code and reason of the close frame, which is the next thing to come."""
        event = await self.receive_output(SECONDS)
        assert event["type"] == "websocket.close", event
        assert len(event["reason"].encode()) <= 123
        return event["code"], event["reason"]

    async def rest(self) -> list[dict[str, Any]]:
        """All that came up to the answer to a ping: an open socket's."""
        await self.say({"type": "ping"})
        frames = []
        while (frame := await self.hear()) != {"type": "pong"}:
            frames.append(frame)
        return frames


@asynccontextmanager
async def opened(
    *, app: Any = None, greet: bool = True, subprotocols: tuple[str, ...] = (PROTOCOL,), user: Any = None
) -> AsyncIterator[Socket]:
    events.update(ended=asyncio.Event(), let_go=asyncio.Event())
    said.clear()
    socket = Socket(app or GraphQLWebSocket(SCHEMA), [HOST], subprotocols, user)
    assert (await socket.connect())["type"] == "websocket.accept"
    if greet:
        await socket.say({"type": "connection_init"})
        assert await socket.hear() == {"type": "connection_ack"}
    try:
        yield socket
    finally:
        await socket.leave()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that is a coroutine with a loop of its own, on which afterwards nothing runs."""

    async def whole() -> None:
        await test()
        # A generator that was cancelled in its middle puts away what it had in a task of graphql-core's.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*others, return_exceptions=True)

    def wrapper() -> None:
        asyncio.run(whole())

    wrapper.__doc__ = test.__doc__
    return wrapper
