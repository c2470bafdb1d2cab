"""A turn at work: claimed, streamed, saved as it grows, brought to its end.

A turn is a task on the process's background event loop, so that hundreds of slow model calls take no thread each. Its
database work is done by a few threads (`Desk`), and what all turns need again and again by the keeper (keeper.py).
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, Protocol

from django.conf import settings

from ai.answering import Answer, Meter, Prepared, answer
from ai.contract import ChatModel, Delta, Scene
from ai.errors import AIError
from cms.api.threads import with_connections
from cms.background import background_loop, submit
from cms.errors import ErrorCode
from content.media.model_files import Reader
from content.usage import services as usage

from . import events, outcomes, summaries
from .choices import TurnStatus
from .growing import GrowingReply
from .keeper import STOPPING, TICK, Keeper
from .models import Turn
from .notices import notice_text
from .scene import build_scene, director_model

logger = logging.getLogger(__name__)

# Seconds that turns get at shutdown to be handed back.
HAND_BACK_SECONDS = 5.0
# Database work of all turns of a process at once.
THREADS = 8

_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="turns")
_slots = threading.BoundedSemaphore(settings.TURNS_AT_ONCE)
_keeper = Keeper()


class Desk(Protocol):
    """Where a turn's database work is done, off the event loop."""

    def __call__(self, work: Callable[..., Any], /, *arguments: Any) -> Awaitable[Any]: ...


class TurnRun:
    """One attempt at one turn."""

    def __init__(self, turn: Turn, model: ChatModel, desk: Desk) -> None:
        self.turn = turn
        self.reply = GrowingReply()
        self._model = model
        self._desk = desk
        self._scene: Scene | None = None
        self._meter: Meter | None = None
        self._work: asyncio.Task[Answer] | None = None
        self._is_stopped = False
        self._hints = _Hints(turn, self.reply)
        # White space is passed on with the word after it: a stored reply has none around it.
        self._blank = ""

    async def run(self) -> None:
        """Bring the turn to its end, whatever that is."""
        self._work = asyncio.create_task(self._answer())
        if self._is_stopped:
            self._work.cancel()
        (outcome,) = await asyncio.gather(self._work, return_exceptions=True)
        await self._desk(self._end, outcome)

    def stop(self) -> None:
        """End the provider's request at once. From any thread; nothing happens where the answer has ended."""
        background_loop().call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._is_stopped = True
        if self._work is not None:
            self._work.cancel()

    async def _answer(self) -> Answer:
        """Raises AIError."""
        reader = Reader()
        try:
            self._scene = await self._desk(build_scene, self.turn, reader)
            items = answer(
                self._model,
                self._scene,
                token_budget=settings.MODEL_INPUT_TOKENS,
                max_tokens=settings.MODEL_OUTPUT_TOKENS,
                may_call=self._may_call,
            )
            async with aclosing(items):
                async for item in items:
                    if isinstance(item, Delta):
                        self._pass_on(item.text)
                    elif isinstance(item, Prepared):
                        await self._prepared(item)
                    else:
                        return item
            raise AIError("The model's answer ended too early. Retry the turn.")
        finally:
            reader.close()

    async def _may_call(self) -> bool:
        return bool(await self._desk(usage.extend, self.turn))

    async def _prepared(self, prepared: Prepared) -> None:
        """What cannot be given to the director is told before it speaks."""
        self._meter = prepared.meter
        if self._scene is not None and self._scene.message.attachments:
            # Where the turn is no longer ours, the keeper ends this.
            await self._desk(outcomes.give_notice, self.turn, notice_text(prepared.prompt.left_out))

    def _pass_on(self, text: str) -> None:
        text = self._blank + text
        said = text.rstrip()
        self._blank = text[len(said) :]
        if not self.reply.count:
            said = said.lstrip()
        if said:
            self.reply.add(said)
            self._hints.wake()

    def _end(self, outcome: Answer | BaseException) -> None:
        """The one place where an attempt ends: what it used is entered, and the turn gets its outcome."""
        try:
            usage.settle(self.turn, self._meter.calls if self._meter else ())
            self._give(outcome)
        except Exception as error:
            self._fail_unexpectedly(error)

    def _give(self, outcome: Answer | BaseException) -> None:
        text = self.reply.text
        if isinstance(outcome, Answer):
            if outcomes.complete(self.turn, outcome) is None:
                outcomes.cancel_if_asked(self.turn, text)
            elif self._scene is not None:
                summaries.extend_later(self.turn, self._scene)
        elif isinstance(outcome, asyncio.CancelledError):
            outcomes.cancel_if_asked(self.turn, text)
            if STOPPING.is_set():
                outcomes.release(self.turn)
        elif isinstance(outcome, AIError):
            logger.warning("Turn %s failed: %s %s", self.turn.pk, outcome.code, outcome.detail)
            code = ErrorCode(outcome.code)
            outcomes.fail(self.turn, code, outcome.message, text=text, retry_after=outcome.retry_after)
        else:
            self._fail_unexpectedly(outcome)

    def _fail_unexpectedly(self, error: BaseException) -> None:
        logger.error("Turn %s failed.", self.turn.pk, exc_info=error)
        message = f"Something went wrong on our side. Retry; if it stays, report turn {self.turn.pk}."
        outcomes.fail(self.turn, ErrorCode.INTERNAL, message, text=self.reply.text)


