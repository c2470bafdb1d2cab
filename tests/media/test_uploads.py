"""From a ticket to a media item, and everything that does not become one."""

import io
import os
import struct
import zlib
from datetime import timedelta

import pypdf
import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.utils import timezone

from content.media import uploads
from content.media.models import CustomImage, Media, UnownedFile, Upload
from content.media.services import adopt_file, delete_media
from content.media.sniff import BY_MIME_TYPE
from content.media.tasks import sweep_uploads
from content.projects.models import ProjectEvent
from content.projects.services import archive_project

from .conftest import after_commit, gid, picture, png, put


def pdf() -> bytes:
    out = io.BytesIO()
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 300)
    writer.write(out)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of a few KB that says it has side × side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def stored_files() -> list[str]:
    return [name for _, _, names in os.walk(django_settings.MEDIA_ROOT) for name in names]


@pytest.mark.parametrize(
    ("content", "name", "mime", "kind", "default_type"),
    [
        (picture("PNG"), "mood.png", "image/png", "IMAGE", "STYLE_REFERENCE"),
        (picture("JPEG"), "mood.jpg", "image/jpeg", "IMAGE", "STYLE_REFERENCE"),
        (picture("WEBP"), "mood.webp", "image/webp", "IMAGE", "STYLE_REFERENCE"),
        (picture("GIF"), "mood.gif", "image/gif", "IMAGE", "STYLE_REFERENCE"),
        (pdf(), "script.pdf", "application/pdf", "DOCUMENT", "SCRIPT_DOCUMENT"),
        ("# Act one\n\nLisboa à noite".encode(), "script.md", "text/markdown", "DOCUMENT", "SCRIPT_DOCUMENT"),
        (b"FADE IN:", "script.txt", "text/plain", "DOCUMENT", "SCRIPT_DOCUMENT"),
    ],
)
def test_each_accepted_type_becomes_media(owner, project, content, name, mime, kind, default_type):
    payload = owner.upload(project, content, name, mime)
    assert payload["errors"] == []
    media = payload["media"]
    assert (media["kind"], media["type"], media["status"]) == (kind, default_type, "PROCESSING")
    assert (media["filename"], media["mimeType"], media["fileSize"]) == (name, mime, len(content))
    assert media["version"] == 1
    assert media["revision"] == 1
    assert media["uploadedBy"]["name"] == "Olga"
    assert media["project"]["id"] == gid(project)
    served = owner.client.get(media["url"])
    assert b"".join(served.streaming_content) == content


def test_a_markdown_file_that_the_browser_does_not_know_is_known_by_its_name(owner, project):
    assert owner.upload(project, b"# Hi", "notes.md", "")["media"]["mimeType"] == "text/markdown"
    assert owner.upload(project, b"# Hi", "notes.md", "text/plain")["media"]["mimeType"] == "text/markdown"


