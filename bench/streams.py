"""`python -m bench.streams` is a provider of chat completions whose streams can also be read directly.

Whatever it says in answer to a message "stream N", it says at the same moment on the connections that asked for
`GET /direct/N`: so the same piece can be timed on both ways. `GET /end` ends all streams.
"""

import argparse
import asyncio
import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
STREAM = re.compile(rb"stream (\d+) of (\d+) pieces of (\d+) at ([\d.]+) a second")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stream as the message asks for it."""

    number: int
    pieces: int
    characters: int
    rate: float


def said(wanted: Wanted, place: int) -> str:
    """A piece: its number, by which it is found again, and letters up to the wanted length."""
    return f" {place}".ljust(wanted.characters, "a")


class Provider:
    """Streams by their number, and who reads them directly."""

    def __init__(self) -> None:
        self._direct: dict[int, list[asyncio.StreamWriter]] = defaultdict(list)
        self._streams: set[asyncio.Event] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if direct := re.match(rb"GET /direct/(\d+)", head):
                writer.write(HEAD)
                self._direct[int(direct[1])].append(writer)
                await reader.read()
                return
            if head.startswith(b"GET /end"):
                for end in self._streams:
                    end.set()
                return
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            asked = STREAM.findall(body)[-1]
            await self._say(writer, Wanted(int(asked[0]), int(asked[1]), int(asked[2]), float(asked[3])))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, wanted: Wanted) -> None:
        writer.write(HEAD)
        readers = [writer, *self._direct.pop(wanted.number, ())]
        clock = asyncio.get_running_loop().time
        # Streams of real providers do not beat together.
        due = clock() + random.random() / wanted.rate
        end = asyncio.Event()
        self._streams.add(end)
        for place in range(wanted.pieces):
            await asyncio.sleep(due - clock())
            if end.is_set():
                break
            due += 1 / wanted.rate
            data = _event({"choices": [{"index": 0, "delta": {"content": said(wanted, place)}}]})
            # Neither way is always the first.
            for each in readers if place % 2 else reversed(readers):
                each.write(data)
            await writer.drain()
        self._streams.discard(end)
        usage = {"prompt_tokens": 100, "completion_tokens": 100}
        ends = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + _event(
            {"choices": [], "usage": usage}
        )
        for each in readers:
            each.write(ends + b"data: [DONE]\n\n")
            each.close()


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


async def _main(port: int) -> None:
    server = await asyncio.start_server(Provider().serve, "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    asyncio.run(_main(parser.parse_args().port))
