"""How the tests talk with a model."""

import asyncio
from contextlib import aclosing
from typing import Any

from ai.answering import answer
from ai.contract import ChatModel, Completion, Delta, Prompt, Scene
from ai.director import build_prompt
from ai.models import ModelConfig, chat_model
from tests.ai.fault_server import FaultServer
from tests.ai.scenes import a_scene

API_KEY = "sk-test-0123456789abcdef"


def a_model(server: FaultServer, scenario: str, **changes: Any) -> ChatModel:
    """A client with short times: the faults are real, the waiting is not worth more."""
    values = {"silence_timeout": 0.5, "total_timeout": 10.0, "backoff": 0.02} | changes
    return chat_model(ModelConfig(server.url, scenario, API_KEY, **values))


def a_prompt(
    scene: Scene | None = None, *, token_budget: int = 8_000, max_tokens: int = 400, sees_pictures: bool = True
) -> Prompt:
    return build_prompt(
        scene or a_scene(), token_budget=token_budget, max_tokens=max_tokens, sees_pictures=sees_pictures
    )


async def collect(model: ChatModel, scene: Scene, **options: int) -> list[Any]:
    prompt = a_prompt(scene, sees_pictures=model.sees_pictures, **options)
    async with aclosing(model.stream(prompt)) as stream:  # type: ignore[type-var]  # generators, all of them
        return [item async for item in stream]


def answers(model: ChatModel, scene: Scene | None = None, **options: Any) -> list[Any]:
    """Everything that `answer` gives."""
    options = {"token_budget": 8_000, "max_tokens": 400} | options

    async def collected() -> list[Any]:
        async with aclosing(answer(model, scene or a_scene(), **options)) as items:
            return [item async for item in items]

    return asyncio.run(collected())


def hear(model: ChatModel, scene: Scene | None = None, **options: Any) -> tuple[str, Completion]:
    """The deltas joined, and the completion, which must come last and once."""
    *deltas, completion = asyncio.run(collect(model, scene or a_scene(), **options))
    assert isinstance(completion, Completion)
    assert all(isinstance(item, Delta) for item in deltas)
    return "".join(item.text for item in deltas), completion
