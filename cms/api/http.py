"""The GraphQL endpoint over HTTP, as the draft of the GraphQL over HTTP specification has it (docs/api-http.md)."""

import json
import logging
from typing import Any

from cross_web import HTTPException
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from strawberry.django.views import GraphQLView as StrawberryView
from strawberry.django.views import TemporalHttpResponse
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from cms.accounts.models import AccessToken, User
from cms.accounts.tokens import InvalidTokenError, find_token
from cms.errors import ErrorCode
from cms.middleware import ADMIN_POLICY

from .context import Context, invalid_argument
from .errors import internal_message
from .requests import JSON, RESPONSE, RefusedError, check, read_json, response_type, wants_page
from .trusted import with_document

logger = logging.getLogger(__name__)

# GET is for reading; subscriptions are for the WebSocket.
OPERATIONS = {"GET": {OperationType.QUERY}, "POST": {OperationType.QUERY, OperationType.MUTATION}}
# Of request errors, under application/graphql-response+json alone; 400 for all other codes.
STATUSES: dict[str | None, int] = {ErrorCode.FORBIDDEN: 403, ErrorCode.RATE_LIMITED: 429, ErrorCode.INTERNAL: 500}


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class GraphQLView(StrawberryView[Context, None]):
    """GraphQL over HTTP. A browser that opens it gets GraphiQL.

    Instead of a form token, a request with a session cookie must come from an allowed Origin and be JSON, which
    no form of another site can send without asking first (docs/adr/0004).
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            check(request)
            request.api_context = self._context(request)  # type: ignore[attr-defined]  # ours
            response = self.run(request=request)
        except RefusedError as error:
            response = refused(request, error)
        except HTTPException as error:
            response = refused(request, RefusedError(error.status_code, error.reason))
        except InvalidTokenError:
            response = refused(
                request,
                RefusedError(
                    401,
                    "The Bearer token is unknown or has expired. Sign in again.",
                    code="UNAUTHENTICATED",
                    headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
                ),
            )
        except Exception:
            response = failed(request)
        patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
        return response

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

    # ---- what is asked ----

    def should_render_graphql_ide(self, request: Any) -> bool:
        return wants_page(self.request)

    def parse_http_body(self, request: Any) -> Any:
        try:
            asked = super().parse_http_body(request)
        except UnicodeDecodeError:
            raise HTTPException(400, "The body is not UTF-8.") from None
        if not isinstance(asked, list) and not isinstance(asked.operation_name, str | None):
            raise HTTPException(400, "The GraphQL operation's `operationName` must be a string or null.")
        return asked

    def parse_query_params(self, params: Any) -> dict[str, Any]:
        # In an address there is no null: an empty name is none.
        return with_document(super().parse_query_params({name: value for name, value in params.items() if value}))

    def parse_json(self, data: str | bytes) -> Any:
        value = super().parse_json(data)
        if not isinstance(value, dict | list | None) or (value is None and self.request.method == "POST"):
            raise HTTPException(400, "The request body must be a JSON object.")
        # A GET's variables are JSON too.
        return with_document(value) if isinstance(value, dict) and self.request.method == "POST" else value

    def decode_json(self, data: str | bytes) -> Any:
        return read_json(data)

    # ---- what is answered ----

    def execute_single(
        self,
        request: HttpRequest,
        request_adapter: Any,
        sub_response: TemporalHttpResponse,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        try:
            return self.schema.execute_sync(
                request_data.query,
                root_value=root_value,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=OPERATIONS[request_adapter.method],
                operation_extensions=request_data.extensions,
            )
        except MissingQueryError:
            raise RefusedError(400, "There is no `query`.") from None
        except CannotGetOperationTypeError as error:
            return ExecutionResult(data=None, errors=[invalid_argument(error.as_http_error_reason())])
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION:
                raise RefusedError(
                    400, "Subscriptions are served over WebSocket (graphql-transport-ws) at this address."
                ) from None
            raise RefusedError(405, "GET is for queries: send mutations by POST.", headers={"Allow": "POST"}) from None

    def process_result(self, request: HttpRequest, result: ExecutionResult) -> GraphQLHTTPResponse:
        response = super().process_result(request, result)
        # Only an execution that began has errors with a path, and only then is there `data`.
        if result.data is None and not any(error.path for error in result.errors or ()):
            response.pop("data")
        return response

    def create_response(self, response_data: Any, sub_response: HttpResponse) -> HttpResponseBase:
        response = super().create_response(response_data, sub_response)
        media_type = response_type(self.request) or JSON
        response.headers["Content-Type"] = f"{media_type}; charset=utf-8"
        if "data" not in response_data:
            extensions = response_data["errors"][0].get("extensions") or {}
            if media_type == RESPONSE:
                response.status_code = STATUSES.get(extensions.get("code"), 400)
        return response

    def encode_json(self, data: object) -> bytes:
        return encode(data)

    def render_graphql_ide(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = super().render_graphql_ide(request)
        response.headers["Content-Security-Policy"] = ADMIN_POLICY.replace(
            "script-src 'self' 'unsafe-inline'", "script-src 'self'"
        )
        return response


def encode(data: object) -> bytes:
    """JSON in UTF-8. Half a surrogate pair, which UTF-8 does not know, stays the escape that it came as."""
    # Scalars are already plain; Django's encoder would only make it slower.
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def refused(request: HttpRequest, error: RefusedError) -> HttpResponse:
    """The answer to what is not executed at all, in the form of GraphQL's errors."""
    return _answer(request, error.status, str(error), {"code": error.code}, error.headers)


def failed(request: HttpRequest) -> HttpResponse:
    """The answer to a failure of ours, whose exception is logged with the request's id and told to nobody."""
    request_id: str = request.request_id  # type: ignore[attr-defined]  # ours
    logger.exception("Request %s failed.", request_id)
    return _answer(request, 500, internal_message(request_id), {"code": ErrorCode.INTERNAL, "requestId": request_id})


def _answer(
    request: HttpRequest, status: int, message: str, extensions: dict[str, str], headers: dict[str, str] | None = None
) -> HttpResponse:
    return HttpResponse(
        encode({"errors": [{"message": message, "extensions": extensions}]}),
        status=status,
        content_type=f"{response_type(request) or JSON}; charset=utf-8",
        headers=headers,
    )
