"""`python -m conformance.report` measures the public API with outside suites and writes docs/api-conformance.md.

Each suite is a command that prints its score as the last line of its output, in JSON: the fields of `Score` but `met`,
the last three if it likes. It ends with 0 where it meets its goal. Those that ask a served API find it at API_URL, with
a Bearer token in API_TOKEN.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live import LiveServer, environment, sqlite_template

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "api-conformance.md"
# Seconds until a suite is given up.
PATIENCE = 600
# The suites are one caller who asks for more than any person does.
UNLIMITED = "100000000/minute"


@dataclass(frozen=True)
class Suite:
    """A command, by its parts; one of them is the file that it runs."""

    name: str
    measures: str
    command: tuple[str, ...]

    @property
    def file(self) -> Path:
        return ROOT / next(part for part in self.command if part.startswith("conformance/"))


def _node(name: str, measures: str, file: str) -> Suite:
    return Suite(name, measures, ("node", f"conformance/{file}"))


SUITES = (
    _node("graphql-http", "GraphQL over HTTP: all server audits, signed in", "http.mjs"),
    _node("graphql-transport-ws", "the protocol of subscriptions, frame by frame", "websocket.mjs"),
    _node("GraphQL-ESLint", "rules for schema and operations", "schema/eslint.mjs"),
    _node("graphql-schema-linter", "rules for the schema", "schema/schema-linter.mjs"),
    _node("GraphQL Code Generator", "the client preset's types of every operation", "schema/codegen.mjs"),
    _node("Relay's compiler", "every connection and operation", "schema/relay.mjs"),
    Suite(
        "ariadne-codegen",
        "a Python client of every operation",
        (".venv/ariadne/bin/python", "conformance/schema/ariadne.py"),
    ),
    Suite(
        "schemathesis",
        "generated operations, none of which may meet a failure of ours",
        (".venv/schemathesis/bin/python", "conformance/fuzzing.py"),
    ),
)
ABSENT = {
    "graphql-cop": "Not to be had from a package registry: its name on PyPI is an empty placeholder. What it looks for "
    "(batches, aliases, directives, GET mutations, form posts, introspection, suggestions) is in tests/api.",
}


@dataclass
class Score:
    """What a suite said; `met` is whether it reached its goal.

    `off` is what is left out on purpose, with the reasons, and `presets` what the suite's own settings would find.
    """

    suite: str
    met: bool
    version: str = ""
    passed: int = 0
    of: int = 0
    failed: list[str] = field(default_factory=list)
    off: dict[str, str] = field(default_factory=dict)
    note: str = ""
    presets: dict[str, Any] = field(default_factory=dict)


def run(suite: Suite, env: Mapping[str, str]) -> Score:
    """Run a suite to its end; one that cannot be run, or says no score, has failed."""
    if not suite.file.exists():
        return Score(suite.name, False, failed=[f"{suite.file.relative_to(ROOT)} is not there"])
    try:
        done = subprocess.run(suite.command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
        said = json.loads((done.stdout.strip().splitlines() or [""])[-1])
        return Score(met=done.returncode == 0, **said)
    except subprocess.TimeoutExpired:
        return Score(suite.name, False, failed=[f"it took more than {PATIENCE} s"])
    except OSError as error:
        return Score(suite.name, False, failed=[f"it does not start: {error}"])
    except (json.JSONDecodeError, TypeError):
        return Score(suite.name, False, failed=[f"it ended with {done.returncode} and no score"])


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """A server with the demo in a database of its own; answers the environment in which suites find it."""
    with tempfile.TemporaryDirectory(prefix="auto-movie-api-") as name:
        folder = Path(name)
        shutil.copy(sqlite_template(), folder / "db.sqlite3")
        limits = {f"COST_LIMIT_{kind}": UNLIMITED for kind in ("USER", "TOKEN", "ADDRESS")}
        server = LiveServer(folder, environment(folder, **limits)).start()
        try:
            token = server.sign_in("producer").token
            yield os.environ | {"API_URL": f"{server.url}/graphql/", "API_TOKEN": token}
        finally:
            server.stop()


def text(scores: Mapping[Suite, Score], seconds: float) -> str:
    """The report, in Markdown."""
    lines = [
        "# What outside suites say of the API",
        "",
        "Written by `make test-api`: the suites, in their pinned versions, ask a server of their own on SQLite as a",
        "signed-in caller. What is counted are a suite's own audits, rules or operations.",
        "",
        f"{time.strftime('%Y-%m-%d')}, Python {sys.version.split()[0]}; {seconds:.0f} s.",
        "",
        "| suite | version | passed | of | goal | notes |",
        "| --- | --- | ---: | ---: | --- | --- |",
    ]
    for suite, score in scores.items():
        left_out = f"{len(score.off)} left out on purpose" if score.off else ""
        presets = "by the package's own presets {passed} of {of}".format(**score.presets) if score.presets else ""
        notes = "; ".join(filter(None, (suite.measures, score.note, left_out, presets)))
        met = "met" if score.met else "**missed**"
        lines.append(f"| {score.suite} | {score.version} | {score.passed} | {score.of} | {met} | {notes} |")
    lines += [f"| {name} | – | – | – | – | {reason} |" for name, reason in ABSENT.items()]
    if failed := [f"- {score.suite}: {_line(it)}" for score in scores.values() for it in score.failed]:
        lines += ["", "## What failed", "", *failed]
    off = [(score.suite, what, why) for score in scores.values() for what, why in score.off.items()]
    if off:
        lines += ["", "## What is left out on purpose", "", *(f"- {suite}, {what}: {why}" for suite, what, why in off)]
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def main() -> int:
    """Run everything and write the report; 1 where a suite missed its goal."""
    started = time.monotonic()
    scores = {}
    with served() as env:
        for suite in SUITES:
            print(f"{suite.name}: {suite.measures}", flush=True)
            scores[suite] = score = run(suite, env)
            print(f"  {score.passed} of {score.of}, {'met' if score.met else 'MISSED'}", flush=True)
    REPORT.write_text(text(scores, time.monotonic() - started))
    print(f"Written: {REPORT.relative_to(ROOT)}")
    return 0 if all(score.met for score in scores.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
