"""A turn with a provider over real HTTP: what it does well, and every way it can fail."""

from collections.abc import Callable
from typing import Any

import pytest

from cms.accounts.models import User
from content.generation.models import GenerationTask
from content.projects.models import Project
from conversation.models import Session, Turn
from tests.ai.fault_scenarios import PROSE
from tests.ai.fault_server import FaultServer
from tests.ai.fixtures import llama as llama
from tests.ai.llama import Llama
from tests.conftest import Api, gid

from .talking import say, state

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]


def test_reply_and_its_choices_come_from_the_model(
    turn_with: Callable[..., Turn], api: MakeApi, producer: User, session: Session
) -> None:
    # when
    turn = turn_with("ok-tool")
    # then
    assert (turn.status, turn.reply.content) == ("completed", PROSE)
    assert turn.input_tokens
    assert turn.output_tokens
    offered = state(api(producer), session)["choices"]
    assert [choice["slug"] for choice in offered] == ["open_on_harbour", "open_on_lie", "manual_override"]


def test_step_that_the_workflow_allows_is_taken(
    turn_with: Callable[..., Turn], api: MakeApi, producer: User, session: Session
) -> None:
    turn = turn_with("ok-next")
    shown = state(api(producer), session)
    assert turn.notes == []
    assert shown["currentStep"]["slug"] != "initial_concept"
    assert shown["project"]["progress"]["completedSteps"] == ["initial_concept"]


@pytest.mark.parametrize("scenario", ["disallowed-step", "malformed-tool"])
def test_structure_that_cannot_be_believed_is_refused_with_a_note_and_the_text_counts(
    turn_with: Callable[..., Turn], api: MakeApi, producer: User, session: Session, scenario: str
) -> None:
    turn = turn_with(scenario)
    assert turn.status == "completed"
    assert turn.reply.content == PROSE
    assert turn.notes
    shown = state(api(producer), session)
    assert shown["currentStep"]["slug"] == "initial_concept"
    assert shown["choices"][0]["slug"] == "develop_story"


@pytest.mark.parametrize("scenario", ["429-once", "500-once", "dropped-once", "reasoning", "no-usage", "fenced"])
def test_passing_troubles_are_survived(turn_with: Callable[..., Turn], scenario: str) -> None:
    turn = turn_with(scenario)
    assert turn.status == "completed"
    assert turn.text.startswith(PROSE[:60])
    assert "```" not in turn.text


@pytest.mark.parametrize(
    ("scenario", "code"),
    [
        ("401", "PROVIDER_MISCONFIGURED"),
        ("arrearage", "PROVIDER_MISCONFIGURED"),
        ("refused", "CONTENT_REFUSED"),
        ("429-for-long", "RATE_LIMITED"),
        ("503", "PROVIDER_FAILED"),
        ("cut", "PROVIDER_FAILED"),
        ("error-in-stream", "PROVIDER_FAILED"),
        ("hang-before", "TIMED_OUT"),
        ("hang-midway", "TIMED_OUT"),
        ("empty", "PROVIDER_FAILED"),
        ("overflow", "PROVIDER_MISCONFIGURED"),
    ],
)
def test_failure_is_told_in_words_and_nothing_is_lost(
    turn_with: Callable[..., Turn],
    api: MakeApi,
    producer: User,
    session: Session,
    provider: FaultServer,
    scenario: str,
    code: str,
) -> None:
    # when
    turn = turn_with(scenario)
    # then
    assert turn.status == "failed"
    error = api(producer)("Turn", id=gid(turn)).value["error"]
    assert error["code"] == code
    assert len(error["message"]) > 20
    assert provider.url not in error["message"]
    assert "sk-test" not in error["message"]
    assert [message.content for message in session.messages.all()] == ["Who keeps the lighthouse?"]
    shown = state(api(producer), session)
    assert (shown["state"], shown["awaitingUserInput"]) == ("ACTIVE", True)
    assert shown["choices"]


def test_failed_turn_is_retried_as_the_same_row(
    turn_with: Callable[..., Turn],
    api: MakeApi,
    producer: User,
    session: Session,
    settings: Any,
    finish: Finish,
) -> None:
    # given
    failed = turn_with("cut")
    assert failed.text
    # when
    settings.QWEN3VL_MODEL = "ok"
    answer = api(producer)("RetryTurn", input={"id": gid(failed)})
    # then
    assert answer.value["turn"]["id"] == gid(failed)
    assert answer.value["turn"]["text"] == ""
    turn = finish(failed)
    assert (turn.status, turn.attempts, turn.reply.content) == ("completed", 2, PROSE)


def test_model_is_told_the_project_the_step_and_the_picture_and_nothing_more(
    turn_with: Callable[..., Turn],
    provider: FaultServer,
    producer: User,
    project: Project,
    session: Session,
    picture: Callable[..., Any],
) -> None:
    turn_with("ok", attachmentIds=[gid(picture(project))])
    asked = provider.asked_of("ok")[-1].body
    roles = [message["role"] for message in asked["messages"]]
    assert roles == ["system", "user"]
    system = asked["messages"][0]["content"]
    assert "The Tide Clock" in system
    assert producer.email not in str(asked)
    parts = asked["messages"][1]["content"]
    assert any(part["type"] == "image_url" and part["image_url"]["url"].startswith("data:image/") for part in parts)


def test_task_that_the_choice_submits_is_queued_with_the_turn(
    turn_with: Callable[..., Turn],
    session: Session,
    producer: User,
    api: MakeApi,
    finish: Finish,
    settings: Any,
) -> None:
    # given
    from content.workflow.cards import step_cards
    from content.workflow.models import StepChoice
    from conversation.offers import offer

    submitting = StepChoice.objects.filter(submits="storyboard_panel").first()
    assert submitting is not None
    Session.objects.filter(pk=session.pk).update(current_step=submitting.step)
    session.refresh_from_db()
    offered = offer(session, step_cards(submitting.step))
    choice = next(card for card in offered if card.slug == submitting.slug)
    # when
    answer = api(producer)(
        "SelectChoice",
        input={"sessionId": gid(session), "choiceId": gid(choice), "text": "The lamp goes out."},
    )
    turn = finish(Turn.objects.latest("pk"))
    # then
    assert answer.codes == []
    assert turn.status == "completed"
    task = GenerationTask.objects.get()
    assert (task.session, task.task_type) == (session, "storyboard_panel")
    assert "The lamp goes out." in task.input["scene"]
    kinds = [event.type for event in session.events.order_by("seq")]
    assert "task_updated" in kinds
    assert kinds[-1] == "turn_updated"


@pytest.mark.llm
def test_conversation_with_a_picture_runs_on_a_real_model(
    llama: Llama,
    settings: Any,
    api: MakeApi,
    producer: User,
    project: Project,
    session: Session,
    picture: Callable[..., Any],
    finish: Finish,
) -> None:
    # given
    settings.QWEN3VL_BASE_URL, settings.QWEN3VL_MODEL = llama.url, llama.model
    settings.QWEN3VL_API_KEY = llama.api_key
    settings.QWEN3VL_SILENCE_SECONDS = settings.QWEN3VL_TOTAL_SECONDS = 150.0
    settings.MODEL_INPUT_TOKENS, settings.MODEL_OUTPUT_TOKENS = 3_000, 24
    # when
    say(api(producer), session, "What is this?", attachmentIds=[gid(picture(project, size=(128, 96)))])
    turn = finish(Turn.objects.get())
    # then
    assert turn.status == "completed", turn.error_message
    assert turn.reply.content
    assert turn.model
    assert turn.input_tokens > 1_000
    assert 0 < turn.output_tokens <= 24
