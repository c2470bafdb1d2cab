"""Who may steer a conversation and when, keys, races, and what lists of branches cost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.accounts.models import User
from content.projects.models import Project
from content.projects.services import archive_project
from conversation import sessions
from conversation.models import Message, Session, Turn
from tests.conftest import Api, gid

from .branching import at, edit, finish_newest, last_event, path, regenerate, switch
from .talking import say, state

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]
Steer = Callable[[Api, Message], Any]

STEERING = [regenerate, edit, switch]
QUERY_OVERHEAD = 2  # whose cookie it is: the session and the user
SIBLINGS = """query ($id: ID!) { session(id: $id) { messages(first: 100) { edges { node {
  siblings { id content turn { id } } replies { id author { name } } } } } } }"""


@pytest.fixture
def caller(api: MakeApi, producer: User) -> Api:
    return api(producer)


@pytest.fixture
def branched(caller: Api, session: Session, finish: Finish) -> Session:
    """A message with two replies, of which the second (3) is on the active path and the first (2) beside it."""
    say(caller, session)
    finish_newest(finish)
    regenerate(caller, at(session, 1))
    finish_newest(finish)
    return session


def rows(session: Session) -> tuple[int, int, int]:
    return session.messages.count(), session.turns.count(), last_event(session)


@pytest.mark.parametrize("steer", STEERING)
def test_stranger_and_unshared_member_cannot_tell_the_message_is_there(
    api: MakeApi, stranger: User, collaborator: User, branched: Session, steer: Steer
) -> None:
    before = rows(branched)
    for outsider in (stranger, collaborator):
        for seq in (1, 2):
            answer = steer(api(outsider), at(branched, seq))
            unknown = steer(api(outsider), Message(pk=10**9))
            assert (answer.error["code"], answer.error["field"]) == ("NOT_FOUND", ["messageId"])
            assert answer.error == unknown.error
        assert api(outsider)("MessageSiblings", id=gid(at(branched, 2))).value is None
    assert rows(branched) == before


def test_member_of_a_shared_session_steers_it_and_reads_its_other_branches(
    api: MakeApi, caller: Api, collaborator: User, branched: Session, finish: Finish
) -> None:
    # given
    caller("UpdateSession", input={"id": gid(branched), "shared": True})
    member = api(collaborator)
    # then
    assert switch(member, at(branched, 2)).codes == []
    assert path(caller, branched) == [1, 2]
    assert [one["seq"] for one in member("MessageSiblings", id=gid(at(branched, 3))).value["siblings"]] == [2, 3]
    # when another's words are said in other words, they are the member's own
    assert edit(member, at(branched, 1), "In my words.").value["message"]["author"]["name"] == "Collaborator"
    finish_newest(finish)
    assert at(branched, 1).author != collaborator


@pytest.mark.parametrize("steer", STEERING)
def test_archived_project_takes_no_steering(
    caller: Api, producer: User, project: Project, branched: Session, steer: Steer
) -> None:
    archive_project(user=producer, project_id=project.pk)
    before = rows(branched)
    assert steer(caller, at(branched, 1)).codes == ["CONFLICT"]
    assert rows(branched) == before
    assert len(caller("MessageSiblings", id=gid(at(branched, 2))).value["siblings"]) == 2


@pytest.mark.parametrize("steer", STEERING)
def test_paused_session_takes_no_steering(caller: Api, producer: User, branched: Session, steer: Steer) -> None:
    sessions.pause_session(user=producer, session_id=branched.pk)
    assert steer(caller, at(branched, 1)).codes == ["SESSION_NOT_ACTIVE"]


@pytest.mark.parametrize("steer", STEERING)
def test_turn_under_way_has_to_end_first(caller: Api, branched: Session, steer: Steer) -> None:
    say(caller, branched, "And the fog?")
    before = rows(branched)
    assert steer(caller, at(branched, 1)).codes == ["TURN_IN_PROGRESS"]
    assert rows(branched) == before
    assert path(caller, branched) == [1, 3, 4]


def test_only_what_a_person_said_is_edited(caller: Api, branched: Session) -> None:
    answer = edit(caller, at(branched, 3))
    assert (answer.error["code"], answer.error["field"]) == ("INVALID", ["messageId"])


def test_notice_has_no_other_reply(caller: Api, branched: Session) -> None:
    note = Message.objects.create(session=branched, seq=4, role="system", content="Note", notice_of=Turn.objects.last())
    assert regenerate(caller, note).error["field"] == ["messageId"]


@pytest.mark.parametrize("text", ["", "  ", "x" * 2_001])
def test_words_that_cannot_be_sent_change_nothing(caller: Api, branched: Session, text: str) -> None:
    before = rows(branched)
    answer = edit(caller, at(branched, 1), text)
    assert (answer.error["code"], answer.error["field"]) == ("INVALID", ["text"])
    assert rows(branched) == before
    assert path(caller, branched) == [1, 3]


def test_files_of_another_project_change_nothing(caller: Api, branched: Session) -> None:
    answer = edit(caller, at(branched, 1), attachmentIds=["nonsense"])
    assert (answer.error["code"], answer.error["field"]) == ("NOT_FOUND", ["attachmentIds"])
    assert path(caller, branched) == [1, 3]


@pytest.mark.parametrize("steer", [regenerate, edit])
def test_same_key_again_is_the_same_turn_whatever_happened_meanwhile(
    caller: Api, producer: User, branched: Session, finish: Finish, steer: Callable[..., Any]
) -> None:
    # given
    first = steer(caller, at(branched, 1), idempotencyKey="k").value["turn"]["id"]
    assert steer(caller, at(branched, 1), idempotencyKey="k").value["turn"]["id"] == first
    finish_newest(finish)
    before = rows(branched)
    # then
    assert steer(caller, at(branched, 1), idempotencyKey="k").value["turn"]["id"] == first
    sessions.pause_session(user=producer, session_id=branched.pk)
    assert steer(caller, at(branched, 1), idempotencyKey="k").value["turn"]["id"] == first
    assert steer(caller, at(branched, 1), idempotencyKey="other").codes == ["SESSION_NOT_ACTIVE"]
    assert rows(branched)[:2] == before[:2]


def test_key_of_other_content_is_a_conflict_whatever_it_was_used_for(
    caller: Api, branched: Session, finish: Finish
) -> None:
    # given
    say(caller, branched, "And the fog?", idempotencyKey="sent")
    finish_newest(finish)
    regenerate(caller, at(branched, 4), idempotencyKey="regenerated")
    finish_newest(finish)
    edit(caller, at(branched, 4), "And the sea?", idempotencyKey="edited")
    finish_newest(finish)
    before = rows(branched)
    # then
    for key in ("sent", "regenerated", "edited"):
        assert say(caller, branched, "Anything", idempotencyKey=key).codes == ["CONFLICT"]
        assert regenerate(caller, at(branched, 1), idempotencyKey=key).codes == ["CONFLICT"]
        assert edit(caller, at(branched, 1), idempotencyKey=key).codes == ["CONFLICT"]
    assert rows(branched) == before


def test_key_of_a_message_stays_that_of_its_first_turn(caller: Api, session: Session, finish: Finish) -> None:
    # given
    first = say(caller, session, idempotencyKey="k").value["turn"]["id"]
    finish_newest(finish)
    # when
    regenerate(caller, at(session, 1))
    finish_newest(finish)
    # then
    assert say(caller, session, idempotencyKey="k").value["turn"]["id"] == first


def test_siblings_and_replies_cost_as_many_queries_for_one_message_as_for_forty(
    caller: Api, session: Session, finish: Finish
) -> None:
    def talk() -> None:
        for steer in (lambda: say(caller, session), lambda: regenerate(caller, session.messages.latest("seq"))):
            assert steer().codes == []
            finish_newest(finish)

    def cost() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as captured:
            edges = caller(SIBLINGS, id=gid(session)).value["messages"]["edges"]
        return len(captured) - QUERY_OVERHEAD, len(edges)

    # given
    talk()
    edit(caller, at(session, 1))
    finish_newest(finish)
    talk()
    few = cost()
    # when
    for _ in range(5):
        talk()
    # then
    assert few == (14, 4)
    assert cost() == (14, 14)


def test_reload_after_the_path_changed_shows_what_is_under_way(caller: Api, branched: Session) -> None:
    turn = edit(caller, at(branched, 1)).value["turn"]["id"]
    shown = state(caller, branched)
    assert shown["activeTurn"]["id"] == turn
    assert shown["lastEventSeq"] == last_event(branched)
    assert [edge["node"]["seq"] for edge in shown["messages"]["edges"]] == [4]
