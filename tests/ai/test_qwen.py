"""The client against a server that speaks the documented format, over real HTTP."""

import asyncio
import base64
import io
import json

import pytest
from PIL import Image

from ai.contract import ChatMessage, ChatModel, Chosen, Delta
from ai.errors import (
    AIError,
    ContentRefusedError,
    PromptTooLongError,
    ProviderFailedError,
    ProviderMisconfiguredError,
    RateLimitedError,
    TimedOutError,
)
from ai.models import ModelConfig, chat_model
from ai.replies import parse_reply
from tests.ai.fault_server import PROSE, FaultServer
from tests.ai.scenes import a_picture, a_scene, a_video
from tests.ai.talking import API_KEY, a_model, a_prompt, collect, hear

HALF = " ".join(PROSE.split()[:8])


def test_streams_word_by_word_with_usage_after_the_end(faults: FaultServer) -> None:
    model = a_model(faults, "ok")

    pieces = asyncio.run(collect(model, a_scene()))

    completion = pieces[-1]
    assert len(pieces) > 20
    assert completion.text.strip() == PROSE
    assert (completion.finish_reason, completion.model, completion.tool_arguments) == ("stop", "ok", None)
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (321, 45)


def test_sends_one_system_prompt_the_roles_and_the_tool(faults: FaultServer) -> None:
    history = (ChatMessage("user", "A heist."), ChatMessage("assistant", "In which city?"))

    hear(a_model(faults, "ok"), a_scene("Lisbon.", history=history))

    (asked,) = faults.asked_of("ok")
    assert asked.roles == ["system", "user", "assistant", "user"]
    assert asked.body["messages"][3]["content"] == "Lisbon."
    assert asked.headers["authorization"] == f"Bearer {API_KEY}"
    assert asked.body["stream_options"] == {"include_usage": True}
    assert asked.body["tool_choice"] == "auto"
    assert [tool["function"]["name"] for tool in asked.body["tools"]] == ["direct"]
    assert "enable_thinking" not in asked.body


def test_sends_pictures_as_data_uris_of_a_size_the_model_takes(faults: FaultServer) -> None:
    scene = a_scene(attachments=[a_picture(4000, 3000, form="JPEG", name="set.jpg")])

    hear(a_model(faults, "ok"), scene, token_budget=20_000)

    (uri,) = faults.asked_of("ok")[0].pictures
    head, _, data = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert 1_000_000 < picture.width * picture.height <= 1280 * 32 * 32


def test_sends_a_video_as_single_pictures_each_after_its_name_and_time(faults: FaultServer) -> None:
    hear(a_model(faults, "ok"), a_scene("Watch.", attachments=[a_picture(), a_video(3, seconds=6.0)]))

    parts = faults.asked_of("ok")[0].body["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["image_url", *["text", "image_url"] * 3, "text"]
    assert [part["text"] for part in parts[1:-1:2]] == [
        "[clip.mp4, still 1 of 3, at 0.0 s]",
        "[clip.mp4, still 2 of 3, at 2.0 s]",
        "[clip.mp4, still 3 of 3, at 4.0 s]",
    ]
    assert parts[-1]["text"].startswith("Watch.")
    assert "Attached pictures, in this order: still.png" in parts[-1]["text"]
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in faults.asked_of("ok")[0].pictures[1:])


def test_a_blind_model_is_told_of_pictures_and_gets_none(faults: FaultServer) -> None:
    model = a_model(faults, "ok", pictures=False)
    hear(model, a_scene(attachments=[a_picture()]))

    (asked,) = faults.asked_of("ok")
    assert asked.pictures == []
    assert "still.png" in asked.body["messages"][-1]["content"]


def test_sends_what_is_configured_and_nothing_else(faults: FaultServer) -> None:
    hear(a_model(faults, "ok", enable_thinking=False, temperature=None, extra_body={"seed": 7}))

    (asked,) = faults.asked_of("ok")
    assert asked.body["enable_thinking"] is False
    assert asked.body["seed"] == 7
    assert "temperature" not in asked.body


def test_a_note_of_the_platform_is_told_inside_the_conversation(faults: FaultServer) -> None:
    history = (ChatMessage("user", "Hello."), ChatMessage("system", "The project was restored."))

    hear(a_model(faults, "ok"), a_scene(history=history))

    (asked,) = faults.asked_of("ok")
    assert asked.roles == ["system", "user", "user", "user"]
    assert "<platform_note>" in asked.body["messages"][2]["content"]


