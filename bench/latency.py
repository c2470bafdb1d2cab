"""`python -m bench.latency` times a reply's pieces on their way from the provider to a client, and writes
docs/bench-latency.md; see there for what and how.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websockets

from tests.live import LiveServer, ServicesServer, environment, free_port, own_database, postgresql_template, redis_url

from .latency_report import EMBEDDED, SERVICES, Measured, Saving, report
from .memory import Process
from .servers import ROOT, SECRET, databases

STREAMS = (1, 50, 200)
# A stream says so many pieces a second, each of so many characters: the pace of a large hosted model.
RATE = 20.0
CHARACTERS = 12
SECONDS = 10.0
# Characters of the replies whose saving is measured, and how fast they come.
LENGTHS = (6_000, 12_000, 24_000, 48_000)
FAST = 200.0
START = """mutation ($project: ID!) { startSession(input: {projectId: $project}) {
  session { id lastEventSeq } errors { message } } }"""
SEND = """mutation ($session: ID!, $text: String!) { sendMessage(input: {sessionId: $session, text: $text}) {
  turn { id } errors { message } } }"""
EVENTS = """subscription ($session: ID!, $after: Int) { sessionEvents(sessionId: $session, after: $after) {
  __typename seq ... on TurnUpdatedEvent { turn { status error { code message } } }
  ... on TurnDeltaEvent { turnId attempt offset text } } }"""
PLACE = re.compile(r" (\d+)a")


@dataclass(slots=True)
class Stream:
    """One reply: when each of its pieces came, directly and as a client's frame. `frames` counts those."""

    number: int
    direct: dict[int, float] = field(default_factory=dict)
    shown: dict[int, float] = field(default_factory=dict)
    frames: int = 0

    def added(self, since: float, until: float) -> list[float]:
        """Milliseconds that we add to each piece that came directly in that time."""
        return [
            1000 * (self.shown[place] - came)
            for place, came in self.direct.items()
            if since <= came <= until and place in self.shown
        ]


