"""One event loop in a thread of its own, for the asynchronous work of synchronous code.

Resolvers and runners are synchronous, channel sends and model streams are not. `async_to_sync` builds a loop
for each call (13 ms measured from a task); one lasting loop costs a hand-over between threads.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def background_loop() -> asyncio.AbstractEventLoop:
    """The process's background loop, started on first use (so after any fork)."""
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="background-loop", daemon=True).start()
        return _loop


def submit(coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
    """Run `coroutine` on the background loop; the future may be waited for, cancelled or left alone."""
    return asyncio.run_coroutine_threadsafe(coroutine, background_loop())
