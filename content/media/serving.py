"""Sending private files: conditional GET, single byte ranges, and headers that keep content inert."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import IO

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe

from .choices import MediaKind
from .sniff import FORMATS
from .storage import media_storage

CHUNK = 256 * 1024
# Types a browser may show in place; the rest is downloaded. Text is never sent as anything but plain text.
INLINE = {
    *(format_.mime_type for format_ in FORMATS if format_.kind != MediaKind.DOCUMENT),
    "text/plain; charset=utf-8",
}
# Seconds that the way to a bucket's file stays open; long enough to watch what was begun.
REDIRECT_SECONDS = 600
# Nothing runs, and nothing is loaded but what a browser's own viewer of a picture or film needs. A film's viewer asks
# for the film again: without its origin it would ask without the cookie.
CONTENT_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
)
# Numbers of more digits than any file has bytes are no ranges.
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def send_file(
    request: HttpRequest,
    path: str,
    *,
    content_type: str,
    filename: str,
    modified: datetime,
    expires_in: int = REDIRECT_SECONDS,
) -> HttpResponseBase:
    """The stored file at `path`, or the part that was asked for; 304 where the client has it already. From a
    bucket: the way to it, signed for `expires_in` seconds.

    Raises FileNotFoundError where there are no bytes.
    """
    if content_type.startswith("text/"):
        content_type = "text/plain; charset=utf-8"
    signed = media_storage().signed_get(
        path,
        expires_in=expires_in,
        content_type=content_type,
        filename=filename,
        attachment=content_type not in INLINE,
    )
    if signed is not None and request.method != "HEAD":
        return HttpResponseRedirect(signed, headers={"Cache-Control": "no-store"})
    return _send_ourselves(request, path, content_type, filename, modified)


def _send_ourselves(
    request: HttpRequest, path: str, content_type: str, filename: str, modified: datetime
) -> HttpResponseBase:
    # A stored path is random and its content never changes.
    quoted = f'"{path.rpartition("/")[0].replace("/", "-")}"'
    seconds = int(modified.timestamp())
    size = default_storage.size(path)
    response: HttpResponseBase | None = get_conditional_response(request, quoted, seconds)
    if response is None:
        response = _body(request, path, size, content_type, quoted, seconds)
    response["ETag"] = quoted
    response["Last-Modified"] = http_date(seconds)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Authorization, Cookie"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = CONTENT_POLICY
    response["Cross-Origin-Resource-Policy"] = "same-site"
    disposition = content_disposition_header(content_type not in INLINE, filename)
    if disposition:
        response["Content-Disposition"] = disposition
    return response


def _body(request: HttpRequest, path: str, size: int, content_type: str, etag: str, modified: int) -> HttpResponseBase:
    wanted = _wanted_range(request, size, etag, modified)
    if wanted is None:
        start, end = 0, size
    else:
        start, end = wanted
        if start >= end:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers = {"Content-Length": str(end - start)}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return HttpResponse(status=status, content_type=content_type, headers=headers)
    file = default_storage.open(path, "rb")
    file.seek(start)
    chunks = file_chunks(request, file, end - start)
    return StreamingHttpResponse(chunks, status=status, content_type=content_type, headers=headers)


def file_chunks(request: HttpRequest, file: IO[bytes], length: int) -> Iterator[bytes] | AsyncIterator[bytes]:
    """The next `length` bytes of an open file, which is closed afterwards, as a response's content."""
    # Under ASGI Django would read a synchronous iterator to its end before it sends a byte.
    return _async_chunks(file, length) if isinstance(request, ASGIRequest) else _chunks(file, length)


def _wanted_range(request: HttpRequest, size: int, etag: str, modified: int) -> tuple[int, int] | None:
    """The half-open range asked for; None for all of it; an empty one for what cannot be satisfied.

    Several ranges at once and other units are answered with all of it, which the HTTP standard allows.
    """
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if request.method != "GET" or not match or not _still_the_same(request, etag, modified):
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _still_the_same(request: HttpRequest, etag: str, modified: int) -> bool:
    condition = request.headers.get("If-Range")
    if not condition:
        return True
    return condition == etag or parse_http_date_safe(condition) == modified


def _chunks(file: IO[bytes], length: int) -> Iterator[bytes]:
    with file:
        while length > 0 and (chunk := file.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk


async def _async_chunks(file: IO[bytes], length: int) -> AsyncIterator[bytes]:
    read = sync_to_async(file.read, thread_sensitive=False)
    try:
        while length > 0 and (chunk := await read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
    finally:
        file.close()