@pytest.mark.parametrize("scenario", ["ok-tool", "fenced", "no-tools", "fragments"])
def test_structure_arrives_apart_from_the_prose(faults: FaultServer, scenario: str) -> None:
    shown, completion = hear(a_model(faults, scenario))

    assert shown.strip() == PROSE
    reply = parse_reply(completion, a_scene())
    assert [choice.slug for choice in reply.choices] == ["open_on_harbour", "open_on_lie"]
    assert reply.notes == ()


def test_a_provider_without_tools_is_asked_for_a_block_of_json(faults: FaultServer) -> None:
    model = a_model(faults, "no-tools")

    hear(model)
    hear(model)

    first, second, third = faults.asked_of("no-tools")
    assert "tools" in first.body
    # The second request is the same turn again, the third a new one that no longer tries tools.
    for asked in (second, third):
        assert "tools" not in asked.body
        assert "```json" in asked.body["messages"][0]["content"]


def test_a_configured_lack_of_tools_is_not_tried(faults: FaultServer) -> None:
    hear(a_model(faults, "fenced", tools=False))

    assert "tools" not in faults.asked_of("fenced")[0].body


def test_a_call_alone_becomes_a_reply_with_words(faults: FaultServer) -> None:
    shown, completion = hear(a_model(faults, "tool-only"))

    assert shown == ""
    assert "Open on the harbour" in parse_reply(completion, a_scene()).text


def test_next_step_of_a_call_is_taken(faults: FaultServer) -> None:
    _, completion = hear(a_model(faults, "ok-next"))

    assert parse_reply(completion, a_scene()).next_step == "story_development"


@pytest.mark.parametrize(
    ("scenario", "note"),
    [("disallowed-step", "'world_domination', which the workflow"), ("malformed-tool", "could not be read")],
)
def test_a_bad_call_leaves_the_text_and_a_note(faults: FaultServer, scenario: str, note: str) -> None:
    _, completion = hear(a_model(faults, scenario))

    reply = parse_reply(completion, a_scene())
    assert reply.text == PROSE
    assert reply.next_step is None
    assert note in reply.notes[0]


def test_reasoning_is_never_shown(faults: FaultServer) -> None:
    shown, completion = hear(a_model(faults, "reasoning"))

    assert shown.strip() == completion.text.strip() == PROSE


def test_usage_is_estimated_where_the_provider_gives_none(faults: FaultServer) -> None:
    _, completion = hear(a_model(faults, "no-usage"))

    assert 500 < completion.usage.input_tokens < 3_000
    assert 40 < completion.usage.output_tokens < 90


@pytest.mark.parametrize("scenario", ["one-piece", "hang-after"])
def test_a_complete_answer_in_an_odd_form_counts(faults: FaultServer, scenario: str) -> None:
    shown, completion = hear(a_model(faults, scenario))

    assert shown.strip() == PROSE
    assert completion.finish_reason == "stop"


@pytest.mark.parametrize(
    ("scenario", "text"),
    [("odd-separators", "One\u2028two 🎬"), ("split-character", "Öl, 港, 🎬 and 👩‍🚀.")],
)
def test_odd_line_ends_and_characters_pass(faults: FaultServer, scenario: str, text: str) -> None:
    assert hear(a_model(faults, scenario))[0] == text


def test_half_a_character_is_not_shown(faults: FaultServer) -> None:
    shown: list[str] = []

    with pytest.raises(ProviderFailedError):
        asyncio.run(listen(a_model(faults, "cut-in-character"), shown))

    assert "".join(shown) == "One whole 港. "


@pytest.mark.parametrize("scenario", ["429-once", "429-until-date", "500-once", "dropped-once", "429-in-stream"])
def test_is_tried_again_before_the_first_token(faults: FaultServer, scenario: str) -> None:
    shown, _ = hear(a_model(faults, scenario))

    assert shown.strip() == PROSE
    assert len(faults.asked_of(scenario)) == 2


