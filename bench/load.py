"""Asking a server, and what that took."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .operations import Operation

CLIENTS = 4


class Client:
    """One kept-alive connection."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, path: str, body: Any) -> tuple[dict[str, Any], http.client.HTTPMessage]:
        """The JSON answer and its headers. Raises RuntimeError for any other than 200 without errors."""
        self._connection.request("POST", path, body=json.dumps(body), headers=self._headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {text[:500]!r}")
        answer: dict[str, Any] = json.loads(text)
        if answer.get("errors") or any(value.get("errors") for value in answer["data"].values()):
            raise RuntimeError(f"{path} answered with errors: {text[:500]!r}")
        return answer, response.headers

    def cpu(self) -> float:
        """Seconds of CPU that the server has used so far."""
        return float(self._get("/bench/cpu"))

    def waiting(self) -> int:
        """Turns that have not ended. Raises RuntimeError where one has failed."""
        active, failed = self._get("/bench/waiting").split()
        if int(failed):
            raise RuntimeError(f"{int(failed)} turns failed.")
        return int(active)

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._connection.getresponse().read()

    def close(self) -> None:
        self._connection.close()


class Target:
    """A served database: its port, the ids to ask for, and the empty sessions that are left to speak in."""

    def __init__(self, port: int, seeded: dict[str, Any]) -> None:
        self.port = port
        self.token: str = seeded["token"]
        self._ids: dict[str, Iterator[str]] = {
            "projects": itertools.cycle(seeded["projects"]),
            "sessions": itertools.cycle(seeded["sessions"]),
            # Each takes one message; the iterator ends when all are used.
            "empty_sessions": iter(seeded["empty_sessions"]),
        }

    def client(self) -> Client:
        """A new connection."""
        return Client(self.port, self.token)

    def unused(self) -> list[str]:
        """The empty sessions that nobody has spoken in; this target has none left afterwards."""
        return list(self._ids["empty_sessions"])

    def requests(self, operation: Operation, side: str, count: int) -> list[tuple[str, Any]]:
        """Paths and bodies of the next requests of an operation, as GraphQL or as plain JSON."""
        ids = itertools.islice(self._ids[operation.ids], count)
        variables = [operation.variables(id_) for id_ in ids]
        if len(variables) < count:
            raise RuntimeError("There are too few empty sessions for so many messages.")
        if side == "plain":
            return [(operation.plain, {"variables": value}) for value in variables]
        return [("/graphql/", {"query": operation.document, "variables": value}) for value in variables]


@dataclass
class Measured:
    """What rounds of requests took: seconds each, seconds of the clock, CPU of the server."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    # Milliseconds of CPU a request, of each round.
    rounds: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests."""
        return len(self.latencies) / self.elapsed

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the requests was answered."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median_cpu_ms(self) -> float:
        """Milliseconds of the server's CPU a request, of the median round: a neighbour's burst does not move it."""
        ordered = sorted(self.rounds)
        return ordered[len(ordered) // 2]


def ask(target: Target, operation: Operation, side: str, count: int, into: Measured) -> None:
    """Send `count` requests by a few clients at once."""
    waiting = iter(target.requests(operation, side, count))
    lock = threading.Lock()
    failures: list[BaseException] = []
    probe = target.client()

    def work() -> None:
        client = target.client()
        try:
            while True:
                with lock:
                    request = next(waiting, None)
                if request is None:
                    return
                started = time.perf_counter()
                client.post(*request)
                into.latencies.append(time.perf_counter() - started)
        except BaseException as error:
            failures.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    cpu, started = probe.cpu(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    # The server has closed the probe's connection if it was idle for long.
    probe.close()
    used = probe.cpu() - cpu
    probe.close()
    if failures:
        raise failures[0]
    into.elapsed += elapsed
    into.rounds.append(1000 * used / count)
