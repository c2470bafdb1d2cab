"""A small server that speaks the OpenAI chat completions format and misbehaves on request.

What it does is chosen by the request's model name (see `SCENARIOS`) or, where a client cannot choose that, by
the first part of the path: `http://host:port/hang-before/v1`. It keeps what it was asked:

GET /requests       everything asked so far, as JSON DELETE /requests    forgets it GET /health         200

`python -m tests.ai.fault_server PORT` serves until it gets SIGTERM; `fault_server()` is the same as a context.
"""

import argparse
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.ai.fault_scenarios import PROSE, SCENARIOS
from tests.ai.fault_talk import Asked, CutHere, HungUp, Talk, answer, error

__all__ = ["PROSE", "SCENARIOS", "Asked", "FaultServer", "fault_server"]


class FaultServer(ThreadingHTTPServer):
    daemon_threads = True
    # A client that hangs up is what many scenarios are about.
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def asked_of(self, scenario: str) -> list[Asked]:
        return [item for item in self.asked if item.scenario == scenario]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Hang-ups are expected here and not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultServer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the tests look at what was asked, not at a log."""

    def do_GET(self) -> None:
        if self.path == "/requests":
            answer(self, 200, [item.as_json() for item in self.server.asked])
        else:
            answer(self, 200 if self.path == "/health" else 404, {"status": "ok"})

    def do_DELETE(self) -> None:
        self.server.asked.clear()
        answer(self, 200, {"status": "forgotten"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first = self.path.strip("/").split("/")[0]
        scenario = first if first in SCENARIOS else str(body.get("model"))
        asked = Asked(scenario, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.server.asked.append(asked)
        if not self.path.endswith("/chat/completions") or scenario not in SCENARIOS:
            answer(self, 404, error("The model does not exist.", "model_not_found"))
            asked.ended = "sent"
        else:
            self._play(asked)
        asked.done.set()

    def _play(self, asked: Asked) -> None:
        try:
            SCENARIOS[asked.scenario](Talk(self, asked, len(self.server.asked_of(asked.scenario))))
            asked.ended = "sent"
        except CutHere:
            asked.ended = "cut"
            self.close_connection = True
            self.connection.close()
        except (HungUp, OSError):
            asked.ended = "hung_up"
            self.close_connection = True


@contextmanager
def fault_server(port: int = 0) -> Iterator[FaultServer]:
    server = FaultServer(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with fault_server(parser.parse_args().port) as server:
        print("ready", server.url, flush=True)  # noqa: T201
        stop.wait()


if __name__ == "__main__":
    main()
