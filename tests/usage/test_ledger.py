"""What is entered: every call, as the provider counted it, at the prices of its time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from ai.contract import ProviderCall, Usage
from cms.accounts.models import User
from content.projects.models import Project
from content.usage.models import ModelPrice, MonthlyUsage, ProjectUsage, Reservation, UsageEntry
from content.usage.services import settle
from content.usage.tasks import reconcile_usage, sweep_reservations
from conversation.models import Session, Turn
from tests.conftest import Api, gid
from tests.conversation.talking import say

from .conftest import ANSWER, CALL, INPUT, OUTPUT, project_usage, queue

MakeApi = Callable[..., Api]
Run = Callable[..., Turn]
Spent = Callable[[], dict[str, Any]]


def price(model: str, input_price: str, output_price: str, days: int = -1) -> ModelPrice:
    begin = timezone.now() + timedelta(days=days)
    return ModelPrice.objects.create(model=model, input_price=input_price, output_price=output_price, valid_from=begin)


def test_a_reply_is_entered_as_the_provider_counted_it(
    turn_with: Run, spent: Spent, api: MakeApi, producer: User, project: Project
) -> None:
    # when
    turn = turn_with("ok")
    # then
    entry = UsageEntry.objects.get()
    assert (entry.input_tokens, entry.output_tokens, entry.is_estimated) == (INPUT, OUTPUT, False)
    assert (entry.user, entry.project, entry.session, entry.turn) == (producer, project, turn.session, turn)
    assert (entry.attempt, entry.number, entry.purpose, entry.model) == (1, 1, "reply", "ok")
    for told in (spent(), project_usage(api(producer), project)):
        assert (told["inputTokens"], told["outputTokens"]) == (INPUT, OUTPUT)
        assert (told["used"], told["reserved"]) == (ANSWER, 0)
        assert [model["model"] for model in told["byModel"]] == ["ok"]


def test_tokens_are_reserved_until_the_turn_has_ended(
    turn_with: Run, spent: Spent, api: MakeApi, producer: User, project: Project
) -> None:
    seen = []

    turn_with("ok", before=lambda: seen.extend([spent(), project_usage(api(producer), project)]))

    assert [(told["used"], told["reserved"]) for told in seen] == [(0, CALL)] * 2
    assert seen[0]["left"] == seen[0]["limit"] - CALL
    assert spent()["left"] == spent()["limit"] - ANSWER


@pytest.mark.parametrize("scenario", ["401", "503", "refused", "cut", "hang-before", "hang-midway", "empty"])
def test_a_failing_provider_leaves_nothing_reserved(turn_with: Run, spent: Spent, scenario: str) -> None:
    turn = turn_with(scenario)

    assert turn.status == "failed"
    assert spent()["reserved"] == 0
    assert not Reservation.objects.exists()
    assert spent()["used"] == sum(entry.input_tokens + entry.output_tokens for entry in UsageEntry.objects.all())


def test_a_cancelled_turn_leaves_nothing_reserved(
    metered: Any, spent: Spent, api: MakeApi, producer: User, session: Session
) -> None:
    turn = queue(api(producer), session)
    assert spent()["reserved"] == CALL

    assert api(producer)("CancelTurn", input={"id": gid(turn)}).codes == []

    assert (spent()["reserved"], spent()["used"]) == (0, 0)


def test_a_runner_that_died_and_came_back_uses_what_the_turn_holds(
    metered: Any, spent: Spent, api: MakeApi, producer: User, session: Session, finish: Callable[..., Turn]
) -> None:
    # given
    turn = queue(api(producer), session)
    dead = timezone.now() - timedelta(seconds=1)
    Turn.objects.filter(pk=turn.pk).update(status="running", attempts=1, lease_expires_at=dead)
    assert spent()["reserved"] == CALL
    # when
    finish(turn)
    # then
    assert (turn.status, turn.attempts) == ("completed", 2)
    assert (spent()["reserved"], spent()["used"]) == (0, ANSWER)
    assert UsageEntry.objects.get().attempt == 2


def test_a_turn_that_is_given_up_leaves_nothing_reserved(
    metered: Any, spent: Spent, api: MakeApi, producer: User, session: Session, finish: Callable[..., Turn]
) -> None:
    turn = queue(api(producer), session)
    dead = timezone.now() - timedelta(seconds=1)
    Turn.objects.filter(pk=turn.pk).update(status="running", attempts=3, lease_expires_at=dead)

    assert finish(turn).error_code == "INTERRUPTED"

    assert spent()["reserved"] == 0


def test_a_retry_reserves_again_and_both_attempts_are_entered(
    turn_with: Run, settings: Any, spent: Spent, api: MakeApi, producer: User, finish: Callable[..., Turn]
) -> None:
    # given
    failed = turn_with("ok-tool", before=lambda: setattr(settings, "QWEN3VL_MODEL", "401"))
    before = spent()["used"]
    # when
    settings.QWEN3VL_MODEL = "ok"
    assert api(producer)("RetryTurn", input={"id": gid(failed)}).codes == []
    assert spent()["reserved"] == CALL
    finish(failed)
    # then
    assert (spent()["used"], spent()["reserved"]) == (before + ANSWER, 0)
    assert UsageEntry.objects.latest("pk").attempt == 2


def test_the_rehearsal_director_is_entered_as_estimated_and_takes_nothing_of_the_budget(
    api: MakeApi, producer: User, session: Session, finish: Callable[..., Turn], spent: Spent, limited: Any
) -> None:
    limited(0)

    finish(queue(api(producer), session))

    told = spent()
    assert told["inputTokens"] > 0
    assert (told["used"], told["reserved"], told["left"]) == (0, 0, 0)
    assert (told["cost"], told["unpricedTokens"]) == ("0", 0)
    assert UsageEntry.objects.get().is_estimated


def test_a_cost_is_that_of_its_time(turn_with: Run, spent: Spent, settings: Any) -> None:
    # given a model without a price
    turn_with("ok")
    told = spent()
    assert (told["cost"], told["unpricedTokens"], told["currency"]) == (None, ANSWER, "USD")
    # when it gets one, which rises later
    first = price("ok", "2", "10")
    turn_with("ok")
    cost = (INPUT * 2 + OUTPUT * 10) / 1_000_000
    assert float(spent()["cost"]) == pytest.approx(cost)
    first.input_price = 500
    first.save()
    price("ok", "4", "20", days=0)
    price("ok", "800", "800", days=1)
    # then what was entered keeps its cost
    assert float(spent()["cost"]) == pytest.approx(cost)
    turn_with("ok")
    assert float(spent()["cost"]) == pytest.approx(3 * cost)
    assert spent()["unpricedTokens"] == ANSWER


def test_the_longest_name_that_fits_is_the_price(turn_with: Run, spent: Spent) -> None:
    for name, each in (("*", 1_000_000), ("ok*", 3_000_000), ("ok-stream*", 7_000_000), ("ok-s", 9_000_000)):
        price(name, str(each), "0")

    turn_with("ok-stream")
    turn_with("ok-tool")

    costs = {model["model"]: float(model["cost"]) for model in spent()["byModel"]}
    assert costs == {"ok-stream": 7.0 * INPUT, "ok-tool": 3.0 * INPUT}


def test_a_turn_and_a_session_tell_their_cost(turn_with: Run, api: MakeApi, producer: User, session: Session) -> None:
    price("ok", "1000", "0")
    turn = turn_with("ok")
    turn_with("ok")

    query = """query ($id: ID!) { node(id: $id) { ... on Turn { cost usage { inputTokens outputTokens }
      session { usage { inputTokens outputTokens cost } } } } }"""
    told = api(producer)(query, id=gid(turn)).value

    assert told["cost"] == "0.321"
    assert told["usage"] == {"inputTokens": INPUT, "outputTokens": OUTPUT}
    assert told["session"]["usage"] == {"inputTokens": 2 * INPUT, "outputTokens": 2 * OUTPUT, "cost": "0.642"}


def test_the_ledger_survives_what_it_is_about(
    turn_with: Run, spent: Spent, api: MakeApi, producer: User, session: Session, project: Project
) -> None:
    turn_with("ok")

    session.delete()

    assert spent()["inputTokens"] == INPUT
    assert project_usage(api(producer), project)["used"] == ANSWER
    entry = UsageEntry.objects.get()
    assert (entry.session, entry.turn, entry.project) == (None, None, project)


def test_the_ledger_is_only_added_to(turn_with: Run) -> None:
    turn_with("ok")
    entry = UsageEntry.objects.get()

    for change in (
        entry.save,
        entry.delete,
        UsageEntry.objects.all().delete,
        lambda: UsageEntry.objects.update(cost=0),
    ):
        with pytest.raises(TypeError):
            change()


class _Clock(datetime):
    """A clock that a test sets."""

    moment = datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.moment.astimezone(tz)


def test_a_month_ends_at_midnight_and_a_turn_counts_where_it_was_queued(
    metered: Any,
    monkeypatch: pytest.MonkeyPatch,
    spent: Spent,
    limited: Any,
    project: Project,
    session: Session,
    producer: User,
    finish: Callable[..., Turn],
    api: MakeApi,
) -> None:
    # given a budget for one call, and a turn queued in the month's last seconds
    monkeypatch.setattr("django.utils.timezone.datetime", _Clock)
    monkeypatch.setattr(_Clock, "moment", _Clock.moment)
    limited(CALL + ANSWER - 1)
    caller = api(producer)
    turn = queue(caller, session)
    # when it is answered in the next month
    _Clock.moment += timedelta(seconds=20)
    finish(turn)
    # then it counts in the month before, and the new one has its whole budget
    told = spent()
    assert (told["used"], told["periodStart"], told["periodEnd"]) == (
        0,
        "2026-12-01T00:00:00+00:00",
        "2027-01-01T00:00:00+00:00",
    )
    finish(queue(caller, session))
    assert spent()["used"] == ANSWER
    refused = say(caller, session).error
    assert (refused["code"], "1 January 2027" in refused["message"]) == ("LIMIT_EXCEEDED", True)
    assert {str(count.period): count.used for count in MonthlyUsage.objects.all()} == {
        "2026-11-01": ANSWER,
        "2026-12-01": ANSWER,
    }
    assert project_usage(caller, project)["used"] == 2 * ANSWER
    assert reconcile_usage() == 0


def test_a_repair_is_a_call_of_its_own_which_the_budget_must_have_room_for(
    turn_with: Run, spent: Spent, limited: Any
) -> None:
    limited(2 * CALL)
    turn_with("malformed-tool")
    assert list(UsageEntry.objects.values_list("number", "purpose")) == [(1, "reply"), (2, "repair")]
    assert (spent()["used"], spent()["reserved"]) == (2 * ANSWER, 0)
    limited(spent()["used"] + CALL)

    turn = turn_with("malformed-tool")

    assert turn.status == "completed"
    assert list(UsageEntry.objects.filter(turn=turn).values_list("purpose", flat=True)) == ["reply"]
    assert (spent()["used"], spent()["reserved"]) == (3 * ANSWER, 0)


def test_a_call_is_entered_once_however_often_it_is_told_of(turn_with: Run, spent: Spent) -> None:
    turn = turn_with("ok")
    calls = [ProviderCall("ok", Usage(1, 1)), ProviderCall("ok", Usage(2, 2), purpose="repair")]

    for _ in range(2):
        settle(turn, calls)
    settle(turn, calls[:1], follows=True)

    told = UsageEntry.objects.values_list("number", "input_tokens")
    assert list(told) == [(1, INPUT), (2, 2), (3, 1)]
    assert spent()["used"] == ANSWER + 4 + 2


def test_counters_that_went_wrong_are_put_right(
    turn_with: Run, spent: Spent, api: MakeApi, producer: User, project: Project, capsys: Any
) -> None:
    # given
    turn_with("ok")
    assert reconcile_usage() == 0
    MonthlyUsage.objects.update(used=7, reserved=9)
    ProjectUsage.objects.all().delete()
    # when
    call_command("reconcile_usage")
    # then
    assert "2 counters corrected" in capsys.readouterr().out
    assert (spent()["used"], spent()["reserved"]) == (ANSWER, 0)
    assert project_usage(api(producer), project)["used"] == ANSWER


def test_reservations_are_part_of_what_is_reconciled(
    metered: Any, spent: Spent, api: MakeApi, producer: User, session: Session
) -> None:
    queue(api(producer), session)
    MonthlyUsage.objects.update(reserved=0)
    ProjectUsage.objects.update(reserved=1)

    assert reconcile_usage() == 2

    assert spent()["reserved"] == CALL


def test_what_a_deleted_turn_held_is_swept(
    metered: Any, spent: Spent, api: MakeApi, producer: User, session: Session
) -> None:
    turn = queue(api(producer), session)
    assert sweep_reservations() == 0
    turn.delete()

    assert sweep_reservations() == 1

    assert spent()["reserved"] == 0


def test_what_a_turn_held_that_was_stopped_under_a_silent_runner_is_swept_after_a_while(
    metered: Any, spent: Spent, api: MakeApi, producer: User, session: Session
) -> None:
    # given a runner that does not answer
    turn = queue(api(producer), session)
    later = timezone.now() + timedelta(minutes=1)
    Turn.objects.filter(pk=turn.pk).update(status="running", attempts=1, lease_expires_at=later)
    api(producer)("CancelTurn", input={"id": gid(turn)})
    # then what it may still use is kept for it, for a while
    assert (sweep_reservations(), spent()["reserved"]) == (0, CALL)
    ended = timezone.now() - timedelta(minutes=2)
    Turn.objects.filter(pk=turn.pk).update(finished_at=ended)
    # what is reserved after the end is for a summary, which may be under way
    assert (sweep_reservations(), spent()["reserved"]) == (0, CALL)
    Reservation.objects.update(created_at=ended)
    assert (sweep_reservations(), spent()["reserved"]) == (1, 0)
