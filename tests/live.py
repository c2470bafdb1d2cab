"""Real servers as processes, and real clients of them."""

import asyncio
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
import websockets

from cms.settings import bucket

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "auto-movie"
START_SECONDS = 60


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """The environment of a server that keeps everything in `folder`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QWEN3VL_", "JINA_", "DATABASE_", "REDIS_", "CELERY_", "DJANGO_", "PYTEST_"))
    }
    # Empty, not absent: each server reads .env again, and tests write into no real bucket.
    return (
        kept
        | dict.fromkeys((*bucket.R2, *bucket.AWS), "")
        | {
            "DJANGO_SETTINGS_MODULE": "cms.settings.development",
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "MEDIA_ROOT": str(folder / "media"),
            "SECRET_KEY": "a key for tests alone, which signs nothing of worth",
            "REHEARSAL_WORD_DELAY": "0",
            "RATE_LIMIT_TURNS": "100000/minute",
            "RATE_LIMIT_UPLOADS": "100000/minute",
            "COST_LIMIT_USER": "1000000000/minute",
            "COST_LIMIT_TOKEN": "1000000000/minute",
            "COST_LIMIT_ADDRESS": "1000000000/minute",
            "LOG_LEVEL": "WARNING",
            **changes,
        }
    )


def manage(env: dict[str, str], *arguments: str) -> None:
    """Run a management command to its end."""
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _templates() -> Iterator[tuple[Path, int]]:
    """The folder of the templates, for one process at a time, and a number of the present set of migrations."""
    newest = max(path.stat().st_mtime_ns for path in ROOT.glob("[cw]*/**/migrations/*.py"))
    folder = ROOT / "var" / "test-template"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder, newest


def _fill(env: dict[str, str]) -> None:
    manage(env, "migrate", "--verbosity", "0")
    manage(env, "load_demo")


def sqlite_template() -> Path:
    """A migrated SQLite database with the demo, made once for each set of migrations."""
    with _templates() as (folder, newest):
        template = folder / f"{newest}.sqlite3"
        if not template.exists():
            making = folder / "making.sqlite3"
            making.unlink(missing_ok=True)
            _fill(environment(folder, DATABASE_URL=f"sqlite:///{making}"))
            making.rename(template)
    return template


def postgresql_template() -> str:
    """The name of a migrated PostgreSQL database with the demo, made once for each set of migrations and folder."""
    with _templates() as (folder, newest), psycopg.connect(postgresql(), autocommit=True) as connection:
        mine = f"auto_movie_template_{hashlib.sha256(bytes(folder)).hexdigest()[:8]}"
        template = f"{mine}_{newest}"
        there = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [mine]).fetchall()
        if (template,) not in there:
            for (old,) in there:
                connection.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
            making = f"{mine}_making"
            connection.execute(f'CREATE DATABASE "{making}"')
            _fill(environment(folder, DATABASE_URL=_database_url(making)))
            connection.execute(f'ALTER DATABASE "{making}" RENAME TO "{template}"')
    return template


class LiveServer:
    """A served project: one process, or more in subclasses."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.env = env
        self.port = free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = folder / "server.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def commands(self) -> list[list[str]]:
        return [[sys.executable, "manage.py", "serve", "--port", str(self.port)]]

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.processes = [
                subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log) for command in self.commands()
            ]
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if any(process.poll() is not None for process in self.processes):
                break
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()}")

    def kill(self) -> None:
        """SIGKILL: nothing gets a chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, as an operator would."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)
        for process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def sign_in(self, name: str) -> "LiveClient":
        """A client with a Bearer token of `<name>@example.com`, one of the demo's people."""
        client = LiveClient(self.url)
        answer = client.run(
            "mutation ($email: String!, $password: String!) {"
            " login(input: {email: $email, password: $password}) { token errors { message } } }",
            email=f"{name}@example.com",
            password=PASSWORD,
        )
        client.token = answer["login"]["token"]
        return client


class LiveClient:
    """A client of a served project, over HTTP and WebSocket."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""
        self._ids = itertools.count(1)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Run a document over HTTP and answer its data."""
        body = {"query": query, "variables": variables}
        response = httpx.post(f"{self.url}/graphql/", json=body, headers=self.headers, timeout=30)
        payload = response.json()
        assert not payload.get("errors"), payload["errors"]
        return payload["data"]  # type: ignore[no-any-return]

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Any]:
        """A graphql-transport-ws connection that has been acknowledged."""
        address = self.url.replace("http", "ws") + "/graphql/"
        protocol = websockets.Subprotocol("graphql-transport-ws")
        async with websockets.connect(address, subprotocols=[protocol], max_size=None) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": self.headers}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            yield socket

    @asynccontextmanager
    async def subscribe(self, query: str, **variables: Any) -> AsyncIterator["Subscription"]:
        """A subscription on a socket of its own."""
        async with self.socket() as socket:
            number = str(next(self._ids))
            payload = {"query": query, "variables": variables}
            await socket.send(json.dumps({"id": number, "type": "subscribe", "payload": payload}))
            yield Subscription(socket)


