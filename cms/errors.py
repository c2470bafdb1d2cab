"""Domain errors and their public codes, in one place.

Services raise `DomainError`; each door turns it into its own form (GraphQL's `UserError`, an HTTP status,
a message in the admin). The codes are the public API's `ErrorCode`.
"""

from collections.abc import Sequence
from enum import StrEnum


class ErrorCode(StrEnum):
    """Why something was refused. Clients act on these; the words are for people."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    CONFLICT = "CONFLICT"
    TURN_IN_PROGRESS = "TURN_IN_PROGRESS"
    SESSION_NOT_ACTIVE = "SESSION_NOT_ACTIVE"
    STALE_CHOICE = "STALE_CHOICE"
    STEP_NOT_ALLOWED = "STEP_NOT_ALLOWED"
    UNSUPPORTED_MEDIA = "UNSUPPORTED_MEDIA"
    RATE_LIMITED = "RATE_LIMITED"
    SECOND_FACTOR_REQUIRED = "SECOND_FACTOR_REQUIRED"
    PROVIDER_FAILED = "PROVIDER_FAILED"
    PROVIDER_MISCONFIGURED = "PROVIDER_MISCONFIGURED"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    INTERRUPTED = "INTERRUPTED"
    TIMED_OUT = "TIMED_OUT"
    INTERNAL = "INTERNAL"


class DomainError(Exception):
    """A refusal that a person can act on.

    `message` says what is wrong and what to do next. `field` is the path below the mutation's `input`, in
    Python's spelling (the API turns it into the client's). `retry_after` is in seconds; `limit` and
    `remaining` are in the unit that the message names.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        field: Sequence[str] | None = None,
        retry_after: int | None = None,
        limit: int | None = None,
        remaining: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = list(field) if field else None
        self.retry_after = retry_after
        self.limit = limit
        self.remaining = remaining


def not_found(what: str, field: str | None = "id") -> DomainError:
    """The one answer for what is absent and for what the caller may not see: they must look the same."""
    return DomainError(ErrorCode.NOT_FOUND, f"{what} was not found.", field=[field] if field else None)


def invalid(message: str, *field: str) -> DomainError:
    """A value that is not acceptable; `field` names it."""
    return DomainError(ErrorCode.INVALID, message, field=field)


def conflict(message: str, *field: str) -> DomainError:
    """It changed meanwhile, is archived, or a key was used for something else."""
    return DomainError(ErrorCode.CONFLICT, message, field=field)


def forbidden(message: str) -> DomainError:
    """Visible to the caller, but this action is not theirs."""
    return DomainError(ErrorCode.FORBIDDEN, message)
