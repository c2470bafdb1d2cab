"""Who is asking: the same for HTTP and WebSocket."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from graphql import GraphQLError

from cms.accounts.choices import TokenScope
from cms.errors import ErrorCode, forbidden

if TYPE_CHECKING:
    import strawberry

    from cms.accounts.models import AccessToken, User


@dataclass(slots=True)
class Context:
    """What resolvers know of a request.

    `user` is None where nobody is signed in. `token` is the Bearer token used, if one was. `request` is
    Django's on HTTP and the socket's Connection on WebSocket. `cache` lives as long as the request. `deadline` is when
    the operation has to be over, as time.monotonic counts; None for as long as it takes.
    """

    user: "User | None"
    request: Any
    request_id: str
    token: "AccessToken | None" = None
    response: Any = None
    connection_params: dict[str, Any] | None = None
    cache: dict[str, Any] = field(default_factory=dict)
    deadline: float | None = None

    def __post_init__(self) -> None:
        # Policies are asked with the person alone.
        if self.user is not None:
            self.user.token = self.token

    def absolute(self, path: str) -> str:
        """A path of this site as an address that works from anywhere, as the caller reached us."""
        return self.http_request.build_absolute_uri(path)

    @property
    def http_request(self) -> HttpRequest:
        """The request; over WebSocket one with the caller's address and host, for limits that count callers."""
        if isinstance(self.request, HttpRequest):
            return self.request
        scope, request = self.request.scope, HttpRequest()
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for"]
        host, port = scope.get("server") or ("localhost", 80)
        request.META |= {
            "REMOTE_ADDR": (scope.get("client") or [""])[0],
            "HTTP_HOST": headers.get(b"host", ""),
            "HTTP_X_FORWARDED_FOR": ",".join(forwarded),
            "HTTP_X_FORWARDED_PROTO": headers.get(b"x-forwarded-proto", ""),
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
        }
        return request


def unauthenticated(message: str = "Sign in first.") -> GraphQLError:
    """The top-level error for who is not signed in."""
    return GraphQLError(message, extensions={"code": "UNAUTHENTICATED"})


def viewer(info: "strawberry.Info[Context, Any]") -> "User | None":
    """The caller, or None where nobody is signed in."""
    return info.context.user


def require_user(info: "strawberry.Info[Context, Any]") -> "User":
    """The signed-in caller; raises the top-level UNAUTHENTICATED error where there is none."""
    user = info.context.user
    if user is None:
        raise unauthenticated()
    return user


def require_token_rights(info: "strawberry.Info[Context, Any]", *, writes: bool, beyond_projects: bool) -> None:
    """Raises FORBIDDEN where the Bearer token may not do what a mutation does. What of a project it reaches is for the
    policies.
    """
    token = info.context.token
    if token is None:
        return
    if writes and not token.has_scope(TokenScope.WRITE):
        raise forbidden("This token may only read: use one with the scope WRITE.")
    if beyond_projects and token.is_limited:
        raise forbidden("This token is limited to some projects, and may do nothing beyond them.")


def invalid_argument(message: str) -> GraphQLError:
    """A query's bad argument: a top-level error with the code INVALID."""
    return GraphQLError(message, extensions={"code": ErrorCode.INVALID.value})
