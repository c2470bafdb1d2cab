"""Channels and the cache: in-process on the embedded default, Redis where REDIS_URL is set."""

from typing import Any

from .env import env

REDIS_URL = env("REDIS_URL", default="")


def channel_layers(redis_url: str) -> dict[str, dict[str, Any]]:
    """Channels' layer."""
    if not redis_url:
        return {"default": {"BACKEND": "cms.realtime.InProcessChannelLayer"}}
    # RedisChannelLayer drops silently at its capacity; Pub/Sub lost nothing when it was measured.
    config = {"hosts": [redis_url]}
    return {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}}


def caches(redis_url: str) -> dict[str, dict[str, Any]]:
    """The cache. Limits on signing in are counted there: by all processes together where there are several."""
    if not redis_url:
        # By default it forgets most once it has 300 entries, which a guesser makes in no time.
        options = {"MAX_ENTRIES": 100_000}
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": options}}
    return {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}}


CHANNEL_LAYERS = channel_layers(REDIS_URL)
CACHES = caches(REDIS_URL)

# How often a server says that its open subscriptions are open; one that has not for 8/3 of it counts no longer.
PRESENCE_HEARTBEAT_SECONDS = env.float("PRESENCE_HEARTBEAT_SECONDS", default=15.0)

# Seconds after which the socket of a client that reads nothing of what waits for it is closed (1013).
SLOW_CLIENT_SECONDS = env.float("SLOW_CLIENT_SECONDS", default=20.0)

# GraphQL over WebSocket. Seconds that a client has to send connection_init (4408).
WEBSOCKET_INIT_SECONDS = env.float("WEBSOCKET_INIT_SECONDS", default=10.0)
# Operations at once on one socket, and sockets that one person may have open with one process.
WEBSOCKET_MAX_OPERATIONS = env.int("WEBSOCKET_MAX_OPERATIONS", default=100)
WEBSOCKET_MAX_PER_USER = env.int("WEBSOCKET_MAX_PER_USER", default=500)
# Seconds between WebSocket pings, and how long the pong may take until the socket counts as dead (1011).
WEBSOCKET_PING_SECONDS = env.float("WEBSOCKET_PING_SECONDS", default=20.0)
WEBSOCKET_PONG_SECONDS = env.float("WEBSOCKET_PONG_SECONDS", default=20.0)
