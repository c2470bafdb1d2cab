"""How often one person may send and upload."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from cms import rate_limits
from cms.accounts.models import User
from content.media.models import Upload
from content.projects.models import Project
from conversation import sessions
from conversation.models import Session, Turn
from tests.conftest import Api, gid
from tests.conversation.talking import say

MakeApi = Callable[..., Api]
TICKET = """mutation ($project: ID!, $name: String!) { createUpload(input: {
  projectId: $project, filename: $name, fileSize: 10, mimeType: "image/png"}) {
  ticket { id } errors { code message retryAfter } } }"""


@pytest.fixture
def rate(settings: Any) -> Callable[[str, str], None]:
    """Set how often something may be done."""

    def change(kind: str, text: str) -> None:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, kind: text}

    return change


@pytest.fixture
def talks(producer: User, project: Project) -> list[Session]:
    """Sessions, in each of which one message can be sent."""
    return [sessions.start_session(user=producer, project_id=project.pk) for _ in range(4)]


def test_too_many_messages_are_refused_with_the_time_to_wait(
    rate: Any, api: MakeApi, producer: User, talks: list[Session]
) -> None:
    rate("turns", "2/minute")
    caller = api(producer)

    answers = [say(caller, talk) for talk in talks]

    assert [answer.codes for answer in answers] == [[], [], ["RATE_LIMITED"], ["RATE_LIMITED"]]
    error = answers[2].error
    assert 50 <= error["retryAfter"] <= 60
    assert f"Try again in {error['retryAfter']} seconds." in error["message"]
    assert "2 a minute" in error["message"]
    assert Turn.objects.count() == 2
    assert talks[2].messages.count() == 0


def test_it_is_counted_for_each_person_alone(
    rate: Any, api: MakeApi, producer: User, collaborator: User, talks: list[Session]
) -> None:
    rate("turns", "1/minute")
    sessions.update_session(user=producer, session_id=talks[1].pk, changes={"shared": True})
    assert say(api(producer), talks[0]).codes == []

    assert say(api(collaborator), talks[1]).codes == []


def test_a_repeat_with_the_same_key_is_not_limited(
    rate: Any, api: MakeApi, producer: User, talks: list[Session]
) -> None:
    rate("turns", "1/minute")
    caller = api(producer)
    say(caller, talks[0], idempotencyKey="k")

    again = say(caller, talks[0], idempotencyKey="k")

    assert again.codes == []
    assert say(caller, talks[1], idempotencyKey="k").codes == ["RATE_LIMITED"]


def test_what_is_refused_for_another_reason_does_not_count(
    rate: Any, settings: Any, api: MakeApi, producer: User, talks: list[Session]
) -> None:
    rate("turns", "1/minute")
    caller = api(producer)

    assert say(caller, talks[0], "x" * 2_001).codes == ["INVALID"]
    with override_settings(QWEN3VL_BASE_URL="http://127.0.0.1:9/v1", MODEL_INPUT_TOKENS=10**12):
        assert say(caller, talks[0]).codes == ["LIMIT_EXCEEDED"]

    assert say(caller, talks[0]).codes == []
    assert say(caller, talks[0]).codes == ["TURN_IN_PROGRESS"]


def test_a_retry_counts_too(rate: Any, api: MakeApi, producer: User, talks: list[Session]) -> None:
    rate("turns", "1/minute")
    say(api(producer), talks[0])
    Turn.objects.update(status="failed")

    assert api(producer)("RetryTurn", input={"id": gid(Turn.objects.get())}).codes == ["RATE_LIMITED"]

    assert Turn.objects.get().status == "failed"


def test_uploads_have_limits_for_the_minute_and_the_day(
    rate: Any, api: MakeApi, producer: User, project: Project
) -> None:
    rate("uploads", "3/minute;4/day")
    caller = api(producer)

    def ticket() -> Any:
        return caller(TICKET, project=gid(project), name="a.png")

    assert [ticket().codes for _ in range(4)] == [[], [], [], ["RATE_LIMITED"]]
    rate("uploads", "300/minute;4/day")
    assert ticket().codes == []
    error = ticket().error
    assert (error["code"], "4 a day" in error["message"], error["retryAfter"] > 80_000) == ("RATE_LIMITED", True, True)
    assert "hours" in error["message"]
    assert Upload.objects.count() == 4


def test_people_can_work_while_redis_is_away(
    rate: Any, settings: Any, api: MakeApi, producer: User, talks: list[Session]
) -> None:
    # given
    rate("turns", "1/minute")
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    rate_limits._limiter.cache_clear()
    try:
        # then
        assert [say(api(producer), talk).codes for talk in talks] == [[]] * 4
    finally:
        rate_limits._limiter.cache_clear()
