"""`python -m tests.services DATABASE_URL REDIS_URL` says by its exit code whether both can be reached."""

import sys

import psycopg
import redis


def reachable(database_url: str, redis_url: str) -> bool:
    """Whether PostgreSQL and Redis answer there within two seconds."""
    try:
        psycopg.connect(database_url, connect_timeout=2).close()
        redis.Redis.from_url(redis_url, socket_connect_timeout=2).ping()
    except (psycopg.Error, redis.RedisError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if reachable(sys.argv[1], sys.argv[2]) else 1)
