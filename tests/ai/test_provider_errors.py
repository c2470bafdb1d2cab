from datetime import UTC, datetime

import pytest

from ai.errors import (
    AIError,
    ContentRefusedError,
    ProviderFailedError,
    ProviderMisconfiguredError,
    RateLimitedError,
)
from ai.provider_errors import error_from, read_refusal, redacted, seconds_of


@pytest.mark.parametrize(
    ("status", "body", "error", "transient"),
    [
        (429, '{"error":{"code":"limit_requests","message":"slow down"}}', RateLimitedError, True),
        (429, '{"error":{"code":"Throttling.RateQuota"}}', RateLimitedError, True),
        (429, '{"error":{"code":"insufficient_quota"}}', ProviderMisconfiguredError, False),
        (429, '{"code":"Throttling.AllocationQuota","message":"no"}', ProviderMisconfiguredError, False),
        (400, '{"error":{"code":"data_inspection_failed"}}', ContentRefusedError, False),
        (400, '{"error":{"code":"DataInspectionFailed"}}', ContentRefusedError, False),
        (400, '{"error":{"message":"bad","type":"invalid_request","code":400}}', ProviderFailedError, False),
        (401, '{"error":{"message":"Invalid API Key","code":401}}', ProviderMisconfiguredError, False),
        (403, "<html>Forbidden</html>", ProviderMisconfiguredError, False),
        (404, '{"detail":"Not Found"}', ProviderMisconfiguredError, False),
        (302, "", ProviderMisconfiguredError, False),
        (500, "", ProviderFailedError, True),
        (502, b"\xff\xfe", ProviderFailedError, True),
        (503, '{"error":"overloaded"}', ProviderFailedError, True),
        (200, '{"error":{"code":429,"message":"slow down"}}', RateLimitedError, True),
        (500, "[" * 100_000, ProviderFailedError, True),
    ],
)  # fmt: skip
def test_a_refusal_has_a_code(status: int, body: str | bytes, error: type[AIError], transient: bool) -> None:
    raised = error_from(read_refusal(status, body), secret="")

    assert type(raised) is error
    assert raised.transient is transient


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header, now=datetime(2026, 11, 22, 12, tzinfo=UTC)) == seconds


def test_what_is_logged_holds_no_key_and_no_address() -> None:
    line = redacted("Bearer abc.def for s3cret at https://host.example/x?key=1\nsk-0123456789 " + "x" * 900, "s3cret")

    for part in ("abc.def", "s3cret", "host.example", "0123456789", "\n"):
        assert part not in line
    assert len(line) <= 300
