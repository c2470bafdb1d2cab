"""What a file is: declared, sniffed from its first bytes, and opened for real where that is done at once."""

import io
import struct
import sys
import zlib

import puremagic
import pytest
from PIL import Image

from cms.errors import DomainError, ErrorCode
from content.media import decoding, examination
from content.media.choices import MediaKind
from content.media.examination import HEAD_BYTES, examine, examine_head
from content.media.sniff import ACCEPTED_NAMES, BY_MIME_TYPE, FORMATS, check_head, declared_format

from . import samples

TYPES = [format_.mime_type for format_ in FORMATS]
TEXTS = [name for name in TYPES if name.startswith("text/")]
PLAYED = [format_.mime_type for format_ in FORMATS if format_.kind in {MediaKind.VIDEO, MediaKind.AUDIO}]
# What the first bytes may be found to be, where that is not what was declared: one container with several names.
FOUND_INSTEAD = {
    ("video/quicktime", "video/mp4"): "video/quicktime",
    ("video/mp4", "video/quicktime"): "video/mp4",
    # Perhaps without a picture: their decoder finds out.
    ("video/mp4", "audio/mp4"): "audio/mp4",
    ("video/quicktime", "audio/mp4"): "audio/mp4",
}


def sample(mime_type: str) -> bytes:
    return samples.every_format()[mime_type][1]


def refusal(content: bytes, mime_type: str) -> DomainError:
    with pytest.raises(DomainError) as caught:
        examine(io.BytesIO(content), BY_MIME_TYPE[mime_type])
    return caught.value


def sized(picture: bytes, width: int, height: int) -> bytes:
    """A HEIC or AVIF whose header gives a size that its data does not have."""
    at = picture.index(b"ispe") + 8
    return picture[:at] + struct.pack(">II", width, height) + picture[at + 8 :]


def png_bomb(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_there_is_a_sample_of_every_format():
    assert set(samples.every_format()) == set(TYPES)


@pytest.mark.parametrize(
    ("sent", "name", "format_"),
    [
        ("audio/x-wav", "a.wav", "audio/wav"),
        ("audio/wave", "a.wav", "audio/wav"),
        ("audio/vnd.wave", "a.wav", "audio/wav"),
        ("audio/mp3", "a.mp3", "audio/mpeg"),
        ("audio/x-m4a", "a.m4a", "audio/mp4"),
        ("audio/m4a", "a.m4a", "audio/mp4"),
        ("video/mp4", "a.m4a", "audio/mp4"),
        ("audio/mp4", "a.mp4", "audio/mp4"),
        ("audio/x-flac", "a.flac", "audio/flac"),
        ("application/ogg", "a.ogg", "audio/ogg"),
        ("video/ogg", "a.ogg", "audio/ogg"),
        ("audio/opus", "a.opus", "audio/ogg"),
        ("video/x-m4v", "a.m4v", "video/mp4"),
        ("video/quicktime", "a.mp4", "video/mp4"),
        ("video/mp4", "a.mov", "video/quicktime"),
        ("image/heif", "a.heif", "image/heic"),
        ("image/jpg", "a.jpg", "image/jpeg"),
        ("text/fountain", "a.fountain", "text/x-fountain"),
        ("application/x-fountain", "a.fountain", "text/x-fountain"),
        ("text/plain", "a.fountain", "text/x-fountain"),
        ("text/plain; charset=utf-8", "a.md", "text/markdown"),
        ("text/plain", "a.txt", "text/plain"),
        ("application/octet-stream", "A.HEIC", "image/heic"),
        ("", "a.fountain", "text/x-fountain"),
        ("IMAGE/PNG", "a.anything", "image/png"),
    ],
)
def test_what_browsers_send_is_understood(sent, name, format_):
    assert declared_format(sent, name).mime_type == format_


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("image/svg+xml", "a.svg"),
        ("text/html", "a.txt"),
        ("video/x-matroska", "a.mkv"),
        ("video/ogg", "a.ogv"),
        ("application/octet-stream", "a.exe"),
        ("", "a"),
    ],
)
def test_other_types_are_refused_with_what_is_taken(sent, name):
    with pytest.raises(DomainError) as caught:
        declared_format(sent, name)
    assert (caught.value.code, caught.value.field) == (ErrorCode.UNSUPPORTED_MEDIA, ["mime_type"])
    assert ACCEPTED_NAMES in caught.value.message


