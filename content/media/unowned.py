"""Files that no row owns: not yet, or no longer. Each is noted before it exists, so a crash never loses one."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from .models import UnownedFile
from .storage import media_storage

logger = logging.getLogger(__name__)

# Longer than any upload, generation or processing takes between storing a file and giving it to a row.
SWEEP_AGE = max(timedelta(days=1), timedelta(seconds=2 * settings.UPLOAD_TICKET_SECONDS))


def note(path: str) -> None:
    """Say that a file is about to be stored at `path`. Call it outside of the transaction that takes the file."""
    UnownedFile.objects.create(path=path)


def take(*paths: str) -> None:
    """Inside the transaction in which rows come to own the files."""
    UnownedFile.objects.filter(path__in=paths).delete()


def give_up(*paths: str) -> None:
    """Inside the transaction in which rows stop to own the files; they are removed after the commit."""
    kept = [path for path in paths if path]
    UnownedFile.objects.bulk_create([UnownedFile(path=path) for path in kept], ignore_conflicts=True)
    transaction.on_commit(lambda: discard(*kept))


def give_up_reception(path: str) -> None:
    """The same for a place that a sender's address still opens: it is swept again when the address has expired."""
    UnownedFile.objects.bulk_create([UnownedFile(path=path)], ignore_conflicts=True)
    transaction.on_commit(lambda: _removed(path))


def discard(*paths: str) -> None:
    """Remove files that no row owns."""
    for path in paths:
        if path and _removed(path):
            UnownedFile.objects.filter(path=path).delete()


def _removed(path: str) -> bool:
    """Whether the storage did it; what it could not do now is left to the sweep, and fails nobody's request."""
    try:
        media_storage().delete(path)
    except Exception:
        logger.warning("A file was not removed; the sweep will try again.", exc_info=True)
        return False
    return True


def sweep() -> int:
    """Remove what was left over by crashes; answers how many files."""
    old = UnownedFile.objects.filter(created_at__lt=timezone.now() - SWEEP_AGE).values_list("path", flat=True)
    paths = list(old)
    discard(*paths)
    return len(paths)
