"""Steering a conversation: another reply, other words, another branch, and all that follows the active path."""

from collections.abc import Callable
from typing import Any

import pytest

from cms.accounts.models import User
from content.generation.models import GenerationTask
from content.media.models import Media
from content.projects.models import Project
from content.workflow.models import WorkflowStep
from conversation import sessions
from conversation.models import Choice, Message, Session, Turn, TurnChunk
from tests.ai.fault_server import FaultServer
from tests.conftest import Api, gid
from tests.media import samples

from .branching import at, edit, events_after, finish_newest, last_event, path, regenerate, switch, versions
from .talking import choose, say, state

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]
TurnWith = Callable[..., Turn]


@pytest.fixture(autouse=True)
def _forget(provider: FaultServer) -> None:
    provider.asked.clear()


@pytest.fixture
def caller(api: MakeApi, producer: User) -> Api:
    return api(producer)


@pytest.fixture
def answered(caller: Api, session: Session, finish: Finish) -> Session:
    """One message (1) and its reply (2)."""
    say(caller, session, "Who keeps the lighthouse?")
    finish_newest(finish)
    return session


def step_and_progress(caller: Api, session: Session) -> tuple[str, list[str]]:
    shown = state(caller, session)
    return shown["currentStep"]["slug"], shown["project"]["progress"]["completedSteps"]


def choice_ids(caller: Api, session: Session) -> list[str]:
    return [choice["id"] for choice in state(caller, session)["choices"]]


def test_regenerated_reply_is_a_sibling_of_the_earlier_one_which_stays_readable(
    caller: Api, answered: Session, finish: Finish
) -> None:
    # when
    answer = regenerate(caller, at(answered, 2))
    # then
    assert answer.codes == []
    assert answer.value["turn"]["status"] == "QUEUED"
    assert answer.value["message"]["seq"] == 1
    assert path(caller, answered) == [1]
    # when
    assert finish_newest(finish).status == "completed"
    # then
    assert path(caller, answered) == [1, 3]
    assert versions(caller, answered) == {1: [1], 3: [2, 3]}
    old = caller("MessageSiblings", id=gid(at(answered, 2))).value["siblings"]
    assert [(one["seq"], one["content"] != "") for one in old] == [(2, True), (3, True)]
    first = caller("MessageSiblings", id=gid(at(answered, 1))).value
    assert [reply["seq"] for reply in first["replies"]] == [2, 3]


def test_earlier_message_is_answered_again_by_its_own_id_and_what_followed_stays_in_its_branch(
    caller: Api, answered: Session, finish: Finish
) -> None:
    # given
    say(caller, answered, "And the fog?")
    finish_newest(finish)
    # when
    assert regenerate(caller, at(answered, 1)).codes == []
    finish_newest(finish)
    # then
    assert path(caller, answered) == [1, 5]
    # when
    say(caller, answered, "And the sea?")
    finish_newest(finish)
    # then
    assert path(caller, answered) == [1, 5, 6, 7]
    # when an old reply is opened, its branch comes back down to its newest message
    assert switch(caller, at(answered, 2)).codes == []
    # then
    assert path(caller, answered) == [1, 2, 3, 4]
    assert [message.seq for message in answered.messages.filter(on_active_path=True)] == [1, 2, 3, 4]


def test_edited_message_is_a_sibling_and_the_edited_one_stays(caller: Api, answered: Session, finish: Finish) -> None:
    # given
    say(caller, answered, "And the fog?")
    finish_newest(finish)
    # when
    answer = edit(caller, at(answered, 3), "And the storm?", idempotencyKey="mine")
    # then
    assert answer.codes == []
    assert (answer.value["message"]["seq"], answer.value["message"]["content"]) == (5, "And the storm?")
    assert answer.value["message"]["idempotencyKey"] == "mine"
    assert path(caller, answered) == [1, 2, 5]
    finish_newest(finish)
    assert versions(caller, answered) == {1: [1], 2: [2], 5: [3, 5], 6: [6]}
    assert at(answered, 3).content == "And the fog?"


def test_first_message_can_be_edited(caller: Api, answered: Session, finish: Finish) -> None:
    # when
    edit(caller, at(answered, 1), "Who built it?")
    finish_newest(finish)
    # then
    assert path(caller, answered) == [3, 4]
    assert at(answered, 3).parent is None
    assert versions(caller, answered) == {3: [1, 3], 4: [4]}
    # when
    switch(caller, at(answered, 1))
    # then
    assert path(caller, answered) == [1, 2]


