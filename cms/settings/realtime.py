"""Channels and the cache: in-process on the embedded default, Redis where REDIS_URL is set."""

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

# Limits on signing in are counted here: by all processes together where there are several.
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
