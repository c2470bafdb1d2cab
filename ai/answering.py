"""One answer of a director, whatever it takes: the prompt, the stream, a shorter prompt where the model cannot read so
much, and one more call where the answer's structured part cannot be used.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from ai.contract import ChatModel, Completion, Delta, Prompt, ProviderCall, Purpose, Scene, Usage
from ai.director import build_prompt, build_repair_prompt
from ai.errors import AIError, PromptTooLongError
from ai.replies import Reply, parse_repaired, parse_reply
from ai.tokens import prompt_tokens, text_tokens

logger = logging.getLogger(__name__)

# The words have been said: nobody waits much longer for what is offered with them.
REPAIR_SECONDS = 30.0
# Of what a refused prompt holds, where the provider does not say how much it takes.
SHRINK = 0.5
# Of what it does take: the next prompt must not fail for a few tokens.
MARGIN = 0.9
# Of the context, that an answer may take where both must fit in it.
ANSWER_SHARE = 0.25

T = TypeVar("T")
MayCall = Callable[[], Awaitable[bool]]


class Meter:
    """What the calls of one answer have used. May be read at any time, from any thread: a call that is still under way,
    or was ended before the provider counted, is estimated.
    """

    def __init__(self) -> None:
        self._ended: tuple[ProviderCall, ...] = ()
        self._open: tuple[str, Prompt, Purpose] | None = None
        self._heard = ""

    @property
    def calls(self) -> tuple[ProviderCall, ...]:
        if self._open is None:
            return self._ended
        model, prompt, purpose = self._open
        usage = Usage(prompt_tokens(prompt.messages, prompt.tool), text_tokens(self._heard))
        return (*self._ended, ProviderCall(model, usage, True, purpose))

    @property
    def has_heard(self) -> bool:
        """Whether the call under way, or the last one, has said anything."""
        return bool(self._heard)

    async def stream(
        self, model: ChatModel, prompt: Prompt, purpose: Purpose
    ) -> AsyncGenerator[Delta | Completion, None]:
        """What the model says, counted. Raises AIError."""
        self._open, self._heard = (model.name, prompt, purpose), ""
        try:
            async with aclosing(model.stream(prompt)) as items:  # type: ignore[type-var]  # generators, all of them
                async for item in items:
                    if isinstance(item, Completion):
                        self._end(ProviderCall(item.model, item.usage, item.is_estimated, purpose))
                    else:
                        self._heard += item.text
                    yield item
        except AIError as error:
            self._end(*(replace(call, purpose=purpose) for call in error.calls))
            raise

    def _end(self, *calls: ProviderCall) -> None:
        self._ended, self._open = (*self._ended, *calls), None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is about to be sent. Comes before the first word, and once more where the prompt had to be shortened."""

    prompt: Prompt
    meter: Meter


@dataclass(frozen=True, slots=True)
class Answer:
    """The end. `calls` are all that were made for it, in their order; `completion` is that of the words."""

    reply: Reply
    completion: Completion
    calls: tuple[ProviderCall, ...]


async def always() -> bool:
    return True


async def answer(
    model: ChatModel,
    scene: Scene,
    *,
    token_budget: int,
    max_tokens: int,
    may_call: MayCall = always,
    repair_seconds: float = REPAIR_SECONDS,
) -> AsyncGenerator[Prepared | Delta | Answer, None]:
    """The prompt as it is sent, the words as they come, and then exactly one Answer.

    Files are read and decoded in a thread of their own. `may_call` is asked before every call after the first; without
    its leave there is none. Raises AIError, whose `calls` are those that used tokens. May be closed at any time; what
    was used by then is in the meter.
    """
    talk = _Talk(model, scene, token_budget, max_tokens, may_call)
    completion: Completion | None = None
    try:
        async with aclosing(talk.words()) as items:
            async for item in items:
                if isinstance(item, Completion):
                    completion = item
                else:
                    yield item
        if completion is None:
            raise AIError(detail="the model's stream ended without a completion")
    except AIError as error:
        error.calls = talk.meter.calls
        raise
    reply = parse_reply(completion, scene)
    if completion.tool_arguments is None:
        logger.info("%s reported no structure: the step's own choices are offered.", completion.model)
    if reply.faults:
        reply = await talk.repaired(reply, completion, seconds=repair_seconds)
    yield Answer(reply, completion, talk.meter.calls)


