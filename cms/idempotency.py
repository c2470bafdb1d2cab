"""Idempotency keys: the same key again answers with the same thing, and makes no other."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from django.db import IntegrityError

from .errors import conflict, invalid

MAX_KEY_LENGTH = 100


class Keyed(Protocol):
    """A row that remembers the key and the content that it was made with."""

    idempotency_digest: str


Row = TypeVar("Row", bound=Keyed)
Made = TypeVar("Made")


def check_key(key: str | None) -> str | None:
    """The key to store; None where none was sent. Raises INVALID for an empty or over-long one."""
    if key is not None and not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise invalid(f"An idempotency key has 1 to {MAX_KEY_LENGTH} characters.", "idempotency_key")
    return key


def digest(**content: Any) -> str:
    """A fingerprint of what a key was used for."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def same(row: Row | None, fingerprint: str) -> Row | None:
    """The row made earlier with the key, if any. Raises CONFLICT where it was made with other content."""
    if row is not None and row.idempotency_digest != fingerprint:
        raise conflict("That idempotency key was used for something else: send a new one.", "idempotency_key")
    return row


def once(make: Callable[[], Made], earlier: Callable[[], Made | None]) -> Made:
    """What `make` makes; where the same key came twice at once and the other has won, what `earlier` finds of it."""
    try:
        return make()
    except IntegrityError:
        found = earlier()
        if found is None:
            raise
        return found
