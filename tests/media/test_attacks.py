"""What people with bad intentions send, through GraphQL and HTTP: refused with a reason, or stored and inert."""

import io
import os
import re
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from content.media.models import Media
from content.media.services import delete_media

from . import samples
from .attacks import HTML, SVG, TEXTS, accepted, answers_of_every_door, reason, refused
from .conftest import after_commit, gid, png, process, put
from .test_serving import assert_inert, body

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


def test_nothing_that_was_stored_can_be_run_or_read_by_others_on_the_machine(owner, project):
    accepted(owner, project, png(), "a.png", "image/png")
    process()
    for folder, _, names in os.walk(django_settings.MEDIA_ROOT):
        modes = [os.stat(os.path.join(folder, name)).st_mode & 0o777 for name in names]
        assert set(modes) <= {0o600}, folder