class _Hints:
    """Tells subscribers how a reply grows: at once, and what gathers while that is under way together."""

    def __init__(self, turn: Turn, reply: GrowingReply) -> None:
        self._turn = turn
        self._reply = reply
        self._sent = 0
        self._sending: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something new to tell."""
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._sent < (count := self._reply.count):
            offset, text = self._reply.joined(self._sent, count)
            self._sent = count
            await events.send_delta(self._turn, offset, text)
        self._sending = None


def begin(turn_id: int) -> None:
    """Take a turn and have this process answer it; returns once it is taken, or where another runner has it.

    Waits while as many turns as the process may hold are at work, so that others take what it cannot.
    """
    if _keeper.has(turn_id) and Turn.objects.filter(pk=turn_id, status=TurnStatus.RUNNING).exists():
        return
    while not _slots.acquire(timeout=1.0):
        if STOPPING.is_set():
            return
    try:
        model = director_model()
        turn = None if STOPPING.is_set() else outcomes.claim(turn_id, model.name)
    except BaseException:
        _slots.release()
        raise
    if turn is None:
        _slots.release()
        return
    _keeper.start()
    submit(_keep(TurnRun(turn, model, _in_thread))).add_done_callback(_ended)


async def _keep(run: TurnRun) -> None:
    with _keeper.keeping(run.turn, run.reply, run.stop):
        await run.run()


def _ended(done: "Future[None]") -> None:
    _slots.release()
    if not done.cancelled() and (error := done.exception()) is not None:
        # Its lease runs out, and another runner takes the turn.
        logger.error("A turn was left to another runner.", exc_info=error)


async def _in_thread(work: Callable[..., Any], /, *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_threads, with_connections, work, *arguments)


def hand_back() -> None:
    """At shutdown: take no more turns, and hand those at work back for another process."""
    STOPPING.set()
    if not _keeper.wait_until_idle(HAND_BACK_SECONDS):
        logger.warning("Not every turn could be handed back; their leases run out.")


def run(turn_id: int) -> None:
    """Take a turn and bring it to its end; this thread does all of its database work."""
    model = director_model()
    turn = outcomes.claim(turn_id, model.name)
    if turn is None:
        return
    jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def here(work: Callable[..., Any], /, *arguments: Any) -> Any:
        future: Future[Any] = Future()
        jobs.put(lambda: _fulfil(future, work, *arguments))
        return await asyncio.wrap_future(future)

    attempt, keeper = TurnRun(turn, model, here), Keeper()
    with keeper.keeping(turn, attempt.reply, attempt.stop):
        done = submit(attempt.run())
        done.add_done_callback(lambda _: jobs.put(None))
        next_tick = time.monotonic() + TICK
        while True:
            try:
                job = jobs.get(timeout=max(0.0, next_tick - time.monotonic()))
            except queue.Empty:
                keeper.tick()
                next_tick = time.monotonic() + TICK
                continue
            if job is None:
                break
            job()
    done.result()


def _fulfil(future: "Future[Any]", work: Callable[..., Any], *arguments: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work(*arguments))
    except BaseException as error:
        future.set_exception(error)
