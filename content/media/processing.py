"""What is done with a stored file in the background: measured, pictured, read, embedded.

The job's row is the queue of record. A runner claims it with a lease and renews that while it works; what it made
is written only by the holder of the lease, so a runner that was killed leaves nothing half-done: another takes over.
"""

import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from cms.errors import DomainError, ErrorCode
from cms.heartbeat import LeaseLost, heartbeat
from content.projects.events import hint_live, record_event
from content.projects.models import ProjectEvent
from content.projects.services import lock_project

from . import decoding, embedding, unowned
from .choices import MediaStatus
from .decoding import Decoded
from .files import random_path
from .models import Media, MediaText, ProcessingJob
from .outages import StorageUnavailableError
from .sniff import BY_MIME_TYPE
from .storage import media_storage
from .words import words_changed

logger = logging.getLogger(__name__)

CHUNK = 1024 * 1024
# Percent of the whole when a part of the work is done.
MEASURED, DECODED, EMBEDDED = 40, 85, 99
# Seconds between two hints of progress.
HINT_EVERY = 0.5
GONE = "The stored file is gone. Upload it again."

# Decoding is heavy: a worker process does few at once, whatever else its many threads do.
_slots = threading.BoundedSemaphore(settings.MEDIA_WORKERS)


def work() -> None:
    """Process what is due, one after another, unless enough threads of this process do so already."""
    # Asked again after the slot is free: who came meanwhile found none and has left.
    while _due().exists():
        if not _slots.acquire(blocking=False):
            return
        try:
            while (attempt := claim()) is not None:
                run(attempt)
        finally:
            _slots.release()


def late_jobs() -> QuerySet[ProcessingJob]:
    """Jobs that nobody took in time, or whose runner is gone."""
    queued = timezone.now() - timedelta(seconds=settings.SWEEP_SECONDS)
    return _due().filter(queued_at__lt=queued)


@dataclass(slots=True)
class Attempt:
    """One attempt at one job."""

    media: Media
    token: str
    hinted_at: float = 0.0

    def mine(self) -> QuerySet[ProcessingJob]:
        """The job, as long as this attempt holds its lease."""
        return ProcessingJob.objects.filter(pk=self.media.pk, lease_token=self.token)

    def renew(self) -> None:
        """Keep the job for one more lease. Raises LeaseLost."""
        if not self.mine().update(lease_expires_at=_lease_end()):
            raise LeaseLost

    def progress(self, percent: int) -> None:
        """Say how far it is. Raises LeaseLost."""
        if not self.mine().update(lease_expires_at=_lease_end(), progress=percent):
            raise LeaseLost
        if time.monotonic() - self.hinted_at >= HINT_EVERY:
            self.hinted_at = time.monotonic()
            hint_live(self.media.project_id, ProjectEvent.Type.MEDIA_UPDATED, self.media.pk)


def claim() -> Attempt | None:
    """Take the oldest job that is due; None where there is none. One whose attempts are used up is ended instead."""
    for job in _due().order_by("queued_at", "pk").iterator(chunk_size=20):
        token = secrets.token_hex(16)
        free = _due().filter(pk=job.pk, lease_token=job.lease_token)
        if not free.update(lease_token=token, lease_expires_at=_lease_end(), attempts=job.attempts + 1, progress=0):
            continue
        media = Media.objects.select_related("image", "document").filter(pk=job.pk).first()
        if media is None:
            continue
        attempt = Attempt(media, token)
        if job.attempts < settings.MAX_ATTEMPTS:
            return attempt
        fail(attempt, ErrorCode.TIMED_OUT, f"Processing was started {job.attempts} times and never ended. Try again.")
    return None


def run(attempt: Attempt) -> None:
    """Bring a claimed job to its end."""
    pk = attempt.media.pk
    try:
        with heartbeat(attempt.renew, lease_seconds=settings.TASK_LEASE_SECONDS, name=f"media {pk}"):
            _process(attempt)
    except LeaseLost:
        logger.info("Media %s was deleted, or another runner has it.", pk)
    except StorageUnavailableError:
        logger.warning("Media %s waits for the file storage, until its lease has run out.", pk)
    except FileNotFoundError:
        fail(attempt, ErrorCode.UNSUPPORTED_MEDIA, GONE)
    except DomainError as error:
        fail(attempt, error.code, error.message)
    except Exception:
        logger.exception("Processing media %s failed.", pk)
        fail(attempt, ErrorCode.INTERNAL, f"Something went wrong on our side. Try again, or report media {pk}.")


