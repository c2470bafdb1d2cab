"""Hints over Channels. The database is the truth; what is sent here may be lost, late or doubled."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer

from .background import submit

logger = logging.getLogger(__name__)

Hint = dict[str, Any]
Join = Callable[[Hint, Hint], Hint | None]
# Hints that wait for one listener at most.
MOST_WAITING = 100


class InProcessChannelLayer(InMemoryChannelLayer):
    """The in-process layer for groups, made safe to send to from any thread, and without a detour.

    Channels' own one puts into the receiver's asyncio queue from the sender's thread, which wakes the receiver seconds
    late, and looks through all channels for expired messages at each one. Here the receiver's loop calls the receiver.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._receivers: dict[str, tuple[asyncio.AbstractEventLoop, Callable[[Hint], None]]] = {}

    def deliver(self, channel: str, receive: Callable[[Hint], None]) -> None:
        """Call `receive` on the present loop with each message that a group of the channel gets."""
        self._receivers[channel] = asyncio.get_running_loop(), receive

    async def group_discard(self, group: str, channel: str) -> None:
        await super().group_discard(group, channel)
        if not any(channel in members for members in self.groups.values()):
            self._receivers.pop(channel, None)

    async def group_send(self, group: str, message: Hint) -> None:
        for channel in list(self.groups.get(group, ())):
            if (receiver := self._receivers.get(channel)) is not None and not receiver[0].is_closed():
                receiver[0].call_soon_threadsafe(receiver[1], message)


class Hints:
    """What was sent to the groups that one listens to, of which a listener who is busy finds few waiting.

    `joined` makes one of two hints that follow each other, or says None.
    """

    def __init__(self, joined: Join | None = None) -> None:
        self._joined = joined
        self._waiting: deque[Hint] = deque()
        self._news = asyncio.Event()

    async def next(self, timeout: float) -> Hint | None:
        """The next hint; None after `timeout` seconds without one."""
        if not self._waiting:
            self._news.clear()
            try:
                async with asyncio.timeout(max(timeout, 0.0)):
                    await self._news.wait()
            except TimeoutError:
                return None
        return self._waiting.popleft()

    def put(self, hint: Hint) -> None:
        """Add a hint; also for one of this process's own."""
        if self._waiting and self._joined is not None and (one := self._joined(self._waiting[-1], hint)) is not None:
            self._waiting[-1] = one
        elif len(self._waiting) < MOST_WAITING:
            self._waiting.append(hint)
        else:
            # A look at the store answers all that was lost.
            self._waiting.clear()
            self._waiting.append({})
        self._news.set()

    def clear(self) -> None:
        """Forget the hints that wait: one look answers them all."""
        self._waiting.clear()


@asynccontextmanager
async def listen(*groups: str, joined: Join | None = None) -> AsyncGenerator[Hints, None]:
    """The hints that are sent to any of `groups` from now on.

    Every listener has a channel of its own: several subscriptions share a socket, and one that ends must not
    take the others' groups with it.
    """
    layer = get_channel_layer()
    assert layer is not None
    channel = await layer.new_channel()
    hints = Hints(joined)
    pump: asyncio.Task[None] | None = None
    if isinstance(layer, InProcessChannelLayer):
        layer.deliver(channel, hints.put)
    else:
        pump = asyncio.create_task(_pump(layer, channel, hints))
    try:
        for group in groups:
            await layer.group_add(group, channel)
        yield hints
    finally:
        for group in groups:
            with suppress(Exception):
                await layer.group_discard(group, channel)
        if pump is not None:
            pump.cancel()


async def _pump(layer: Any, channel: str, hints: Hints) -> None:
    while True:
        hints.put(await layer.receive(channel))


def send_hint(group: str, message: Hint) -> None:
    """Tell a group that something happened. Returns at once, and never fails: it is only a hint."""
    submit(group_send(group, message))


async def group_send(group: str, message: Hint) -> None:
    """The same for those who are on a loop; returns when the layer has it."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        await layer.group_send(group, message)
    except Exception:
        # The store is the truth: subscribers read it again from time to time.
        logger.warning("A hint to %s was lost.", group, exc_info=True)
