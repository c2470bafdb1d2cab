"""`python -m bench.search` measures searches of media with 1,000, 10,000 and 100,000 of them in one project, on SQLite
and with `--database URL` on PostgreSQL too; writes docs/bench-search.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.live import environment

from .searching import SIZES
from .servers import ROOT, SECRET, databases

PAGE = ROOT / "docs/bench-search.md"
# Milliseconds.
GOAL = 100
GOAL_IS_OF = "vectors of 384 numbers"


def measured_in(folder: Path, database: str) -> dict[str, Any]:
    """A process of its own for each database, as Django has one for its whole life."""
    settings = environment(
        folder,
        DJANGO_SETTINGS_MODULE="bench.settings",
        SECRET_KEY=SECRET,
        DATABASE_URL=database,
        JINA_API_KEY="",
        STATIC_ROOT=str(folder),
        LOG_LEVEL="ERROR",
    )
    command = [sys.executable, "-m", "bench.searching"]
    done = subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def report(measured: list[dict[str, Any]], circumstances: str) -> str:
    """The page, as Markdown."""
    largest = str(SIZES[-1])
    reached = {
        one["database"]: _median(passed for passed, _ in one["results"][largest][GOAL_IS_OF]) for one in measured
    }
    verdict = "met" if max(reached.values()) < GOAL else "MISSED"
    each = ", ".join(f"{value:.0f} ms on {database}" for database, value in reached.items())
    goal = (
        f"The goal, a comparison with all vectors of one project with {SIZES[-1]:,} media in less than {GOAL} ms: "
        f"{verdict} ({each})."
    )
    return "\n\n".join([HEAD.strip(), circumstances, goal, _table(measured), METHOD.strip()]) + "\n"


def _table(measured: list[dict[str, Any]]) -> str:
    names = list(measured[0]["results"][str(SIZES[0])])
    head = ["milliseconds", *(f"{one['database']}: {size:,}" for one in measured for size in SIZES)]
    rows = [[name, *(_cell(one["results"][str(size)][name]) for one in measured for size in SIZES)] for name in names]
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(values: list[list[float]]) -> str:
    passed, cpu = (_median(each) for each in zip(*values, strict=True))
    return f"{passed:.1f} ({cpu:.1f})"


def _median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL server, to measure on it too")
    server = parser.parse_args().database
    began, load = time.monotonic(), os.getloadavg()[0]
    measured = []
    with tempfile.TemporaryDirectory() as name:
        for each in (None, server) if server else (None,):
            with databases(["search"], each, Path(name)) as urls:
                measured.append(measured_in(Path(name), urls["search"]))
    circumstances = (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. Load average {load:.1f} when it began, {os.getloadavg()[0]:.1f} when it ended "
        f"(the bench itself makes 1 to 2); {time.monotonic() - began:.0f} s."
    )
    PAGE.write_text(report(measured, circumstances))
    print(f"Written: {PAGE.relative_to(ROOT)}")


HEAD = """
# What a search of media costs

Written by `python -m bench.search` (with `--database URL` on PostgreSQL too). The median, and in brackets that of the
process's CPU time: what it would be on a machine that does nothing else. PostgreSQL's own CPU is another process's.
"""

METHOD = """
## How it is measured

- Three projects in one database. A media item has 4 words in its title, 3 tags and 20 words of description, out of
  20,000 that are as common as words are (Zipf's law): the commonest is in most media. Its vector is random, and one
  in 50 is near to one of the texts that are looked for.
- "words" and "vectors" are the two halves of a search by themselves, each with its queries to the database:
  `fulltext.find` and `vectors.nearest`. The local model's vectors have 384 numbers, Jina's 1,024.
- "a process's first search" is that of a process that has nothing of the project yet: it reads all vectors. After
  that a search reads only what is new.
- "findMedia" is the whole request through Django's test client: signing in, GraphQL, words, vectors, 20 media with
  their tags. A new text is made a vector by the local model, on one core; the same text again is not.
"""

if __name__ == "__main__":
    main()
