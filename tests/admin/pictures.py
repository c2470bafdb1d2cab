"""Pictures to upload."""

import io

from PIL import Image


def png(colour: str = "teal") -> bytes:
    """A small PNG."""
    content = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(content, "PNG")
    return content.getvalue()
