"""A turn at work: claimed, streamed, saved as it grows, finished.

A runner is a thread, of the server's own worker or of a Celery worker; the model's stream runs on the process's
background event loop and reaches the runner through a queue, so that a silent provider never keeps the runner from
renewing its lease or noticing that it was stopped.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from ai.contract import ChatModel, Completion, Delta, Prompt, Scene
from ai.director import build_prompt
from ai.errors import AIError
from ai.replies import parse_reply
from cms.background import submit
from cms.errors import ErrorCode
from cms.heartbeat import LeaseLost, heartbeat
from content.media.model_files import Reader

from . import events, outcomes
from .models import Turn
from .notices import notice_text
from .scene import build_scene, director_model

logger = logging.getLogger(__name__)

# Seconds between saves of the partial text. A save renews the lease and tells whether the turn was stopped.
SAVE_EVERY = 0.25
STOPPING = threading.Event()
"""Set at shutdown: runners hand their turns back."""


class _Ended:
    """The stream is over; `error` is why, if it did not end by itself."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class ModelStream:
    """A model's answer as a queue that a thread may wait on for a while."""

    def __init__(self, model: ChatModel, prompt: Prompt) -> None:
        self._queue: queue.SimpleQueue[Delta | Completion | _Ended] = queue.SimpleQueue()
        self._future = submit(self._pump(model, prompt))

    async def _pump(self, model: ChatModel, prompt: Prompt) -> None:
        error: BaseException | None = None
        try:
            async for item in model.stream(prompt):
                self._queue.put(item)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._queue.put(_Ended(error))

    def next(self, timeout: float) -> Delta | Completion | None:
        """The next item; None after `timeout` seconds without one. Raises what the model raised."""
        try:
            item = self._queue.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            return None
        if isinstance(item, _Ended):
            raise item.error or AIError("The model's answer ended too early. Retry the turn.")
        return item

    def close(self) -> None:
        """Stop the provider's request, at once."""
        self._future.cancel()


@contextmanager
def _streaming(model: ChatModel, prompt: Prompt) -> Iterator[ModelStream]:
    stream = ModelStream(model, prompt)
    try:
        yield stream
    finally:
        stream.close()


class _StoppedError(Exception):
    """The turn is no longer this runner's: cancelled, or taken over."""


class _ShuttingDownError(Exception):
    """The process ends."""


class TurnRun:
    """One attempt at one turn."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.text = ""
        self._offset = 0
        self._saved_at = time.monotonic()

    def prepare(self, model: ChatModel, scene: Scene, reader: Reader) -> Prompt:
        """The prompt, with the files read. The lease is kept meanwhile; whoever stops the turn stops the reading.

        Raises _StoppedError, _ShuttingDownError.
        """

        def renew() -> None:
            try:
                self._save()
            except (_StoppedError, _ShuttingDownError):
                reader.close()
                raise LeaseLost from None

        with heartbeat(renew, lease_seconds=settings.TURN_LEASE_SECONDS, name=f"turn {self.turn.pk}"):
            prompt = build_prompt(
                scene,
                token_budget=settings.MODEL_INPUT_TOKENS,
                max_tokens=settings.MODEL_OUTPUT_TOKENS,
                sees_pictures=model.sees_pictures,
            )
        self._save()
        return prompt

    def stream(self, model: ChatModel, prompt: Prompt) -> Completion:
        """Pass the reply on as it grows, until the model has said all.

        Raises AIError, _StoppedError, _ShuttingDownError.
        """
        with _streaming(model, prompt) as stream:
            while True:
                item = stream.next(self._saved_at + SAVE_EVERY - time.monotonic())
                if isinstance(item, Completion):
                    return item
                if isinstance(item, Delta):
                    self._pass_on(item.text)
                if time.monotonic() - self._saved_at >= SAVE_EVERY:
                    self._save()

    def _pass_on(self, text: str) -> None:
        events.hint_delta(self.turn, self._offset, text)
        self.text += text
        self._offset += utf16_length(text)

    def _save(self) -> None:
        if STOPPING.is_set():
            raise _ShuttingDownError
        if not outcomes.save_text(self.turn, self.text):
            raise _StoppedError
        self._saved_at = time.monotonic()
        release_connection()


def utf16_length(text: str) -> int:
    """The length that JavaScript's String.length gives."""
    return len(text.encode("utf-16-le")) // 2


def release_connection() -> None:
    """Give a pooled connection back while the runner waits for the model."""
    if connection.vendor != "sqlite" and not connection.in_atomic_block:
        connection.close()


def run(turn_id: int) -> None:
    """Take a turn and bring it to its end; nothing happens where another runner has it."""
    model = director_model()
    turn = outcomes.claim(turn_id, model.name)
    if turn is None:
        return
    attempt = TurnRun(turn)
    try:
        _answer(attempt, model)
    except _StoppedError:
        outcomes.cancel_if_asked(turn, attempt.text)
    except _ShuttingDownError:
        outcomes.release(turn)
    except AIError as error:
        logger.warning("Turn %s failed: %s %s", turn_id, error.code, error.detail)
        outcomes.save_text(turn, attempt.text)
        outcomes.fail(turn, ErrorCode(error.code), error.message, retry_after=error.retry_after)
    except Exception:
        logger.exception("Turn %s failed.", turn_id)
        outcomes.fail(
            turn,
            ErrorCode.INTERNAL,
            f"Something went wrong on our side. Retry; if it stays, report turn {turn_id}.",
        )


def _answer(attempt: TurnRun, model: ChatModel) -> None:
    reader = Reader()
    scene = build_scene(attempt.turn, reader)
    release_connection()
    prompt = attempt.prepare(model, scene, reader)
    if scene.message.attachments and not outcomes.give_notice(attempt.turn, notice_text(prompt.left_out)):
        raise _StoppedError
    release_connection()
    completion = attempt.stream(model, prompt)
    if outcomes.complete(attempt.turn, parse_reply(completion, scene), completion) is None:
        raise _StoppedError