def test_edit_keeps_the_files_takes_others_or_none(
    caller: Api, session: Session, project: Project, picture: Callable[..., Media], finish: Finish
) -> None:
    # given
    first, second = gid(picture(project)), gid(picture(project))
    say(caller, session, "Look.", attachmentIds=[first, second])
    finish_newest(finish)
    said = at(session, 1)
    # when, then
    for given, expected in (
        ({}, [first, second]),
        ({"attachmentIds": None}, [first, second]),
        ({"attachmentIds": [second, second]}, [second]),
        ({"attachmentIds": []}, []),
    ):
        answer = edit(caller, said, "Look again.", **given)
        assert [file["id"] for file in answer.value["message"]["attachments"]] == expected
        finish_newest(finish)
    assert edit(caller, said, "", attachmentIds=[]).error["field"] == ["text"]
    assert edit(caller, said, "").codes == []


def test_model_sees_the_active_path_only(
    turn_with: TurnWith, caller: Api, session: Session, provider: FaultServer, finish: Finish
) -> None:
    # given
    turn_with("ok", text="Alpha one.")
    turn_with("ok", text="Beta two.")
    # when the second message is said in other words, and answered twice
    edit(caller, at(session, 3), "Gamma three.")
    finish_newest(finish)
    regenerate(caller, at(session, 6))
    finish_newest(finish)
    # then
    edited, again = (asked.body["messages"] for asked in provider.asked_of("ok")[2:])
    for messages in (edited, again):
        told = "\n".join(str(message["content"]) for message in messages)
        assert "Alpha one." in told
        assert "Gamma three." in told
        assert "Beta two." not in told
        assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    # when the first branch goes on
    switch(caller, at(session, 4))
    turn_with("ok", text="Delta four.")
    # then
    told = str(provider.asked_of("ok")[-1].body["messages"])
    assert "Beta two." in told
    assert "Gamma three." not in told


def test_step_progress_and_choices_follow_the_path(caller: Api, session: Session, finish: Finish) -> None:
    # given
    start = choice_ids(caller, session)
    choose(caller, session, "develop_story")
    finish_newest(finish)
    there = choice_ids(caller, session)
    assert step_and_progress(caller, session) == ("story_development", ["initial_concept"])
    # when other words are said in the first message's place
    edit(caller, at(session, 1), "Let me think about it first.")
    # then the session is where it was, with the choices that were offered then
    assert step_and_progress(caller, session) == ("initial_concept", [])
    assert choice_ids(caller, session) == start
    finish_newest(finish)
    here = choice_ids(caller, session)
    assert step_and_progress(caller, session) == ("initial_concept", [])
    assert not set(here) & set(start + there)
    # when
    switch(caller, at(session, 2))
    # then
    assert step_and_progress(caller, session) == ("story_development", ["initial_concept"])
    assert choice_ids(caller, session) == there
    # and a choice of that offer can be taken, while one of the other branch is stale
    answer = caller("SelectChoice", input={"sessionId": gid(session), "choiceId": here[0]})
    assert answer.codes == ["STALE_CHOICE"]
    assert caller("SelectChoice", input={"sessionId": gid(session), "choiceId": there[0]}).codes == []
    finish_newest(finish)
    # when
    switch(caller, at(session, 4))
    # then
    assert step_and_progress(caller, session) == ("initial_concept", [])
    assert choice_ids(caller, session) == here


def test_new_session_starts_where_the_active_paths_stand(
    caller: Api, producer: User, project: Project, session: Session, finish: Finish
) -> None:
    choose(caller, session, "develop_story")
    finish_newest(finish)
    assert sessions.start_session(user=producer, project_id=project.pk).current_step.slug == "story_development"
    # when
    edit(caller, at(session, 1))
    # then
    assert sessions.start_session(user=producer, project_id=project.pk).current_step.slug == "initial_concept"


def test_choice_has_its_effect_again_when_its_message_is_answered_again(
    caller: Api, session: Session, finish: Finish
) -> None:
    # given
    start = choice_ids(caller, session)
    choose(caller, session, "develop_story")
    finish_newest(finish)
    # when
    regenerate(caller, at(session, 2))
    # then while the turn is under way the offer is the one that the message answered
    assert choice_ids(caller, session) == start
    assert step_and_progress(caller, session) == ("initial_concept", [])
    # when
    finish_newest(finish)
    # then
    assert step_and_progress(caller, session) == ("story_development", ["initial_concept"])
    assert at(session, 1).selected_choice is not None