@pytest.mark.parametrize(
    ("scenario", "error", "times"),
    [
        ("401", ProviderMisconfiguredError, 1),
        ("unknown-model", ProviderMisconfiguredError, 1),
        ("arrearage", ProviderMisconfiguredError, 1),
        ("web-page", ProviderMisconfiguredError, 1),
        ("overflow", PromptTooLongError, 1),
        ("refused", ContentRefusedError, 1),
        ("refused-in-stream", ContentRefusedError, 1),
        ("filtered", ContentRefusedError, 1),
        ("429", RateLimitedError, 3),
        ("429-for-long", RateLimitedError, 1),
        ("503", ProviderFailedError, 3),
        ("cut", ProviderFailedError, 1),
        ("ended-early", ProviderFailedError, 1),
        ("error-in-stream", ProviderFailedError, 1),
        ("empty", ProviderFailedError, 1),
        ("hang-before", TimedOutError, 3),
        ("hang-midway", TimedOutError, 1),
    ],
)
def test_a_failure_has_a_code_and_words_for_people(
    faults: FaultServer, scenario: str, error: type[AIError], times: int
) -> None:
    with pytest.raises(error) as caught:
        hear(a_model(faults, scenario))

    assert len(faults.asked_of(scenario)) == times
    told = f"{caught.value.message} {caught.value.detail}"
    assert API_KEY not in told
    assert "://" not in told
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("scenario", ["cut", "error-in-stream", "hang-midway", "refused-in-stream", "filtered"])
def test_what_was_said_before_a_failure_was_shown(faults: FaultServer, scenario: str) -> None:
    shown: list[str] = []

    with pytest.raises(AIError):
        asyncio.run(listen(a_model(faults, scenario), shown))

    assert "".join(shown).strip() == HALF


def test_a_long_wait_is_told_and_not_waited_for(faults: FaultServer) -> None:
    with pytest.raises(RateLimitedError) as caught:
        hear(a_model(faults, "429-for-long"))

    assert caught.value.retry_after == 600


def test_the_whole_answer_has_a_deadline(faults: FaultServer) -> None:
    with pytest.raises(TimedOutError):
        hear(a_model(faults, "endless", silence_timeout=5.0, total_timeout=0.5))

    (asked,) = faults.asked_of("endless")
    assert asked.done.wait(5)
    assert asked.ended == "hung_up"


def test_a_slow_reader_is_not_the_providers_silence(faults: FaultServer) -> None:
    """The reader may stop for a while, for it writes to a database: nothing is cancelled under it."""
    shown: list[str] = []

    asyncio.run(listen(a_model(faults, "ok-stream"), shown, pause_after_first=0.9))

    assert "".join(shown).strip() == PROSE


@pytest.mark.parametrize("scenario", ["ok-stream", "hang-midway", "hang-before"])
def test_cancelling_hangs_up_at_once(faults: FaultServer, scenario: str) -> None:
    async def listen_and_cancel() -> None:
        task = asyncio.create_task(collect(a_model(faults, scenario, silence_timeout=30.0), a_scene()))
        while not faults.asked_of(scenario):
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 1)

    asyncio.run(listen_and_cancel())

    (asked,) = faults.asked_of(scenario)
    assert asked.done.wait(2)
    assert asked.ended == "hung_up"


def test_closing_after_some_words_hangs_up(faults: FaultServer) -> None:
    async def listen_and_close() -> str:
        stream = a_model(faults, "ok-stream").stream(a_prompt())
        first = await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # our streams are generators
        return first.text

    assert asyncio.run(listen_and_close()).strip() == PROSE.split()[0]
    (asked,) = faults.asked_of("ok-stream")
    assert asked.done.wait(2)
    assert asked.ended == "hung_up"


@pytest.mark.parametrize(
    ("base_url", "error"),
    [
        ("http://127.0.0.1:9/v1", ProviderFailedError),
        ("ftp://127.0.0.1/v1", ProviderMisconfiguredError),
        ("127.0.0.1/v1", ProviderMisconfiguredError),
    ],
)
def test_an_address_where_nobody_answers(base_url: str, error: type[AIError]) -> None:
    with pytest.raises(error):
        hear(chat_model(ModelConfig(base_url, "any", retries=0)))


def test_a_key_that_no_header_can_hold_is_a_misconfiguration(faults: FaultServer) -> None:
    with pytest.raises(ProviderMisconfiguredError) as caught:
        hear(chat_model(ModelConfig(faults.url, "ok", "sk-bad\nkey-“0123”")))

    assert "0123" not in f"{caught.value.message} {caught.value.detail}"


def test_the_key_is_in_no_printed_configuration() -> None:
    assert API_KEY not in repr(ModelConfig("http://127.0.0.1/v1", "any", API_KEY))


def test_a_choice_taken_is_told_with_its_decided_effect(faults: FaultServer) -> None:
    chosen = Chosen("create_characters", "Create characters", leads_to="character_creation")

    hear(a_model(faults, "ok"), a_scene("", chosen=chosen))

    system = faults.asked_of("ok")[0].body["messages"][0]["content"]
    assert "moves on to: Character creation" in system
    assert json.dumps("Harbour Lights") in system


async def listen(model: ChatModel, shown: list[str], *, pause_after_first: float = 0.0) -> None:
    async for piece in model.stream(a_prompt()):
        if isinstance(piece, Delta):
            shown.append(piece.text)
        if len(shown) == 1:
            await asyncio.sleep(pause_after_first)
