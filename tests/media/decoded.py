"""Files that are decoded or refused, and what their thumbnails show."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cms.errors import DomainError
from content.media.decoding import Decoded, decode
from content.media.sniff import BY_MIME_TYPE


@pytest.fixture
def put(tmp_path):
    def put(content: bytes, name: str = "file") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


@pytest.fixture
def read(put):
    def read(content: bytes, mime_type: str) -> Decoded:
        return decode(put(content), BY_MIME_TYPE[mime_type])

    return read


@pytest.fixture
def refusal(read):
    def refusal(content: bytes, mime_type: str) -> DomainError:
        with pytest.raises(DomainError) as caught:
            read(content, mime_type)
        return caught.value

    return refusal


def slow_clock(decoder: str, seconds: int) -> list[str]:
    """The command of a child in which `decoder` finds, each time it looks at the clock, that it is `seconds` later."""
    late = f"{decoder}.time = types.SimpleNamespace(monotonic=itertools.count(0, {seconds}).__next__)"
    code = f"import itertools, types; from content.media.decoder import __main__, {decoder}; {late}; __main__.main()"
    return [sys.executable, "-c", code]


def opened(picture: bytes | None) -> Image.Image:
    assert picture is not None
    return Image.open(io.BytesIO(picture))


def corners(picture: bytes | None) -> list[str]:
    """The colours in the middle of each quarter: top left, top right, bottom left, bottom right."""
    image = opened(picture).convert("RGB")
    places = [(x * image.width // 4, y * image.height // 4) for y in (1, 3) for x in (1, 3)]
    return ["red" if red > blue else "blue" for red, _, blue in (image.getpixel(place) for place in places)]


def heights(waveform: bytes | None) -> list[int]:
    """How high a waveform's bars are."""
    drawn = np.asarray(opened(waveform).convert("RGBA"))[:, ::4, 3] > 0
    return [int(column.sum()) for column in drawn.T]


UPRIGHT = ["red", "blue", "blue", "blue"]