def test_choice_is_not_carried_over_to_other_words(caller: Api, session: Session, finish: Finish) -> None:
    choose(caller, session, "develop_story", text="Three acts.")
    finish_newest(finish)
    # when
    edit(caller, at(session, 1), "Four acts.")
    finish_newest(finish)
    # then
    assert at(session, 3).selected_choice is None
    assert step_and_progress(caller, session)[0] == "initial_concept"


def test_reply_stopped_part_way_keeps_the_offer_that_was_there_before(
    caller: Api, answered: Session, finish: Finish
) -> None:
    # given a turn whose runner died when it had said something
    offered = choice_ids(caller, answered)
    say(caller, answered, "And the fog?")
    turn = Turn.objects.latest("pk")
    Turn.objects.filter(pk=turn.pk).update(status="running", attempts=1)
    TurnChunk.objects.create(turn=turn, attempt=1, offset=0, text="The fog")
    caller("CancelTurn", input={"id": gid(turn)})
    assert path(caller, answered) == [1, 2, 3, 4]
    # when
    edit(caller, at(answered, 1))
    finish_newest(finish)
    switch(caller, at(answered, 4))
    # then
    assert at(answered, 4).interrupted
    assert choice_ids(caller, answered) == offered


def test_stopped_another_reply_leaves_the_path_at_the_message_and_the_earlier_reply_reachable(
    caller: Api, answered: Session
) -> None:
    # given
    turn = regenerate(caller, at(answered, 2)).value["turn"]["id"]
    # when
    assert caller("CancelTurn", input={"id": turn}).value["turn"]["status"] == "CANCELLED"
    # then
    assert path(caller, answered) == [1]
    (reply,) = caller("MessageSiblings", id=gid(at(answered, 1))).value["replies"]
    assert reply["seq"] == 2
    assert switch(caller, at(answered, 2)).codes == []
    assert path(caller, answered) == [1, 2]


def test_failed_another_reply_is_retried_at_its_message_though_another_branch_is_open(
    turn_with: TurnWith, caller: Api, session: Session, settings: Any, finish: Finish
) -> None:
    # given
    turn_with("ok")
    settings.QWEN3VL_MODEL = "503"
    regenerate(caller, at(session, 2))
    failed = finish_newest(finish)
    assert failed.status == "failed"
    switch(caller, at(session, 2))
    say(caller, session, "Meanwhile.")
    # then it is no longer the latest turn
    assert caller("RetryTurn", input={"id": gid(failed)}).codes == ["CONFLICT"]
    # given
    settings.QWEN3VL_MODEL = "ok"
    finish_newest(finish)
    settings.QWEN3VL_MODEL = "503"
    regenerate(caller, at(session, 1))
    failed = finish_newest(finish)
    switch(caller, at(session, 4))
    assert path(caller, session) == [1, 2, 3, 4]
    # when
    settings.QWEN3VL_MODEL = "ok"
    assert caller("RetryTurn", input={"id": gid(failed)}).codes == []
    # then
    assert path(caller, session) == [1]
    finish_newest(finish)
    assert path(caller, session) == [1, 5]
    assert at(session, 5).turn == failed


def test_notice_between_message_and_reply_hides_no_sibling(
    turn_with: TurnWith, caller: Api, session: Session, stored: Callable[..., Media], settings: Any, finish: Finish
) -> None:
    # given a file that the director cannot be given
    facts = {"duration": 2.0, "sample_rate": 48_000}
    sound = stored(samples.wav(), "audio/wav", "song.wav", **facts)
    turn_with("ok", attachmentIds=[gid(sound)])
    assert [message.role for message in session.messages.all()] == ["user", "system", "assistant"]
    # when
    regenerate(caller, at(session, 3))
    finish_newest(finish)
    # then
    assert path(caller, session) == [1, 4, 5]
    assert at(session, 4).parent == at(session, 1)
    assert versions(caller, session) == {1: [1], 4: [2, 4], 5: [3, 5]}
    # when a further one fails after its notice, and is retried from another branch
    settings.QWEN3VL_MODEL = "503"
    regenerate(caller, at(session, 5))
    failed = finish_newest(finish)
    assert path(caller, session) == [1, 6]
    switch(caller, at(session, 3))
    assert path(caller, session) == [1, 2, 3]
    settings.QWEN3VL_MODEL = "ok"
    caller("RetryTurn", input={"id": gid(failed)})
    finish_newest(finish)
    # then
    assert path(caller, session) == [1, 6, 7]


def test_switching_to_what_is_shown_changes_nothing(caller: Api, answered: Session) -> None:
    before = last_event(answered)
    for message in answered.messages.all():
        assert switch(caller, message).codes == []
    assert last_event(answered) == before
    assert path(caller, answered) == [1, 2]


