"""Addresses of media files, and the signatures that open one for whoever holds it."""

import time

from django.core import signing
from django.urls import reverse

from cms.api.ids import global_id
from cms.errors import forbidden, invalid

from .models import Media, Upload
from .uploads import upload_token

MIN_SIGNED_SECONDS, MAX_SIGNED_SECONDS = 60, 3_600
_SALT = "content.media.file"


def file_url(media: Media) -> str:
    """Asks for membership at every request."""
    return reverse("media-file", args=[global_id("Media", media.pk)])


def thumbnail_url(media: Media) -> str | None:
    """The same, for a small picture of it; null where there is none."""
    if media.image_id is None:
        return None
    return reverse("media-thumbnail", args=[global_id("Media", media.pk)])


def signed_url(media: Media, *, expires_in: int) -> str:
    """Opens for whoever holds it, for `expires_in` seconds. Raises INVALID outside of 60 to 3,600."""
    if not MIN_SIGNED_SECONDS <= expires_in <= MAX_SIGNED_SECONDS:
        raise invalid(f"A signed address lives {MIN_SIGNED_SECONDS} to {MAX_SIGNED_SECONDS:,} seconds.", "expires_in")
    token = signing.dumps([media.pk, int(time.time()) + expires_in], salt=_SALT)
    return reverse("media-signed", args=[token])


def signed_media_id(token: str) -> int:
    """The key of the media item that a signature opens. Raises FORBIDDEN where it is false or has expired."""
    try:
        media_id, expires_at = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise forbidden("This address is not valid.") from None
    if time.time() >= expires_at:
        raise forbidden("This address has expired. Ask for a new one.")
    return int(media_id)


def upload_url(upload: Upload) -> str:
    """Where the bytes of a ticket are sent."""
    return reverse("media-upload", args=[upload_token(upload)])
