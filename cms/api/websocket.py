"""The GraphQL endpoint over WebSocket: the protocol graphql-transport-ws, and nothing else (docs/adr/0013)."""

import asyncio
import json
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from graphql import GraphQLError
from strawberry import Schema
from strawberry.types.execution import ExecutionResult, PreExecutionError

from cms.accounts.models import User
from cms.accounts.tokens import InvalidTokenError, find_token
from cms.errors import ErrorCode

from .context import Context
from .errors import internal_message
from .requests import is_own_origin
from .threads import in_thread
from .transport_ws import (
    SUBPROTOCOL,
    CloseCode,
    Complete,
    ConnectionInit,
    InvalidMessageError,
    Ping,
    Pong,
    Subscribe,
    close_reason,
    read_message,
)

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# This process's open sockets by the key of who is signed in.
_open_sockets: Counter[int] = Counter()


class GraphQLWebSocket:
    """The ASGI application for sockets. Who calls is known by cookie or by Bearer token.

    The token comes as the header `Authorization`, or as `authorization` in `connection_init`, which is where a
    browser can put it.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Connection(self._schema, scope, receive, send).serve()


class Connection:
    """One socket from its handshake to its end, and the operations on it."""

    def __init__(self, schema: Schema, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._schema = schema
        self._receive = receive
        self._send_event = send
        user = scope.get("user")
        self._context = Context(
            user=user if isinstance(user, User) and user.is_active else None,
            request=self,
            request_id=secrets.token_hex(8),
        )
        self._is_greeted = False
        self._is_acknowledged = False
        self._is_closed = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._counted: int | None = None

    async def serve(self) -> None:
        """Answer the client until it or we have closed; then nothing of it is left."""
        await self._receive()
        if not self._may_enter():
            await self._send({"type": "websocket.close"})
            return
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in self.scope["subprotocols"] else None
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})
        if subprotocol is None:
            await self._close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"Only {SUBPROTOCOL} is spoken here.")
        timer = asyncio.get_running_loop().call_later(
            settings.WEBSOCKET_INIT_SECONDS, lambda: self._start(self._close_ungreeted())
        )
        try:
            while (event := await self._receive())["type"] == "websocket.receive":
                if not self._is_closed:
                    await self._read(event.get("text"))
        finally:
            timer.cancel()
            await self._end()

    def _may_enter(self) -> bool:
        """Whether the handshake is for one of our hosts, and from a page that may call us."""
        try:
            host = self._context.http_request.get_host()
        except DisallowedHost:
            return False
        # Browsers always name the page's origin; only other clients leave it out.
        origin = self._header(b"origin")
        return not origin or is_own_origin(origin, host)

    def _header(self, name: bytes) -> str:
        return str(dict(self.scope["headers"]).get(name, b"").decode("latin-1"))

    async def _read(self, text: str | None) -> None:
        try:
            message = read_message(text)
        except InvalidMessageError as error:
            await self._close(CloseCode.INVALID_MESSAGE, str(error))
            return
        match message:
            case ConnectionInit():
                await self._initialise(message)
            case Ping():
                await self._say({"type": "pong"} | ({} if message.payload is None else {"payload": message.payload}))
            case Pong():
                pass
            case Subscribe():
                await self._subscribe(message)
            case Complete():
                if (task := self._operations.pop(message.id, None)) is not None:
                    task.cancel()

    async def _initialise(self, message: ConnectionInit) -> None:
        if self._is_greeted:
            await self._close(CloseCode.TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
            return
        self._is_greeted = True
        # Beside the frames that follow: a ping is answered and a second connection_init refused meanwhile.
        self._start(self._let_in(message.payload or {}))

    async def _let_in(self, params: dict[str, Any]) -> None:
        try:
            await self._sign_in(params)
        except InvalidTokenError:
            await self._close(CloseCode.FORBIDDEN, "Forbidden")
        except Exception:
            logger.exception("A socket could not be opened.")
            await self._close(CloseCode.INTERNAL_ERROR, "Something went wrong on our side. Connect again.")
        else:
            user = self._context.user
            if user is not None and not self._count(user.pk):
                await self._close(CloseCode.TRY_AGAIN_LATER, "Too many sockets are open in this name: close one first.")
                return
            self._is_acknowledged = True
            await self._say({"type": "connection_ack"})

    async def _sign_in(self, params: dict[str, Any]) -> None:
        """Take the Bearer token that came, if one did. Raises InvalidTokenError."""
        context = self._context
        context.connection_params = params
        authorization = params.get("authorization") or params.get("Authorization") or self._header(b"authorization")
        if authorization:
            context.token = await in_thread(find_token, str(authorization))
            context.user = context.token.user

    def _count(self, user: int) -> bool:
        """Count this socket as the person's; False where they have as many as they may."""
        if _open_sockets[user] >= settings.WEBSOCKET_MAX_PER_USER:
            return False
        _open_sockets[user] += 1
        self._counted = user
        return True

    async def _subscribe(self, message: Subscribe) -> None:
        limit = settings.WEBSOCKET_MAX_OPERATIONS
        if not self._is_acknowledged:
            await self._close(CloseCode.UNAUTHORIZED, "Unauthorized")
        elif message.id in self._operations:
            await self._close(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {message.id} already exists")
        elif len(self._operations) >= limit:
            error = GraphQLError(
                f"At most {limit} operations run at once on a socket: complete one first.",
                extensions={"code": ErrorCode.LIMIT_EXCEEDED.value, "limit": limit},
            )
            await self._say({"id": message.id, "type": "error", "payload": [error.formatted]})
        else:
            self._operations[message.id] = self._start(self._run(message))

    async def _run(self, message: Subscribe) -> None:
        """One operation, from its first result to `complete`, or to `error` where it did not begin."""
        id, request = message.id, message.payload
        try:
            results = await self._schema.stream(
                request.query,
                variable_values=request.variables,
                context_value=self._context,
                operation_name=request.operation_name,
                operation_extensions=request.extensions,
            )
            async with aclosing(results):
                async for result in results:
                    assert isinstance(result, ExecutionResult)
                    if isinstance(result, PreExecutionError):
                        await self._finish(id, "error", payload=[error.formatted for error in result.errors or ()])
                        return
                    await self._answer(id, "next", payload=_response(result))
            await self._finish(id, "complete")
        except Exception:
            request_id = self._context.request_id
            logger.exception("An operation of socket %s failed.", request_id)
            facts = {"code": ErrorCode.INTERNAL.value, "requestId": request_id}
            error = GraphQLError(internal_message(request_id), extensions=facts)
            await self._finish(id, "error", payload=[error.formatted])

    async def _answer(self, id: str, type: str, **fields: Any) -> None:
        """Send a message of the operation that this task runs; nothing once the client has completed it."""
        if self._operations.get(id) is asyncio.current_task():
            await self._say({"id": id, "type": type, **fields})

    async def _finish(self, id: str, type: str, **fields: Any) -> None:
        """The operation's last message. Its id is free before the client can know."""
        if self._operations.get(id) is asyncio.current_task():
            del self._operations[id]
            await self._say({"id": id, "type": type, **fields})

    async def _say(self, message: Mapping[str, Any]) -> None:
        if not self._is_closed:
            # Escaped to ASCII: a client's id may hold half of a surrogate pair, which is no UTF-8.
            await self._send({"type": "websocket.send", "text": json.dumps(message, separators=(",", ":"))})

    async def _close_ungreeted(self) -> None:
        if not self._is_greeted:
            await self._close(CloseCode.INITIALISATION_TIMEOUT, "Connection initialisation timeout")

    async def _close(self, code: CloseCode, reason: str) -> None:
        """Close the socket: what the client has sent and still sends is not looked at."""
        if self._is_closed:
            return
        self._is_closed = True
        for task in self._operations.values():
            task.cancel()
        self._operations.clear()
        await self._send({"type": "websocket.close", "code": int(code), "reason": close_reason(reason)})

    async def _send(self, event: Mapping[str, Any]) -> None:
        # The client is gone: the next event says so.
        with suppress(OSError):
            await self._send_event(event)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end(self) -> None:
        """End all tasks of the socket, and wait until they have put away what they had open."""
        self._is_closed = True
        if self._counted is not None:
            _open_sockets[self._counted] -= 1
            if not _open_sockets[self._counted]:
                del _open_sockets[self._counted]
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _response(result: ExecutionResult) -> dict[str, Any]:
    """A result as GraphQL's response: without `data` where nothing was executed."""
    response: dict[str, Any] = {"data": result.data}
    if result.errors:
        response["errors"] = [error.formatted for error in result.errors]
        if result.data is None and all(error.path is None for error in result.errors):
            del response["data"]
    if result.extensions:
        response["extensions"] = result.extensions
    return response
