"""Channels: in-process on the embedded default, Redis Pub/Sub where REDIS_URL is set."""

from typing import Any

from .env import env

REDIS_URL = env("REDIS_URL", default="")

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    # RedisChannelLayer drops silently at its capacity; Pub/Sub lost nothing when it was measured.
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "cms.realtime.ThreadSafeInMemoryChannelLayer"}
}
