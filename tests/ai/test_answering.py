"""One answer, whatever it takes, from a server over real HTTP."""

import asyncio
import threading
from typing import Any

import pytest

from ai.answering import Answer, Prepared, answer
from ai.contract import Attachment, ChatMessage, Content, Delta
from ai.errors import AIError, ContentRefusedError, PromptTooLongError, ProviderFailedError
from ai.models import chat_model
from ai.tokens import prompt_tokens
from tests.ai.fault_scenarios import OVERFLOWS
from tests.ai.fault_server import PROSE, FaultServer
from tests.ai.scenes import a_scene, a_text
from tests.ai.talking import a_model, answers

HISTORY = tuple(
    ChatMessage(role, f"{role} {number} " + "word " * 60) for number in range(30) for role in ("user", "assistant")
)


def told(items: list[Any]) -> str:
    return "".join(item.text for item in items if isinstance(item, Delta)).strip()


def test_gives_the_prompt_the_words_and_one_answer(faults: FaultServer) -> None:
    # when
    first, *deltas, last = answers(a_model(faults, "ok-tool"))
    # then
    assert isinstance(first, Prepared)
    assert told(deltas) == PROSE == last.reply.text
    assert [choice.slug for choice in last.reply.choices] == ["open_on_harbour", "open_on_lie"]
    ((call),) = last.calls
    assert (call.model, call.purpose, call.is_estimated) == ("ok-tool", "reply", False)
    assert (call.usage.input_tokens, call.usage.output_tokens) == (321, 45)
    assert first.meter.calls == last.calls


def test_structure_that_cannot_be_read_is_asked_for_once_more(faults: FaultServer) -> None:
    # when
    *items, last = answers(a_model(faults, "repairable"))
    # then
    asked, again = faults.asked_of("repairable")
    assert again.is_repair
    assert not asked.is_repair
    assert again.body["tool_choice"] == "required"
    assert '{"next_step": "story_develop' in again.system
    assert "It is not valid JSON: Unterminated string" in again.system
    assert "Two sisters smuggle" not in str(again.body)
    assert told(items) == PROSE == last.reply.text
    assert last.reply.next_step == "story_development"
    assert len(last.reply.choices) == 2
    assert [call.purpose for call in last.calls] == ["reply", "repair"]
    assert "asked for once more" in last.reply.notes[0]


@pytest.mark.parametrize(("scenario", "tries"), [("malformed-tool", 2), ("repair-refused", 4), ("repair-hangs", 2)])
def test_repair_that_fails_leaves_the_words(faults: FaultServer, scenario: str, tries: int) -> None:
    # when
    *items, last = answers(a_model(faults, scenario, silence_timeout=5.0), repair_seconds=0.5)
    # then
    assert len(faults.asked_of(scenario)) == tries
    assert told(items) == PROSE == last.reply.text
    assert (last.reply.next_step, last.reply.choices, last.reply.action) == (None, (), None)
    assert "nothing that could be used" in last.reply.notes[-1]


def test_calls_of_a_repair_that_was_ended_are_estimated(faults: FaultServer) -> None:
    last = answers(a_model(faults, "repair-hangs", silence_timeout=5.0), repair_seconds=0.2)[-1]
    assert [(call.purpose, call.is_estimated) for call in last.calls] == [("reply", False), ("repair", True)]
    assert 200 < last.calls[1].usage.input_tokens < 2_000


def test_service_that_takes_no_order_to_call_is_asked_for_a_block(faults: FaultServer) -> None:
    # given
    model = a_model(faults, "no-forced-call")
    # when
    last = answers(model)[-1]
    # then
    assert [choice.slug for choice in last.reply.choices] == ["open_on_harbour", "open_on_lie"]
    assert len(last.calls) == 2
    # The next turn's reply may call again.
    answers(model)
    assert "tools" in faults.asked_of("no-forced-call")[3].body


@pytest.mark.parametrize("scenario", ["ok", "disallowed-step", "tool-only", "ok-next"])
def test_nothing_to_repair_is_one_call(faults: FaultServer, scenario: str) -> None:
    answers(a_model(faults, scenario))
    assert len(faults.asked_of(scenario)) == 1


def test_no_call_is_made_without_leave(faults: FaultServer) -> None:
    async def never() -> bool:
        return False

    last = answers(a_model(faults, "repairable"), may_call=never)[-1]
    assert (last.reply.text, last.reply.choices) == (PROSE, ())
    with pytest.raises(PromptTooLongError):
        answers(a_model(faults, "overflow-llama-once"), a_scene(history=HISTORY), may_call=never)
    assert len(faults.asked_of("repairable")) == len(faults.asked_of("overflow-llama-once")) == 1


