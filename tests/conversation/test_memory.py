"""Long conversations: what the director is still told, and what a turn costs."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ai.tokens import text_tokens
from cms.accounts.models import User
from content.usage.models import Reservation, UsageEntry
from conversation import runner
from conversation.models import Choice, Session, Summary, Turn
from conversation.tasks import extend_summary
from tests.ai.fault_server import FaultServer
from tests.ai.fault_talk import Asked
from tests.conftest import Api

from .branching import at, edit, finish_newest, switch
from .histories import long_history
from .talking import choose, say

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]
TurnWith = Callable[..., Turn]


@pytest.fixture(autouse=True)
def _forget(provider: FaultServer) -> None:
    provider.asked.clear()


@pytest.fixture
def caller(api: MakeApi, producer: User) -> Api:
    return api(producer)


def told(provider: FaultServer, scenario: str) -> Asked:
    """The last prompt of a reply."""
    return [asked for asked in provider.asked_of(scenario) if not asked.is_summary][-1]


def numbers(asked: Asked) -> list[int]:
    """Which messages of a long history were told word for word."""
    return [int(number) for number in re.findall(r"Number (\d+)\.", asked.texts)]


def summaries_asked(provider: FaultServer, scenario: str = "minutes") -> list[Asked]:
    return [asked for asked in provider.asked_of(scenario) if asked.is_summary]


def test_choices_taken_are_told_with_their_steps_however_long_ago(
    caller: Api, session: Session, finish: Finish, turn_with: TurnWith, provider: FaultServer
) -> None:
    # given
    choose(caller, session, "develop_story", text="But end it in winter.")
    finish_newest(finish)
    choose(caller, session, "manual_override", text="Set it in Lisbon.")
    finish_newest(finish)
    long_history(session, 300)
    # when
    turn_with("ok")
    # then
    system = told(provider, "ok").system
    assert "- At “Initial Concept”, chosen: Develop Story Structure (But end it in winter.)" in system
    assert "- At “Story Development”, decided in the producer's own words: Set it in Lisbon." in system
    assert "- Steps completed in this project: “Initial Concept”" in system
    assert "The Tide Clock" in system
    assert 1 not in numbers(told(provider, "ok"))


def test_choices_of_another_branch_are_not_told(
    caller: Api, session: Session, finish: Finish, turn_with: TurnWith, provider: FaultServer
) -> None:
    # given
    choose(caller, session, "develop_story")
    finish_newest(finish)
    # when
    edit(caller, at(session, 1), "Let us think first.")
    finish_newest(finish)
    turn_with("ok")
    # then
    assert "chosen:" not in told(provider, "ok").system


def test_newest_thirty_decisions_are_told(session: Session, turn_with: TurnWith, provider: FaultServer) -> None:
    choice = Choice.objects.get(session=session, offer=session.offer, slug="develop_story")
    long_history(session, 900, choice=choice)
    turn_with("ok")
    system = told(provider, "ok").system
    assert 25 <= system.count("chosen: Develop Story Structure") <= 30


def test_summary_is_written_after_the_turn_and_told_in_the_next(
    session: Session, turn_with: TurnWith, provider: FaultServer
) -> None:
    # given
    long_history(session, 60)
    turn = turn_with("minutes")
    assert summaries_asked(provider) == []
    # when
    extend_summary(turn.pk)
    # then
    (asked,) = summaries_asked(provider)
    assert "tools" not in asked.body
    (summary,) = Summary.objects.all()
    assert (summary.text, summary.model) == ("- SUMMARY 2: they settled on Lisbon.", "minutes")
    assert numbers(asked) == list(range(1, summary.message.seq + 1))
    # when
    turn_with("minutes")
    # then
    prompt = told(provider, "minutes")
    assert '<data name="summary of the conversation so far">\n- SUMMARY 2' in prompt.system
    assert numbers(prompt) == list(range(summary.message.seq + 1, 61))
    assert prompt.roles[:2] == ["system", "user"]
    assert "The oldest" not in prompt.system


def test_next_summary_takes_in_the_earlier_one(session: Session, turn_with: TurnWith, provider: FaultServer) -> None:
    # given
    long_history(session, 60)
    extend_summary(turn_with("minutes").pk)
    first = Summary.objects.get()
    long_history(session, 40)
    # when
    extend_summary(turn_with("minutes").pk)
    # then
    asked = summaries_asked(provider)[-1]
    assert "- SUMMARY 2: they settled on Lisbon." in asked.texts
    assert min(numbers(asked)) == first.message.seq + 1
    assert Summary.objects.count() == 2


def test_conversation_without_a_summary_catches_up_in_calls_of_bounded_size(
    session: Session, turn_with: TurnWith, provider: FaultServer, settings: Any
) -> None:
    # given
    long_history(session, 500)
    turn = turn_with("minutes")
    # when
    extend_summary(turn.pk)
    extend_summary(turn.pk)
    # then
    asked = summaries_asked(provider)
    assert len(asked) == 6
    assert [number for each in asked for number in numbers(each)] == list(range(1, numbers(asked[-1])[-1] + 1))
    assert all(text_tokens(each.texts) < settings.MODEL_INPUT_TOKENS for each in asked)


def test_summary_begins_and_ends_with_whole_turns(
    session: Session, turn_with: TurnWith, provider: FaultServer, settings: Any
) -> None:
    settings.MODEL_INPUT_TOKENS = 6_000
    long_history(session, 80, words=4)
    extend_summary(turn_with("minutes").pk)
    assert Summary.objects.count() > 1
    assert all(summary.message.role == "assistant" for summary in Summary.objects.select_related("message"))


def test_nothing_is_summarised_that_fits(session: Session, turn_with: TurnWith, provider: FaultServer) -> None:
    long_history(session, 20)
    extend_summary(turn_with("minutes").pk)
    assert summaries_asked(provider) == []
    assert numbers(told(provider, "minutes")) == list(range(1, 21))


def test_branch_has_the_summaries_of_its_own_path(
    caller: Api, session: Session, finish: Finish, turn_with: TurnWith, provider: FaultServer
) -> None:
    # given
    long_history(session, 60)
    turn = turn_with("minutes")
    extend_summary(turn.pk)
    # when
    edit(caller, at(session, 21), "Another way.")
    finish_newest(finish)
    # then
    prompt = told(provider, "minutes")
    assert "SUMMARY" not in prompt.system
    assert numbers(prompt) == list(range(1, 21))
    # when
    switch(caller, turn.message)
    turn_with("minutes")
    # then
    assert "SUMMARY" in told(provider, "minutes").system


@pytest.mark.parametrize("trouble", ["no-minutes", "empty"])
def test_summary_that_fails_leaves_everything_as_it_was(
    session: Session, turn_with: TurnWith, provider: FaultServer, settings: Any, trouble: str
) -> None:
    # given
    long_history(session, 60)
    turn = turn_with("minutes")
    settings.QWEN3VL_MODEL = trouble
    # when
    extend_summary(turn.pk)
    # then
    assert not Summary.objects.exists()
    assert not Reservation.objects.exists()
    # when
    settings.QWEN3VL_MODEL = "minutes"
    extend_summary(turn.pk)
    # then
    assert Summary.objects.count() == 1


def test_only_one_summary_of_a_session_is_written_at_a_time(
    session: Session, turn_with: TurnWith, provider: FaultServer
) -> None:
    # given
    *_, last = long_history(session, 60)
    turn = turn_with("minutes")
    begun = Summary.objects.create(message=last, text="", model="another runner's")
    # when
    extend_summary(turn.pk)
    # then
    assert summaries_asked(provider) == []
    # when
    Summary.objects.filter(pk=begun.pk).update(created_at=timezone.now() - timedelta(minutes=10))
    extend_summary(turn.pk)
    # then
    assert Summary.objects.exclude(text="").count() == Summary.objects.count() == 1


def test_summary_under_way_is_told_nobody(session: Session, turn_with: TurnWith, provider: FaultServer) -> None:
    *_, last = long_history(session, 60)
    Summary.objects.create(message=last, text="", model="minutes")
    turn_with("minutes")
    assert "summary of the conversation" not in told(provider, "minutes").system


def test_tokens_of_a_summary_are_counted_after_those_of_its_turn(
    session: Session, turn_with: TurnWith, producer: User, provider: FaultServer
) -> None:
    # given
    long_history(session, 60)
    turn = turn_with("minutes")
    # when
    extend_summary(turn.pk)
    # then
    entries = UsageEntry.objects.filter(turn=turn.pk).order_by("number")
    assert [(entry.number, entry.purpose) for entry in entries] == [(1, "reply"), (2, "summary")]
    assert not Reservation.objects.exists()


def test_without_tokens_left_there_is_no_summary(
    session: Session, turn_with: TurnWith, producer: User, provider: FaultServer
) -> None:
    # given
    long_history(session, 60)
    turn = turn_with("minutes")
    producer.max_tokens_override = 1_000
    producer.save()
    # when
    extend_summary(turn.pk)
    # then
    assert summaries_asked(provider) == []
    assert not Summary.objects.exists()


def test_rehearsal_says_that_its_summary_is_made_of_extracts(caller: Api, session: Session, finish: Finish) -> None:
    # given
    long_history(session, 60)
    say(caller, session)
    turn = finish_newest(finish)
    # when
    extend_summary(turn.pk)
    # then
    text = Summary.objects.get().text
    assert text.startswith("Extracts from the conversation, chosen without understanding it:\n- Producer: Number 1.")
    assert len(text) <= 3_000


@contextmanager
def rows_loaded() -> Iterator[list[type]]:
    """The models of all rows that are loaded."""
    loaded: list[type] = []

    def note(sender: type, **_: Any) -> None:
        loaded.append(sender)

    post_init.connect(note)
    try:
        yield loaded
    finally:
        post_init.disconnect(note)


def test_cost_of_a_turn_does_not_grow_with_the_history(
    caller: Api,
    session: Session,
    finish: Finish,
    turn_with: TurnWith,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # How often the keeper looks depends on how busy the machine is.
    monkeypatch.setattr(runner, "TICK", 600.0)
    # given
    turn_with("ok")
    choice = Choice.objects.get(session=session, offer=session.offer, slug="develop_story")
    costs = []
    for messages in (800, 3_000):
        long_history(session, messages, choice=choice)
        assert say(caller, session).codes == []
        # when
        with CaptureQueriesContext(connection) as queries, rows_loaded() as loaded:
            turn = finish_newest(finish)
        costs.append((len(queries), len(loaded)))
        assert turn.status == "completed"
    # then
    assert costs[0] == costs[1]
    assert costs[0][0] < 90
    assert costs[0][1] < 200


def test_prompt_stays_within_the_budget_however_long_the_history_is(
    session: Session, turn_with: TurnWith, provider: FaultServer, settings: Any
) -> None:
    long_history(session, 2_000, words=30)
    extend_summary(turn_with("minutes").pk)
    turn_with("minutes")
    prompt = told(provider, "minutes")
    assert text_tokens(str(prompt.body["messages"]) + str(prompt.body["tools"])) <= settings.MODEL_INPUT_TOKENS * 1.05
    assert prompt.roles[1] == "user"
    assert numbers(prompt)[-1] == 2_002 - 2
