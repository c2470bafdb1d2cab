"""The tests: real SQLite, or the PostgreSQL and Redis that the environment names; nothing leaves the machine."""

import tempfile
from pathlib import Path

from .base import *

SECRET_KEY = "tests-only"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Whatever a developer's .env names: tests write into no real bucket.
STORAGES["default"] = {"BACKEND": "content.media.storage.PrivateFileSystemStorage"}
BUCKET_ORIGIN = ""
MEDIA_ROOT = Path(tempfile.mkdtemp(prefix="auto-movie-test-media-"))
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = True
QWEN3VL_BASE_URL = ""
JINA_API_KEY = ""
REHEARSAL_WORD_DELAY = 0.0
