"""The GraphQL endpoint over HTTP and WebSocket, and the site's few pages of its own."""

import json
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from cross_web import HTTPException
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from strawberry.channels import GraphQLWSConsumer
from strawberry.django.views import GraphQLView as StrawberryView
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from cms.accounts.models import AccessToken, User
from cms.accounts.tokens import InvalidTokenError, find_token
from cms.api.context import Context

from .middleware import ADMIN_POLICY
from .schema import schema


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


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class GraphQLView(StrawberryView[Context, None]):
    """GraphQL over HTTP. A browser that opens it gets GraphiQL.

    Instead of a form token, a request with a session cookie must come from an allowed Origin and be JSON, which
    no form of another site can send without asking first (docs/adr/0004).
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        origin = request.headers.get("Origin")
        if origin and not is_own_origin(origin, request.get_host()):
            return _refused(403, "FORBIDDEN", "This site may not be called from that origin.")
        try:
            request.api_context = self._context(request)  # type: ignore[attr-defined]  # ours
        except InvalidTokenError:
            return _refused(401, "UNAUTHENTICATED", "The Bearer token is unknown or has expired. Sign in again.")
        return super().dispatch(request, *args, **kwargs)

    def _context(self, request: HttpRequest) -> Context:
        user: User | None = None
        token: AccessToken | None = None
        if authorization := request.headers.get("Authorization"):
            token = find_token(authorization)
            user = token.user
        elif isinstance(request.user, User):
            user = request.user._wrapped if hasattr(request.user, "_wrapped") else request.user
        return Context(user=user, token=token, request=request, request_id=request.request_id)  # type: ignore[attr-defined]

    def get_context(self, request: HttpRequest, response: HttpResponse) -> Context:
        context: Context = request.api_context  # type: ignore[attr-defined]
        context.response = response
        return context

    def parse_http_body(self, request: Any) -> Any:
        try:
            asked = super().parse_http_body(request)
        except UnicodeDecodeError:
            raise HTTPException(400, "The body is not UTF-8.") from None
        if not isinstance(asked, list) and not isinstance(asked.operation_name, str | None):
            raise HTTPException(400, "The GraphQL operation's `operationName` must be a string or null.")
        return asked

    def parse_json(self, data: str | bytes) -> Any:
        value = super().parse_json(data)
        if not isinstance(value, dict | list | None) or (value is None and self.request.method == "POST"):
            raise HTTPException(400, "The request body must be a JSON object.")
        return value

    def decode_json(self, data: str | bytes) -> Any:
        return read_json(data)

    def encode_json(self, data: object) -> str:
        # Scalars are already plain; Django's encoder would only make it slower.
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False)

    def render_graphql_ide(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = super().render_graphql_ide(request)
        response.headers["Content-Security-Policy"] = ADMIN_POLICY.replace(
            "script-src 'self' 'unsafe-inline'", "script-src 'self'"
        )
        return response


def _refused(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"data": None, "errors": [{"message": message, "extensions": {"code": code}}]}, status=status)


class GraphQLConsumer(GraphQLWSConsumer[Context, None]):
    """GraphQL over WebSocket: graphql-transport-ws alone, signed in by cookie or by Bearer token.

    The token comes as the header `Authorization`, or as `authorization` in `connection_init`, which is where a
    browser can put it.
    """

    async def connect(self) -> None:
        headers = dict(self.scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        # Browsers always name the page's origin; only other clients leave it out.
        if origin and not is_own_origin(origin, headers.get(b"host", b"").decode("latin-1")):
            await self.close(code=4403)
            return
        await super().connect()

    async def disconnect(self, code: int) -> None:
        if self.run_task is not None:
            await super().disconnect(code)

    async def get_context(self, request: GraphQLWSConsumer, response: GraphQLWSConsumer) -> Context:
        user = self.scope.get("user")
        return Context(
            user=user if isinstance(user, User) and user.is_active else None,
            request=request,
            request_id=secrets.token_hex(8),
        )

    def decode_json(self, data: str | bytes) -> Any:
        message = read_json(data)
        payload = message.get("payload") if isinstance(message, dict) else ()
        if not isinstance(payload, dict | None) or not isinstance(message.get("id", ""), str):
            raise json.JSONDecodeError("That is no message of graphql-transport-ws", "", 0)
        return message

    async def on_ws_connect(self, context: Context) -> Any:
        params = context.connection_params or {}
        header = dict(self.scope["headers"]).get(b"authorization", b"").decode("latin-1")
        authorization = params.get("authorization") or params.get("Authorization") or header
        if authorization:
            try:
                context.token = await sync_to_async(find_token)(str(authorization))
            except InvalidTokenError:
                raise ConnectionRejectionError from None
            context.user = context.token.user
        return await super().on_ws_connect(context)


graphql_view = GraphQLView.as_view(
    schema=schema, allow_queries_via_get=True, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL]
)
graphql_consumer = GraphQLConsumer.as_asgi(
    schema=schema,
    subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
    connection_init_wait_timeout=timedelta(seconds=10),
)


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 once the process serves and its database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
