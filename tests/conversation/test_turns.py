"""Speaking: what is stored, what is refused, and what a turn does."""

from collections.abc import Callable
from typing import Any

import pytest

from cms.accounts.models import User
from content.projects.models import Project
from content.projects.services import archive_project, create_project
from content.workflow.models import WorkflowStep
from conversation import sessions
from conversation.choices import SessionState
from conversation.models import Choice, Session, Turn
from tests.conftest import Api, gid

from .talking import choose, say, state

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]


def test_message_is_stored_and_answered_by_the_director(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    # when
    answer = say(api(producer), session)
    # then
    assert answer.codes == []
    assert answer.value["turn"]["status"] == "QUEUED"
    assert answer.value["message"]["content"] == "Who keeps the lighthouse?"
    # when
    turn = finish(Turn.objects.get())
    # then
    assert turn.status == "completed"
    roles = [message.role for message in session.messages.all()]
    assert roles == ["user", "assistant"]
    assert state(api(producer), session)["awaitingUserInput"] is True


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [("", "INVALID", ["text"]), ("   \n", "INVALID", ["text"]), ("x" * 2_001, "INVALID", ["text"])],
)
def test_text_that_cannot_be_sent_is_refused_and_nothing_is_stored(
    api: MakeApi, producer: User, session: Session, text: str, code: str, field: list[str]
) -> None:
    answer = say(api(producer), session, text)
    assert answer.error["code"] == code
    assert answer.error["field"] == field
    assert not session.messages.exists()
    assert not session.turns.exists()


def test_two_thousand_characters_are_taken(api: MakeApi, producer: User, session: Session) -> None:
    assert say(api(producer), session, "🎬" * 2_000).codes == []


def test_second_message_waits_for_the_first_to_be_answered(api: MakeApi, producer: User, session: Session) -> None:
    say(api(producer), session)
    assert say(api(producer), session, "And the fog?").codes == ["TURN_IN_PROGRESS"]
    assert session.messages.count() == 1


