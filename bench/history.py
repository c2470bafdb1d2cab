"""`python -m bench.history` measures what a turn costs in conversations of 10 to 10,000 messages, on SQLite and with
`--database URL` on PostgreSQL too; writes docs/bench-history.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.live import environment

from .histories import SIZES
from .servers import ROOT, SECRET, databases

PAGE = ROOT / "docs/bench-history.md"
# How much more a turn may cost in the longest conversation than in one a tenth as long, whose memory is as full.
GOAL = 1.5
COMPARED = (1_000, 10_000)


def measured_in(folder: Path, database: str) -> dict[str, Any]:
    """A process of its own for each database, as Django has one for its whole life."""
    settings = environment(
        folder,
        DJANGO_SETTINGS_MODULE="bench.settings",
        SECRET_KEY=SECRET,
        DATABASE_URL=database,
        STATIC_ROOT=str(folder),
        LOG_LEVEL="ERROR",
    )
    command = [sys.executable, "-m", "bench.histories"]
    done = subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def report(measured: list[dict[str, Any]], circumstances: str) -> str:
    """The page, as Markdown."""
    tables = [f"## {one['database']}\n\n{_table(one['results'])}" for one in measured]
    return "\n\n".join([HEAD.strip(), circumstances, _goal(measured), *tables, METHOD.strip()]) + "\n"


def _goal(measured: list[dict[str, Any]]) -> str:
    short, long = map(str, COMPARED)
    ratios = {
        one["database"]: max(one["results"][long][name] / one["results"][short][name] for name in COSTS)
        for one in measured
    }
    verdict = "met" if max(ratios.values()) <= GOAL else "MISSED"
    each = ", ".join(f"{ratio:.2f} times on {database}" for database, ratio in ratios.items())
    return (
        f"The goal, that a turn after {COMPARED[1]:,} messages costs at most {GOAL} times what it costs after "
        f"{COMPARED[0]:,}, in everything below: {verdict} (at most {each})."
    )


def _table(results: dict[str, dict[str, float]]) -> str:
    first = results[str(SIZES[0])]
    lines = [["messages before", *COSTS.values()], ["---:"] * (len(COSTS) + 1)]
    for size in SIZES:
        now = results[str(size)]
        lines.append([f"{size:,}", *(f"{now[name]:,.4g} (× {now[name] / first[name]:.2f})" for name in COSTS)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL server, to measure on it too")
    server = parser.parse_args().database
    began, load = time.monotonic(), os.getloadavg()[0]
    measured = []
    with tempfile.TemporaryDirectory() as name:
        for each in (None, server) if server else (None,):
            with databases(["history"], each, Path(name)) as urls:
                measured.append(measured_in(Path(name), urls["history"]))
    circumstances = (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. Load average {load:.1f} when it began, {os.getloadavg()[0]:.1f} when it ended; "
        f"{time.monotonic() - began:.0f} s."
    )
    PAGE.write_text(report(measured, circumstances))
    print(f"Written: {PAGE.relative_to(ROOT)}")


COSTS = {
    "queries": "queries",
    "rows": "rows loaded",
    "scene_ms": "ms of CPU: the scene",
    "prompt_ms": "ms of CPU: the prompt",
    "database_ms": "ms in the database",
    "tokens": "input tokens",
}

HEAD = """
# What a turn costs in a long conversation

Written by `python -m bench.history` (with `--database URL` on PostgreSQL too). In brackets how many times what it is
in the shortest conversation. Beside its newest messages a long one is told by its summary and its decisions.
"""

METHOD = """
## How it is measured

- One session for each length in one database. A message has 400 letters, every tenth of the user's takes a choice, and
  summaries are where the rehearsal director and the rules of conversation/summaries.py put them.
- Of each turn, what is done before the model is asked: `conversation.scene.build_scene` reads the rows, and
  `ai.director.build_prompt` writes the prompt, for MODEL_INPUT_TOKENS = 16,000. Medians of 15 rounds, in which all
  lengths take turns. CPU is this process's; the database's time is what passed in its queries.
- Rows are those that became objects. Input tokens are estimated as everywhere (ai/tokens.py).
"""

if __name__ == "__main__":
    main()
