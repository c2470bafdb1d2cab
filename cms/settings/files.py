"""Files: a private local folder, or a private bucket. Nothing in either has a public address (content.media.views)."""

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .bucket import bucket
from .env import VAR_DIR, env

MEDIA_ROOT = Path(env("MEDIA_ROOT", default=str(VAR_DIR / "media")))
MEDIA_URL = "/files/"

_bucket = bucket(os.environ)
# What browsers reach without us, which the pages' Content-Security-Policy allows; "" where files are on the disk.
BUCKET_ORIGIN = _bucket.origin if _bucket else ""

STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "content.media.buckets.BucketStorage", "OPTIONS": _bucket.options}
    if _bucket
    else {"BACKEND": "content.media.storage.PrivateFileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

GIGABYTE = 10**9
# What one signed PUT carries.
LARGEST_UPLOAD = 4 * 1024**3
# Bytes of one file, by kind.
UPLOAD_LIMITS = {
    "IMAGE": env.int("UPLOAD_LIMIT_IMAGE", default=50 * 1024**2),
    "VIDEO": env.int("UPLOAD_LIMIT_VIDEO", default=4 * 1024**3),
    "AUDIO": env.int("UPLOAD_LIMIT_AUDIO", default=500 * 1024**2),
    "DOCUMENT": env.int("UPLOAD_LIMIT_DOCUMENT", default=20 * 1024**2),
}
if max(UPLOAD_LIMITS.values()) > LARGEST_UPLOAD:
    raise ImproperlyConfigured(
        f"A file is sent in one piece: UPLOAD_LIMIT_* is at most {LARGEST_UPLOAD} bytes (4 GiB)."
    )
UPLOAD_MAX_PIXELS = env.int("UPLOAD_MAX_PIXELS", default=64_000_000)
UPLOAD_TICKET_SECONDS = env.int("UPLOAD_TICKET_SECONDS", default=3600)
# Bytes of all media of all projects that a person on the plan created.
STORAGE_QUOTAS = {
    "FREE": env.int("STORAGE_GB_FREE", default=5) * GIGABYTE,
    "PRO": env.int("STORAGE_GB_PRO", default=500) * GIGABYTE,
    "ENTERPRISE": env.int("STORAGE_GB_ENTERPRISE", default=20_000) * GIGABYTE,
}
# Seconds that the decoders may take for one file.
DECODE_SECONDS = env.float("DECODE_SECONDS", default=300.0)

# A TrueType font for letters that the fonts of exported PDFs lack, such as Chinese, Japanese and Korean ones.
PDF_FALLBACK_FONT = env("PDF_FALLBACK_FONT", default="")
