"""Background work on media."""

from celery import shared_task

from . import uploads


@shared_task
def sweep_uploads() -> int:
    """Remove what was never completed; answers how many tickets."""
    return uploads.sweep_uploads()
