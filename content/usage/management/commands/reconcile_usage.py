"""The counters of tokens against the ledger."""

from typing import Any

from django.core.management.base import BaseCommand

from content.usage.reconciliation import reconcile
from content.usage.services import sweep


class Command(BaseCommand):
    """Safe at any time, also while people work."""

    help = "Set the counters of used and reserved tokens to what the ledger and the reservations say."

    def handle(self, *args: Any, **options: Any) -> None:
        swept = sweep()
        corrections = reconcile()
        for correction in corrections:
            (used, reserved), (now_used, now_reserved) = correction.before, correction.after
            self.stdout.write(
                f"{correction.counter}: {used:,} used and {reserved:,} reserved; now {now_used:,} and {now_reserved:,}."
            )
        self.stdout.write(f"{len(corrections)} counters corrected, {swept} reservations freed.")
