"""The conversation against a real server that is not ours: llama.cpp's, with a small real model."""

import asyncio
import time

import pytest

from ai.contract import ChatMessage, ChatModel, Delta, Scene
from ai.errors import PromptTooLongError, ProviderMisconfiguredError
from ai.models import ModelConfig, chat_model
from ai.replies import parse_reply
from ai.tokens import prompt_tokens
from tests.ai.llama import Llama
from tests.ai.scenes import a_picture, a_scene, a_video
from tests.ai.talking import a_prompt, hear

pytestmark = pytest.mark.llm


@pytest.fixture(scope="module")
def model(llama: Llama) -> ChatModel:
    config = ModelConfig(llama.url, llama.model, llama.api_key, temperature=0.0, extra_body={"seed": 1})
    return chat_model(config)


def test_a_conversation_streams_and_is_counted(model: ChatModel) -> None:
    history = (ChatMessage("user", "Hello."), ChatMessage("assistant", "Which story shall we tell?"))
    scene = a_scene("One about a lighthouse. Tell me in three sentences what happens first.", history=history)

    shown, completion = hear(model, scene, token_budget=3_000, max_tokens=24)

    assert len(shown.split()) > 5
    assert shown == completion.text
    assert 0 < completion.usage.output_tokens <= 24
    # Our estimate decides what fits: it has to be near the truth, and rather above it.
    estimated = _estimate(scene)
    assert 0.8 * estimated < completion.usage.input_tokens < 1.1 * estimated
    assert parse_reply(completion, scene).text == shown.strip()


def test_a_picture_reaches_the_model_and_costs_tokens(model: ChatModel) -> None:
    _, without = hear(model, a_scene("What is this?"), max_tokens=8)
    _, small = hear(model, a_scene("What is this?", attachments=[a_picture(128, 128)]), max_tokens=8)
    _, large = hear(model, a_scene("What is this?", attachments=[a_picture(320, 256)]), max_tokens=8)

    assert without.usage.input_tokens + 16 <= small.usage.input_tokens
    assert large.usage.input_tokens - small.usage.input_tokens == 80 - 16


def test_a_videos_stills_reach_the_model(model: ChatModel) -> None:
    scene = a_scene("What is this?", attachments=[a_video(3, size=(128, 128))])
    prompt = a_prompt(scene, token_budget=3_000)
    words = prompt_tokens(prompt.messages, prompt.tool) - 3 * (16 + 2)

    _, completion = hear(model, scene, token_budget=3_000, max_tokens=8)

    assert 0.8 * words + 3 * 16 < completion.usage.input_tokens < 1.1 * (words + 3 * 16)


def test_cancelling_frees_the_servers_slot(llama: Llama, model: ChatModel) -> None:
    async def cancel_in_mid_stream() -> None:
        stream = model.stream(a_prompt(max_tokens=2_000))
        for _ in range(3):
            assert isinstance(await anext(stream), Delta)
        assert await asyncio.to_thread(llama.busy_slots) == 1
        await stream.aclose()  # type: ignore[attr-defined]  # our streams are generators

    asyncio.run(cancel_in_mid_stream())

    deadline = time.monotonic() + 5
    while llama.busy_slots() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert llama.busy_slots() == 0


def test_a_prompt_that_does_not_fit_is_told(model: ChatModel) -> None:
    long_story = "The lighthouse keeper counts the ships. " * 1_500

    with pytest.raises(PromptTooLongError):
        hear(model, a_scene(long_story), max_tokens=8)


def test_a_wrong_key_is_a_misconfiguration(llama: Llama) -> None:
    with pytest.raises(ProviderMisconfiguredError):
        hear(chat_model(ModelConfig(llama.url, llama.model, "sk-wrong")), max_tokens=8)


def _estimate(scene: Scene) -> int:
    prompt = a_prompt(scene, token_budget=3_000, max_tokens=24)
    return prompt_tokens(prompt.messages, prompt.tool)
