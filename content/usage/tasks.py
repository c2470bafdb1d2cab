"""The doorway for workers."""

import logging

from celery import shared_task

from . import reconciliation, services

logger = logging.getLogger(__name__)


@shared_task
def sweep_reservations() -> int:
    """Free what turns hold that are gone; answers how many."""
    return services.sweep()


@shared_task
def reconcile_usage() -> int:
    """Put right counters that differ from the ledger; answers how many."""
    corrections = reconciliation.reconcile()
    for correction in corrections:
        logger.warning("Corrected: %s", correction)
    return len(corrections)
