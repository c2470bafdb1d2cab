"""Files: a private local folder. Nothing in it has an address of its own (content.media.views serves it)."""

from pathlib import Path
from typing import Any

from .env import VAR_DIR, env

MEDIA_ROOT = Path(env("MEDIA_ROOT", default=str(VAR_DIR / "media")))
MEDIA_URL = "/files/"

STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "content.media.storage.PrivateFileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# Bytes. The model takes pictures of up to 7 MB as they are and gets larger ones scaled down.
UPLOAD_LIMITS = {
    "IMAGE": env.int("UPLOAD_LIMIT_IMAGE", default=50 * 1024**2),
    "DOCUMENT": env.int("UPLOAD_LIMIT_DOCUMENT", default=20 * 1024**2),
}
UPLOAD_MAX_PIXELS = env.int("UPLOAD_MAX_PIXELS", default=64_000_000)
UPLOAD_TICKET_SECONDS = env.int("UPLOAD_TICKET_SECONDS", default=3600)
