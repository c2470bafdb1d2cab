"""Auto-Movie's site. Celery's application is loaded with it, so that tasks know their broker."""

from .celery import app as celery_app

__all__ = ["celery_app"]
