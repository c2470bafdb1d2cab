"""The whole way of a file in a bucket: ticket, bytes straight to the bucket, media item, signed ways out."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from PIL import Image

from cms.middleware import POLICY
from content.media.models import Media, UnownedFile, Upload
from content.media.services import delete_media
from content.media.tasks import sweep_uploads
from tests.buckets import NAME, Bucket, use, web

from . import samples
from .conftest import Api, after_commit, gid, png, process
from .test_bucket_storage import put, until_refused

pytest_plugins = ["tests.bucket_fixture"]

HTML = b"<!DOCTYPE html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(autouse=True)
def files(bucket: Bucket, settings) -> Iterator[Bucket]:
    """The bucket that has the files."""
    use(settings, bucket.configured)
    yield bucket
    bucket.clear()


def ticket(api: Api, project, content: bytes = b"", name: str = "a.png", mime: str = "image/png", **more: Any) -> Any:
    payload = api.create_upload(project, content or png(), name, mime, **more)
    assert payload["errors"] == [], payload
    return payload["ticket"]


def send(api: Api, project, content: bytes = b"", name: str = "a.png", mime: str = "image/png", **more: Any) -> Any:
    """A ticket and its bytes, as a page sends them; answers the ticket."""
    content = content or png()
    made = ticket(api, project, content, name, mime, **more)
    headers = {header["name"]: header["value"] for header in made["headers"]}
    assert web.put(made["url"], content=content, headers=headers).status_code == 200
    return made


def add(api: Api, project, content: bytes = b"", name: str = "a.png", mime: str = "image/png", **more: Any) -> Any:
    """The media item of a file, which is still to be processed."""
    payload = api.complete(send(api, project, content, name, mime, **more)["id"])
    assert payload["errors"] == [], payload
    return payload["media"]


def follow(api: Api, address: str, **headers: str) -> httpx.Response:
    """What a browser gets: it sends its cookie to us alone, and its headers to the bucket too."""
    redirect = api.client.get(address, headers=headers)
    assert redirect.status_code == 302, redirect.content
    assert redirect["Cache-Control"] == "no-store"
    return web.get(redirect["Location"], headers=headers)


def folders(bucket: Bucket) -> list[str]:
    return sorted(key.partition("/")[0] for key in bucket.stored())


def test_a_picture_goes_to_the_bucket_and_comes_from_there(owner, project, files):
    # when the bytes are sent with what the ticket says, and nothing else
    sent = ticket(owner, project)
    assert sent["url"].startswith(f"{files.configured.origin}/")
    assert sent["method"] == "PUT"
    assert sent["headers"] == [{"name": "Content-Type", "value": "image/png"}]
    assert put(sent["url"], png()).status_code == 200
    completed = owner.complete(sent["id"])
    assert (completed["errors"], completed["media"]["status"]) == ([], "PROCESSING")
    process()
    # then the media item is ready, and the bucket holds it under names of ours
    media = owner.look(completed["media"]["id"])
    assert (media["status"], media["error"]) == ("ACTIVE", None)
    assert (media["technicalData"]["width"], media["technicalData"]["height"]) == (64, 48)
    assert folders(files) == ["images", "thumbnails"]
    # and the stable address leads to it, whole and in parts
    whole, part = follow(owner, media["url"]), follow(owner, media["url"], Range="bytes=4-9")
    assert (whole.status_code, whole.content, whole.headers["Content-Type"]) == (200, png(), "image/png")
    assert (part.status_code, part.content) == (206, png()[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(png())}"
    thumbnail = follow(owner, media["thumbnailUrl"])
    assert thumbnail.headers["Content-Type"] == "image/webp"
    assert Image.open(io.BytesIO(thumbnail.content)).format == "WEBP"
    # and nothing came by way of our disk
    assert [path for path in Path(django_settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []


def test_a_film_gets_its_poster_and_can_be_sought_in(owner, project):
    film = samples.mp4()
    added = add(owner, project, film, "take.mp4", "video/mp4")
    process()
    media = owner.look(added["id"])
    assert (media["status"], media["technicalData"]["width"]) == ("ACTIVE", 320)
    assert media["technicalData"]["duration"] == pytest.approx(2, abs=0.2)
    middle = len(film) // 2
    part = follow(owner, media["url"], Range=f"bytes={middle}-")
    assert (part.status_code, part.content, part.headers["Content-Type"]) == (206, film[middle:], "video/mp4")
    assert follow(owner, media["thumbnailUrl"]).headers["Content-Type"] == "image/webp"


def test_the_way_to_the_bucket_is_open_for_ten_minutes_at_most(owner, project):
    media = add(owner, project)
    asked = "query($id: ID!) { node(id: $id) { ... on Media { signedUrl(expiresIn: 60) } } }"
    signed = owner.data(asked, id=media["id"])["node"]["signedUrl"]
    for client, address, seconds in ((owner.client, media["url"], 600), (Client(), signed, 60)):
        redirect = client.get(address)
        assert 0 < int(parse_qs(urlsplit(redirect["Location"]).query)["X-Amz-Expires"][0]) <= seconds
        assert redirect["Cache-Control"] == "no-store"


def test_text_is_downloaded_as_plain_text(owner, project, files):
    media = add(owner, project, b"# Act one\n<b>bold</b>", "act one.md", "text/markdown")
    answer = follow(owner, media["url"])
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    if files.honours_response_headers:
        assert 'filename="act one.md"' in answer.headers["Content-Disposition"]


def test_what_is_not_as_declared_does_not_reach_the_bucket(owner, project, files):
    made = ticket(owner, project)
    forged = made["url"][:-1] + ("0" if made["url"][-1] != "0" else "1")
    elsewhere = made["url"].replace("/uploads/", "/images/")
    for refused in (
        put(made["url"], png() + b"more"),
        put(made["url"], png()[:-1]),
        put(made["url"], png(), "text/html"),
        put(forged, png()),
        put(elsewhere, png()),
        put(made["url"].partition("?")[0], png()),
    ):
        assert refused.status_code in {400, 401, 403}
    assert files.stored() == []
    error = owner.complete(made["id"])["errors"][0]
    assert (error["code"], error["field"]) == ("INVALID", ["id"])
    # and the ticket is still good
    put(made["url"], png())
    assert owner.complete(made["id"])["errors"] == []


def test_a_ticket_that_has_expired_takes_nothing(owner, project, files, settings):
    settings.UPLOAD_TICKET_SECONDS = 1
    made = ticket(owner, project)
    assert until_refused(lambda: put(made["url"], png())) in {400, 403}


def test_sending_again_after_completion_changes_nothing(owner, project, files):
    made = send(owner, project, png(colour="red"))
    media = owner.complete(made["id"])["media"]
    # when the address, which is still open, is used again
    put(made["url"], bytes(len(png(colour="red"))))
    # then the media item is what it was
    assert follow(owner, media["url"]).content == png(colour="red")
    assert owner.complete(made["id"])["media"]["id"] == media["id"]
    # and what came late is swept
    UnownedFile.objects.update(created_at=timezone.now() - timedelta(days=2))
    sweep_uploads()
    after_commit()
    assert folders(files) == ["images"]


def test_completing_without_bytes_says_so(owner, project):
    error = owner.complete(ticket(owner, project)["id"])["errors"][0]
    assert (error["code"], error["field"]) == ("INVALID", ["id"])


def test_another_persons_ticket_is_not_found(owner, collaborator, stranger, project):
    made = send(owner, project)
    for other in (collaborator, stranger):
        assert other.complete(made["id"])["errors"][0]["code"] == "NOT_FOUND"
    assert owner.complete(made["id"])["errors"] == []


@pytest.mark.parametrize(
    ("content", "name", "mime"),
    [
        (HTML, "page.png", "image/png"),
        (HTML, "page.txt", "text/plain"),
        (SVG, "drawing.md", "text/markdown"),
        (HTML, "film.mp4", "video/mp4"),
        (SVG, "song.mp3", "audio/mpeg"),
    ],
)
def test_what_lies_about_its_type_is_refused_and_gone(owner, project, files, content, name, mime):
    payload = owner.complete(send(owner, project, content, name, mime)["id"])
    assert payload["media"] is None
    assert payload["errors"][0]["code"] == "UNSUPPORTED_MEDIA"
    assert files.stored() == []
    assert not Media.objects.exists()


def test_what_was_never_completed_is_swept(owner, project, files):
    kept = add(owner, project)
    send(owner, project)
    ticket(owner, project)
    assert folders(files) == ["images", "uploads"]
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep_uploads() == 2
    after_commit()
    assert folders(files) == ["images"]
    assert follow(owner, kept["url"]).status_code == 200


def test_deleting_removes_everything_that_was_made_of_it(owner, project, files):
    add(owner, project)
    process()
    media = Media.objects.get()
    media.image.get_rendition("max-32x32")
    assert folders(files) == ["images", "renditions", "thumbnails"]
    delete_media(user=owner.user, media_id=media.pk)
    after_commit()
    assert files.stored() == []


def test_a_new_version_leaves_the_one_before_as_it_was(owner, project):
    first = add(owner, project)
    second = add(owner, project, png(colour="red"), replacesMediaId=first["id"])
    assert (second["version"], [old["id"] for old in second["previousVersions"]]) == (2, [first["id"]])
    assert follow(owner, first["url"]).content == png()
    assert follow(owner, second["url"]).content == png(colour="red")


def test_only_members_are_shown_the_way(owner, collaborator, admin, stranger, anonymous, project, files):
    add(owner, project)
    process()
    media = Media.objects.get()
    doors = [
        f"/media/{gid(media)}/file",
        f"/media/{gid(media)}/thumbnail",
        media.image.file.url,
        media.image.get_rendition("max-32x32").url,
    ]
    for door in doors:
        for member in (owner, collaborator, admin):
            assert follow(member, door).status_code == 200, door
        for other in (stranger, anonymous):
            answer = other.client.get(door)
            assert answer.status_code == 404, door
            assert NAME not in answer.content.decode()
    # and no object has an address without a signature
    for key in files.stored():
        assert web.get(files.address(key)).status_code in {400, 401, 403}


def test_head_requests_are_answered_here(owner, project):
    head = owner.client.head(add(owner, project)["url"])
    assert (head.status_code, head["Content-Length"], head["Content-Type"]) == (200, str(len(png())), "image/png")


def test_while_the_bucket_fails_nothing_is_lost(owner, project, files, settings):
    made = send(owner, project)
    # when the bucket refuses us
    use(settings, files.configured, secret_key="wrong")
    error = owner.complete(made["id"])["errors"][0]
    assert error["code"] == "PROVIDER_MISCONFIGURED"
    assert "setup_bucket" in error["message"]
    assert "wrong" not in error["message"]
    # then the upload can be completed once it works again
    use(settings, files.configured)
    media = owner.complete(made["id"])["media"]
    # and processing waits too
    use(settings, files.configured, secret_key="wrong")
    process()
    assert owner.look(media["id"])["status"] == "PROCESSING"


def test_files_that_were_copied_from_the_disk_are_found_under_their_names(owner, project, files, settings):
    # given media on the disk
    on_bucket = settings.STORAGES
    disk = {"BACKEND": "content.media.storage.PrivateFileSystemStorage"}
    settings.STORAGES = {**on_bucket, "default": disk}
    media = owner.media(project)
    # when MEDIA_ROOT is copied into the bucket as it is, and the bucket configured
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        if path.is_file():
            files.client.upload_file(str(path), NAME, path.relative_to(settings.MEDIA_ROOT).as_posix())
    settings.STORAGES = on_bucket
    # then everything opens, and what was not there yet is made
    assert follow(owner, media["url"]).content == png()
    if files.honours_response_headers:
        assert follow(owner, media["url"]).headers["Content-Type"] == "image/png"
    assert follow(owner, media["thumbnailUrl"]).status_code == 200
    assert follow(owner, Media.objects.get().image.get_rendition("max-20x20").url).status_code == 200


def test_pages_may_reach_the_bucket_and_nothing_else(owner, files, settings):
    def policy() -> dict[str, str]:
        header = Api(owner.user).client.get("/projects/")["Content-Security-Policy"]
        return dict(directive.strip().split(" ", 1) for directive in header.split(";"))

    origin = files.configured.origin
    with_bucket = policy()
    settings.BUCKET_ORIGIN = ""
    without = policy()
    assert without == dict(directive.strip().split(" ", 1) for directive in POLICY.split(";"))
    changed = {name for name in without if with_bucket[name] != without[name]}
    assert changed == {"img-src", "media-src", "connect-src"}
    assert all(set(with_bucket[name].split()) - set(without[name].split()) == {origin} for name in changed)
