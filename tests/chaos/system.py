"""A served project whose web process, worker and Redis are killed at random, and started again."""

import asyncio
import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live import ROOT, ServicesServer, environment, free_port, own_database, postgresql_template

# Seconds: leases and sweeps short enough that what was killed is taken over while somebody watches.
PACE = {"TURN_LEASE_SECONDS": "3", "SWEEP_SECONDS": "1", "REHEARSAL_WORD_DELAY": "0.02"}
VICTIMS = ("web", "worker", "redis")


class ChaosServer(ServicesServer):
    """web, worker and beat, with a Redis of their own that forgets everything when it dies."""

    def __init__(self, folder: Path, env: dict[str, str], redis_port: int) -> None:
        super().__init__(folder, env)
        self._redis_port = redis_port
        self.killed: Counter[str] = Counter()
        self.ended_alone: Counter[str] = Counter()
        self._struck = ""
        self.all_struck = asyncio.Event()

    def commands(self) -> list[list[str]]:
        redis = ["redis-server", "--port", str(self._redis_port), "--bind", "127.0.0.1", "--save", ""]
        web, worker, beat = super().commands()
        return [web, worker, [*redis, "--dir", str(self.folder)], beat]

    def strike(self, victim: str) -> None:
        """SIGKILL one of the processes."""
        self._struck = victim
        process = self.processes[VICTIMS.index(victim)]
        process.kill()
        process.wait()
        self.killed[victim] += 1

    def replace(self, victim: str) -> None:
        """Start another in its place; it is not waited for."""
        number = VICTIMS.index(victim)
        with self.log.open("ab") as log:
            self.processes[number] = subprocess.Popen(
                self.commands()[number], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        if victim == self._struck:
            self._struck = ""

    async def supervise(self) -> None:
        """Start again what ended by itself, as `restart: unless-stopped` does in docker-compose.yml, until cancelled.

        A Celery worker may end where Redis dies while it reads (kombu asks the connection that it has just dropped).
        """
        while True:
            for victim, process in zip(VICTIMS, self.processes, strict=False):
                if victim != self._struck and process.poll() is not None:
                    self.ended_alone[victim] += 1
                    self.replace(victim)
            await asyncio.sleep(0.5)

    async def havoc(self, dice: random.Random, recovered: Callable[[], Awaitable[object]]) -> None:
        """Kill one after another, in shuffled rounds of all kinds, until cancelled.

        Each time it waits until what died has `recovered`: on a slow machine nothing would ever be up otherwise.
        """
        while True:
            for victim in dice.sample(VICTIMS, len(VICTIMS)):
                # Chance decides when it strikes and for how long: that is the test, nothing is waited for.
                await asyncio.sleep(dice.uniform(0.5, 3))
                self.strike(victim)
                await asyncio.sleep(dice.uniform(0, 1))
                self.replace(victim)
                await recovered()
            self.all_struck.set()


@contextmanager
def chaos_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosServer]:
    """Such a project on a PostgreSQL database of its own, with the demo."""
    if shutil.which("redis-server") is None:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("redis-server is required here and was not found.")
        pytest.skip("redis-server was not found.")
    folder = tmp_path_factory.mktemp("chaos")
    port = free_port()
    redis = f"redis://127.0.0.1:{port}/0"
    with own_database(f"auto_movie_chaos_{os.getpid()}", postgresql_template()) as database:
        env = environment(folder, DATABASE_URL=database, REDIS_URL=redis, CELERY_BROKER_URL=redis, **PACE)
        server = ChaosServer(folder, env, port)
        try:
            yield server.start()
        finally:
            server.stop()