@pytest.mark.parametrize("mime_type", TYPES)
def test_each_format_is_known_by_its_first_bytes_and_no_other_is_taken_for_it(mime_type):
    head = sample(mime_type)[:HEAD_BYTES]
    # Nothing in a text says which kind of text it is.
    expected = {(mime_type, name): name for name in TEXTS if mime_type in TEXTS}
    expected |= {(mime_type, mime_type): mime_type} | FOUND_INSTEAD
    for declared in FORMATS:
        if found := expected.get((mime_type, declared.mime_type)):
            assert check_head(head, declared).mime_type == found
        else:
            with pytest.raises(DomainError) as caught:
                check_head(head, declared)
            assert caught.value.code == ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize("mime_type", [name for name in TYPES if not name.startswith("text/")])
def test_a_kilobyte_is_enough(mime_type):
    assert check_head(sample(mime_type)[:1024], BY_MIME_TYPE[mime_type]).mime_type == mime_type


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (samples.mp3(id3=False), "audio/mpeg"),
        (samples.mp3(rate=22_050, id3=False), "audio/mpeg"),
        (samples.mp3(rate=11_025, id3=False), "audio/mpeg"),
        (samples.mp3(cover=samples.jpeg(400, 300)), "audio/mpeg"),
        (b"ID3\x04\0\0\0\0\0\x02xx" + samples.flac(), "audio/flac"),
        (samples.ogg(codec="flac"), "audio/ogg"),
        (samples.ogg(codec="vorbis"), "audio/ogg"),
        (b"RF64" + samples.wav()[4:], "audio/wav"),
        (samples.mp4(faststart=True), "video/mp4"),
        (b"\0\0\0\x08wide" + samples.mov()[20:], "video/quicktime"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0miafavif", "image/avif"),
        (b"\0\0\0\x1cftypmp42\0\0\0\0mp42M4A isom", "audio/mp4"),
        (samples.aac_in_mp4(), "audio/mp4"),
        (samples.aac_in_mp4(container="mov"), "audio/mp4"),
    ],
)
def test_every_form_of_a_format_is_known(content, declared):
    assert check_head(content[:HEAD_BYTES], BY_MIME_TYPE[declared]).mime_type == declared


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (samples.mkv(), "video/webm"),
        (samples.m4a(), "video/mp4"),
        (b"OggS\0\x02" + bytes(20) + b"\x01\x07\x80theora", "audio/ogg"),
        (
            b"OggS\0\x02" + bytes(20) + b"\x01\x08OpusHead" + b"OggS\0\x02" + bytes(20) + b"\x01\x07\x80theora",
            "audio/ogg",
        ),
        (b"RIFF\0\0\0\0AVI LIST", "audio/wav"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx ", "video/mp4"),
        (b"\0\0\0\x18ftypjxl \0\0\0\0jxl ", "image/avif"),
        (b"\xff\xf1\x50\x80\0\x1f\xfc" * 9, "audio/mpeg"),
        (b"#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1/secret\n", "video/mp4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "video/mp4"),
        (b"", "audio/mpeg"),
        (b"x", "video/webm"),
    ],
)
def test_relatives_of_a_format_are_not_taken_for_it(content, declared):
    with pytest.raises(DomainError) as caught:
        check_head(content, BY_MIME_TYPE[declared])
    assert caught.value.code == ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize(
    ("content", "puremagic_says", "is_wrong_about"),
    [
        (samples.heic(), "video/mp4", "video/mp4"),
        (samples.webp(), "audio/wav", "audio/wav"),
        (samples.mkv(), "video/webm", "video/webm"),
        (samples.m4a(), "video/mp4", "video/mp4"),
    ],
)
def test_where_the_library_names_two_types_ours_is_exact(content, puremagic_says, is_wrong_about):
    assert puremagic_says in {match.mime_type for match in puremagic.magic_string(content)}
    with pytest.raises(DomainError):
        check_head(content, BY_MIME_TYPE[is_wrong_about])


