"""Opaque global ids (Relay Node): base64 of "Type:key", as every client may keep them but not read them."""

import base64
import binascii

from cms.errors import not_found

WORDS = {
    "GenerationTask": "The task",
    "UploadTicket": "The upload",
    "WebhookDelivery": "The delivery",
    "WorkflowStep": "The workflow step",
}


def global_id(type_name: str, key: int | str) -> str:
    """The id that the API shows for a row of a type."""
    return base64.urlsafe_b64encode(f"{type_name}:{key}".encode()).decode().rstrip("=")


def split_id(value: str) -> tuple[str, str] | None:
    """The type and key of a global id, or None where it is malformed."""
    try:
        padded = value + "=" * (-len(value) % 4)
        type_name, separator, key = base64.urlsafe_b64decode(padded.encode()).decode().partition(":")
    except (binascii.Error, UnicodeError, ValueError):
        return None
    # A key of more digits than a bigint holds would be an error of the database's.
    if not separator or not key or len(key) > 18:
        return None
    # Decoding skips what is not base64: only the very id that we gave is that id.
    return (type_name, key) if global_id(type_name, key) == value else None


def parse_id(value: str, type_name: str, field: str | None = "id") -> int:
    """The primary key behind a client's id.

    Raises NOT_FOUND, naming `field`, where the id is malformed or of another type: such an id is an unknown id.
    """
    parts = split_id(value)
    if parts and parts[0] == type_name and parts[1].isascii() and parts[1].isdigit():
        return int(parts[1])
    raise not_found(WORDS.get(type_name, f"The {type_name.lower()}"), field)
