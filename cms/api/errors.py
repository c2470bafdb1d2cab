"""Domain errors as the API shows them: `UserError` in a mutation's payload, `extensions.code` elsewhere."""

import functools
import logging
import re
from collections.abc import Callable
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLError
from strawberry.utils.str_converters import to_camel_case

from cms.errors import DomainError, ErrorCode, invalid

from .context import Context, require_token_rights, require_user
from .deadline import TimedOutError
from .enums import graphql_enum
from .text import flaw

logger = logging.getLogger(__name__)
# graphql-core's suggestions, at the end of its messages.
_HINT = re.compile(r"\s*Did you mean .*\?$", re.DOTALL)

graphql_enum(
    ErrorCode,
    "Why something was refused. Treat a code you do not know as INVALID.",
    {
        "INVALID": "A value is not acceptable; `field` names it. Also a wrong e-mail or password (without field).",
        "NOT_FOUND": "It is not there, or the caller may not see it.",
        "FORBIDDEN": "Visible to the caller, but this action is not theirs.",
        "LIMIT_EXCEEDED": "The plan's limit, a quota, a budget or a size limit.",
        "CONFLICT": "It changed meanwhile, is archived, or the idempotency key was used for something else.",
        "TURN_IN_PROGRESS": "The session's present turn has to end or be cancelled first.",
        "SESSION_NOT_ACTIVE": "The session is paused or completed: resume it first.",
        "STALE_CHOICE": "That choice is no longer offered: read the session's choices again.",
        "STEP_NOT_ALLOWED": "The workflow has no such transition.",
        "UNSUPPORTED_MEDIA": "The file is of a kind that is not taken, is damaged, or is not what it says it is.",
        "RATE_LIMITED": "Too many requests; `retryAfter` says when to try again.",
        "SECOND_FACTOR_REQUIRED": "`login` of this account takes a `code` too: send it with e-mail and password.",
        "PROVIDER_FAILED": "The model or a generation service failed for good.",
        "PROVIDER_MISCONFIGURED": "The provider refuses our key, address or model name.",
        "CONTENT_REFUSED": "The provider's moderation said no.",
        "INTERRUPTED": "Stopped by a person or by a shutdown.",
        "TIMED_OUT": "It took too long.",
        "INTERNAL": "Our own failure; the message carries a request id.",
    },
)


@strawberry.type(description="Why a mutation refused, or why a turn, task or media failed.")
class UserError:
    code: ErrorCode = strawberry.field(description="What kind of refusal it is; act on this.")
    message: str = strawberry.field(description="What is wrong and what to do next, for people.")
    field: list[str] | None = strawberry.field(default=None, description="The path below `input`, as clients spell it.")
    retry_after: int | None = strawberry.field(default=None, description="Seconds to wait before trying again.")
    limit: int | None = strawberry.field(
        default=None,
        description="Of LIMIT_EXCEEDED: the limit, in the unit that the message names; null where it is no Int.",
    )
    remaining: int | None = strawberry.field(
        default=None, description="Of LIMIT_EXCEEDED: what is left, in the same unit; null where it is no Int."
    )


def error_list() -> Any:
    """The `errors` field of a payload."""
    return strawberry.field(default_factory=list, description="Why it was refused; empty on success.")


def user_error(error: DomainError) -> UserError:
    """A domain error in the API's form."""
    return UserError(
        code=ErrorCode(error.code.value),
        message=error.message,
        field=[to_camel_case(part) for part in error.field] if error.field else None,
        retry_after=error.retry_after,
        limit=_as_int(error.limit),
        remaining=_as_int(error.remaining),
    )


def _as_int(number: int | None) -> int | None:
    """The number, or None where it is larger than the API's Int; the message has it then."""
    return number if number is not None and number < 2**31 else None


def stored_error(code: str, message: str, retry_after: int | None = None) -> UserError | None:
    """The error kept on a turn, task or media row; None where there is none."""
    if not code:
        return None
    return UserError(code=ErrorCode(code), message=message, retry_after=retry_after)


def internal_message(request_id: str) -> str:
    """What people read when we failed; the log has the rest under the same id."""
    return f"Something went wrong on our side. Try again; if it stays, report request {request_id}."


Payload = TypeVar("Payload")


def answers(
    payload: Callable[..., Payload], *, public: bool = False, writes: bool = True, beyond_projects: bool = False
) -> Callable[[Callable[..., Payload]], Callable[..., Payload]]:
    """Decorate a mutation's resolver: a refusal becomes `payload(errors=[...])`, with the object null.

    Who is not signed in gets the top-level error before anything else, unless the mutation is `public`. A token without
    the scope to write is refused, unless the mutation is one that `writes` nothing of the product's; and one that is
    limited to projects, where the mutation goes `beyond_projects`.

    Services roll their own transaction back when they raise, so nothing is half-written. A failure of ours is
    logged with the request's id and answered as INTERNAL, so that the request's other mutations still run.
    """

    def decorate(resolver: Callable[..., Payload]) -> Callable[..., Payload]:
        @functools.wraps(resolver)
        def wrapper(self: Any, info: strawberry.Info[Context, Any], **arguments: Any) -> Payload:
            if not public:
                require_user(info)
            try:
                if not public:
                    require_token_rights(info, writes=writes, beyond_projects=beyond_projects)
                if found := flaw(arguments.get("input")):
                    raise invalid(found[0], *found[1])
                return resolver(self, info, **arguments)
            except DomainError as error:
                return payload(errors=[user_error(error)])
            except TimedOutError as error:
                return payload(errors=[user_error(error.refusal())])
            except GraphQLError:
                raise
            except Exception:
                request_id = info.context.request_id
                logger.exception("Mutation %s failed in request %s.", info.field_name, request_id)
                failure = DomainError(ErrorCode.INTERNAL, internal_message(request_id))
                return payload(errors=[user_error(failure)])

        return wrapper

    return decorate


def _is_the_callers(error: GraphQLError, cause: Exception | None) -> bool:
    """Whether the document or its variables are at fault: such an error has no path, as nothing was executed."""
    if cause is None or isinstance(cause, GraphQLError) or type(cause).__module__.startswith("strawberry"):
        return True
    return error.path is None and bool(error.nodes)


def public_error(error: GraphQLError, request_id: str, *, hints: bool = True) -> GraphQLError:
    """A top-level error as clients may see it: with a code, and without our insides.

    Without `hints` it does not say which names of the schema are like those that the caller guessed.
    """
    cause = error.original_error
    if isinstance(cause, TimedOutError):
        cause = cause.refusal()
    facts: dict[str, object] = {}
    if isinstance(cause, DomainError):
        message, code, facts = cause.message, cause.code.value, _facts(cause)
    elif (error.extensions or {}).get("code"):
        return error
    elif isinstance(cause, RecursionError) and error.path is None:
        message, code = "The document is nested too deeply.", ErrorCode.INVALID.value
    elif _is_the_callers(error, cause):
        message, code = error.message if hints else _HINT.sub("", error.message), ErrorCode.INVALID.value
    else:
        facts = {"requestId": request_id}
        logger.error("Request %s failed.", request_id, exc_info=cause)
        message, code = internal_message(request_id), ErrorCode.INTERNAL.value
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={**(error.extensions or {}), "code": code, **facts},
    )


def _facts(error: DomainError) -> dict[str, object]:
    """What a domain error says in numbers, as UserError names it."""
    facts = {"retryAfter": error.retry_after, "limit": error.limit, "remaining": error.remaining}
    return {name: number for name, number in facts.items() if number is not None}
