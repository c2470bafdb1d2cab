"""The report: ratios first, as they hold on other machines too."""

import os
import platform
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .load import CLIENTS, Measured
from .operations import Operation, lists, operations
from .shares import Shares

PAGE = Path(__file__).resolve().parents[1] / "docs" / "bench.md"
PACKAGES = ("Django", "wagtail", "strawberry-graphql", "graphql-core", "uvicorn", "psycopg", "celery")
GOAL = 2.5


class Report:
    """What was measured, and its telling."""

    def __init__(self, on_postgresql: bool, sizes: Sequence[int]) -> None:
        self.on_postgresql = on_postgresql
        self.small, self.large = sizes
        self.measured: dict[tuple[str, str, int], Measured] = defaultdict(Measured)
        self.shares: dict[str, Shares] = {}
        # Milliseconds of CPU a message until its reply is stored, of each round.
        self.until_replied: dict[int, list[float]] = defaultdict(list)
        self.seconds = 0.0
        self.load_before = os.getloadavg()[0]

    def text(self) -> str:
        """The page, as Markdown."""
        parts = [
            HEAD.strip(),
            self._circumstances(),
            "## The goals\n\n" + self._goals(),
            f"## Requests\n\n{CLIENTS} clients at once, each on a connection of its own.\n\n" + self._requests(),
            "## Where a request's CPU goes\n\n" + self._shares(),
            "## Lists\n\n" + self._lists(),
            METHOD.strip(),
        ]
        return "\n\n".join(parts) + "\n"

    def _circumstances(self) -> str:
        database = (
            f"PostgreSQL (psycopg {version('psycopg')})"
            if self.on_postgresql
            else f"SQLite {sqlite3.sqlite_version} (WAL)"
        )
        packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES if name != "psycopg")
        load = os.getloadavg()
        return (
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}, {database}, {packages}. Load average {self.load_before:.1f} "
            f"when it began, {load[0]:.1f} when it ended (the bench itself makes up to 2); {self.seconds:.0f} s."
        )

    def _ratio(self, operation: Operation, size: int) -> float:
        graphql, plain = (self.measured[operation.name, side, size] for side in ("graphql", "plain"))
        return graphql.median_cpu_ms / plain.median_cpu_ms

    def _growth(self, name: str, side: str = "graphql") -> float:
        small, large = (self.measured[name, side, size] for size in (self.small, self.large))
        return large.median_cpu_ms / small.median_cpu_ms

    def _goals(self) -> str:
        rows = [
            [
                operation.title,
                *(f"{self._ratio(operation, size):.2f}" for size in (self.small, self.large)),
                f"{self._growth(operation.name):.2f}",
            ]
            for operation in operations()
        ]
        worst = max(self._ratio(operation, size) for operation in operations() for size in (self.small, self.large))
        verdict = "met" if worst <= GOAL else "MISSED"
        return (
            _table(
                [
                    "operation",
                    f"GraphQL ÷ plain JSON, {self.small:,} projects",
                    f"the same, {self.large:,} projects",
                    f"GraphQL, {self.large:,} ÷ {self.small:,} projects",
                ],
                rows,
            )
            + f"\n\nCPU of the server's process. At most {GOAL} times the yardstick: {verdict} (at worst {worst:.2f}). "
            "The last column is to be about 1."
        )

    def _requests(self) -> str:
        rows = [
            self._request_row(operation.title, operation.name, side, size)
            for operation in operations()
            for size in (self.small, self.large)
            for side in ("graphql", "plain")
        ]
        rows += [
            self._request_row("sending, the worker in the same process", "send+runner", "graphql", size)
            for size in (self.small, self.large)
        ]
        table = _table(
            ["operation", "projects", "by", "requests/s", "p50 ms", "p99 ms", "CPU ms a request", "requests"], rows
        )
        runner = "; ".join(
            f"at {size:,} projects {_median(self.until_replied[size]):.1f} ms of CPU a message until the reply is "
            f"stored, of which {self.measured['send', 'graphql', size].median_cpu_ms:.1f} are the request's"
            for size in (self.small, self.large)
        )
        return (
            f"{table}\n\nThe runner (the rehearsal director without a pause between words, so its every word is passed "
            f"on at once): {runner}. In the last two rows it shares the process with the requests, which is the "
            "embedded default at its busiest; their CPU column holds what runners did meanwhile."
        )

    def _request_row(self, title: str, name: str, side: str, size: int) -> list[str]:
        found = self.measured[name, side, size]
        return [
            title,
            f"{size:,}",
            "GraphQL" if side == "graphql" else "plain JSON",
            f"{found.per_second:.0f}",
            f"{found.percentile(0.5):.1f}",
            f"{found.percentile(0.99):.1f}",
            f"{found.median_cpu_ms:.1f}",
            str(len(found.latencies)),
        ]

    def _shares(self) -> str:
        rows = []
        for operation in operations():
            found = self.shares[operation.name]
            orm = found.sql + found.connect + found.orm
            around = found.django + found.server
            rows.append(
                [
                    operation.title,
                    f"{100 * orm / found.total:.0f} %",
                    f"{100 * found.execution / found.total:.0f} %",
                    f"{100 * (around + found.hooks) / found.total:.0f} %",
                    *(
                        f"{part:.2f}"
                        for part in (
                            found.sql,
                            found.connect,
                            found.orm,
                            found.execution,
                            found.django,
                            found.server,
                            found.hooks,
                        )
                    ),
                ]
            )
        return (
            _table(
                [
                    "operation",
                    "ORM",
                    "GraphQL",
                    "around",
                    "SQL ms",
                    "connecting",
                    "rest of the ORM",
                    "GraphQL ms",
                    "Django",
                    "server",
                    "after commit",
                ],
                rows,
            )
            + "\n\nORM: SQL, opening the connection, building queries and making instances. Around it: Django "
            "(middleware, routing, the body in and out), the server (HTTP, ASGI, hand-over between threads), and after "
            "a commit the hints and the task."
        )

    def _lists(self) -> str:
        rows = [
            [
                operation.title,
                f"{self.measured[operation.name, 'graphql', self.small].median_cpu_ms:.1f}",
                f"{self.measured[operation.name, 'graphql', self.large].median_cpu_ms:.1f}",
                f"{self._growth(operation.name):.2f}",
            ]
            for operation in lists()
        ]
        return _table(["list", f"CPU ms, {self.small:,} projects", f"{self.large:,} projects", "ratio"], rows)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(text: str) -> None:
    """Keep the report as docs/bench.md."""
    PAGE.write_text(text)