def test_where_the_library_finds_nothing_or_too_much_ours_is_exact():
    with pytest.raises(puremagic.PureError):
        puremagic.magic_string(samples.mp3(rate=22_050, id3=False))
    with pytest.raises(puremagic.PureError):
        puremagic.magic_string(b" \n<html><script>alert(1)</script>")
    assert "text/html" in {match.mime_type for match in puremagic.magic_string(b"<!-- draft -->\n# Act one")}


@pytest.mark.parametrize("declared", TEXTS)
@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"\n \t<HTML><body onload=alert(1)>",
        b"\xef\xbb\xbf<html lang=en>",
        b"<!-- a script --> <!-- of two --><script>alert(1)</script>",
        b"<!-- never ended",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b'<s:svg xmlns:s="http://www.w3.org/2000/svg"/>',
        b'<?xml version="1.0"?><svg onload="alert(1)"/>',
        b"<body>",
    ],
)
def test_a_page_is_no_text_whatever_it_is_called(content, declared):
    assert refusal(content, declared).code == ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize(
    "content",
    [
        b"# Act one\n\n<html> is where the web begins, <script> is where it ends.",
        b"<!-- draft 3 -->\n# Act one",
        b'<h1 align="center">The Tide Clock</h1>\n\nA series.',
        b"<titlecard>THE TIDE CLOCK",
        b"ID3 tags are discussed in this scene.",
        b"Body of work: <body>",
        b"\xef\xbb\xbfFADE IN:",
    ],
)
def test_text_that_holds_tags_or_looks_like_a_signature_is_text(content):
    assert examine(io.BytesIO(content), BY_MIME_TYPE["text/markdown"]).size == len(content)


@pytest.mark.parametrize("declared", ["image/gif", "image/jpeg", "application/pdf"])
def test_a_polyglot_is_what_its_decoder_opens_and_nothing_else(declared):
    polyglot = sample(declared) + b"\n<html><script>alert(1)</script></html>"
    assert examine(io.BytesIO(polyglot), BY_MIME_TYPE[declared]).format.mime_type == declared
    assert refusal(polyglot, "text/plain").code == ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize("mime_type", [name for name in TYPES if name not in PLAYED])
def test_a_file_that_opens_is_measured(mime_type):
    content = sample(mime_type)
    facts = examine(io.BytesIO(content), BY_MIME_TYPE[mime_type])
    assert (facts.format.mime_type, facts.size, len(facts.sha256), len(facts.sha1)) == (mime_type, len(content), 64, 40)
    assert (facts.width, facts.height) == ((64, 48) if facts.format.kind == MediaKind.IMAGE else (None, None))


@pytest.mark.parametrize("mime_type", PLAYED)
def test_films_and_sounds_are_only_sniffed_and_their_digest_comes_later(mime_type):
    facts = examine_head(
        sample(mime_type)[:HEAD_BYTES], 4_000_000_000 if mime_type.startswith("video/") else 9, BY_MIME_TYPE[mime_type]
    )
    assert (facts.format.mime_type, facts.sha256, facts.sha1) == (mime_type, "", "")


def test_a_film_is_kept_as_what_it_is(settings):
    facts = examine_head(samples.mov()[:HEAD_BYTES], 100, BY_MIME_TYPE["video/mp4"])
    assert facts.format.mime_type == "video/quicktime"


def test_sizes_are_limited_by_kind(settings):
    settings.UPLOAD_LIMITS = {"VIDEO": 100, "AUDIO": 50, "IMAGE": 10, "DOCUMENT": 10}
    for mime_type, size in [("video/mp4", 101), ("audio/mpeg", 51)]:
        with pytest.raises(DomainError) as caught:
            examine_head(sample(mime_type), size, BY_MIME_TYPE[mime_type])
        assert caught.value.code == ErrorCode.LIMIT_EXCEEDED
    with pytest.raises(DomainError) as caught:
        examine_head(b"", 0, BY_MIME_TYPE["video/mp4"])
    assert caught.value.code == ErrorCode.INVALID
    assert refusal(samples.png(), "image/png").limit == 10


