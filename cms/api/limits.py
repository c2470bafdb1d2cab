"""How much one operation may ask for (settings.OPERATION_LIMITS), and one caller (settings.COST_LIMITS)."""

from allauth.core.internal.ratelimit import get_ip
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied

from cms.errors import DomainError, ErrorCode

from .context import Context
from .cost import Measure

MESSAGES = {
    "depth": "The operation is {asked} levels deep; at most {limit} are allowed.",
    "root_fields": "The operation has {asked} fields at its root; at most {limit} are allowed.",
    "aliases": "The operation has {asked} aliases; at most {limit} are allowed.",
    "directives": "The operation has {asked} directives; at most {limit} are allowed.",
    "cost": "The operation costs {asked}; at most {limit} is allowed. Ask for less at once.",
    "operations": "The document has {asked} operations; at most {limit} are allowed.",
    "characters": "The document has {asked} characters; at most {limit} are allowed.",
    "tokens": "The document has {asked} tokens; at most {limit} are allowed.",
    "nesting": "The document has {asked} selections in one another; at most {limit} are allowed.",
}


def exceeded(name: str, asked: int | str, limit: int) -> DomainError:
    """LIMIT_EXCEEDED, saying the limit and what was asked for."""
    shown = asked if isinstance(asked, str) else f"{asked:,}"
    return DomainError(ErrorCode.LIMIT_EXCEEDED, MESSAGES[name].format(asked=shown, limit=f"{limit:,}"), limit=limit)


def check(measure: Measure) -> None:
    """Refuse an operation that asks for too much. Raises LIMIT_EXCEEDED."""
    limits = settings.OPERATION_LIMITS
    for name, asked in (
        ("depth", measure.depth),
        ("root_fields", measure.fields),
        ("aliases", measure.aliases),
        ("directives", measure.directives),
        ("cost", measure.cost),
    ):
        if asked > limits[name]:
            raise exceeded(name, asked, limits[name])


def check_document(operations: int) -> None:
    """Refuse a document of too many operations. Raises LIMIT_EXCEEDED."""
    limit = settings.OPERATION_LIMITS["operations"]
    if operations > limit:
        raise exceeded("operations", operations, limit)


def spenders(context: Context) -> list[tuple[str, str]]:
    """Whose limits an operation's cost counts against, the narrowest first: kinds of COST_LIMITS, and who it is."""
    if context.user is None:
        return [("address", _address(context))]
    token = [("token", str(context.token.pk))] if context.token is not None else []
    return [*token, ("user", str(context.user.pk))]


def _address(context: Context) -> str:
    """The caller's address, as django-allauth finds it to limit signing in; of IPv6 the network."""
    try:
        return str(get_ip(context.http_request))
    except (ImproperlyConfigured, PermissionDenied):
        # No address, or fewer proxies than TRUSTED_PROXY_COUNT: all of those together.
        return "unknown"
