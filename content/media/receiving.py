"""Receiving uploads under ASGI as they come.

Django reads a whole body to a temporary file before it calls a view. Here the bytes of PUT /uploads/<token> go
straight to their place, in constant memory and written once, and an announced length that is not the ticket's is
refused before it is read. Django then answers as it always does, with its middleware: the view finds what became of
the bytes in the scope.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async

from cms.errors import DomainError

from .models import Upload
from .storage import UploadWriter
from .uploads import abort_reception, begin_reception, end_reception, upload_of

PREFIX = "/uploads/"
OUTCOME = "auto_movie.upload"
# Bytes between two writes, each of which is a hop to a thread.
BUFFER = 1024 * 1024

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ReceiveUploads:
    """ASGI middleware around Django's HTTP application."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "PUT" and scope["path"].startswith(PREFIX):
            token = scope["path"].removeprefix(PREFIX)
            try:
                if not await _receive(token, _length(scope), receive):
                    # The sender is gone: there is nobody to answer.
                    return
                scope[OUTCOME] = None
            except DomainError as refusal:
                scope[OUTCOME] = refusal
            receive = _without_body(receive)
        await self.app(scope, receive, send)


async def _receive(token: str, length: int | None, receive: Receive) -> bool:
    """Whether the whole body came and counts. Raises DomainError."""
    upload, writer = await sync_to_async(_begin)(token, length)
    whole = False
    try:
        whole = await _write_body(writer, receive)
    finally:
        if not whole:
            await sync_to_async(abort_reception)(writer)
    if whole:
        await sync_to_async(end_reception)(upload=upload, writer=writer)
    return whole


def _begin(token: str, length: int | None) -> tuple[Upload, UploadWriter]:
    upload = upload_of(token)
    return upload, begin_reception(upload=upload, content_length=length)


async def _write_body(writer: UploadWriter, receive: Receive) -> bool:
    """Whether the body came to its end, or to more than the ticket is for; False where the sender broke off."""
    write = sync_to_async(writer.write, thread_sensitive=False)
    buffer = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        buffer += message.get("body", b"")
        more = message.get("more_body", False)
        if len(buffer) >= BUFFER or not more:
            await write(bytes(buffer))
            buffer.clear()
        if not more or writer.is_full:
            return True


def _length(scope: Scope) -> int | None:
    value = dict(scope["headers"]).get(b"content-length", b"")
    return int(value) if value.isdigit() else None


def _without_body(receive: Receive) -> Receive:
    """The body is here already; what is still to come is the sender going away."""
    told = False

    async def empty() -> Mapping[str, Any]:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return empty
