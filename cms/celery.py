"""The Celery application, and the worker that lives in the server's process on the embedded default."""

import logging
import os
import threading
from typing import Any

from celery import Celery
from celery.beat import Scheduler
from celery.signals import worker_shutting_down
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms.settings.development")

logger = logging.getLogger(__name__)

app = Celery("auto_movie")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["conversation", "content.generation", "content.media", "content.usage", "webhooks"])


class EmbeddedWorker:
    """A Celery worker and its beat as threads of this process: the same tasks and path as with a broker."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._worker: Any = None
        self._threads = [
            threading.Thread(target=self._work, name="embedded-worker", daemon=True),
            threading.Thread(target=self._beat, name="embedded-beat", daemon=True),
        ]

    def start(self) -> None:
        """Begin to take tasks; the first sweep finds what an earlier process left unfinished."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more tasks and hand the turns back (conversation/tasks.py, by Celery's signals)."""
        self._stopping.set()
        worker_shutting_down.send(sender=self)
        if self._worker is not None:
            self._worker.stop()

    def _work(self) -> None:
        self._worker = app.WorkController(
            pool="threads",
            concurrency=settings.EMBEDDED_WORKER_THREADS,
            hostname="embedded@localhost",
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            quiet=True,
        )
        self._worker.start()

    def _beat(self) -> None:
        scheduler = Scheduler(app=app, lazy=True)
        scheduler.setup_schedule()
        while not self._stopping.wait(min(scheduler.tick(), 1.0)):
            pass