def test_events_come_in_order(caller: Api, session: Session, finish: Finish) -> None:
    # given
    choose(caller, session, "develop_story")
    finish_newest(finish)
    # when, then
    before = last_event(session)
    regenerate(caller, at(session, 2))
    assert events_after(session, before) == ["path_changed", "step_changed", "choices_offered", "turn_updated"]
    finish_newest(finish)
    before = last_event(session)
    edit(caller, at(session, 1))
    assert events_after(session, before) == [
        "path_changed",
        "step_changed",
        "choices_offered",
        "message_added",
        "turn_updated",
    ]
    finish_newest(finish)
    before = last_event(session)
    switch(caller, at(session, 3))
    assert events_after(session, before) == ["path_changed", "step_changed", "choices_offered"]
    # when the path alone changes
    before = last_event(session)
    regenerate(caller, at(session, 1))
    finish_newest(finish)
    before = last_event(session)
    switch(caller, at(session, 2))
    # then
    assert events_after(session, before) == ["path_changed", "choices_offered"]


def test_step_that_is_gone_is_replaced_by_the_projects_present_one(
    caller: Api, answered: Session, finish: Finish
) -> None:
    # given words that were said at a step which is no longer published
    gone = WorkflowStep.objects.create(
        slug="gone", title="Gone", description="", phase="story_development", order=999, live=False
    )
    answered.messages.update(step=gone)
    # when
    assert edit(caller, at(answered, 1)).codes == []
    finish_newest(finish)
    assert switch(caller, at(answered, 2)).codes == []
    # then
    shown = state(caller, answered)
    assert (shown["state"], shown["currentStep"]["slug"]) == ("ACTIVE", "initial_concept")
    assert [choice["slug"] for choice in shown["choices"]][-1] == "manual_override"
    assert say(caller, answered, "And now?").codes == []


def test_messages_of_before_there_were_branches_leave_the_session_where_it_is(
    caller: Api, session: Session, finish: Finish
) -> None:
    # given
    choose(caller, session, "develop_story")
    finish_newest(finish)
    session.messages.update(step=None)
    # when
    regenerate(caller, at(session, 1))
    finish_newest(finish)
    switch(caller, at(session, 2))
    # then
    assert state(caller, session)["currentStep"]["slug"] == "story_development"
    assert len(choice_ids(caller, session)) >= 2


def test_task_of_a_regenerated_reply_is_that_of_who_asked_for_it(
    caller: Api, api: MakeApi, collaborator: User, session: Session, finish: Finish
) -> None:
    # given
    storyboarding = WorkflowStep.objects.get(slug="storyboarding")
    Session.objects.filter(pk=session.pk).update(current_step=storyboarding, shared=True)
    Choice.objects.filter(session=session, slug="develop_story").update(leads_to="", submits="storyboard_panel")
    choose(caller, session, "develop_story", text="The lamp.")
    finish_newest(finish)
    # when
    assert regenerate(api(collaborator), at(session, 2)).codes == []
    finish_newest(finish)
    # then
    tasks = GenerationTask.objects.order_by("pk")
    assert [task.created_by.name for task in tasks if task.created_by] == ["Producer", "Collaborator"]


def test_two_thousand_messages_are_switched_in_few_queries(
    caller: Api, answered: Session, django_assert_max_num_queries: Any
) -> None:
    # given two long branches below one message
    first = long_branch(answered, at(answered, 2), 1_000, on_path=True)
    second = long_branch(answered, at(answered, 2), 1_000, on_path=False)
    Session.objects.filter(pk=answered.pk).update(active_leaf=first, last_message_seq=2_002)
    # when
    with django_assert_max_num_queries(40):
        assert switch(caller, at(answered, 1_003)).codes == []
    # then
    answered.refresh_from_db()
    assert answered.active_leaf_id == second
    on_path = answered.messages.filter(on_active_path=True).values_list("seq", flat=True)
    assert list(on_path) == [1, 2, *range(1_003, 2_003)]


def long_branch(session: Session, parent: Message, length: int, *, on_path: bool) -> int:
    """Add messages, each below the one before; answers the last one's key."""
    seq = session.messages.latest("seq").seq
    start = Message.objects.latest("pk").pk
    rows = [
        Message(
            pk=start + number,
            session=session,
            seq=seq + number,
            parent_id=parent.pk if number == 1 else start + number - 1,
            role="user",
            content="More.",
            on_active_path=on_path,
            step=parent.step,
        )
        for number in range(1, length + 1)
    ]
    Message.objects.bulk_create(rows)
    return rows[-1].pk
