"""What people with bad intentions send, through GraphQL and HTTP: refused with a reason, or stored and inert."""

import io
import os
import re
import resource
import struct
import zipfile
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core import signing
from django.utils import timezone
from PIL import Image

from cms.api.ids import parse_id
from content.media.models import CustomDocument, CustomImage, Media, UnownedFile, Upload
from content.media.services import delete_media
from content.media.tasks import sweep_uploads
from content.media.uploads import MAX_OPEN_TICKETS
from content.projects.models import Project
from content.projects.services import remove_collaborator

from . import samples
from .conftest import after_commit, gid, png, process, put
from .test_serving import assert_inert, body, signed
from .test_uploads import bomb, room, stored_files

SCRIPT = b"<script>fetch('/graphql/').then(steal)</script>"
HTML = b"<!DOCTYPE html><html><body>" + SCRIPT + b"</body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="steal()">' + SCRIPT + b"</svg>"
MEGABYTE = 1024**2
TEXTS = {"text/plain", "text/markdown", "text/x-fountain"}


def refused(api, project, content: bytes, name: str, mime: str) -> dict:
    """The reason why a file becomes no media item, in the request or when it is processed; nothing of it is left."""
    payload = api.upload(project, content, name, mime)
    assert payload["media"] is None
    return reason(payload)


def reason(payload: dict) -> dict:
    """The one error of a refusal, which has words for people and left nothing."""
    (error,) = payload["errors"]
    assert re.fullmatch(r"[A-Z0-9“].{15,}[.]", error["message"]), error
    assert_nothing_is_left()
    return error


def assert_nothing_is_left() -> None:
    assert stored_files() == []
    assert not Media.objects.exists()
    assert not CustomImage.all_objects.exists()
    assert not CustomDocument.all_objects.exists()
    assert not Project.objects.exclude(media_bytes=0).exists()
    # The place that a sender's address still opens is looked at once more when the address has expired.
    assert {path.split("/")[0] for path in UnownedFile.objects.values_list("path", flat=True)} <= {"uploads"}


def accepted(api, project, content: bytes, name: str, mime: str) -> Media:
    payload = api.upload(project, content, name, mime)
    assert payload["errors"] == []
    return Media.objects.get(pk=parse_id(payload["media"]["id"], "Media"))


def answers_of_every_door(api, media: Media) -> list:
    """A file by its own address, by a signature and by its place in the storage."""
    addresses = [
        api.look(gid(media))["url"],
        signed(api, media)["data"]["node"]["signedUrl"],
        media.file.url,
    ]
    return [api.client.get(address) for address in addresses]


# Names


NAMES = {
    "../../etc/passwd.png": "passwd.png",
    "/etc/cron.d/evil.png": "evil.png",
    "..\\..\\windows\\evil.png": "evil.png",
    "C:\\evil.png": "evil.png",
    "\\\\host\\share\\evil.png": "evil.png",
    "....//....//evil.png": "evil.png",
    "%2e%2e%2fevil.png": "%2e%2e%2fevil.png",
    "．．／evil.png": "．．／evil.png",
    "..∕..∕evil.png": "..∕..∕evil.png",
    "evil.png\r\nSet-Cookie: a=1": "evil.png Set-Cookie: a=1",
    "evil\u2028\u2029.png": "evil .png",
    "evil\x1b[2J.png": "evil [2J.png",
    "~": "~",
    ".htaccess": ".htaccess",
    "CON": "CON",
    "a.png" + "." * 200: "a.png" + "." * 200,
    "🎬" * 255: "🎬" * 255,
}


def test_a_name_is_never_a_path(owner, project, tmp_path):
    for sent, kept in NAMES.items():
        media = accepted(owner, project, png(), sent, "image/png")
        assert media.filename == kept
        # One file, at a place of our making, inside of the storage and nowhere else.
        assert re.fullmatch(r"images/[0-9a-f]{32}/original\.png", media.file_path)
        files = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
        assert files == [f"media/{media.file_path}"], sent
        response = owner.client.get(owner.look(gid(media))["url"])
        assert re.fullmatch(r"inline; filename[^\r\n]+", response["Content-Disposition"]), sent
        delete_media(user=owner.user, media_id=media.pk)
        after_commit()