def test_the_ticket_says_how_to_send(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    assert ticket["method"] == "PUT"
    assert ticket["url"].startswith("http://testserver/uploads/")
    assert ticket["headers"] == [{"name": "Content-Type", "value": "image/png"}]


def test_completing_twice_gives_the_same_media_and_one_file(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    put(ticket["url"], png())
    first, second = owner.complete(ticket["id"]), owner.complete(ticket["id"])
    assert first["media"]["id"] == second["media"]["id"]
    assert Media.objects.count() == 1
    assert len(stored_files()) == 1


def test_two_completions_at_once_give_one_media_item_and_one_file(owner, project, monkeypatch):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    put(ticket["url"], png())
    adopt, overtaking = uploads.adopt_file, []

    def adopt_while_another_completes(path, declared):
        content = adopt(path, declared)
        if not overtaking:
            overtaking.append(True)
            overtaking.append(owner.complete(ticket["id"])["media"]["id"])
        return content

    monkeypatch.setattr(uploads, "adopt_file", adopt_while_another_completes)
    assert owner.complete(ticket["id"])["media"]["id"] == overtaking[1]
    assert Media.objects.count() == 1
    assert len(stored_files()) == 1


def test_a_new_media_item_is_told_to_the_project(owner, project):
    media = owner.upload(project, png(), "a.png", "image/png")["media"]
    event = ProjectEvent.objects.filter(project=project, type=ProjectEvent.Type.MEDIA_UPDATED).get()
    assert media["id"] == gid(Media.objects.get(pk=event.object_id))


def test_stored_names_and_permissions_are_ours(owner, project):
    owner.upload(project, png(), "../../etc/passwd.png", "image/png")
    media = Media.objects.get()
    assert media.filename == "passwd.png"
    assert media.file.name.startswith("images/")
    assert "passwd" not in media.file.name
    assert os.stat(default_storage.path(media.file.name)).st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("content", "name", "mime", "code"),
    [
        (picture("JPEG"), "lie.png", "image/png", "UNSUPPORTED_MEDIA"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "page.png", "image/png", "UNSUPPORTED_MEDIA"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "page.txt", "text/plain", "UNSUPPORTED_MEDIA"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "draw.md", "text/markdown", "UNSUPPORTED_MEDIA"),
        (png()[:60], "cut.png", "image/png", "UNSUPPORTED_MEDIA"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 200, "junk.png", "image/png", "UNSUPPORTED_MEDIA"),
        (b"%PDF-1.7\nnothing here", "broken.pdf", "application/pdf", "UNSUPPORTED_MEDIA"),
        (pdf(), "script.txt", "text/plain", "UNSUPPORTED_MEDIA"),
        (b"one\0two", "binary.txt", "text/plain", "UNSUPPORTED_MEDIA"),
        ("Olá".encode("latin-1"), "old.txt", "text/plain", "UNSUPPORTED_MEDIA"),
        (bomb(60_000), "bomb.png", "image/png", "LIMIT_EXCEEDED"),
        (bomb(9_000), "large.png", "image/png", "LIMIT_EXCEEDED"),
    ],
)
def test_what_does_not_fit_is_refused_and_its_bytes_are_gone(owner, project, content, name, mime, code):
    payload = owner.upload(project, content, name, mime)
    assert payload["media"] is None
    assert [error["code"] for error in payload["errors"]] == [code]
    assert payload["errors"][0]["message"]
    assert stored_files() == []
    assert not Media.objects.exists()
    assert not CustomImage.all_objects.exists()


def test_a_refused_upload_stays_refused_with_its_reason(owner, project):
    ticket = owner.create_upload(project, b"junk", "a.png", "image/png")["ticket"]
    put(ticket["url"], b"junk")
    first, second = owner.complete(ticket["id"]), owner.complete(ticket["id"])
    assert first["errors"] == second["errors"]
    assert put(ticket["url"], b"junk").status_code == 409


@pytest.mark.parametrize(
    ("name", "mime"),
    [("a.svg", "image/svg+xml"), ("a.html", "text/html"), ("a.avi", "video/x-msvideo"), ("a.exe", ""), ("a", "")],
)
def test_types_that_are_not_taken_get_no_ticket(owner, project, name, mime):
    payload = owner.create_upload(project, b"x", name, mime)
    assert payload["ticket"] is None
    assert payload["errors"][0]["code"] == "UNSUPPORTED_MEDIA"
    assert payload["errors"][0]["field"] == ["mimeType"]


def test_empty_too_large_and_nameless_files_get_no_ticket(owner, project, settings):
    settings.UPLOAD_LIMITS = {"IMAGE": 100, "DOCUMENT": 100}
    empty = owner.create_upload(project, b"", "a.png", "image/png")["errors"][0]
    assert (empty["code"], empty["field"]) == ("INVALID", ["fileSize"])
    large = owner.create_upload(project, b"x" * 101, "a.png", "image/png")["errors"][0]
    assert (large["code"], large["limit"]) == ("LIMIT_EXCEEDED", 100)
    assert owner.create_upload(project, b"x", " ", "image/png")["errors"][0]["field"] == ["filename"]
    assert owner.create_upload(project, b"x", "x" * 256, "image/png")["errors"][0]["field"] == ["filename"]


def test_more_or_less_than_declared_is_refused_while_it_arrives(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    too_much = put(ticket["url"], png() + b"more")
    assert (too_much.status_code, too_much.json()["code"]) == (413, "LIMIT_EXCEEDED")
    too_little = put(ticket["url"], png()[:-1])
    assert (too_little.status_code, too_little.json()["code"]) == (400, "INVALID")
    assert stored_files() == []
    assert put(ticket["url"], png()).status_code == 200


def test_sending_again_replaces_what_was_sent(owner, project):
    ticket = owner.create_upload(project, png(colour="red"), "a.png", "image/png")["ticket"]
    content = png(colour="red")
    assert put(ticket["url"], bytes(len(content))).status_code == 200
    assert put(ticket["url"], content).status_code == 200
    assert len(stored_files()) == 1
    assert owner.complete(ticket["id"])["errors"] == []


def test_completing_without_bytes_says_so(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    assert owner.complete(ticket["id"])["errors"][0]["code"] == "INVALID"
    put(ticket["url"], png())
    assert owner.complete(ticket["id"])["errors"] == []


def test_an_address_that_is_false_or_expired_takes_nothing(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    assert put(ticket["url"][:-1] + "x", png()).status_code == 404
    assert put("/uploads/1", png()).status_code == 404
    assert owner.client.get(ticket["url"]).status_code == 405
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    expired = put(ticket["url"], png())
    assert (expired.status_code, expired.json()["code"]) == (403, "FORBIDDEN")
    assert stored_files() == []


def test_another_persons_ticket_is_not_found(owner, collaborator, stranger, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    put(ticket["url"], png())
    for other in (collaborator, stranger):
        assert other.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert owner.complete("nonsense")["errors"][0]["code"] == "NOT_FOUND"


def test_a_foreign_project_takes_no_upload(stranger, project):
    error = stranger.create_upload(project, png(), "a.png", "image/png")["errors"][0]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["projectId"])


def test_an_archived_project_takes_no_upload(owner, project):
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    put(ticket["url"], png())
    archive_project(user=owner.user, project_id=project.pk)
    assert owner.create_upload(project, png(), "a.png", "image/png")["errors"][0]["code"] == "CONFLICT"
    assert owner.complete(ticket["id"])["errors"][0]["code"] == "CONFLICT"
    assert not Media.objects.exists()


def test_a_new_version_joins_the_chain_and_keeps_what_was_known(owner, project):
    first = owner.media(project)
    owner.do(
        "updateMedia",
        "UpdateMediaInput",
        "media { id }",
        id=first["id"],
        title="Mara",
        tags=["hero"],
        type="CHARACTER_DESIGN",
    )
    second = owner.media(project, png(colour="red"), "b.png", replacesMediaId=first["id"])
    third = owner.media(project, png(colour="blue"), "c.png", replacesMediaId=first["id"], type="CONCEPT_ART")
    assert (second["version"], second["title"], second["tags"]) == (2, "Mara", ["hero"])
    assert second["type"] == "CHARACTER_DESIGN"
    assert third["type"] == "CONCEPT_ART"
    assert [old["version"] for old in third["previousVersions"]] == [2, 1]
    assert [old["id"] for old in second["previousVersions"]] == [first["id"]]


def test_only_media_of_the_same_project_and_kind_are_replaced(owner, stranger, project, make_user):
    from content.projects.services import create_project

    theirs = create_project(user=stranger.user, title="Other", genre="drama")
    foreign = stranger.media(theirs)
    refused = owner.create_upload(project, png(), "a.png", "image/png", replacesMediaId=foreign["id"])
    assert (refused["errors"][0]["code"], refused["errors"][0]["field"]) == ("NOT_FOUND", ["replacesMediaId"])
    own = owner.media(project)
    words = owner.create_upload(project, b"x", "a.txt", "text/plain", replacesMediaId=own["id"])
    assert words["errors"][0]["code"] == "INVALID"


def test_the_sweep_removes_what_was_never_completed_and_nothing_else(owner, project):
    kept = owner.media(project)
    pending = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    received = owner.create_upload(project, png(), "b.png", "image/png")["ticket"]
    put(received["url"], png())
    assert sweep_uploads() == 0
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep_uploads() == 2
    after_commit()
    assert sorted(stored_files()) == ["original.png", "thumbnail.webp"]
    for ticket in (pending, received):
        assert owner.complete(ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert owner.client.get(kept["url"]).status_code == 200


def test_bytes_that_a_killed_process_left_are_swept(owner, project):
    # given a process that died while it received, and one that died before a row owned the file
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]
    half = uploads.begin_reception(upload=Upload.objects.get(), content_length=None)
    half.write(b"half a f")
    put(ticket["url"], png())
    adopted = adopt_file(Upload.objects.get().path, BY_MIME_TYPE["image/png"])
    sweep_uploads()
    assert {half.name, adopted.path} <= set(UnownedFile.objects.values_list("path", flat=True))
    assert default_storage.exists(half.name)
    # when a day has passed
    old = UnownedFile.objects.filter(path__in=[half.name, adopted.path])
    old.update(created_at=timezone.now() - timedelta(days=2))
    sweep_uploads()
    # then only what the ticket still brings is there
    assert stored_files() == ["bytes"]
    assert owner.complete(ticket["id"])["errors"] == []


def test_a_file_counts_towards_the_owners_plan_until_it_is_deleted(owner, collaborator, project):
    # given room for one picture and a bit
    room(owner.user, len(png()) + 10)
    picture_ = owner.media(project)
    # then nobody else's plan is asked, and tickets reserve what they may bring
    refused = collaborator.create_upload(project, png(colour="red"), "b.png", "image/png")["errors"][0]
    assert (refused["code"], refused["limit"]) == ("LIMIT_EXCEEDED", len(png()) + 10)
    assert "GB" in refused["message"]
    small = owner.create_upload(project, b"1234567", "a.txt", "text/plain")
    assert small["errors"] == []
    assert owner.create_upload(project, b"1234567", "b.txt", "text/plain")["errors"][0]["code"] == "LIMIT_EXCEEDED"
    # when it is deleted there is room again
    delete_media(user=owner.user, media_id=Media.objects.get().pk)
    after_commit()
    assert owner.create_upload(project, png()[:20], "b.png", "image/png")["errors"] == []
    assert owner.look(picture_["id"]) is None
    assert stored_files() == []


def test_a_plan_that_filled_up_meanwhile_refuses_what_arrives(owner, project):
    ticket = owner.send(project, png(), "a.png", "image/png")
    room(owner.user, 10)
    assert owner.complete(ticket["id"])["errors"][0]["code"] == "LIMIT_EXCEEDED"
    assert stored_files() == []


def test_a_cancelled_upload_gives_its_room_back(owner, collaborator, project):
    # given a ticket that holds all the room there is
    room(owner.user, len(png()))
    ticket = owner.send(project, png(), "a.png", "image/png")
    assert owner.create_upload(project, b"1", "a.txt", "text/plain")["errors"][0]["code"] == "LIMIT_EXCEEDED"
    # when somebody else, and then its owner, cancels it
    cancel = ("cancelUpload", "CancelUploadInput", "")
    assert collaborator.do(*cancel, id=ticket["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert owner.do(*cancel, id=ticket["id"])["errors"] == []
    assert owner.do(*cancel, id=ticket["id"])["errors"] == []
    # then its bytes are gone, and its room is free
    assert stored_files() == []
    assert put(ticket["url"], png()).status_code == 409
    assert owner.complete(ticket["id"])["errors"][0]["code"] == "CONFLICT"
    kept = owner.send(project, png(), "b.png", "image/png")
    assert owner.complete(kept["id"])["errors"] == []
    assert owner.do(*cancel, id=kept["id"])["errors"][0]["code"] == "CONFLICT"


def room(user, size: int) -> None:
    """Give a person's plan room for so many bytes of media."""
    user.max_storage_override = size
    user.save()


@pytest.fixture(autouse=True)
def _a_gigabyte_is_a_byte(settings) -> None:
    """So that the storage of a plan, which is set in GB, can be filled by a test."""
    settings.GIGABYTE = 1
