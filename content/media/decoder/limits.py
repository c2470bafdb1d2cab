"""What the child may take, whatever the file says."""

import contextlib
import math
import os
import resource
import signal
from pathlib import Path

from .job import Job

# Bytes of one file that it writes, thumbnails and frames being far smaller.
MOST_WRITTEN = 64 * 1024**2
MOST_OPEN_FILES = 64
# Threads decode at once, so that time on the processors is more than time on the clock.
PROCESSORS = 2
# What a picture needs beside its pixels: the library's code, tables and stacks.
PICTURE_BASE = 128 * 1024**2
# Of one pixel in all copies on its way: 12 bits in four channels, then 8 bits three times over.
BYTES_PER_PIXEL = 24


def apply(job: Job) -> None:
    """Bound this process before it has read anything of the file."""
    os.nice(10)
    # The parent kills in time; this is for a parent that is gone.
    signal.setitimer(signal.ITIMER_REAL, job.seconds + 5)
    seconds = math.ceil(job.seconds) * PROCESSORS
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_FSIZE, MOST_WRITTEN)
    _limit(resource.RLIMIT_NOFILE, MOST_OPEN_FILES)
    _limit(resource.RLIMIT_AS, job.memory)


def bound_picture(width: int, height: int) -> None:
    """Leave no more memory than a picture of this size needs: its data may be larger than its header says."""
    # In pages; there is no such file on other systems than Linux, and the job's limit stays.
    with contextlib.suppress(FileNotFoundError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, used + PICTURE_BASE + width * height * BYTES_PER_PIXEL)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))
