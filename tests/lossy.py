"""Channel layers that drop, double and reorder what is sent, and the settings of servers that have one."""

import asyncio
import os
import random
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.lossy")

from cms.realtime import InProcessChannelLayer
from cms.settings.development import *  # noqa: F403

DROPPED, DOUBLED, LATE = 0.2, 0.2, 0.3
# Seconds by which what is late is late at most: several pieces overtake it.
LATEST = 0.2


class Lossy:
    """Before another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._dice = random.Random(int(os.environ.get("LOSSY_SEED", "1")))
        self._sending: set[asyncio.Task[None]] = set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self._dice.random() < DROPPED:
            return
        for _ in range(2 if self._dice.random() < DOUBLED else 1):
            late = self._dice.uniform(0, LATEST) if self._dice.random() < LATE else 0.0
            task = asyncio.create_task(self._send(group, message, late))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, group: str, message: dict[str, Any], late: float) -> None:
        await asyncio.sleep(late)
        await super().group_send(group, message)  # type: ignore[misc]  # of the layer behind it


class LossyInProcessLayer(Lossy, InProcessChannelLayer):
    """For one process."""


class LossyRedisLayer(Lossy, RedisPubSubChannelLayer):
    """For several."""


_kind = LossyRedisLayer if REDIS_URL else LossyInProcessLayer  # noqa: F405
CHANNEL_LAYERS["default"]["BACKEND"] = f"tests.lossy.{_kind.__name__}"  # noqa: F405