def _process(attempt: Attempt) -> None:
    media = attempt.media
    with media_storage().local_path(media.file_path) as path:
        sha256 = media.sha256 or _digest(attempt, path)
        attempt.progress(MEASURED)
        decoded = decoding.decode(path, BY_MIME_TYPE[media.mime_type])
    attempt.progress(DECODED)
    thumbnail = _store_thumbnail(decoded)
    try:
        _keep(attempt, decoded, sha256, thumbnail)
    except BaseException:
        unowned.discard(thumbnail)
        raise
    attempt.progress(DECODED)
    _embed(media.pk)
    attempt.progress(EMBEDDED)
    _end(attempt, MediaStatus.ACTIVE)


def _embed(pk: int) -> None:
    try:
        embedding.embed(pk)
    except Exception:
        # A file is of use without it; the sweep of embeddings tries again.
        logger.exception("Media %s was not embedded.", pk)


def _digest(attempt: Attempt, path: Path) -> str:
    size, done, sha256 = max(1, path.stat().st_size), 0, hashlib.sha256()
    told = time.monotonic()
    for chunk in _chunks(path):
        sha256.update(chunk)
        done += len(chunk)
        if time.monotonic() - told >= HINT_EVERY:
            told = time.monotonic()
            attempt.progress(MEASURED * done // size)
    return sha256.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _store_thumbnail(decoded: Decoded) -> str:
    if decoded.thumbnail is None:
        return ""
    path = random_path("thumbnails", "thumbnail.webp")
    unowned.note(path)
    default_storage.save(path, ContentFile(decoded.thumbnail))
    return path


@transaction.atomic
def _keep(attempt: Attempt, decoded: Decoded, sha256: str, thumbnail: str) -> None:
    """Write what was found out; the status follows when everything is done. Raises LeaseLost."""
    lock_project(attempt.media.project_id)
    attempt.renew()
    # updated_at and revision stay: this is no edit.
    before = Media.objects.filter(pk=attempt.media.pk)
    unowned.give_up(*before.values_list("thumbnail", flat=True))
    before.update(
        sha256=sha256,
        thumbnail=thumbnail,
        width=decoded.width,
        height=decoded.height,
        duration=decoded.duration,
        fps=decoded.fps,
        sample_rate=decoded.sample_rate,
    )
    unowned.take(thumbnail)
    MediaText.objects.filter(pk=attempt.media.pk).delete()
    if decoded.text:
        MediaText.objects.create(media=attempt.media, text=decoded.text, is_cut=decoded.is_cut)
    words_changed([attempt.media.pk])


def fail(attempt: Attempt, code: ErrorCode, message: str) -> None:
    """End the job without success, if it is still this attempt's; the reason stays with the media item."""
    try:
        _end(attempt, MediaStatus.FAILED, code.value, message)
    except LeaseLost:
        logger.info("Media %s was deleted, or another runner has it.", attempt.media.pk)


@transaction.atomic
def _end(attempt: Attempt, status: MediaStatus, code: str = "", message: str = "") -> None:
    project = lock_project(attempt.media.project_id)
    deleted, _ = attempt.mine().delete()
    if not deleted:
        raise LeaseLost
    # What was generated here is ACTIVE from the start, and stays as people have set it meanwhile.
    uploaded = Media.objects.filter(pk=attempt.media.pk, status=MediaStatus.PROCESSING)
    uploaded.update(status=status, error_code=code, error_message=message, updated_at=timezone.now())
    record_event(project, ProjectEvent.Type.MEDIA_UPDATED, attempt.media.pk)


def _due() -> QuerySet[ProcessingJob]:
    return ProcessingJob.objects.filter(Q(lease_expires_at=None) | Q(lease_expires_at__lte=timezone.now()))


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.TASK_LEASE_SECONDS)
