"""The GraphQL endpoint's two ways in, and the health check."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views import defaults
from django.views.decorators.cache import never_cache
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from .api.http import GraphQLView, refused
from .api.requests import PATHS, RefusedError
from .api.websocket import GraphQLWebSocket
from .schema import schema

graphql_view = GraphQLView.as_view(
    schema=schema, allow_queries_via_get=True, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL]
)
graphql_websocket = GraphQLWebSocket(schema)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django refuses before a view is asked, such as a Host that is not ours; the endpoint's callers read JSON."""
    if request.path in PATHS:
        return refused(request, RefusedError(400, "The request is malformed, or its Host is not ours."))
    return defaults.bad_request(request, exception)


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 once the process serves and its database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
