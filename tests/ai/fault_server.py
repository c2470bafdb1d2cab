"""A small server that speaks the OpenAI chat completions format and misbehaves on request.
 What it does is chosen by the request's model name (see `SCENARIOS`) or, where a client cannot choose that,
by the first part of the path: `http://host:port/hang-before/v1`. It keeps what it was asked:

    GET /requests       everything asked so far, as JSON
    DELETE /requests    forgets it
    GET /health         200
 `python -m tests.ai.fault_server PORT` serves until it gets SIGTERM; `fault_server()` is the same as a
context."""

import argparse
import json
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any

PROSE = (
    "Let us open on the harbour at dawn. Two sisters wait for a boat that will not come, "
    "and one of them knows why. Keep the camera at their height, let the gulls carry the sound, "
    "and cut to the title on the first lie."
)
SLOW_WORD = 0.05
LONGEST_HANG = 60.0
CHOICES = [
    {
        "slug": "open_on_harbour",
        "title": "Open on the harbour",
        "description": "Start with the wait.",
        "recommended": True,
    },
    {"slug": "open_on_lie", "title": "Open on the lie", "description": "Start in the middle of it."},
]


@dataclass
class Asked:
    """One request. `ended` is how its answer ended: sent, cut, or hung_up (by the client)."""

    scenario: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    ended: str = ""
    done: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.body["messages"]]

    @property
    def pictures(self) -> list[str]:
        """The addresses of all pictures that were sent."""
        parts = [
            part for m in self.body["messages"] if isinstance(m["content"], list) for part in m["content"]
        ]
        return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("scenario", "path", "headers", "body", "ended")}


class HungUp(Exception):  # noqa: N818 (an event, not an error)
    """The client has gone."""


