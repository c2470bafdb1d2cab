"""Background work on media."""

from celery import shared_task

from . import embedding, processing, uploads


@shared_task
def process_media() -> None:
    """Process the media that are due, unless this process has enough of them at work."""
    processing.work()


@shared_task
def sweep_processing() -> None:
    """Send again for jobs that nobody took, or whose runner's lease has run out."""
    if processing.late_jobs().exists():
        process_media.delay()


@shared_task
def sweep_uploads() -> int:
    """Remove what was never completed; answers how many tickets."""
    return uploads.sweep_uploads()


@shared_task
def sweep_embeddings() -> int:
    """Embed what is due; answers how many media were looked at."""
    return embedding.sweep()
