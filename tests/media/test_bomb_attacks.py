"""Small files that are large inside: refused before they take memory or time."""

import io
import re
import resource
import struct
import zlib
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from PIL import Image

from . import samples
from .attacks import MEGABYTE, accepted, reason, refused
from .conftest import process
from .test_uploads import bomb, stored_files


def jpeg_that_says(side: int) -> bytes:
    content = bytearray(samples.jpeg())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(content)


def gif_that_says(side: int) -> bytes:
    content = bytearray(samples.gif())
    content[6:10] = struct.pack("<HH", side, side)
    return bytes(content)


def webp_that_says(side: int) -> bytes:
    """An extended WebP (VP8X), which has a canvas of its own size."""
    content = bytearray(samples.animation("WEBP"))
    assert content[12:16] == b"VP8X"
    content[24:30] = 2 * (side - 1).to_bytes(3, "little")
    return bytes(content)


def heif_that_says(content: bytes, side: int) -> bytes:
    """A HEIC or AVIF whose property of its size (ispe) is another."""
    content = bytearray(content)
    for found in re.finditer(b"ispe", bytes(content)):
        content[found.end() + 4 : found.end() + 12] = struct.pack(">II", side, side)
    return bytes(content)


BOMBS = {
    "image/png": lambda: bomb(60_000),
    "image/jpeg": lambda: jpeg_that_says(60_000),
    "image/gif": lambda: gif_that_says(60_000),
    "image/webp": lambda: webp_that_says(60_000),
    "image/avif": lambda: heif_that_says(samples.avif(), 60_000),
    "image/heic": lambda: heif_that_says(samples.heic(), 60_000),
}


def peak_of_memory() -> int:
    """The most bytes that this process had since the last `forget`."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize("mime", BOMBS)
def test_a_picture_that_says_it_is_huge_is_refused_before_it_takes_memory(owner, project, mime):
    content = BOMBS[mime]()
    assert len(content) < 20_000
    Path("/proc/self/clear_refs").write_text("5")
    before, children = peak_of_memory(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    error = refused(owner, project, content, samples.every_format()[mime][0], mime)
    assert peak_of_memory() - before < 32 * MEGABYTE
    # A child that had to be stopped for want of memory would have reached its own limit.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss - children < 512 * 1024
    if mime in {"image/avif", "image/heic"}:
        # Their readers compare it with what the picture inside says.
        assert error["code"] in {"UNSUPPORTED_MEDIA", "LIMIT_EXCEEDED"}
    else:
        assert (error["code"], error["limit"]) == ("LIMIT_EXCEEDED", django_settings.UPLOAD_MAX_PIXELS)


def jpeg_of_many_scans(count: int) -> bytes:
    """A progressive JPEG of nine megapixels whose last scan stands there `count` times: each is drawn again."""
    out = io.BytesIO()
    Image.new("L", (3_000, 3_000), 128).save(out, "JPEG", progressive=True)
    content = out.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + b"\xff\xd9"


@pytest.mark.timeout(30)
def test_a_jpeg_of_thousands_of_scans_is_refused_before_they_are_drawn(owner, project):
    # Drawn, these 60 kB would take most of a minute.
    content = jpeg_of_many_scans(4_000)
    assert len(content) < 200_000
    assert refused(owner, project, content, "a.jpg", "image/jpeg")["code"] in {"LIMIT_EXCEEDED", "UNSUPPORTED_MEDIA"}


def test_a_jpeg_of_as_many_scans_as_programs_write_is_taken(owner, project):
    assert accepted(owner, project, jpeg_of_many_scans(10), "a.jpg", "image/jpeg").width == 3_000


def pdf_of(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1, of which the first is the catalogue; with a plain table."""
    out, places = io.BytesIO(b""), []
    out.write(b"%PDF-1.7\n")
    for number, content in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = out.tell()
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    out.write(b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table))
    out.write(b"trailer\n<</Size %d/Root 1 0 R%s>>\n" % (len(objects) + 1, trailer))
    out.write(b"startxref\n%d\n%%%%EOF" % start)
    return out.getvalue()


