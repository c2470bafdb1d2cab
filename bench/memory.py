"""`python -m bench.memory` sends a large film to a server, fetches it, and writes the server's memory to
docs/bench-memory.md.
"""

import argparse
import asyncio
import os
import re
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.live import LiveServer, environment
from tests.media import samples

from .servers import ROOT, databases

MEGABYTE = 1024**2
PEOPLE = ("producer@example.com", "auto-movie")
CREATE = """mutation($input: CreateUploadInput!) { createUpload(input: $input) {
  ticket { id url headers { name value } } errors { code message } } }"""
COMPLETE = """mutation($input: CompleteUploadInput!) { completeUpload(input: $input) {
  media { id url } errors { code message } } }"""
STATE = "query($id: ID!) { node(id: $id) { ... on Media { status progress error { message } } } }"


@dataclass(frozen=True, slots=True)
class Stage:
    """What the server's process took at most while something was done, in bytes, and how long it lasted, in seconds."""

    name: str
    peak: int
    seconds: float


class Process:
    """What a process takes, as the kernel counts it (proc(5))."""

    def __init__(self, pid: int) -> None:
        self.folder = Path(f"/proc/{pid}")

    def forget_peak(self) -> None:
        (self.folder / "clear_refs").write_text("5")

    def peak(self) -> int:
        """Of its memory since `forget_peak`, in bytes."""
        found = re.search(r"VmHWM:\s+(\d+) kB", (self.folder / "status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    def cpu(self) -> float:
        """Seconds of CPU, of all its threads."""
        fields = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def written(self) -> int:
        """Bytes that it wrote, to files and sockets."""
        found = re.search(r"wchar: (\d+)", (self.folder / "io").read_text())
        assert found is not None
        return int(found[1])


class Film:
    """A real film of two seconds, made `size` bytes long by a box that players skip (ISO/IEC 14496-12, `free`)."""

    def __init__(self, size: int) -> None:
        self.head = samples.mp4()
        self.size = size
        padding = size - len(self.head)
        # A size of 1 says that the real one follows in 64 bits.
        self.box = struct.pack(">I4sQ", 1, b"free", padding)

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.head + self.box
        left = self.size - len(self.head) - len(self.box)
        zeros = bytes(MEGABYTE)
        while left:
            yield zeros[: min(left, MEGABYTE)]
            left -= min(left, MEGABYTE)


class Caller:
    """A signed-in producer, and what the server took while they did something."""

    def __init__(self, server: LiveServer) -> None:
        self.client = httpx.AsyncClient(base_url=server.url, timeout=600)
        self.process = Process(server.processes[0].pid)
        self.stages: list[Stage] = []

    async def ask(self, query: str, **variables: Any) -> Any:
        answer = (await self.client.post("/graphql/", json={"query": query, "variables": variables})).json()
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        (value,) = answer["data"].values()
        if isinstance(value, dict) and value.get("errors"):
            raise RuntimeError(value["errors"])
        return value

    async def stage(self, name: str, act: Callable[[], Any]) -> Any:
        self.process.forget_peak()
        started = time.monotonic()
        result = await act()
        self.stages.append(Stage(name, self.process.peak(), time.monotonic() - started))
        return result


async def measure(server: LiveServer, size: int) -> list[Stage]:
    """What the server takes while one film comes, is processed and goes."""
    caller = Caller(server)
    email, password = PEOPLE
    login = "mutation($input: LoginInput!) { login(input: $input) { token errors { message } } }"
    token = (await caller.ask(login, input={"email": email, "password": password}))["token"]
    caller.client.headers["Authorization"] = f"Bearer {token}"
    projects = await caller.ask("{ projects(first: 1) { edges { node { id } } } }")
    project = projects["edges"][0]["node"]["id"]
    film = Film(size)

    async def idle() -> None:
        await caller.ask("{ me { id } }")

    async def send() -> None:
        # As long as it says, and not chunked, as browsers do it.
        headers = {header["name"]: header["value"] for header in ticket["headers"]} | {"Content-Length": str(size)}
        answer = await caller.client.put(ticket["url"], content=film.chunks(), headers=headers)
        answer.raise_for_status()

    async def complete() -> Any:
        return (await caller.ask(COMPLETE, input={"id": ticket["id"]}))["media"]

    async def processed() -> None:
        while (state := await caller.ask(STATE, id=media["id"]))["status"] == "PROCESSING":
            await asyncio.sleep(0.2)
        if state["status"] != "ACTIVE":
            raise RuntimeError(state)

    async def fetch() -> None:
        got = 0
        async with caller.client.stream("GET", media["url"]) as answer:
            async for chunk in answer.aiter_raw():
                got += len(chunk)
        if got != size:
            raise RuntimeError(f"{got} bytes came instead of {size}.")

    await caller.stage("idle", idle)
    values = {"projectId": project, "filename": "large.mp4", "fileSize": size, "mimeType": "video/mp4"}
    ticket = (await caller.ask(CREATE, input=values))["ticket"]
    await caller.stage("PUT", send)
    media = await caller.stage("completeUpload", complete)
    await caller.stage("processing, in the same process", processed)
    await caller.stage("GET", fetch)
    await caller.client.aclose()
    return caller.stages


def report(size: int, stages: list[Stage]) -> str:
    """The table of docs/bench-memory.md."""
    idle = stages[0].peak
    lines = [
        "# Memory of the server while a large file comes and goes",
        "",
        "`python -m bench.memory` starts a server of the embedded default (one process: web and worker), sends a film",
        f"of {size / MEGABYTE:,.0f} MiB through a ticket, waits until it is ACTIVE and fetches it. The peak is the",
        "kernel's (VmHWM, set back before each stage); decoders are child processes of their own and not counted.",
        "",
        "| stage | peak, MiB | over idle, MiB | seconds |",
        "| --- | --- | --- | --- |",
    ]
    for stage in stages:
        over = (stage.peak - idle) / MEGABYTE
        lines.append(f"| {stage.name} | {stage.peak / MEGABYTE:,.0f} | {over:+,.0f} | {stage.seconds:.1f} |")
    lines += ["", "On a bucket neither PUT nor GET passes through the process.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024, help="how large the film is")
    parser.add_argument("--no-file", action="store_true", help="print the report and leave docs/ as it is")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="auto-movie-bench-") as name:
        folder = Path(name)
        with databases(["memory"], None, folder) as urls:
            server = LiveServer(folder, environment(folder, DATABASE_URL=urls["memory"], LOG_LEVEL="ERROR")).start()
            try:
                text = report(options.megabytes * MEGABYTE, asyncio.run(measure(server, options.megabytes * MEGABYTE)))
            finally:
                server.stop()
    print(text)
    if not options.no_file:
        (ROOT / "docs/bench-memory.md").write_text(text)


if __name__ == "__main__":
    main()
