"""An attached file that is at hand as bytes."""

from ai import documents, pictures
from ai.contract import Attachment, Content


def attachment(name: str, mime_type: str, data: bytes) -> Attachment:
    """A file of a message; its bytes are looked at when a director first asks."""
    return Attachment(name, mime_type, lambda: read(data, mime_type))


def read(data: bytes, mime_type: str) -> Content:
    """What of a picture or document can be given to a model. Never raises for a bad file."""
    return pictures.read(data) if mime_type.startswith("image/") else documents.read(data, mime_type)
