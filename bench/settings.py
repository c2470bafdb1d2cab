"""The server that is measured: production's settings, and the yardstick beside our addresses."""

import os

os.environ.setdefault("HTTPS", "0")

from cms.settings.production import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
# Pages are not measured, so their files need not have been collected.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405

# "0": messages are accepted and nobody works on them, as in a web process whose workers are elsewhere.
EMBEDDED_WORKER = os.environ.get("BENCH_WORKER", "0") == "1"

# "1": answers say where their time went. Never while requests are counted: it costs time itself.
if os.environ.get("BENCH_TIMERS", "0") == "1":
    MIDDLEWARE = ["bench.timers.middleware", *MIDDLEWARE]  # noqa: F405
