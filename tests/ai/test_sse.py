import asyncio
from collections.abc import AsyncIterator

import pytest

from ai import sse


def read(*chunks: bytes) -> list[str]:
    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def collected() -> list[str]:
        return [data async for data in sse.event_data(arriving())]

    return asyncio.run(collected())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_end_in_any_of_three_ways_and_chunks_anywhere(end: bytes, size: int) -> None:
    text = end.join([b": ping", b"event: x", b"data: one", b"data:two", b"", b"id: 7", b"data: three", b"", b""])

    assert read(*(text[start : start + size] for start in range(0, len(text), size))) == ["one\ntwo", "three"]


def test_characters_may_be_cut_and_exotic_separators_are_text() -> None:
    data = "data: ä\u2028🎬\x85z\n\n".encode()

    assert read(*(data[start : start + 1] for start in range(len(data)))) == ["ä\u2028🎬\x85z"]


def test_the_last_event_needs_no_blank_line() -> None:
    assert read(b"data: [DONE]") == ["[DONE]"]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LONGEST_LINE", 100)

    with pytest.raises(sse.StreamBrokenError):
        read(b"data: " + b"x" * 60, b"x" * 60)