def test_same_key_again_is_the_same_turn_and_other_content_is_a_conflict(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    # given
    first = say(api(producer), session, idempotencyKey="k1").value["turn"]["id"]
    finish(Turn.objects.get())
    # then
    assert say(api(producer), session, idempotencyKey="k1").value["turn"]["id"] == first
    assert say(api(producer), session, "Other words", idempotencyKey="k1").codes == ["CONFLICT"]
    assert session.turns.count() == 1


def test_key_is_checked_before_the_session_state(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    first = say(api(producer), session, idempotencyKey="k1").value["turn"]["id"]
    finish(Turn.objects.get())
    sessions.pause_session(user=producer, session_id=session.pk)
    assert say(api(producer), session, idempotencyKey="k1").value["turn"]["id"] == first
    assert say(api(producer), session, idempotencyKey="k2").codes == ["SESSION_NOT_ACTIVE"]


def test_refusal_does_not_use_up_the_key(api: MakeApi, producer: User, session: Session) -> None:
    assert say(api(producer), session, "", idempotencyKey="k1").codes == ["INVALID"]
    assert say(api(producer), session, "Words", idempotencyKey="k1").codes == []


@pytest.mark.parametrize("key", ["", "x" * 101])
def test_key_of_a_wrong_length_is_invalid(api: MakeApi, producer: User, session: Session, key: str) -> None:
    assert say(api(producer), session, idempotencyKey=key).codes == ["INVALID"]


def test_recommended_choice_moves_the_workflow_and_completes_the_step(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    # when
    assert choose(api(producer), session, "develop_story").codes == []
    assert state(api(producer), session)["currentStep"]["slug"] == "initial_concept"
    finish(Turn.objects.get())
    # then
    shown = state(api(producer), session)
    assert shown["currentStep"]["slug"] == "story_development"
    assert shown["project"]["progress"]["completedSteps"] == ["initial_concept"]
    assert shown["project"]["progress"]["overallProgress"] > 0
    slugs = [choice["slug"] for choice in shown["choices"]]
    assert slugs == ["episode_breakdown", "character_arcs", "world_building", "manual_override"]
    assert session.messages.first().selected_choice.slug == "develop_story"


def test_choice_of_an_older_offer_is_stale(api: MakeApi, producer: User, session: Session, finish: Finish) -> None:
    # given
    old = Choice.objects.get(session=session, slug="create_characters")
    choose(api(producer), session, "develop_story")
    finish(Turn.objects.get())
    # when
    answer = api(producer)("SelectChoice", input={"sessionId": gid(session), "choiceId": gid(old)})
    # then
    assert answer.codes == ["STALE_CHOICE"]
    assert session.messages.count() == 2


def test_choice_of_another_session_is_unknown(api: MakeApi, producer: User, project: Project, session: Session) -> None:
    other = sessions.start_session(user=producer, project_id=project.pk)
    choice = Choice.objects.filter(session=other).first()
    answer = api(producer)("SelectChoice", input={"sessionId": gid(session), "choiceId": gid(choice)})
    assert answer.error["code"] == "NOT_FOUND"
    assert answer.error["field"] == ["choiceId"]


def test_choice_whose_step_the_workflow_no_longer_leads_to_is_refused(
    api: MakeApi, producer: User, session: Session
) -> None:
    Choice.objects.filter(session=session, slug="develop_story").update(leads_to="final_assembly")
    assert choose(api(producer), session, "develop_story").codes == ["STEP_NOT_ALLOWED"]
    assert not session.messages.exists()


def test_manual_override_needs_words_and_carries_them(api: MakeApi, producer: User, session: Session) -> None:
    answer = choose(api(producer), session, "manual_override")
    assert answer.error["code"] == "INVALID"
    assert answer.error["field"] == ["text"]
    assert choose(api(producer), session, "manual_override", text="Begin with the ending.").codes == []
    assert session.messages.get().content == "Begin with the ending."


def test_words_with_another_choice_are_appended(api: MakeApi, producer: User, session: Session) -> None:
    choose(api(producer), session, "develop_story", text="Three acts.")
    assert session.messages.get().content == "Develop Story Structure\n\nThree acts."


def test_stranger_and_unshared_member_cannot_tell_the_session_is_there(
    api: MakeApi, stranger: User, collaborator: User, session: Session
) -> None:
    for outsider in (stranger, collaborator):
        answer = say(api(outsider), session)
        assert answer.error["code"] == "NOT_FOUND"
        assert answer.error["field"] == ["sessionId"]
        assert api(outsider)("ChatSession", id=gid(session)).value is None
    assert not session.messages.exists()


def test_shared_session_takes_the_members_words(
    api: MakeApi, producer: User, collaborator: User, session: Session
) -> None:
    api(producer)("UpdateSession", input={"id": gid(session), "shared": True})
    answer = say(api(collaborator), session, idempotencyKey="theirs")
    assert answer.codes == []
    assert session.messages.get().author == collaborator
    # The key is its author's own.
    shown = state(api(producer), session)["messages"]["edges"][0]["node"]
    assert shown["idempotencyKey"] is None


def test_lost_membership_ends_even_ones_own_session(
    api: MakeApi, producer: User, collaborator: User, project: Project
) -> None:
    own = sessions.start_session(user=collaborator, project_id=project.pk)
    api(producer)("RemoveCollaborator", input={"projectId": gid(project), "userId": gid(collaborator)})
    assert say(api(collaborator), own).codes == ["NOT_FOUND"]


def test_archived_project_refuses_to_be_talked_about(
    api: MakeApi, producer: User, project: Project, session: Session
) -> None:
    archive_project(user=producer, project_id=project.pk)
    assert say(api(producer), session).codes == ["CONFLICT"]
    assert state(api(producer), session)["title"] == session.title


def test_attachments_must_be_media_of_the_project(
    api: MakeApi, producer: User, project: Project, session: Session, picture: Callable[[Project], Any]
) -> None:
    # given
    other = create_project(user=producer, title="Another", genre="drama")
    foreign, own = picture(other), picture(project)
    # then
    for wrong in ([gid(foreign)], [gid(own), gid(foreign)], ["nonsense"]):
        answer = say(api(producer), session, attachmentIds=wrong)
        assert answer.error["code"] == "NOT_FOUND"
        assert answer.error["field"] == ["attachmentIds"]
    assert say(api(producer), session, "", attachmentIds=[gid(own)]).codes == []
    shown = state(api(producer), session)["messages"]["edges"][0]["node"]
    assert [media["id"] for media in shown["attachments"]] == [gid(own)]


def test_attached_picture_reaches_the_director(
    api: MakeApi,
    producer: User,
    project: Project,
    session: Session,
    picture: Callable[[Project], Any],
    finish: Finish,
) -> None:
    say(api(producer), session, "Look at this.", attachmentIds=[gid(picture(project, size=(640, 360)))])
    turn = finish(Turn.objects.get())
    assert "640" in turn.text
    assert "360" in turn.text


def test_more_than_ten_attachments_are_too_many(
    api: MakeApi, producer: User, project: Project, session: Session, picture: Callable[[Project], Any]
) -> None:
    media = [gid(picture(project)) for _ in range(11)]
    assert say(api(producer), session, attachmentIds=media).error["code"] == "INVALID"


def test_cancelled_turn_keeps_nothing_where_nothing_was_said(api: MakeApi, producer: User, session: Session) -> None:
    turn = say(api(producer), session).value["turn"]["id"]
    answer = api(producer)("CancelTurn", input={"id": turn})
    assert answer.value["turn"]["status"] == "CANCELLED"
    assert answer.value["turn"]["error"]["code"] == "INTERRUPTED"
    assert session.messages.count() == 1
    assert say(api(producer), session, "Go on.").codes == []


def test_cancelling_an_ended_turn_changes_nothing(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    turn = say(api(producer), session).value["turn"]["id"]
    finish(Turn.objects.get())
    assert api(producer)("CancelTurn", input={"id": turn}).value["turn"]["status"] == "COMPLETED"


def test_only_the_latest_failed_turn_can_be_retried(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    turn = say(api(producer), session).value["turn"]["id"]
    finish(Turn.objects.get())
    assert api(producer)("RetryTurn", input={"id": turn}).codes == ["CONFLICT"]


def test_step_that_is_no_longer_published_puts_the_session_in_error_and_resuming_leads_out(
    api: MakeApi, producer: User, session: Session
) -> None:
    # given
    gone = WorkflowStep.objects.create(
        slug="gone", title="Gone", description="", phase="story_development", order=999, live=False
    )
    Session.objects.filter(pk=session.pk).update(current_step=gone)
    # when
    answer = say(api(producer), session)
    # then
    assert answer.codes == ["SESSION_NOT_ACTIVE"]
    assert state(api(producer), session)["state"] == "ERROR"
    # when
    api(producer)("ResumeSession", input={"id": gid(session)})
    # then
    shown = state(api(producer), session)
    assert (shown["state"], shown["currentStep"]["slug"]) == ("ACTIVE", "initial_concept")
    assert say(api(producer), session).codes == []


def test_turn_ends_failed_after_its_runner_died_three_times(
    producer: User, session: Session, api: MakeApi, finish: Finish
) -> None:
    # given
    say(api(producer), session)
    Turn.objects.update(status="queued", attempts=3)
    # when
    turn = finish(Turn.objects.get())
    # then
    assert (turn.status, turn.error_code) == ("failed", "INTERRUPTED")
    assert api(producer)("RetryTurn", input={"id": gid(turn)}).value["turn"]["status"] == "QUEUED"
    assert finish(turn).status == "completed"


def test_finished_series_completes_the_session(api: MakeApi, producer: User, session: Session, finish: Finish) -> None:
    last = WorkflowStep.objects.order_by("order").last()
    assert last is not None
    Session.objects.filter(pk=session.pk).update(current_step=last)
    from content.workflow.cards import step_cards
    from conversation.offers import offer

    session.refresh_from_db()
    offer(session, step_cards(last))
    finishing = Choice.objects.get(session=session, offer=session.offer, finishes=True)
    # when
    api(producer)("SelectChoice", input={"sessionId": gid(session), "choiceId": gid(finishing)})
    finish(Turn.objects.get())
    # then
    shown = state(api(producer), session)
    assert shown["state"] == SessionState.COMPLETED.name
    assert shown["choices"] == []
    assert last.slug in shown["project"]["progress"]["completedSteps"]
    assert say(api(producer), session).codes == ["SESSION_NOT_ACTIVE"]
    # when
    api(producer)("ResumeSession", input={"id": gid(session)})
    # then
    assert len(state(api(producer), session)["choices"]) >= 2