def test_a_name_of_nothing_and_one_without_end_get_no_ticket(owner, project):
    for name in ("", " ", ".", "..", "/", "../..", "..\\", "\0", "a\0.png", "\ud800.png", "a" * 256, "é" * 256):
        payload = owner.create_upload(project, png(), name, "image/png")
        assert payload["ticket"] is None
        error = reason(payload)
        assert (error["code"], error["field"]) == ("INVALID", ["filename"]), name


def test_a_name_cannot_be_made_to_read_backwards(owner, project):
    # With U+202E in it “ticket gnp.exe” is shown as “ticket exe.png”.
    for sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068":
        media = accepted(owner, project, png(), f"ticket{sign}gnp.exe", "image/png")
        assert sign not in media.filename
        assert sign not in media.title


@pytest.mark.parametrize("mime", ["image/png; charset=x\r\nX-Evil: 1", "IMAGE/PNG", " image/png ;q=html"])
def test_a_declared_type_is_a_choice_of_ours_and_never_repeated(owner, project, mime):
    ticket = owner.create_upload(project, png(), "a.png", mime)["ticket"]
    assert ticket["headers"] == [{"name": "Content-Type", "value": "image/png"}]
    put(ticket["url"], png(), "text/html")
    owner.complete(ticket["id"])
    for response in answers_of_every_door(owner, Media.objects.get()):
        assert_inert(response, "image/png")


# Files that are two things at once


def gif_that_is_a_page() -> bytes:
    """A GIF whose comment is a page."""
    comment = b"\x21\xfe" + bytes([len(HTML)]) + HTML + b"\0"
    whole = samples.gif()
    end_of_header = 13 + 3 * 2 ** ((whole[10] & 7) + 1)
    return whole[:end_of_header] + comment + whole[end_of_header:]


def jpeg_that_is_an_archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../evil.html", HTML)
    return samples.jpeg() + out.getvalue()


def png_with_a_page_in_its_text() -> bytes:
    text = b"Comment\0" + HTML
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))
    whole = samples.png()
    return whole[:33] + chunk + whole[33:]


def mp3_with_a_page_in_its_tag() -> bytes:
    frame = b"TXXX" + struct.pack(">I", len(HTML) + 1) + b"\0\0\0" + HTML
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame + samples.mp3(id3=False)


def mp4_with_a_page_in_a_box() -> bytes:
    return samples.mp4() + struct.pack(">I", len(HTML) + 8) + b"free" + HTML


POLYGLOTS = {
    "GIF and HTML": (gif_that_is_a_page, "a.gif", "image/gif"),
    "JPEG and ZIP": (jpeg_that_is_an_archive, "a.jpg", "image/jpeg"),
    "PNG and HTML in its text": (png_with_a_page_in_its_text, "a.png", "image/png"),
    "PNG and HTML behind it": (lambda: samples.png() + HTML, "a.png", "image/png"),
    "WebP and HTML behind it": (lambda: samples.webp() + HTML, "a.webp", "image/webp"),
    "PDF and HTML behind it": (lambda: samples.pdf() + HTML, "a.pdf", "application/pdf"),
    "PDF and HTML in its header": (
        lambda: samples.pdf().replace(b"\n", b"\n%" + HTML + b"\n", 1),
        "a.pdf",
        "application/pdf",
    ),
    "MP3 and HTML": (mp3_with_a_page_in_its_tag, "a.mp3", "audio/mpeg"),
    "MP4 and HTML": (mp4_with_a_page_in_a_box, "a.mp4", "video/mp4"),
    "WAV and HTML behind it": (lambda: samples.wav() + HTML, "a.wav", "audio/wav"),
}


@pytest.mark.parametrize("kind", POLYGLOTS)
def test_a_file_that_is_two_things_is_served_as_the_one_that_was_checked(owner, project, kind):
    make, name, mime = POLYGLOTS[kind]
    content = make()
    payload = owner.upload(project, content, name, mime)
    if payload["errors"]:
        assert reason(payload)["code"] == "UNSUPPORTED_MEDIA"
        return
    media = Media.objects.get()
    assert media.mime_type == mime
    for response in answers_of_every_door(owner, media):
        assert_inert(response, mime)
        assert body(response) == content


