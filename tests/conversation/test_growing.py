"""A reply as it grows: each piece is saved once, and read with the turn."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.accounts.models import User
from content.projects.models import Project
from conversation import sessions
from conversation.choices import TurnStatus
from conversation.models import Session, Turn, TurnChunk
from tests.ai.fault_scenarios import PROSE
from tests.conftest import Api, gid

from .talking import say

RUNNING = "query { sessions(first: 10) { edges { node { activeTurn { attempts text } } } } }"


def test_what_a_reply_grows_by_is_written_once_and_nothing_else_while_it_grows(
    turn_with: Callable[..., Turn], session: Session
) -> None:
    with CaptureQueriesContext(connection) as queries:
        turn = turn_with("ok-stream")
    assert (turn.text, turn.reply.content) == (PROSE, PROSE)
    written = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    chunks = [place for place, sql in enumerate(written) if "conversation_turnchunk" in sql]
    assert len(chunks) >= 3
    for word in ("harbour", "sisters", "boat"):
        assert sum(word in written[place] for place in chunks) == 1
    # A lease of ten seconds is not renewed in two.
    assert chunks == list(range(chunks[0], chunks[-1] + 1))
    assert not TurnChunk.objects.exists()


@pytest.fixture
def growing(api: Callable[..., Api], producer: User, project: Project) -> Callable[[int], None]:
    """Sessions with replies under way, in their second attempts."""

    def make(count: int) -> None:
        for number in range(count):
            session = sessions.start_session(user=producer, project_id=project.pk)
            say(api(producer), session)
            turn = session.turns.get()
            Turn.objects.filter(pk=turn.pk).update(status=TurnStatus.RUNNING, attempts=2)
            for attempt, offset, text in ((1, 0, "Old words."), (2, 0, f"Number {number} "), (2, 9, "grows.")):
                TurnChunk.objects.create(turn=turn, attempt=attempt, offset=offset, text=text)

    return make


def test_text_of_a_turn_under_way_is_that_of_its_present_attempt_in_one_query_for_all(
    growing: Callable[[int], None], api: Callable[..., Api], producer: User
) -> None:
    counts = []
    for more in (1, 4):
        growing(more)
        with CaptureQueriesContext(connection) as queries:
            answer = api(producer)(RUNNING)
        counts.append(len(queries))
    shown = [edge["node"]["activeTurn"] for edge in answer.value["edges"]]
    assert {turn["attempts"] for turn in shown} == {2}
    assert [turn["text"] for turn in shown] == [f"Number {number} grows." for number in (3, 2, 1, 0, 0)]
    assert counts[0] == counts[1]


def test_a_stopped_turn_that_no_runner_answers_for_keeps_what_was_saved(
    growing: Callable[[int], None], api: Callable[..., Api], producer: User
) -> None:
    growing(1)
    answer = api(producer)("CancelTurn", input={"id": gid(Turn.objects.get())})
    assert answer.codes == []
    turn = Turn.objects.get()
    assert (turn.status, turn.text, turn.reply.content) == ("cancelled", "Number 0 grows.", "Number 0 grows.")
    assert turn.reply.interrupted
    assert not TurnChunk.objects.exists()
