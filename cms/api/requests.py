"""What both ways to the GraphQL endpoint ask of a request, and what is asked of one over HTTP before it is read."""

import codecs
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from django.utils.http import parse_header_parameters

from cms.errors import ErrorCode

# Where the endpoint is; clients forget the slash.
PATHS = ("/graphql/", "/graphql")
METHODS = ("GET", "POST")
JSON = "application/json"
RESPONSE = "application/graphql-response+json"
# What names an operation in an address. Without any of it a browser gets GraphiQL.
NAMING = ("query", "documentId", "extensions")

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
App = Callable[[dict[str, Any], Receive, Any], Awaitable[None]]


class RefusedError(Exception):
    """A request over HTTP that is not executed: an HTTP status, the API's code, a message, and headers to add."""

    def __init__(
        self, status: int, message: str, *, code: str = ErrorCode.INVALID, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


def is_own_origin(origin: str, host: str) -> bool:
    """Whether a browser's Origin is this site's or one of ALLOWED_ORIGINS."""
    try:
        return origin in settings.ALLOWED_ORIGINS or urlsplit(origin).netloc == host
    except ValueError:
        # Such as "http://[": no browser's.
        return False


def read_json(text: str | bytes) -> Any:
    """A JSON text's value. Raises JSONDecodeError, for numbers that JSON does not know and endless nesting too."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def is_utf_8(charset: str) -> bool:
    """Whether it is one of UTF-8's names."""
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False


def response_type(request: HttpRequest) -> str | None:
    """The media type to answer with; None where the caller accepts neither.

    Who names application/graphql-response+json gets it, unless they prefer another. Who accepts anything gets
    application/json: they may know no other.
    """
    accepted = _accepted(request)
    plain = next((accepted[name] for name in (JSON, "application/*", "*/*") if name in accepted), 0.0)
    named = accepted.get(RESPONSE, 0.0)
    if named and named >= plain:
        return RESPONSE
    return JSON if plain else None


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser opens the address itself, and asks for nothing there."""
    return (
        request.method == "GET"
        and "text/html" in _accepted(request)
        and not any(name in request.GET for name in NAMING)
    )


def _accepted(request: HttpRequest) -> dict[str, float]:
    """The quality of each media type that the caller accepts, whatever its parameters."""
    if not request.headers.get("Accept"):
        return {"*/*": 1.0}
    # The best first, which is to stay.
    return {f"{kind.main_type}/{kind.sub_type}": kind.quality for kind in reversed(request.accepted_types)}


def check(request: HttpRequest) -> None:
    """Refuse what is no request to the endpoint, by what is around its body. Raises RefusedError."""
    origin = request.headers.get("Origin")
    if origin and not is_own_origin(origin, request.get_host()):
        raise RefusedError(403, "This site may not be called from that origin.", code=ErrorCode.FORBIDDEN)
    if request.method not in METHODS:
        raise RefusedError(405, "Send queries by GET or POST, mutations by POST.", headers={"Allow": "GET, POST"})
    if not is_utf_8((request.content_params or {}).get("charset", "utf-8")):
        raise RefusedError(415, "Requests are encoded in UTF-8.")
    if request.method == "POST":
        _check_body(request)
    else:
        _check_address(request)
    if response_type(request) is None and not wants_page(request):
        raise RefusedError(406, f"Answers are {RESPONSE} or {JSON}: accept one of them.")


def _check_body(request: HttpRequest) -> None:
    if request.content_type != JSON:
        raise RefusedError(415, f"Send the request as {JSON}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        # A few bytes can unpack to gigabytes, and requests are small.
        raise RefusedError(415, "Send the body as it is, not compressed.", headers={"Accept-Encoding": "identity"})
    limit = settings.GRAPHQL_MAX_BODY_BYTES
    length = request.headers.get("Content-Length", "")
    try:
        too_large = (length.isascii() and length.isdigit() and int(length) > limit) or len(request.body) > limit
    except RequestDataTooBig:
        too_large = True
    except UnreadablePostError:
        raise RefusedError(400, "The body did not come to its end.") from None
    if too_large:
        raise RefusedError(413, f"The body may have {limit:,} bytes.", code=ErrorCode.LIMIT_EXCEEDED)


def _check_address(request: HttpRequest) -> None:
    query, limit = request.META.get("QUERY_STRING", ""), settings.GRAPHQL_MAX_QUERY_STRING_BYTES
    if len(query) > limit:
        message = f"The address may have {limit:,} bytes of parameters: send the request by POST."
        raise RefusedError(414, message, code=ErrorCode.LIMIT_EXCEEDED)
    try:
        unquote_to_bytes(query).decode()
        request.GET  # noqa: B018  # parsed now, as it can be refused
    except UnicodeDecodeError:
        raise RefusedError(400, "The address is not UTF-8.") from None
    except SuspiciousOperation as error:
        raise RefusedError(400, str(error)) from None


class Gate:
    """ASGI middleware: keeps from Django what it would stumble over before the endpoint's view is asked.

    Django reads a whole body first, and one without a Content-Length without end: it gets one byte more than is
    allowed. It decodes the address in the charset of the body, whatever codec that names: it gets no other than UTF-8.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Any) -> None:
        if scope["path"] in PATHS:
            headers = [(name, _known(value) if name == b"content-type" else value) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
            receive = _capped(receive, settings.GRAPHQL_MAX_BODY_BYTES + 1)
        await self.app(scope, receive, send)


def _known(content_type: bytes) -> bytes:
    _, parameters = parse_header_parameters(content_type.decode("latin-1"))
    return content_type if is_utf_8(parameters.get("charset", "utf-8")) else b"text/plain; charset=unknown"


def _capped(receive: Receive, left: int) -> Receive:
    async def capped() -> Mapping[str, Any]:
        nonlocal left
        if left == 0:
            # The body has ended for Django: what still comes is dropped, until the sender goes away.
            while (message := await receive())["type"] == "http.request":
                pass
            return message
        message = await receive()
        if message["type"] != "http.request":
            return message
        body = message.get("body", b"")[:left]
        left -= len(body)
        return {**message, "body": body, "more_body": message.get("more_body", False) and left > 0}

    return capped