class _Talk:
    """The calls that one answer takes."""

    def __init__(self, model: ChatModel, scene: Scene, token_budget: int, max_tokens: int, may_call: MayCall) -> None:
        self.meter = Meter()
        self._model = model
        self._scene = scene
        self._token_budget = token_budget
        self._max_tokens = max_tokens
        self._may_call = may_call

    async def words(self) -> AsyncGenerator[Prepared | Delta | Completion, None]:
        """The reply. A prompt that the model finds too long is sent once more, shorter. Raises AIError."""
        prompt = await self._prompt()
        for is_last in (False, True):
            yield Prepared(prompt, self.meter)
            try:
                async with aclosing(self.meter.stream(self._model, prompt, "reply")) as items:
                    async for item in items:
                        yield item
                return
            except PromptTooLongError as error:
                if is_last or self.meter.has_heard:
                    raise
                self._shrink(prompt, error)
                shorter = await self._prompt()
                if (shorter.messages, shorter.max_tokens) == (prompt.messages, prompt.max_tokens):
                    raise
                if not await self._may_call():
                    raise
                logger.warning("The prompt was too long and is sent once more, shorter: %s", error.detail)
                prompt = shorter

    async def _prompt(self) -> Prompt:
        return await in_thread(
            lambda: build_prompt(
                self._scene,
                token_budget=self._token_budget,
                max_tokens=self._max_tokens,
                sees_pictures=self._model.sees_pictures,
            )
        )

    def _shrink(self, prompt: Prompt, error: PromptTooLongError) -> None:
        estimated = prompt_tokens(prompt.messages, prompt.tool)
        self._token_budget = int(estimated * SHRINK)
        if error.limit is not None:
            self._max_tokens = max(1, min(self._max_tokens, int(error.limit * ANSWER_SHARE)))
            # Our tokens for one of the provider's.
            scale = estimated / error.given if error.given else 1.0
            room = (error.limit - self._max_tokens) * scale * MARGIN
            self._token_budget = int(min(room, estimated * MARGIN))

    async def repaired(self, reply: Reply, completion: Completion, *, seconds: float) -> Reply:
        """The reply with its structured part put right by the model, asked once; else without it, and the step's own
        choices are offered. Nothing of this is an error: the words have been said.
        """
        faults = " ".join(reply.faults)
        structure = completion.tool_arguments or ""
        prompt = build_repair_prompt(
            self._scene, reply, structure, token_budget=self._token_budget, max_tokens=self._max_tokens
        )
        if not await self._may_call():
            logger.info("No repair, for want of tokens: %s", faults)
            return reply
        given: str | None = None
        try:
            async with asyncio.timeout(seconds), aclosing(self.meter.stream(self._model, prompt, "repair")) as items:
                async for item in items:
                    if isinstance(item, Completion):
                        # A model that was told to write nothing else may leave out the call and the fence too.
                        given = item.tool_arguments or item.text
        except (AIError, TimeoutError) as error:
            logger.warning("A repair failed: %s", error)
        repaired = parse_repaired(completion, given, self._scene)
        if repaired is None:
            logger.warning("A reply's structure stays unusable after a repair: %s", faults)
            note = "Asked once more, the director gave nothing that could be used; the step's own choices stand."
            return replace(reply, notes=(*reply.notes, note))
        logger.info("A reply's structure was repaired: %s", faults)
        note = "The director's structured part could not be used at first and was asked for once more."
        return replace(repaired, notes=(note, *repaired.notes))


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises, from a thread of its own.

    Reading a file may take a minute and cannot be stopped from outside: it must neither hold up others, as it would in
    a pool, nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(done: Callable[[], None]) -> None:
        if not future.done():
            done()

    def run() -> None:
        try:
            done = partial(future.set_result, work())
        except BaseException as error:
            done = partial(future.set_exception, error)
        with suppress(RuntimeError):  # The loop was closed meanwhile: nobody waits.
            loop.call_soon_threadsafe(settle, done)

    threading.Thread(target=run, name="prompt", daemon=True).start()
    return await future
