"""A real HTTP endpoint of an outside system, which answers as it is told and keeps what it got."""

import json
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook as Verifier

Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer of this status."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def verified_by(self, secret: str) -> dict[str, Any]:
        """The body, checked by the specification's own library; raises WebhookVerificationError."""
        return Verifier(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """`answers` are used up one by one; then everything is answered with 204."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    arrived: "queue.Queue[Received]" = field(default_factory=queue.Queue)
    # Set by a test that ends an answer which it holds back.
    released: threading.Event = field(default_factory=threading.Event)

    def got(self) -> list[Received]:
        """What has come since the last look."""
        found = []
        while not self.arrived.empty():
            found.append(self.arrived.get_nowait())
        return found

    def hold(self, handler: BaseHTTPRequestHandler) -> None:
        """An answer that does not come."""
        self.released.wait(60)
        handler.close_connection = True


@contextmanager
def receiving(host: str = "127.0.0.1", certificate: Path | None = None) -> Iterator[Receiver]:
    """An endpoint while the block runs; over TLS with a certificate."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = receiver.answers.pop(0) if receiver.answers else status(204)
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.arrived.put(Received(self.path, headers, body))
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    receiver = Receiver(f"{scheme}://{host}:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