HEAD = """
# What requests cost

Written by `make bench` (`python -m bench`, with `--database URL` on PostgreSQL). Compare within this page: times are
of one machine on one day, ratios hold elsewhere too.
"""

METHOD = """
## How it is measured

- One uvicorn process for each database with the production settings, over loopback. Requests carry a Bearer token.
- One member is in every project: owner of two thirds, collaborator in the others. Each project has three
  collaborators out of 200 people, two style references, and a session of 20 messages with a choice of four cards at
  each reply. Everything is asked for as that member, in turn for 50 projects or sessions.
- The documents are the shipped operations of `graphql/operations/`, with all fields that the pages show. Only the
  session's leaves out `html`: its rendering costs either side the same and would flatter the ratio.
- The yardstick (`bench/plain.py`) is a plain Django view for each operation that answers the same JSON from the same
  rows, with `select_related` and `prefetch_related` as one would write it by hand, on the same server behind the
  same middleware. That both answer the same is checked before the reads are measured.
- Rounds alternate between sizes and sides, so that a neighbour's load meets all alike. CPU is the server process's
  own, user and system time of all its threads; where rounds differ, the median round counts.
- "Sending" by itself is on servers without a worker, as where workers are processes of their own.
- The shares come from another server of the larger database, with timers in it: the CPU time of a request's thread
  within Django, within the execution of the document, and within the ORM's calls; the server's part is what the
  process used beyond. Query building outside the methods that are timed counts as GraphQL.
- On PostgreSQL the database's own CPU is another process's and not in these numbers; on SQLite it is.

## What measuring changed

On 2026-11-22, on SQLite; milliseconds of CPU before and after, of the server and in runs of their own:

- 20 projects: 85 → 39 at 500 projects, 122 → 38 at 5,000 (growth 1.43 → 0.99). People who came with a join did not
  know each other, so each one's address was a query; and that query joined, which answers a row for every project
  that two people share. Now rows that come with a join are loaded together too, and the query is an EXISTS.
- `me` with `activeProjects`: growth 1.54 → 1.10. The newest 50 of one person are the first rows of an index, where a
  prefetch numbered all that the person has.
- `sessions`: what the whole table holds no longer matters, only what lies in the caller's projects.

What is left on SQLite: `media` and `sessions` over all projects sort everything that the caller may see, which for a
member of all 5,000 projects shows in the table of lists. Within a project they cost the same at any size.
"""