@pytest.mark.parametrize(
    ("content", "name", "mime"),
    [
        (HTML + samples.pdf(), "a.pdf", "application/pdf"),
        (HTML + samples.gif(), "a.gif", "image/gif"),
        (b"GIF89a/*" + HTML + b"*/=1;", "a.gif", "image/gif"),
        (b"\xff\xd8\xff\xe0" + HTML, "a.jpg", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n" + HTML, "a.png", "image/png"),
        (b"RIFF\x10\0\0\0WEBP" + HTML, "a.webp", "image/webp"),
        (b"%PDF-1.7\n" + HTML, "a.pdf", "application/pdf"),
        (b"PK\x03\x04" + HTML, "a.txt", "text/plain"),
    ],
)
def test_a_signature_with_a_page_behind_it_is_no_file_of_that_type(owner, project, content, name, mime):
    payload = owner.upload(project, content, name, mime)
    if mime in TEXTS:
        # An archive's signature is four letters of text; what follows is no document's beginning.
        assert [response["Content-Type"] for response in answers_of_every_door(owner, Media.objects.get())] == [
            "text/plain; charset=utf-8"
        ] * 3
    else:
        assert reason(payload)["code"] == "UNSUPPORTED_MEDIA"


def test_what_hides_in_a_picture_does_not_reach_its_thumbnail(owner, project):
    payload = owner.upload(project, png_with_a_page_in_its_text(), "a.png", "image/png")
    process()
    shown = owner.client.get(owner.look(payload["media"]["id"])["thumbnailUrl"])
    assert_inert(shown, "image/webp")
    assert b"script" not in body(shown)


# Markup under every name


MARKUP = [HTML, SVG, b'<?xml version="1.0"?>\n' + SVG, b"\xef\xbb\xbf \n<!-- hello -->\n" + HTML.upper()]


@pytest.mark.parametrize("mime", samples.every_format())
def test_markup_with_scripts_is_taken_under_no_name_and_no_type(owner, project, mime):
    name, _ = samples.every_format()[mime]
    # What looks like no picture or film at all is refused alike; to a text it matters how markup begins.
    for markup in MARKUP if mime in TEXTS else MARKUP[:1]:
        assert refused(owner, project, markup, name, mime)["code"] == "UNSUPPORTED_MEDIA"


def test_active_types_get_no_ticket(owner, project):
    for name, mime in (
        ("a.svg", "image/svg+xml"),
        ("a.svg", ""),
        ("a.svg", "application/octet-stream"),
        ("a.html", "text/html"),
        ("a.xhtml", "application/xhtml+xml"),
        ("a.xml", "text/xml"),
        ("a.js", "text/javascript"),
        ("a.swf", "application/x-shockwave-flash"),
        ("a.png", "image/svg+xml"),
        ("a.txt", "text/html"),
    ):
        payload = owner.create_upload(project, SVG, name, mime)
        assert payload["ticket"] is None
        assert reason(payload)["code"] == "UNSUPPORTED_MEDIA", (name, mime)


def test_an_active_extension_opens_nothing_whatever_the_type(owner, project):
    for name in ("a.svg", "a.html", "a.xhtml", "a.js"):
        assert refused(owner, project, SVG, name, "text/plain")["code"] == "UNSUPPORTED_MEDIA"
        media = accepted(owner, project, b"Notes\n" + HTML, name, "text/plain")
        for response in answers_of_every_door(owner, media):
            assert_inert(response, "text/plain; charset=utf-8")
        response = owner.client.get(owner.look(gid(media))["url"])
        assert response["Content-Disposition"] == f'inline; filename="{name}.txt"'
        delete_media(user=owner.user, media_id=media.pk)
        after_commit()


# Types that lie


def lies() -> list[tuple[str, str]]:
    """Each format declared as the next one, and one of each kind as each other kind; text is text by any name."""
    every = list(samples.every_format())
    of_kind = ["image/png", "video/mp4", "audio/wav", "application/pdf", "text/plain"]
    pairs = {*zip(every, every[1:] + every[:1], strict=True)}
    pairs |= {(real, told) for real in of_kind for told in of_kind if real != told}
    return sorted(pair for pair in pairs if not TEXTS.issuperset(pair) and pair != ("video/mp4", "video/quicktime"))


def test_a_type_that_lies_is_refused(owner, project):
    for real, told in lies():
        content, name = samples.every_format()[real][1], samples.every_format()[told][0]
        assert refused(owner, project, content, name, told)["code"] == "UNSUPPORTED_MEDIA", (real, told)


def test_a_film_that_is_declared_as_sound_fails_when_it_is_heard(owner, project):
    media = owner.media(project, samples.mp4(), "voice.m4a", "audio/mp4")
    assert (media["status"], media["error"]["code"]) == ("FAILED", "UNSUPPORTED_MEDIA")
    assert media["error"]["message"]
    assert media["thumbnailUrl"] is None
    for response in answers_of_every_door(owner, Media.objects.get()):
        assert_inert(response, "audio/mp4")


def test_a_playlist_is_no_film(owner, project):
    for content, name, mime in (
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a.mp4", "video/mp4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "a.mp4", "video/mp4"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/\n", "a.mp3", "audio/mpeg"),
        (b"RIFF\x10\0\0\0WAVE#EXTM3U\nfile:///etc/passwd\n", "a.mp4", "video/mp4"),
    ):
        assert refused(owner, project, content, name, mime)["code"] == "UNSUPPORTED_MEDIA", content


def test_a_film_that_names_another_persons_file_shows_nothing_of_it(owner, stranger, project, make_user):
    from content.projects.services import create_project

    # given another person's film
    theirs = create_project(user=stranger.user, title="Other", genre="drama")
    secret = accepted(stranger, theirs, samples.mov(1, 160, 90, 8), "take.mov", "video/quicktime")
    # when somebody sends one whose pictures are said to be in that file
    thief = samples.mov_that_refers_to(str(Path(django_settings.MEDIA_ROOT, secret.file_path)))
    media = owner.upload(project, thief, "thief.mov", "video/quicktime")["media"]
    process()
    # then it has no picture
    found = owner.look(media["id"])
    assert (found["status"], found["error"]["code"]) == ("FAILED", "UNSUPPORTED_MEDIA")
    assert found["thumbnailUrl"] is None


# Small files that are large inside


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


# Tickets


def test_a_size_that_cannot_be_gets_no_ticket(owner, project):
    for size, code in ((-1, "INVALID"), (0, "INVALID"), (2**53, "LIMIT_EXCEEDED")):
        error = reason(owner.create_upload(project, png(), "a.png", "image/png", fileSize=size))
        assert (error["code"], error["field"]) == (code, ["fileSize"])
    query = "mutation($input: CreateUploadInput!) { createUpload(input: $input) { ticket { id } } }"
    values = {"projectId": gid(project), "filename": "a.png", "mimeType": "image/png"}
    for size in (2**53 + 1, 2**63, 10**30, 1.5, "1e9", "-0x1", None):
        answer = owner.ask(query, input={**values, "fileSize": size})
        assert answer["errors"][0]["extensions"]["code"] == "INVALID", size
    assert not Upload.objects.exists()


@pytest.mark.parametrize(("declared", "status", "code"), [(-1, 413, "LIMIT_EXCEEDED"), (1, 400, "INVALID")])
def test_a_file_of_another_size_than_declared_is_refused_and_the_ticket_stays_open(
    owner, project, declared, status, code
):
    size = len(png()) + declared
    ticket = owner.create_upload(project, png(), "a.png", "image/png", fileSize=size)["ticket"]
    answer = put(ticket["url"], png())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert f"{size:,}" in answer.json()["message"]
    assert reason(owner.complete(ticket["id"]))["code"] == "INVALID"
    assert Upload.objects.get().status == "pending"


def test_after_its_time_an_address_takes_nothing_and_what_it_took_is_swept(owner, project):
    # given a ticket that was used, and one that was not
    late, sent = (owner.create_upload(project, png(), "a.png", "image/png")["ticket"] for _ in range(2))
    put(sent["url"], png())
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    # when more is sent to either
    for ticket in (late, sent):
        answer = put(ticket["url"], png())
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        assert "createUpload" in answer.json()["message"]
    assert stored_files() == ["bytes"]
    # then the sweep leaves nothing of it
    sweep_uploads()
    after_commit()
    for ticket in (late, sent):
        assert reason(owner.complete(ticket["id"]))["code"] == "NOT_FOUND"


def test_an_address_works_for_who_holds_it_and_its_ticket_for_its_owner_alone(
    owner, collaborator, stranger, admin, anonymous, project
):
    # given bytes that came from somebody with nothing but the address
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    assert put(ticket["url"], png()).status_code == 200
    # when others complete or cancel it
    for other in (collaborator, stranger, admin):
        assert other.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
        cancelled = other.do("cancelUpload", "CancelUploadInput", "", id=ticket["id"])
        assert cancelled["errors"][0]["code"] == "NOT_FOUND"
    complete = "mutation($id: ID!) { completeUpload(input: {id: $id}) { media { id } errors { code } } }"
    assert anonymous.ask(complete, id=ticket["id"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    # then nothing happened, and its owner can
    assert not Media.objects.exists()
    assert owner.complete(ticket["id"])["errors"] == []


def test_a_ticket_answers_to_its_own_id_alone(owner, project):
    ticket = owner.send(project, png(), "a.png", "image/png")
    for wrong in (gid(project), "", "1", "nonsense", ticket["id"] + "=", ticket["id"].lower(), ticket["url"]):
        assert owner.complete(wrong)["errors"][0]["code"] == "NOT_FOUND", wrong
    assert not Media.objects.exists()


def test_what_was_never_sent_cannot_be_completed(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    error = reason(owner.complete(ticket["id"]))
    assert (error["code"], error["field"]) == ("INVALID", ["id"])


def test_after_completion_neither_the_address_nor_the_ticket_changes_anything(owner, project):
    ticket = owner.send(project, png(colour="red"), "a.png", "image/png")
    media = owner.complete(ticket["id"])["media"]
    answer = put(ticket["url"], png(colour="blue"))
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert owner.complete(ticket["id"])["media"] == media
    assert body(owner.client.get(media["url"])) == png(colour="red")
    assert stored_files() == ["original.png"]
    assert Media.objects.count() == 1


def test_bytes_that_were_checked_cannot_be_changed_by_a_sender_who_is_still_writing(owner, project):
    from content.media.uploads import abort_reception, begin_reception

    # given somebody who began to send something else before the ticket was completed
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    upload = Upload.objects.get()
    late = begin_reception(upload=upload, content_length=None)
    late.write(HTML)
    put(ticket["url"], png())
    # when it is completed while they write on
    media = owner.complete(ticket["id"])["media"]
    late.write(HTML)
    assert body(owner.client.get(media["url"])) == png()
    # then theirs is thrown away
    abort_reception(late)
    assert stored_files() == ["original.png"]


def forged(token: str) -> dict[str, str]:
    key, mac = token.split(":")
    return {
        "truncated": token[:-4],
        "without a signature": f"{key}:",
        "a key alone": key,
        "longer": f"{token}x",
        "another ticket's": f"{int(key) + 1}:{mac}",
        "no number": f"x{token}",
        "signed for another purpose": signing.Signer(salt="content.media.file").sign(key),
        "signed with another key": signing.Signer(key="guessed", salt="content.media.upload").sign(key),
        "a signed list": signing.dumps([int(key)], salt="content.media.upload"),
        "nothing": ":",
        "a path": "..%2f..%2fetc%2fpasswd",
        "NUL": f"{key}%00:{mac}",
    }


def test_a_forged_address_takes_nothing(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    owner.create_upload(project, png(), "b.png", "image/png")
    for how, token in forged(ticket["url"].rpartition("/")[2]).items():
        assert put(f"/uploads/{token}", png()).status_code == 404, how
    assert_nothing_is_left()
    assert put(ticket["url"], png()).status_code == 200


def test_who_was_removed_meanwhile_completes_nothing_and_their_bytes_are_swept(owner, collaborator, project):
    # given a collaborator's bytes
    ticket = collaborator.send(project, png(), "a.png", "image/png")
    remove_collaborator(user=owner.user, project_id=project.pk, user_id=collaborator.user.pk)
    # when they are out
    assert collaborator.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert collaborator.create_upload(project, png(), "a.png", "image/png")["errors"][0]["code"] == "NOT_FOUND"
    assert not Media.objects.exists()
    # then what they sent goes with the ticket's time
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    sweep_uploads()
    after_commit()
    assert_nothing_is_left()


def test_who_was_removed_in_the_middle_of_completing_gets_nothing(owner, collaborator, project, monkeypatch):
    from content.media import uploads

    ticket = collaborator.send(project, png(), "a.png", "image/png")
    adopt = uploads.adopt_file

    def adopt_while_they_are_removed(path, declared):
        remove_collaborator(user=owner.user, project_id=project.pk, user_id=collaborator.user.pk)
        return adopt(path, declared)

    monkeypatch.setattr(uploads, "adopt_file", adopt_while_they_are_removed)
    assert collaborator.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert not Media.objects.exists()
    assert stored_files() == ["bytes"]


def test_a_person_who_is_deleted_leaves_no_bytes(collaborator, project):
    collaborator.send(project, png(), "a.png", "image/png")
    collaborator.user.delete()
    after_commit()
    # A place that a ticket opened is swept a day later, whatever became of its ticket.
    UnownedFile.objects.update(created_at=timezone.now() - timedelta(days=2))
    sweep_uploads()
    after_commit()
    assert_nothing_is_left()


# Room


def test_two_tickets_do_not_share_the_plans_last_room(owner, collaborator, project, settings):
    settings.GIGABYTE = 1
    room(owner.user, 2 * len(png()) - 1)
    first = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    for person in (owner, collaborator):
        error = reason(person.create_upload(project, png(), "b.png", "image/png"))
        assert (error["code"], error["limit"]) == ("LIMIT_EXCEEDED", 2 * len(png()) - 1)
    # What the first one brings is counted once, as a reservation or as a file.
    put(first["url"], png())
    assert owner.create_upload(project, png(), "b.png", "image/png")["errors"][0]["code"] == "LIMIT_EXCEEDED"
    owner.complete(first["id"])
    assert owner.create_upload(project, png(), "b.png", "image/png")["errors"][0]["code"] == "LIMIT_EXCEEDED"
    assert owner.create_upload(project, png()[:-1], "b.png", "image/png")["errors"] == []


def test_bytes_of_an_expired_ticket_take_no_room_that_another_has_got_meanwhile(owner, project, settings):
    settings.GIGABYTE = 1
    room(owner.user, len(png()))
    late = owner.send(project, png(), "a.png", "image/png")
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert owner.upload(project, png(), "b.png", "image/png")["errors"] == []
    assert owner.complete(late["id"])["errors"][0]["code"] == "LIMIT_EXCEEDED"
    assert stored_files() == ["original.png"]
    assert Media.objects.count() == 1


def test_nobody_opens_tickets_without_end(owner, project):
    # given as many open ones as there may be, and others that are none any more
    def tickets(count: int, **values) -> None:
        rows = {
            "project": project, "user": owner.user, "filename": "a.png", "file_size": 1, "mime_type": "image/png",
            "expires_at": timezone.now() + timedelta(hours=1), **values,
        }  # fmt: skip
        Upload.objects.bulk_create(Upload(**rows) for _ in range(count))

    tickets(20, status="completed")
    tickets(20, status="refused")
    tickets(20, expires_at=timezone.now() - timedelta(seconds=1))
    tickets(MAX_OPEN_TICKETS - 1)
    # when the last one and one more are asked for
    last = owner.create_upload(project, png(), "a.png", "image/png")
    assert last["errors"] == []
    error = reason(owner.create_upload(project, png(), "b.png", "image/png"))
    # then the second is refused, until one is completed
    assert (error["code"], error["limit"]) == ("LIMIT_EXCEEDED", MAX_OPEN_TICKETS)
    put(last["ticket"]["url"], png())
    owner.complete(last["ticket"]["id"])
    assert owner.create_upload(project, png(), "b.png", "image/png")["errors"] == []


def test_nothing_that_was_stored_can_be_run_or_read_by_others_on_the_machine(owner, project):
    accepted(owner, project, png(), "a.png", "image/png")
    process()
    for folder, _, names in os.walk(django_settings.MEDIA_ROOT):
        modes = [os.stat(os.path.join(folder, name)).st_mode & 0o777 for name in names]
        assert set(modes) <= {0o600}, folder