class Subscription:
    """The events of one subscription."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def frame(self, timeout: float = 20) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.recv(), timeout))
        return frame

    async def event(self, timeout: float = 20) -> dict[str, Any]:
        """The next event; fails on any other frame."""
        frame = await self.frame(timeout)
        assert frame["type"] == "next", frame
        assert not frame["payload"].get("errors"), frame
        (event,) = frame["payload"]["data"].values()
        return event  # type: ignore[no-any-return]

    async def rest(self) -> list[dict[str, Any]]:
        """The frames that the server has sent by now: all up to its answer to a ping."""
        await self._socket.send(json.dumps({"type": "ping"}))
        frames = []
        while (frame := await self.frame())["type"] != "pong":
            frames.append(frame)
        return frames

    async def until(self, wanted: Callable[[dict[str, Any]], bool], timeout: float = 30) -> list[dict[str, Any]]:
        """All events up to and with the first that is wanted."""
        seen = []
        async with asyncio.timeout(timeout):
            while True:
                seen.append(await self.event(timeout))
                if wanted(seen[-1]):
                    return seen


def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LiveServer]]:
    """See the fixture `embedded`."""
    started: list[LiveServer] = []

    def start(kind: type[LiveServer] = LiveServer, **changes: str) -> LiveServer:
        folder = tmp_path_factory.mktemp("embedded")
        shutil.copy(sqlite_template(), folder / "db.sqlite3")
        server = kind(folder, environment(folder, **changes))
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


class ServicesServer(LiveServer):
    """The server, a Celery worker and beat: what docker-compose.yml starts, on PostgreSQL and Redis."""

    def kill_worker(self) -> None:
        """SIGKILL the worker alone; the server and beat go on."""
        worker = self.processes[1]
        worker.kill()
        worker.wait()

    def stop_worker(self) -> None:
        """SIGTERM the worker alone."""
        worker = self.processes[1]
        worker.terminate()
        worker.wait(timeout=30)

    def start_worker(self) -> None:
        """Another worker in place of the one that was killed."""
        with self.log.open("ab") as log:
            self.processes[1] = subprocess.Popen(self.commands()[1], cwd=ROOT, env=self.env, stdout=log, stderr=log)

    def commands(self) -> list[list[str]]:
        celery = [sys.executable, "-m", "celery", "-A", "cms"]
        worker = [*celery, "worker", "--pool", "threads", "--concurrency", "8", "--loglevel", "warning"]
        beat = [*celery, "beat", "--loglevel", "warning", "--schedule", str(self.folder / "beat")]
        return [*super().commands(), worker, beat]


def postgresql() -> str:
    """The tests' PostgreSQL."""
    return os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")


def _database_url(name: str) -> str:
    return urlunsplit(urlsplit(postgresql())._replace(path=f"/{name}"))


@contextmanager
def own_database(name: str, template: str = "template1") -> Iterator[str]:
    """A PostgreSQL database that is gone afterwards."""
    with psycopg.connect(postgresql(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield _database_url(name)
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def redis_url() -> str:
    """The tests' Redis; each parallel runner has a database of its own there, as queues must not be shared."""
    parts = urlsplit(os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9"))
    return urlunsplit(parts._replace(path=f"/{int(parts.path.strip('/') or 0) + runner_number()}"))


def runner_number() -> int:
    """Which of the parallel test runners this is: 0, 1 …"""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@contextmanager
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and the environment of servers on PostgreSQL and Redis with the demo in a database of their own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    redis = redis_url()
    with own_database(f"auto_movie_live_{worker}_{os.getpid()}", postgresql_template()) as database:
        folder = tmp_path_factory.mktemp("services")
        yield folder, environment(folder, DATABASE_URL=database, REDIS_URL=redis, CELERY_BROKER_URL=redis)


def services_server(folder: Path, env: dict[str, str]) -> Iterator[Callable[..., ServicesServer]]:
    """See the fixture `production_like`."""
    started: list[ServicesServer] = []

    def start(kind: type[ServicesServer] = ServicesServer, **changes: str) -> ServicesServer:
        server = kind(folder, env | changes)
        started.append(server)
        return server.start()

    try:
        yield start
    finally:
        for server in started:
            server.stop()
