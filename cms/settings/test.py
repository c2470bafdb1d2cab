"""The tests: real SQLite, or the PostgreSQL and Redis that the environment names; nothing leaves the machine."""

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from . import realtime
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
RATE_LIMITS = dict.fromkeys(RATE_LIMITS, "100000/minute")
# Documents that reach everything at once are no caller's; tests/api/test_limits.py has the real limits.
OPERATION_LIMITS = dict.fromkeys(OPERATION_LIMITS, 10**6)
COST_LIMITS = dict.fromkeys(COST_LIMITS, "1000000000/minute")

if realtime.REDIS_URL:
    # Each parallel runner has a database of its own: tests begin with an empty one.
    _address = urlsplit(realtime.REDIS_URL)
    _runner = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    REDIS_URL = urlunsplit(_address._replace(path=f"/{int(_address.path.strip('/') or 0) + _runner}"))
    CHANNEL_LAYERS, CACHES = realtime.channel_layers(REDIS_URL), realtime.caches(REDIS_URL)
