"""Keeping a lease while one long step runs that cannot say how far it is."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

logger = logging.getLogger(__name__)


class LeaseLost(Exception):  # noqa: N818  (an event and no error, as in StopIteration)
    """The work is no longer this runner's: it was cancelled, taken over, or is gone."""


@contextmanager
def heartbeat(renew: Callable[[], None], *, lease_seconds: float, name: str) -> Iterator[None]:
    """Call `renew` three times a lease from a thread of its own, until it raises LeaseLost or the block ends.

    The holder of the lease finds out by itself, at its next own step.
    """
    done = threading.Event()

    def beat() -> None:
        try:
            while not done.wait(lease_seconds / 3):
                renew()
                connection.close()
        except LeaseLost:
            return
        except Exception:
            logger.warning("The lease of %s was not renewed.", name, exc_info=True)
        finally:
            connection.close()

    thread = threading.Thread(target=beat, name=f"{name} lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
