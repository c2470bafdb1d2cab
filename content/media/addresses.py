"""Addresses of media files, and the signatures that open one for whoever holds it."""

import time

from django.core import signing
from django.urls import reverse
from django.utils import timezone

from cms.api.ids import global_id
from cms.errors import forbidden, invalid

from .models import Media, Upload
from .storage import media_storage
from .uploads import upload_token

MIN_SIGNED_SECONDS, MAX_SIGNED_SECONDS = 60, 3_600
_SALT = "content.media.file"


def file_url(media: Media) -> str:
    """Asks for membership at every request."""
    return reverse("media-file", args=[global_id("Media", media.pk)])


def thumbnail_url(media: Media) -> str | None:
    """The same, for a small picture of it; None where there is none, or not yet."""
    if not media.thumbnail:
        return None
    return reverse("media-thumbnail", args=[global_id("Media", media.pk)])


def signed_url(media: Media, *, expires_in: int) -> str:
    """Opens for whoever holds it, for `expires_in` seconds. Raises INVALID outside of 60 to 3,600."""
    if not MIN_SIGNED_SECONDS <= expires_in <= MAX_SIGNED_SECONDS:
        raise invalid(f"A signed address lives {MIN_SIGNED_SECONDS} to {MAX_SIGNED_SECONDS:,} seconds.", "expires_in")
    token = signing.dumps([media.pk, int(time.time()) + expires_in], salt=_SALT)
    return reverse("media-signed", args=[token])


def signed_media(token: str) -> tuple[int, int]:
    """The key of the media item that a signature opens, and the seconds it still lives. Raises FORBIDDEN where it
    is false or has expired.
    """
    try:
        media_id, expires_at = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise forbidden("This address is not valid.") from None
    seconds = expires_at - time.time()
    if seconds <= 0:
        raise forbidden("This address has expired. Ask for a new one.")
    return int(media_id), max(1, int(seconds))


def upload_url(upload: Upload) -> str:
    """Where the bytes of a ticket are sent: a bucket's signed address, or one of ours with its own signature."""
    seconds = int((upload.expires_at - timezone.now()).total_seconds())
    signed = media_storage().signed_put(
        upload.path, size=upload.file_size, content_type=upload.mime_type, expires_in=max(1, seconds)
    )
    return signed or reverse("media-upload", args=[upload_token(upload)])
