"""A small server that speaks the wire format of Jina's embeddings service, and misbehaves on request.

Vectors are made of the words of a text (hashed, so that texts that share words are alike) and of the mean colour of
a picture. Keys other than "good" are refused. What else it does is set by `plan`: a list of answers to give first.
"""

import base64
import io
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

TASKS = ("retrieval.query", "retrieval.passage")


@dataclass
class Reply:
    """An answer that is given in place of the right one; `body` is sent as it is."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    wait: threading.Event | None = None


class JinaServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.plan: list[Reply] = []
        # A text or picture (base64) that contains this is refused with 422, and its whole request with it.
        self.refused = ""
        self.backwards = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is expected here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: JinaServer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        if self.server.plan:
            reply = self.server.plan.pop(0)
            if reply.wait is not None:
                reply.wait.wait(30)
            self._send(reply.status, reply.body, reply.headers)
        elif self.path != "/v1/embeddings":
            self._json(404, {"detail": "Not Found"})
        elif self.headers.get("Authorization") != "Bearer good":
            self._json(401, {"detail": "Invalid API key"})
        else:
            self._embed(body)

    def _embed(self, body: dict[str, Any]) -> None:
        inputs, dimensions = body["input"], body["dimensions"]
        assert body["model"] == "jina-embeddings-v4"
        assert body["task"] in TASKS
        assert 1 <= len(inputs) <= 32
        if self.server.refused and any(self.server.refused in value for item in inputs for value in item.values()):
            return self._json(422, {"detail": "Failed to encode text"})
        data = [
            {"object": "embedding", "index": number, "embedding": vector_of(item, dimensions).tolist()}
            for number, item in enumerate(inputs)
        ]
        if self.server.backwards:
            data.reverse()
        usage = {"total_tokens": 7, "prompt_tokens": 7}
        return self._json(200, {"model": body["model"], "object": "list", "data": data, "usage": usage})

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def vector_of(item: dict[str, str], dimensions: int) -> Any:
    """Not of unit length, as the client must not rely on it."""
    vector = np.zeros(dimensions)
    if "image" in item:
        with Image.open(io.BytesIO(base64.b64decode(item["image"]))) as picture:
            red, green, blue = picture.convert("RGB").resize((1, 1)).getpixel((0, 0))
        words = [name for name, part in (("red", red), ("green", green), ("blue", blue)) if part > 127]
    else:
        words = item["text"].lower().replace(",", " ").replace(".", " ").split()
    for word in words:
        vector[zlib.crc32(word.encode()) % dimensions] += 3.0
    vector[0] += 0.1
    return vector


@contextmanager
def jina_server() -> Iterator[JinaServer]:
    server = JinaServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