CATALOGUE, PAGES = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 300]/Contents 4 0 R/Resources<</Font<<>>>>>>"


def stream(content: bytes, filters: bytes = b"/FlateDecode") -> bytes:
    return b"<</Length %d/Filter%s>>\nstream\n%s\nendstream" % (len(content), filters, content)


def pdf_of_a_bomb() -> bytes:
    """A page whose 300 kB say 300 MB of drawing, twice compressed."""
    drawing = b"0 0 m 9 9 l S\n" * 75_000
    once = zlib.compress(drawing * 300, 9)
    return pdf_of(CATALOGUE, PAGES, PAGE, stream(zlib.compress(once, 9), b"[/FlateDecode/FlateDecode]"))


def pdf_with_a_table_of_a_million() -> bytes:
    """4 kB whose table of objects, once unpacked, has a million entries that all point to nothing."""
    places = {1: CATALOGUE, 2: PAGES, 3: PAGE.replace(b"/Contents 4 0 R", b"")}
    out, rows = io.BytesIO(), bytearray(4)
    out.write(b"%PDF-1.7\n")
    for number, content in places.items():
        rows += struct.pack(">BHB", 1, out.tell(), 0)
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start, count = out.tell(), 1_000_000
    packed = zlib.compress(bytes(rows) + struct.pack(">BHB", 1, 16, 0) * count, 9)
    out.write(b"4 0 obj\n<</Type/XRef/Size %d/W[1 2 1]/Root 1 0 R" % (count + 4))
    out.write(b"/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (len(packed), packed))
    out.write(b"startxref\n%d\n%%%%EOF" % start)
    return out.getvalue()


def nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return pdf_of(CATALOGUE, PAGES, PAGE, opening * depth + closing * depth)


def pdf_of_a_deep_tree() -> bytes:
    """Pages inside of pages, ten thousand times."""
    nodes = [b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % number for number in range(3, 10_003)]
    return pdf_of(CATALOGUE, *nodes, b"<</Type/Page/MediaBox[0 0 9 9]>>")


HEAVY_PDFS = {
    "a drawing of 300 MB": pdf_of_a_bomb,
    "a table of a million objects": pdf_with_a_table_of_a_million,
    "arrays inside of arrays": lambda: nested(b"[", b"]", 100_000),
    "dictionaries inside of dictionaries": lambda: nested(b"<</a", b">>", 100_000),
    "pages inside of pages": pdf_of_a_deep_tree,
    "pages that hold themselves": lambda: pdf_of(CATALOGUE, b"<</Type/Pages/Kids[2 0 R]/Count 1>>"),
    "a table that is its own forerunner": lambda: pdf_of(CATALOGUE, PAGES, PAGE, trailer=b"/Prev 9"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HEAVY_PDFS)
def test_a_pdf_that_is_large_inside_harms_nobody(owner, project, settings, kind):
    # given time enough for any honest document
    settings.DECODE_SECONDS = 4.0
    content = HEAVY_PDFS[kind]()
    assert len(content) < MEGABYTE
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_of_memory()
    # when it is sent and processed
    payload = owner.upload(project, content, "a.pdf", "application/pdf")
    process()
    # then it is refused, or has failed with a reason, or can be shown; and our own process did not carry it
    assert peak_of_memory() - before < 64 * MEGABYTE
    if payload["errors"]:
        assert reason(payload)["code"] in {"UNSUPPORTED_MEDIA", "LIMIT_EXCEEDED", "TIMED_OUT"}
        return
    found = owner.look(payload["media"]["id"])
    assert found["status"] in {"ACTIVE", "FAILED"}
    assert found["status"] == "ACTIVE" or found["error"]["message"]
    assert len(stored_files()) == (2 if found["status"] == "ACTIVE" else 1)