class CutHere(Exception):  # noqa: N818 (an event, not an error)
    """The scenario ends the connection without ending the answer."""


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
            self.answer(200, [item.as_json() for item in self.server.asked])
        else:
            self.answer(200 if self.path == "/health" else 404, {"status": "ok"})

    def do_DELETE(self) -> None:
        self.server.asked.clear()
        self.answer(200, {"status": "forgotten"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first = self.path.strip("/").split("/")[0]
        scenario = first if first in SCENARIOS else str(body.get("model"))
        asked = Asked(scenario, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.server.asked.append(asked)
        if not self.path.endswith("/chat/completions") or scenario not in SCENARIOS:
            self.answer(404, error("The model does not exist.", "model_not_found"))
            asked.ended = "sent"
        else:
            self._play(asked)
        asked.done.set()

    def _play(self, asked: Asked) -> None:
        try:
            SCENARIOS[asked.scenario](Talk(self, asked))
            asked.ended = "sent"
        except CutHere:
            asked.ended = "cut"
            self.close_connection = True
            self.connection.close()
        except (HungUp, OSError):
            asked.ended = "hung_up"
            self.close_connection = True

    def answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def error(message: str, code: str, kind: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind or code, "param": None, "code": code}}


class Talk:
    """One answer in the making: the words of the wire format, for the scenarios below."""

    def __init__(self, handler: _Handler, asked: Asked) -> None:
        self._handler = handler
        self.asked = asked
        self.server = handler.server
        self._streams = False

    @property
    def times_asked(self) -> int:
        return len(self.server.asked_of(self.asked.scenario))

    @property
    def allowed_steps(self) -> list[str]:
        properties = self.asked.body["tools"][0]["function"]["parameters"]["properties"]
        return [slug for slug in properties.get("next_step", {}).get("enum", []) if slug]

    def refuse(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self._handler.answer(status, value, headers)

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

    def raw(self, text: str) -> None:
        if not self._streams:
            self.start()
        data = text.encode()
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


def ok(talk: Talk) -> None:
    talk.say(PROSE)
    talk.end()


def ok_stream(talk: Talk) -> None:
    """Slow enough to be cancelled on its way: about two seconds."""
    talk.say(PROSE, pause=SLOW_WORD)
    talk.end()


def ok_tool(talk: Talk) -> None:
    talk.say(PROSE)
    talk.call(json.dumps({"next_step": None, "choices": CHOICES}))
    talk.end("tool_calls")


def ok_next(talk: Talk) -> None:
    """Moves to the first step that the request allows."""
    talk.say(PROSE)
    talk.call(json.dumps({"next_step": talk.allowed_steps[0]}))
    talk.end("tool_calls")


def tool_only(talk: Talk) -> None:
    talk.call(json.dumps({"choices": CHOICES}))
    talk.end("tool_calls")


def disallowed_step(talk: Talk) -> None:
    talk.say(PROSE)
    talk.call(json.dumps({"nextStep": "world_domination"}))
    talk.end("tool_calls")


def malformed_tool(talk: Talk) -> None:
    talk.say(PROSE)
    talk.call('{"next_step": "story_develop')
    talk.end("tool_calls")


def fenced(talk: Talk) -> None:
    """The block in pieces of one or two characters, as a tokenizer may cut it."""
    talk.say(PROSE)
    block = "\n\n```json\n" + json.dumps({"nextStep": None, "choices": CHOICES}) + "\n```"
    for start in range(0, len(block), 2):
        talk.delta({"content": block[start : start + 2]})
    talk.end()


def no_tools(talk: Talk) -> None:
    if "tools" in talk.asked.body:
        talk.refuse(400, error("This model does not support tools.", "invalid_parameter_error"))
    else:
        fenced(talk)


def reasoning(talk: Talk) -> None:
    for word in ("The", "producer", "wants", "a", "secret", "plan"):
        talk.delta({"content": None, "reasoning_content": f"{word} "})
    ok(talk)


def no_usage(talk: Talk) -> None:
    talk.say(PROSE)
    talk.end(usage=False)


def one_piece(talk: Talk) -> None:
    """A server that does not stream although it was asked to."""
    choice = {"index": 0, "message": {"role": "assistant", "content": PROSE}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 321, "completion_tokens": 45}
    talk.refuse(200, {"model": talk.asked.body["model"], "choices": [choice], "usage": usage})


def empty(talk: Talk) -> None:
    talk.end()


def odd_separators(talk: Talk) -> None:
    """U+2028 inside a JSON text, CRLF line ends, comments between events."""
    talk.start()
    talk.raw(": keep-alive\r\n\r\n")
    value = {"choices": [{"delta": {"content": "One\u2028two 🎬"}}]}
    talk.raw(f"data: {json.dumps(value, ensure_ascii=False)}\r\n\r\n")
    talk.end()


def unauthorized(talk: Talk) -> None:
    key = talk.asked.headers.get("authorization", "")
    talk.refuse(
        401, error(f"Incorrect API key provided: {key}. See https://example.com/keys.", "invalid_api_key")
    )


def arrearage(talk: Talk) -> None:
    talk.refuse(400, error("Access denied, please make sure your account is in good standing.", "Arrearage"))


def refused(talk: Talk) -> None:
    talk.refuse(400, error("Input data may contain inappropriate content.", "data_inspection_failed"))


def overflow(talk: Talk) -> None:
    details = {
        "code": 400,
        "type": "exceed_context_size_error",
        "message": "too long",
        "n_prompt_tokens": 9031,
    }
    talk.refuse(400, {"error": details | {"n_ctx": 4096}})


def web_page(talk: Talk) -> None:
    talk.refuse(200, "<!doctype html><title>Welcome</title>", {"Content-Type": "text/html"})


def _limited(talk: Talk, headers: dict[str, str]) -> None:
    talk.refuse(429, error("You have exceeded your current request limit.", "limit_requests"), headers)


def limited_once(talk: Talk) -> None:
    if talk.times_asked == 1:
        _limited(talk, {"Retry-After": "1"})
    else:
        ok(talk)


def limited_until_date(talk: Talk) -> None:
    if talk.times_asked == 1:
        _limited(talk, {"Retry-After": formatdate(time() + 1, usegmt=True)})
    else:
        ok(talk)


def limited(talk: Talk) -> None:
    _limited(talk, {})


def limited_for_long(talk: Talk) -> None:
    _limited(talk, {"Retry-After": "600"})


def broken_once(talk: Talk) -> None:
    if talk.times_asked == 1:
        talk.refuse(500, error("Internal error.", "internal_error"))
    else:
        ok(talk)


def broken(talk: Talk) -> None:
    talk.refuse(503, "upstream connect error")


def dropped_once(talk: Talk) -> None:
    """The connection dies before any byte, as a kept-alive one may."""
    if talk.times_asked == 1:
        raise CutHere
    ok(talk)


def cut(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    raise CutHere


def ended_early(talk: Talk) -> None:
    """The stream ends properly, the answer does not: neither finish_reason nor [DONE]."""
    talk.say(" ".join(PROSE.split()[:8]))
    talk.close()


def error_in_stream(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    talk.raw(f"data: {json.dumps(error('The engine died.', 'internal_error'))}\n\n")
    talk.close()


def refused_in_stream(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    refusal = error("Output may contain inappropriate content.", "data_inspection_failed")
    talk.raw(f"data: {json.dumps(refusal)}\n\n")
    talk.close()


def hang_before(talk: Talk) -> None:
    talk.start()
    talk.pause(LONGEST_HANG)


def hang_midway(talk: Talk) -> None:
    talk.say(" ".join(PROSE.split()[:8]))
    talk.pause(LONGEST_HANG)


def hang_after(talk: Talk) -> None:
    """Everything was said, and then the server neither sends usage nor hangs up."""
    talk.say(PROSE)
    talk.delta({}, "stop")
    talk.pause(LONGEST_HANG)


def endless(talk: Talk) -> None:
    while True:
        talk.say("again and again", pause=SLOW_WORD)


SCENARIOS: dict[str, Callable[[Talk], None]] = {
    "ok": ok,
    "ok-stream": ok_stream,
    "ok-tool": ok_tool,
    "ok-next": ok_next,
    "tool-only": tool_only,
    "disallowed-step": disallowed_step,
    "malformed-tool": malformed_tool,
    "fenced": fenced,
    "no-tools": no_tools,
    "reasoning": reasoning,
    "no-usage": no_usage,
    "one-piece": one_piece,
    "empty": empty,
    "odd-separators": odd_separators,
    "401": unauthorized,
    "arrearage": arrearage,
    "refused": refused,
    "overflow": overflow,
    "web-page": web_page,
    "429-once": limited_once,
    "429-until-date": limited_until_date,
    "429": limited,
    "429-for-long": limited_for_long,
    "500-once": broken_once,
    "503": broken,
    "dropped-once": dropped_once,
    "cut": cut,
    "ended-early": ended_early,
    "error-in-stream": error_in_stream,
    "refused-in-stream": refused_in_stream,
    "hang-before": hang_before,
    "hang-midway": hang_midway,
    "hang-after": hang_after,
    "endless": endless,
}


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
