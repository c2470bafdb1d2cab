"""The report of bench.latency."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles

EMBEDDED = "one process on SQLite"
SERVICES = "web and worker on PostgreSQL and Redis"
MEGABYTE = 1024**2
# At most so many milliseconds may be added at so many streams: at the median, and at the 99th percentile.
GOAL_STREAMS, GOALS = 50, {50: 10.0, 99: 50.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a number of simultaneous streams gave: added milliseconds a piece, pieces a frame, and by process the
    share of one core and the peak of memory in bytes.
    """

    streams: int
    added: Sequence[float]
    pieces_a_frame: float
    cpu: Mapping[str, float]
    memory: Mapping[str, int]

    def percentile(self, number: int) -> float:
        return quantiles(self.added, n=1000, method="inclusive")[number * 10 - 1]


@dataclass(frozen=True, slots=True)
class Saving:
    """What was written (bytes) and spent (seconds of CPU) for a reply of so many characters."""

    characters: int
    written: int
    cpu: float


def report(results: Mapping[str, tuple[Sequence[Measured], Sequence[Saving]]], *, rate: float, characters: int) -> str:
    """The page, as Markdown."""
    now, load = datetime.now(UTC), os.getloadavg()
    head = [
        "# How long a reply's pieces take",
        "",
        "Written by `python -m bench.latency`. Compare within this page.",
        "",
        f"{now:%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. Load average {load[0]:.1f} at the end. Provider, server and clients share the "
        "machine, and all wait for each other where it is busy.",
        "",
        f"A provider says {rate:.0f} pieces a second of {characters} characters in each of so many streams; each is",
        "followed by one client over a WebSocket of its own, and read directly from the provider by the same client.",
        "The time that we add is that between the two arrivals of the same piece.",
    ]
    parts = ["\n".join(head)]
    for way, (measured, saved) in results.items():
        parts.append(f"## {way[0].upper()}{way[1:]}\n\n{_latency(measured)}")
        if saved:
            parts.append(_saving(saved))
    return "\n\n".join(parts) + "\n"


def _latency(measured: Sequence[Measured]) -> str:
    names = list(measured[0].cpu)
    head = ["streams", "added: median, ms", "p90", "p99", "most", "pieces a frame"]
    head += [f"{name}: core, %" for name in names] + [f"{name}: peak, MiB" for name in names]
    rows = [
        [
            str(each.streams),
            *(f"{each.percentile(number):.1f}" for number in (50, 90, 99)),
            f"{max(each.added):.0f}",
            f"{each.pieces_a_frame:.1f}",
            *(f"{100 * each.cpu[name]:.0f}" for name in names),
            *(f"{each.memory[name] / MEGABYTE:.0f}" for name in names),
        ]
        for each in measured
    ]
    return _table(head, rows) + "".join(_verdict(each) for each in measured if each.streams == GOAL_STREAMS)


def _verdict(measured: Measured) -> str:
    is_met = all(measured.percentile(number) < goal for number, goal in GOALS.items())
    goals = " and ".join(f"{goal:.0f} ms at p{number}" for number, goal in GOALS.items())
    return f"\n\nLess than {goals} at {GOAL_STREAMS} streams: {'met' if is_met else 'MISSED'}."


def _saving(saved: Sequence[Saving]) -> str:
    rows = [
        [
            f"{each.characters:,}",
            f"{each.written / each.characters:.0f}",
            f"{1e6 * each.cpu / each.characters:.0f}",
        ]
        for each in saved
    ]
    return (
        "Saving a reply as it grows, several times a second (a cost that grows with the square of the length would "
        "double from row to row; what is written to SQLite is whole pages, now and then of a whole log):\n\n"
        + _table(["characters", "bytes written a character", "µs of CPU a character"], rows)
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
