"""Hints over Channels. The database is the truth; what is sent here may be lost, late or doubled."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer

from .background import submit

logger = logging.getLogger(__name__)


class ThreadSafeInMemoryChannelLayer(InMemoryChannelLayer):
    """The in-process layer, made safe to send to from any thread.

    Channels' own one puts into the receiver's asyncio queue from the sender's thread, which wakes the
    receiver seconds late. Here the receiving loop does the putting.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loops: dict[str, asyncio.AbstractEventLoop] = {}

    async def group_add(self, group: str, channel: str) -> None:
        self._loops[channel] = asyncio.get_running_loop()
        await super().group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await super().group_discard(group, channel)
        if not any(channel in members for members in self.groups.values()):
            self._loops.pop(channel, None)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        for channel in list(self.groups.get(group, ())):
            loop = self._loops.get(channel)
            if loop is None or loop.is_closed():
                continue
            loop.call_soon_threadsafe(self._put, channel, dict(message))

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        queue = self.channels.get(channel)
        if queue is None:
            queue = self.channels[channel] = asyncio.Queue()
        queue.put_nowait((float("inf"), message))


class Hints:
    """What was sent to the groups that one listens to."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def next(self, timeout: float) -> dict[str, Any] | None:
        """The next hint; None after `timeout` seconds without one."""
        try:
            return await asyncio.wait_for(self._queue.get(), timeout)
        except TimeoutError:
            return None

    async def pump(self, layer: Any, channel: str) -> None:
        """Take hints in until cancelled."""
        while True:
            self._queue.put_nowait(await layer.receive(channel))


@asynccontextmanager
async def listen(*groups: str) -> AsyncGenerator[Hints, None]:
    """The hints that are sent to any of `groups` from now on.

    Every listener has a channel of its own: several subscriptions share a socket, and one that ends must not
    take the others' groups with it.
    """
    layer = get_channel_layer()
    assert layer is not None
    channel = await layer.new_channel()
    for group in groups:
        await layer.group_add(group, channel)
    hints = Hints()
    pump = asyncio.create_task(hints.pump(layer, channel))
    try:
        yield hints
    finally:
        for group in groups:
            with suppress(Exception):
                await layer.group_discard(group, channel)
        pump.cancel()


def send_hint(group: str, message: dict[str, Any]) -> None:
    """Tell a group that something happened. Returns at once, and never fails: it is only a hint."""
    submit(_send(group, message))


async def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        await layer.group_send(group, message)
    except Exception:
        # The store is the truth: subscribers read it again from time to time.
        logger.warning("A hint to %s was lost.", group, exc_info=True)
