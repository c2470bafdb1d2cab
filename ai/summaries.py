"""The rolling summary: a long conversation in few words, written by the model that leads it."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from ai.answering import Meter
from ai.contract import ChatMessage, ChatModel, Completion, Passage, Prompt, ProviderCall
from ai.errors import AIError, TimedOutError
from ai.templates import fence, render
from ai.text import clean, is_blank, shorten

LONGEST_SUMMARY = 4_000
SUMMARY_TOKENS = 1_200
SECONDS = 90.0
_SPEAKERS = {"user": "the producer", "assistant": "the director", "system": "the platform"}


@dataclass(frozen=True, slots=True)
class Summarised:
    """`text` is the model's, of bounded length, and as little to be trusted as anything that it says."""

    text: str
    model: str
    calls: tuple[ProviderCall, ...]


def build_summary_prompt(passage: Passage, *, max_tokens: int = SUMMARY_TOKENS) -> Prompt:
    """Ask for one summary in the place of the earlier one and the messages after it."""
    said = "\n".join(fence(_SPEAKERS[message.role], message.text) for message in passage.messages)
    earlier = fence("the earlier summary", passage.summary) if passage.summary else "There is none."
    system = ChatMessage("system", render("summary", longest=f"{LONGEST_SUMMARY // 8}"))
    user = ChatMessage("user", render("passage", earlier=earlier, messages=said))
    return Prompt((system, user), None, max_tokens, passage)


async def summarise(model: ChatModel, passage: Passage) -> Summarised:
    """Raises AIError, whose `calls` are those that used tokens; also where the model wrote nothing."""
    meter = Meter()
    completion: Completion | None = None
    prompt = build_summary_prompt(passage)
    try:
        async with asyncio.timeout(SECONDS), aclosing(meter.stream(model, prompt, "summary")) as items:
            async for item in items:
                if isinstance(item, Completion):
                    completion = item
        if completion is None or is_blank(completion.text):
            raise AIError(detail="a summary without words")
    except TimeoutError:
        error = TimedOutError(detail="a summary took too long")
        error.calls = meter.calls
        raise error from None
    except AIError as error:
        error.calls = meter.calls
        raise
    return Summarised(shorten(clean(completion.text).strip(), LONGEST_SUMMARY), completion.model, meter.calls)