@pytest.mark.parametrize(
    ("content", "mime_type", "shown", "stored"),
    [
        (samples.jpeg(64, 48, orientation=6), "image/jpeg", (48, 64), (64, 48)),
        (samples.jpeg(64, 48, orientation=3), "image/jpeg", (64, 48), (64, 48)),
        (samples.heic(64, 48, rotation=90), "image/heic", (48, 64), (48, 64)),
        (samples.animation("GIF", 64, 48, 3), "image/gif", (64, 48), (64, 48)),
        (samples.animation("WEBP", 64, 48, 3), "image/webp", (64, 48), (64, 48)),
    ],
)
def test_pixels_are_those_that_are_shown(content, mime_type, shown, stored):
    facts = examine(io.BytesIO(content), BY_MIME_TYPE[mime_type])
    assert (facts.width, facts.height) == shown
    assert (facts.stored_width, facts.stored_height) == stored


@pytest.mark.parametrize(
    ("content", "mime_type"),
    [
        (png_bomb(60_000), "image/png"),
        (png_bomb(9_000), "image/png"),
        (samples.webp()[:26] + b"\xff\x3f\xff\x3f" + samples.webp()[30:], "image/webp"),
        (b"GIF89a\xff\xff\xff\xff" + samples.gif()[10:], "image/gif"),
        (sized(samples.avif(), 12_000, 12_000), "image/avif"),
    ],
)
def test_too_many_pixels_are_refused_before_anything_is_decoded(content, mime_type, monkeypatch):
    def decoded(*_):
        raise AssertionError("It was decoded.")

    monkeypatch.setattr(Image.Image, "load", decoded)
    error = refusal(content, mime_type)
    assert (error.code, error.limit) == (ErrorCode.LIMIT_EXCEEDED, 64_000_000)
    assert "Scale it down" in error.message


def test_pixels_are_counted_in_every_format(settings):
    settings.UPLOAD_MAX_PIXELS = 64 * 48 - 1
    for mime_type in TYPES:
        if mime_type.startswith("image/"):
            assert refusal(sample(mime_type), mime_type).code == ErrorCode.LIMIT_EXCEEDED
    settings.UPLOAD_MAX_PIXELS = 64 * 48
    assert examine(io.BytesIO(samples.heic()), BY_MIME_TYPE["image/heic"]).width == 64


def test_a_picture_that_holds_more_than_its_header_says_gets_no_memory_for_it(monkeypatch):
    # With little to spare beside the pixels, so that twelve million of them are many.
    frugal = "from content.media.decoder import __main__, limits; limits.PICTURE_BASE = 2**23; __main__.main()"
    monkeypatch.setattr(decoding, "COMMAND", [sys.executable, "-c", frugal])
    honest = samples.avif(4_000, 3_000)
    assert examine(io.BytesIO(honest), BY_MIME_TYPE["image/avif"]).width == 4_000
    for lie in (sized(honest, 64, 48), sized(samples.heic(), 64, 40), sized(samples.heic(), 9_000, 9_000)):
        mime_type = "image/avif" if b"avif" in lie[:32] else "image/heic"
        assert refusal(lie, mime_type).code == ErrorCode.UNSUPPORTED_MEDIA


def test_large_pictures_are_decoded_in_a_child_and_small_ones_here(monkeypatch):
    started = []
    monkeypatch.setattr(examination, "picture_size", lambda *_: started.append(1) or decoding.Size(1, 1, 1, 1))
    examine(io.BytesIO(samples.png(64, 48)), BY_MIME_TYPE["image/png"])
    assert started == []
    monkeypatch.setattr(examination, "MOST_PIXELS_HERE", 64 * 48 - 1)
    examine(io.BytesIO(samples.png(64, 48)), BY_MIME_TYPE["image/png"])
    assert started == [1]


@pytest.mark.parametrize("mime_type", [name for name in TYPES if name not in [*PLAYED, *TEXTS]])
def test_what_breaks_off_is_refused(mime_type):
    content = sample(mime_type)
    assert refusal(content[: len(content) // 2], mime_type).code == ErrorCode.UNSUPPORTED_MEDIA


@pytest.mark.parametrize("declared", TEXTS)
@pytest.mark.parametrize(
    "content", [b"one\0two", "Olá".encode("latin-1"), "Olá".encode("utf-16"), b"%PDF-1.7\n1 0 obj"]
)
def test_text_is_utf8_and_nothing_else(content, declared):
    assert refusal(content, declared).code == ErrorCode.UNSUPPORTED_MEDIA


def test_a_locked_pdf_is_refused_with_what_to_do():
    assert "Send a copy without one" in refusal(samples.pdf(password="secret"), "application/pdf").message
