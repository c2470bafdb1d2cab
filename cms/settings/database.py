"""SQLite on the embedded default, PostgreSQL where DATABASE_URL says so."""

from typing import Any

from .env import VAR_DIR, env

# WAL and immediate transactions let readers and one writer work at once; a deferred transaction that
# turns into a write fails at once with "database is locked" whatever the time-out.
SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;",
}


def database() -> dict[str, Any]:
    """Django's DATABASES["default"] for DATABASE_URL."""
    config: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = SQLITE_OPTIONS
        # A file for the tests too: an in-memory database cannot be shared between threads and processes.
        name = env("TEST_SQLITE_NAME", default="test")
        config["TEST"] = {"NAME": str(VAR_DIR / f"{name}.sqlite3")}
    else:
        # Under ASGI every request has a thread of its own, so persistent connections would pile up.
        config["CONN_MAX_AGE"] = 0
        config["OPTIONS"] = {"pool": {"min_size": 2, "max_size": env.int("DATABASE_POOL_SIZE", default=20)}}
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
