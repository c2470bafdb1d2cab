"""Server-sent events, as a stream of their data.

Lines are split at CR, LF and CRLF only, on bytes: a JSON text may hold U+2028 and others at which
str.splitlines breaks. Source: the HTML Living Standard, section "Server-sent events".
"""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

LONGEST_LINE = 4_000_000


class StreamBrokenError(Exception):
    """What arrives is no event stream: a line has no end."""


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    buffer = b""
    after_cr = False
    async for chunk in chunks:
        if after_cr:
            chunk = chunk.removeprefix(b"\n")
        after_cr = chunk.endswith(b"\r")
        *complete, buffer = (buffer + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in complete:
            yield line
        if len(buffer) > LONGEST_LINE:
            raise StreamBrokenError(f"a line of more than {LONGEST_LINE} bytes")
    if buffer:
        yield buffer


async def event_data(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """The data of each event. A last event without its closing blank line counts: several servers end so."""
    data: list[str] = []
    first = True
    async with aclosing(_lines(chunks)) as lines:
        async for line in lines:
            if first:
                line = line.removeprefix(b"\xef\xbb\xbf")
                first = False
            if not line:
                if data:
                    yield "\n".join(data)
                data = []
                continue
            name, _, value = line.partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
    if data:
        yield "\n".join(data)
