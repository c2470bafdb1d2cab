"""A provider's refusal, turned into one of our errors: by HTTP status first, then by its code or type.

Sources: Model Studio's error codes; vLLM's, SGLang's and llama.cpp's answers. Providers put numbers, strings or nothing
into `code`, so every look is a careful one.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ai.errors import (
    AIError,
    ContentRefusedError,
    PromptTooLongError,
    ProviderFailedError,
    ProviderMisconfiguredError,
    RateLimitedError,
    TimedOutError,
)
from ai.text import one_line, shorten
from ai.tokens import is_count

LONGEST_DETAIL = 300
# Nobody is told to come back later than this.
LATEST_RETRY = 3600

_REFUSED = ("data_inspection_failed", "datainspectionfailed", "content_filter", "content_policy_violation")
_UNPAID = ("arrearage", "insufficient_quota", "allocationquota", "billing")
_KEY = (
    "invalid_api_key",
    "authentication_error",
    "accessdenied",
    "access_denied",
    "model_not_found",
    "not_found",
)
_TOO_LONG = (
    "exceed_context_size",
    "context_length_exceeded",
    "maximum context length",
    "maximum model length",
    "model's context length",
    "range of input length",
)
# "maximum context length is 4096 tokens", "context length (4096 tokens)", "length should be [1, 30720]"
_LIMIT = re.compile(r"(?:context|model) length (?:is |of |\()?(\d+)|length should be \[\d+, ?(\d+)\]")
# "(8519 in the messages", "input (9031 tokens)", "resulted in 9031 tokens"; "at least 9031" is no count.
_GIVEN = re.compile(
    r"\((\d+) in the messages|input \((\d+) tokens|(?:contains|has|resulted in) (\d+) (?:input )?tokens"
)
_LIMITED = ("limit_requests", "throttling", "rate_limit", "limit_burst")
_TOOLS = re.compile(r"\b(tools?|tool_choice|function.?call\w*)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a provider answered in place of a completion. `status` is 200 for an error inside a stream."""

    status: int
    kind: str
    message: str
    # The most tokens that the model takes and how many it was given, where it says so.
    limit: int | None = None
    given: int | None = None

    @property
    def is_about_tools(self) -> bool:
        """Whether it refuses function calls as such. llama.cpp without its template engine says so with a 500."""
        words = f"{self.kind} {self.message}".lower()
        if self.status not in (400, 422, 500, 501) or any(name in words for name in _TOO_LONG):
            return False
        return bool(_TOOLS.search(self.message))


def read_refusal(status: int, body: bytes | str) -> Refusal:
    """Never raises: a body that is no JSON is its own message."""
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return Refusal(status, "", text)
    return refusal_of(status, value)


def refusal_of(status: int, value: Any) -> Refusal:
    """From `{"error": {"code", "type", "message"}}`, `{"error": "…"}` or `{"code", "message"}`."""
    error = value.get("error", value) if isinstance(value, dict) else value
    if not isinstance(error, dict):
        return Refusal(status, "", str(error))
    kind = f"{error.get('code') or ''} {error.get('type') or ''}".strip()
    if status == 200 and isinstance(error.get("code"), int):
        status = error["code"]
    message = str(error.get("message") or error.get("detail") or "")
    limit = _count(error.get("n_ctx")) or _found(_LIMIT, message)
    given = _count(error.get("n_prompt_tokens")) or _found(_GIVEN, message)
    return Refusal(status, kind, message, limit, given)


def _count(value: object) -> int | None:
    return value if is_count(value) and value else None


def _found(pattern: re.Pattern[str], message: str) -> int | None:
    match = pattern.search(message.lower())
    digits = next(filter(None, match.groups()), "") if match else ""
    return _count(int(digits)) if 0 < len(digits) < 12 else None


def error_from(refusal: Refusal, *, secret: str, retry_after: float | None = None) -> AIError:
    """The error to raise; `secret` is kept out of its detail."""
    detail = redacted(f"HTTP {refusal.status} {refusal.kind}: {refusal.message}", secret)
    kind = refusal.kind.lower()
    words = f"{kind} {refusal.message.lower()}"
    status = refusal.status
    if any(name in kind for name in _REFUSED):
        return ContentRefusedError(detail=detail)
    if any(name in kind for name in _UNPAID) or status == 402:
        return ProviderMisconfiguredError(
            "The director's service does not answer because its account is unpaid or used up. Please tell an operator.",
            detail=detail,
        )
    if any(name in words for name in _TOO_LONG) or status == 413:
        error = PromptTooLongError(detail=detail)
        error.limit, error.given = refusal.limit, refusal.given
        return error
    if status == 429 or any(name in kind for name in _LIMITED):
        wait = None if retry_after is None else min(LATEST_RETRY, max(1, round(retry_after)))
        return RateLimitedError(detail=detail, retry_after=wait, transient=True)
    if status in (408, 504):
        return TimedOutError(detail=detail, transient=True)
    if status in (401, 403, 404, 405) or 300 <= status < 400 or any(name in kind for name in _KEY):
        return ProviderMisconfiguredError(detail=detail)
    if 400 <= status < 500:
        return ProviderFailedError(
            "The director's service could not work with this message. "
            "Please say it differently or leave out the attached files.",
            detail=detail,
        )
    return ProviderFailedError(detail=detail, transient=status in (200, 500, 502, 503))


def redacted(text: str, secret: str) -> str:
    """One short line for the log, without our key, other keys or addresses."""
    if secret:
        text = text.replace(secret, "***")
    text = re.sub(r"\b(sk|key|token)[-_][\w-]{6,}", "***", text, flags=re.IGNORECASE)
    text = re.sub(r"(?i)\bbearer\s+\S+", "Bearer ***", text)
    text = re.sub(r"\bhttps?://\S+", "(address)", text)
    return shorten(one_line(text), LONGEST_DETAIL)


def seconds_of(retry_after: str | None, *, now: datetime | None = None) -> float | None:
    """The header's number of seconds or date, as seconds from now; None where it says nothing usable."""
    if not retry_after:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", retry_after):
        return float(retry_after)
    try:
        when = parsedate_to_datetime(retry_after)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
