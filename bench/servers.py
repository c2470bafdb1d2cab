"""Databases of their own, filled, and servers of them as processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.live import LiveServer, environment, manage, sqlite_template

from .load import Target

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a key for the bench alone, which signs nothing of worth to anybody"


@contextmanager
def databases(names: list[str], server: str | None, folder: Path) -> Iterator[dict[str, str]]:
    """A migrated database for each name, by its URL; gone afterwards. `server`: a PostgreSQL server's URL."""
    if server is None:
        for name in names:
            shutil.copy(sqlite_template(), folder / f"{name}.sqlite3")
        yield {name: f"sqlite:///{folder / f'{name}.sqlite3'}" for name in names}
        return
    made = {name: f"auto_movie_bench_{os.getpid()}_{name}" for name in ["template", *names]}
    urls = {name: urlunsplit(urlsplit(server)._replace(path=f"/{database}")) for name, database in made.items()}
    with psycopg.connect(server, autocommit=True) as connection, ExitStack() as stack:
        for name, database in made.items():
            origin = "" if name == "template" else f' TEMPLATE "{made["template"]}"'
            connection.execute(f'CREATE DATABASE "{database}"{origin}')
            stack.callback(connection.execute, f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            if name == "template":
                manage(_environment(folder, urls[name]), "migrate", "--verbosity", "0")
        yield {name: urls[name] for name in names}


def _environment(folder: Path, database: str, **changes: str) -> dict[str, str]:
    return environment(
        folder,
        DJANGO_SETTINGS_MODULE="bench.settings",
        SECRET_KEY=SECRET,
        DATABASE_URL=database,
        LOG_LEVEL="ERROR",
        **changes,
    )


def seed(folder: Path, database: str, projects: int, sessions: int) -> "subprocess.Popen[str]":
    """Begin to fill a database; `seeded` waits for it."""
    command = [sys.executable, "-m", "bench.seed", str(projects), str(sessions)]
    return subprocess.Popen(command, cwd=ROOT, env=_environment(folder, database), stdout=subprocess.PIPE, text=True)


def seeded(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What a client asks a filled database with."""
    text, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("The database could not be filled; the lines above say why.")
    answer: dict[str, Any] = json.loads(text)
    return answer


@contextmanager
def serving(folder: Path, database: str, made: dict[str, Any], **changes: str) -> Iterator[Target]:
    """A server of a database, as a target for requests."""
    folder.mkdir(exist_ok=True)
    server = LiveServer(folder, _environment(folder, database, **changes)).start()
    try:
        yield Target(server.port, made)
    finally:
        server.stop()