class Bench:
    """A signed-in client of a server whose model is bench.streams."""

    def __init__(self, server: LiveServer, provider_port: int, names: list[str]) -> None:
        self._server = server
        self._provider_port = provider_port
        self.processes = {name: Process(each.pid) for name, each in zip(names, server.processes, strict=False)}
        self._numbers = iter(range(1, 1_000_000))

    async def __aenter__(self) -> "Bench":
        client = await asyncio.to_thread(self._server.sign_in, "producer")
        limits = httpx.Limits(max_connections=8)
        self._http = httpx.AsyncClient(base_url=self._server.url, headers=client.headers, timeout=120, limits=limits)
        self._token = client.headers["Authorization"]
        projects = await self.ask("{ projects(first: 1) { edges { node { id } } } }")
        self._project = projects["edges"][0]["node"]["id"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(self, query: str, **variables: Any) -> Any:
        answer = (await self._http.post("/graphql/", json={"query": query, "variables": variables})).json()
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        (value,) = answer["data"].values()
        if value.get("errors"):
            raise RuntimeError(value["errors"])
        return value

    async def follow(self, stream: Stream, pieces: int, rate: float, *, is_direct: bool = True) -> None:
        """Have one reply of so many pieces at most, and follow it to its end."""
        session = (await self.ask(START, project=self._project))["session"]
        async with self._subscription(session) as socket:
            direct = asyncio.create_task(self._read_directly(stream)) if is_direct else None
            text = f"stream {stream.number} of {pieces} pieces of {CHARACTERS} at {rate} a second"
            await self.ask(SEND, session=session["id"], text=text)
            await self._show(socket, stream)
            if direct is not None:
                await direct

    def stream(self) -> Stream:
        return Stream(next(self._numbers))

    async def end_all(self) -> None:
        """Have the provider end all streams."""
        _, writer = await asyncio.open_connection("127.0.0.1", self._provider_port)
        writer.write(b"GET /end HTTP/1.1\r\n\r\n")
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def _subscription(self, session: dict[str, Any]) -> AsyncIterator[Any]:
        address = self._server.url.replace("http", "ws") + "/graphql/"
        protocol = websockets.Subprotocol("graphql-transport-ws")
        async with websockets.connect(address, subprotocols=[protocol], max_size=None) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": self._token}}))
            await socket.recv()
            variables = {"session": session["id"], "after": session["lastEventSeq"]}
            payload = {"query": EVENTS, "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            yield socket

    async def _read_directly(self, stream: Stream) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._provider_port)
        writer.write(b"GET /direct/%d HTTP/1.1\r\n\r\n" % stream.number)
        await reader.readuntil(b"\r\n\r\n")
        async for line in reader:
            came = time.monotonic()
            for place in PLACE.findall(line.decode()):
                stream.direct[int(place)] = came
        writer.close()

    async def _show(self, socket: Any, stream: Stream) -> None:
        text = ""
        async for frame in socket:
            came = time.monotonic()
            event = json.loads(frame)["payload"]["data"]["sessionEvents"]
            if event["__typename"] == "TurnDeltaEvent":
                if event["offset"] != len(text):
                    raise RuntimeError(f"{event} after {len(text)} characters")
                text += event["text"]
                stream.frames += 1
                for place in PLACE.findall(event["text"]):
                    stream.shown[int(place)] = came
            elif event["__typename"] == "TurnUpdatedEvent":
                status = event["turn"]["status"]
                if status == "COMPLETED":
                    return
                if status not in {"QUEUED", "RUNNING"}:
                    raise RuntimeError(f"A turn ended: {event['turn']}")


async def together(bench: Bench, count: int, seconds: float) -> Measured:
    """So many replies at once; counted is a time in which all of them grow."""
    for process in bench.processes.values():
        process.forget_peak()
    streams = [bench.stream() for _ in range(count)]
    following = asyncio.gather(*(bench.follow(stream, 1_000_000, RATE) for stream in streams))
    while not all(stream.shown for stream in streams) and not following.done():
        await asyncio.sleep(0.1)
    since = time.monotonic()
    before = {name: process.cpu() for name, process in bench.processes.items()}
    await asyncio.wait([following], timeout=seconds)
    until = time.monotonic()
    cpu = {name: (process.cpu() - before[name]) / (until - since) for name, process in bench.processes.items()}
    await bench.end_all()
    await following
    return Measured(
        count,
        [milliseconds for stream in streams for milliseconds in stream.added(since, until)],
        sum(len(stream.shown) for stream in streams) / sum(stream.frames for stream in streams),
        cpu,
        {name: process.peak() for name, process in bench.processes.items()},
    )


async def saving(bench: Bench, characters: int) -> Saving:
    """What the processes write while a reply of that length grows and is stored."""
    processes = bench.processes.values()
    before = sum(process.written() for process in processes), sum(process.cpu() for process in processes)
    await bench.follow(bench.stream(), characters // CHARACTERS, FAST, is_direct=False)
    after = sum(process.written() for process in processes), sum(process.cpu() for process in processes)
    return Saving(characters, after[0] - before[0], after[1] - before[1])


@contextmanager
def provider() -> Iterator[int]:
    """A provider as a process of its own; answers its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.streams", str(port)], cwd=ROOT)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serving(folder: Path, provider_port: int, *, with_services: bool) -> Iterator[LiveServer]:
    """A server of the demo: one process on SQLite, or web and worker on PostgreSQL and Redis."""
    changes = {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "BENCH_WORKER": "0" if with_services else "1",
        "SECRET_KEY": SECRET,
        "LOG_LEVEL": "ERROR",
        "QWEN3VL_BASE_URL": f"http://127.0.0.1:{provider_port}/v1",
        "MONTHLY_TOKENS_ENTERPRISE": "1000000000000",
        "MONTHLY_TOKENS_PRO": "1000000000000",
        "MONTHLY_TOKENS_FREE": "1000000000000",
    }
    with ExitStack() as stack:
        if with_services:
            database = stack.enter_context(own_database(f"auto_movie_latency_{folder.name}", postgresql_template()))
            redis = redis_url()
            env = environment(folder, **changes, DATABASE_URL=database, REDIS_URL=redis, CELERY_BROKER_URL=redis)
            server: LiveServer = ServicesServer(folder, env)
        else:
            urls = stack.enter_context(databases(["latency"], None, folder))
            server = LiveServer(folder, environment(folder, **changes, DATABASE_URL=urls["latency"]))
        server.start()
        stack.callback(server.stop)
        yield server


async def measure(server: LiveServer, provider_port: int, names: list[str], options: argparse.Namespace) -> Any:
    async with Bench(server, provider_port, names) as bench:
        await together(bench, 1, 2.0)
        measured = [await together(bench, streams, options.seconds) for streams in options.streams]
        saved = [await saving(bench, length) for length in LENGTHS] if options.saving else []
    return measured, saved


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--streams", type=int, nargs="*", default=STREAMS, help="how many at once")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each number is measured")
    parser.add_argument("--no-services", action="store_true", help="leave out PostgreSQL and Redis")
    parser.add_argument("--no-saving", dest="saving", action="store_false", help="leave out the saving of replies")
    parser.add_argument("--no-file", action="store_true", help="print the report and leave docs/ as it is")
    options = parser.parse_args()
    results = {}
    ways = {EMBEDDED: ["web and worker"]} | ({} if options.no_services else {SERVICES: ["web", "worker"]})
    for way, names in ways.items():
        with (
            tempfile.TemporaryDirectory(prefix="auto-movie-bench-") as name,
            provider() as port,
            serving(Path(name), port, with_services=way == SERVICES) as server,
        ):
            results[way] = asyncio.run(measure(server, port, names, options))
    text = report(results, rate=RATE, characters=CHARACTERS)
    print(text)
    if not options.no_file:
        (ROOT / "docs/bench-latency.md").write_text(text)


if __name__ == "__main__":
    main()
