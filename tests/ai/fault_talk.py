"""What the fault server is asked, and the words of the wire format that it answers in."""

import json
import select
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any


@dataclass
class Asked:
    """One request. `ended` is how its answer ended: sent, cut, or hung_up (by the client)."""

    scenario: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    ended: str = ""
    done: threading.Event = field(default_factory=threading.Event, repr=False)
    # Set by a test, in scenarios that wait for it.
    go: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.body["messages"]]

    @property
    def system(self) -> str:
        return str(self.body["messages"][0]["content"])

    @property
    def texts(self) -> str:
        """Everything that was said to the model, without pictures."""
        contents = [message["content"] for message in self.body["messages"]]
        parts = [[{"type": "text", "text": c}] if isinstance(c, str) else c for c in contents]
        return "\n".join(part["text"] for each in parts for part in each if part["type"] == "text")

    @property
    def is_repair(self) -> bool:
        """Whether nothing but the structured part is asked for."""
        return self.system.startswith("You report the structured part")

    @property
    def pictures(self) -> list[str]:
        """The addresses of all pictures that were sent."""
        parts = [part for m in self.body["messages"] if isinstance(m["content"], list) for part in m["content"]]
        return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]

    @property
    def is_summary(self) -> bool:
        """Whether a summary of the conversation is asked for."""
        return self.system.startswith("You keep the record")

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("scenario", "path", "headers", "body", "ended")}


class HungUp(Exception):  # noqa: N818 (an event, not an error)
    """The client has gone."""


class CutHere(Exception):  # noqa: N818 (an event, not an error)
    """The scenario ends the connection without ending the answer."""


def error(message: str, code: str, kind: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind or code, "param": None, "code": code}}


def answer(handler: BaseHTTPRequestHandler, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
    """A whole answer at once: JSON, or text as it is."""
    body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
    handler.send_response(status)
    for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
        handler.send_header(name, text)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Talk:
    """One answer in the making: the words of the wire format, for the scenarios below."""

    def __init__(self, handler: BaseHTTPRequestHandler, asked: Asked, times_asked: int) -> None:
        self._handler = handler
        self.asked = asked
        self.times_asked = times_asked
        self._streams = False

    @property
    def is_repair(self) -> bool:
        return self.asked.is_repair

    @property
    def is_summary(self) -> bool:
        return self.asked.is_summary

    @property
    def allowed_steps(self) -> list[str]:
        properties = self.asked.body["tools"][0]["function"]["parameters"]["properties"]
        return [slug for slug in properties.get("next_step", {}).get("enum", []) if slug]

    def refuse(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        answer(self._handler, status, value, headers)

    def pause(self, seconds: float) -> None:
        """Waits, and raises HungUp as soon as the client closes the connection."""
        readable, _, _ = select.select([self._handler.connection], [], [], seconds)
        if readable and not self._handler.connection.recv(1):
            raise HungUp

    def start(self) -> None:
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()
        self._streams = True
        self.delta({"role": "assistant", "content": None})

    def raw(self, text: str | bytes) -> None:
        if not self._streams:
            self.start()
        data = text.encode() if isinstance(text, str) else text
        self._handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def chunk(self, value: dict[str, Any]) -> None:
        head = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": self.asked.body["model"],
        }
        self.raw(f"data: {json.dumps(head | value)}\n\n")

    def delta(self, delta: dict[str, Any], finish: str | None = None) -> None:
        self.chunk({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def say(self, text: str, *, pause: float = 0.0) -> None:
        for word in text.split(" "):
            self.delta({"content": f"{word} "})
            if pause:
                self.pause(pause)

    def call(self, arguments: str, *, name: str = "direct") -> None:
        """The call in three pieces, as servers send it."""
        half = len(arguments) // 2
        first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        self.delta({"content": None, "tool_calls": [first]})
        for piece in (arguments[:half], arguments[half:]):
            self.delta({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})

    def end(self, finish: str = "stop", *, usage: bool = True) -> None:
        self.delta({}, finish)
        if usage:
            counts = {"prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366}
            self.chunk({"choices": [], "usage": counts})
        self.raw("data: [DONE]\n\n")
        self.close()

    def close(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")