@pytest.mark.parametrize("scenario", [*(f"overflow-{kind}-once" for kind in OVERFLOWS), "overflow-in-stream"])
def test_prompt_that_is_too_long_is_sent_once_more_and_shorter(faults: FaultServer, scenario: str) -> None:
    # when
    items = answers(a_model(faults, scenario), a_scene(history=HISTORY), token_budget=8_000)
    # then
    first, second = [item.prompt for item in items if isinstance(item, Prepared)]
    sizes = [prompt_tokens(prompt.messages, prompt.tool) for prompt in (first, second)]
    assert sizes[1] < 0.9 * sizes[0]
    assert len(second.messages) > 2
    asked, again = faults.asked_of(scenario)
    assert len(again.body["messages"]) < len(asked.body["messages"])
    assert again.body["messages"][-1] == asked.body["messages"][-1]
    assert told(items) == PROSE
    assert len(items[-1].calls) == 1


def test_prompt_fits_what_the_model_says_it_takes(faults: FaultServer) -> None:
    items = answers(a_model(faults, "overflow-sglang-once"), a_scene(history=HISTORY), max_tokens=3_000)
    first, second = [item.prompt for item in items if isinstance(item, Prepared)]
    # A quarter of the context is the answer's. The model counted 9,031 tokens of the first prompt.
    assert second.max_tokens == 1_024
    scale = 9_031 / prompt_tokens(first.messages, first.tool)
    assert prompt_tokens(second.messages, second.tool) * scale + second.max_tokens <= 4_096


@pytest.mark.parametrize(("scenario", "times"), [("overflow", 2), ("overflow-midway", 1)])
def test_prompt_that_stays_too_long_is_told(faults: FaultServer, scenario: str, times: int) -> None:
    with pytest.raises(PromptTooLongError):
        answers(a_model(faults, scenario), a_scene(history=HISTORY))
    assert len(faults.asked_of(scenario)) == times


def test_prompt_that_cannot_be_shorter_is_not_sent_twice(faults: FaultServer) -> None:
    with pytest.raises(PromptTooLongError):
        answers(a_model(faults, "overflow-openai-once"), a_scene())
    assert len(faults.asked_of("overflow-openai-once")) == 1


def test_what_a_shorter_prompt_leaves_out_is_told_anew(faults: FaultServer) -> None:
    scene = a_scene(attachments=[a_text("word " * 4_000)])
    items = answers(a_model(faults, "overflow-openai-once"), scene, token_budget=12_000)
    first, second = [item.prompt.left_out for item in items if isinstance(item, Prepared)]
    assert first == ()
    assert "only its first" in second[0].reason


@pytest.mark.parametrize(
    ("scenario", "error", "calls"),
    [
        ("503", ProviderFailedError, []),
        ("refused", ContentRefusedError, []),
        ("cut", ProviderFailedError, [("reply", True)]),
        ("filtered", ContentRefusedError, [("reply", True)]),
        ("empty", ProviderFailedError, [("reply", False)]),
    ],
)
def test_failure_tells_what_was_used(
    faults: FaultServer, scenario: str, error: type[AIError], calls: list[tuple[str, bool]]
) -> None:
    with pytest.raises(error) as caught:
        answers(a_model(faults, scenario))
    assert [(call.purpose, call.is_estimated) for call in caught.value.calls] == calls
    assert all(call.usage.input_tokens > 300 for call in caught.value.calls)


def test_what_was_used_is_known_when_it_is_stopped(faults: FaultServer) -> None:
    async def stop_after_a_word() -> Prepared:
        items = answer(a_model(faults, "ok-stream"), a_scene(), token_budget=8_000, max_tokens=400)
        prepared = await anext(items)
        assert isinstance(prepared, Prepared)
        assert prepared.meter.calls == ()
        await anext(items)
        await items.aclose()
        return prepared

    (call,) = asyncio.run(stop_after_a_word()).meter.calls
    assert (call.model, call.is_estimated) == ("ok-stream", True)
    assert call.usage.input_tokens > 500
    assert call.usage.output_tokens > 0
    assert faults.asked_of("ok-stream")[0].done.wait(2)
    assert faults.asked_of("ok-stream")[0].ended == "hung_up"


def test_file_that_is_slow_to_read_holds_up_nobody_else() -> None:
    """The loop goes on, and so do other prompts, however many wait for their files."""
    reading = threading.Event()
    slow = Attachment("slow.png", "image/png", lambda: Content(problem=f"it came: {reading.wait(20)}"))
    model = chat_model(None, word_delay=0)

    async def first_of(scene: Any) -> Any:
        items = answer(model, scene, token_budget=8_000, max_tokens=400)
        return await anext(items)

    async def many() -> None:
        waiting = [asyncio.create_task(first_of(a_scene(attachments=[slow]))) for _ in range(40)]
        assert isinstance(await asyncio.wait_for(first_of(a_scene()), 5), Prepared)
        assert not any(task.done() for task in waiting)
        reading.set()
        await asyncio.gather(*waiting)

    asyncio.run(many())


def test_rehearsal_answers_the_same_way() -> None:
    first, *deltas, last = answers(chat_model(None, word_delay=0), a_scene("Go on to the story development."))
    assert isinstance(first, Prepared)
    assert isinstance(last, Answer)
    assert told(deltas) == last.reply.text
    assert last.reply.next_step == "story_development"
    assert last.calls[0].model == "rehearsal"
