"""Every door of a file: who it opens for, and what it sends."""

import io
import re
import time

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import AsyncClient, Client
from PIL import Image

from cms.accounts.choices import UserRole
from cms.accounts.tokens import issue_token
from cms.api.ids import parse_id
from content.media import addresses
from content.media.models import CustomDocument, CustomImage, Media
from content.media.services import delete_media
from content.projects.services import add_collaborator, remove_collaborator

from . import samples
from .conftest import Api, gid, picture, png, process


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def assert_inert(response, content_type: str) -> None:
    """What is sent is shown as `content_type` or downloaded, and nothing in it runs or reaches out, whatever it is."""
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert response["X-Content-Type-Options"] == "nosniff"
    assert re.fullmatch(r"(inline|attachment); filename(=\"|\*=utf-8'')[^\r\n]+", response["Content-Disposition"])
    policy = dict((*part.split(None, 1), "")[:2] for part in response["Content-Security-Policy"].split("; "))
    # A browser's own player asks for the film as its own origin; that alone lets no script run.
    assert policy.pop("sandbox") in {"", "allow-same-origin"}
    assert policy.pop("default-src") == "'none'"
    assert set(policy) <= {"img-src", "media-src", "style-src"}
    assert set(" ".join(policy.values()).split()) <= {"'self'", "'unsafe-inline'"}


def upload(api: Api, project, content: bytes, name: str, mime: str) -> dict:
    """A media item whose file is here and not processed yet."""
    payload = api.upload(project, content, name, mime)
    assert payload["errors"] == []
    return payload["media"]


@pytest.fixture
def media(owner, project) -> Media:
    """A picture that is here and not processed yet: its file opens all the same."""
    upload(owner, project, png(800, 600), "a.png", "image/png")
    return Media.objects.get()


@pytest.fixture
def processed(media) -> Media:
    """The same with its thumbnail."""
    process()
    media.refresh_from_db()
    return media


def signed(api, media: Media, seconds: int | None = None) -> dict:
    argument = f"(expiresIn: {seconds})" if seconds is not None else ""
    return api.ask(f"query($id: ID!) {{ node(id: $id) {{ ... on Media {{ signedUrl{argument} }} }} }}", id=gid(media))


def _pk(media: dict) -> int:
    return parse_id(media["id"], "Media")


def doors(media: Media) -> list[str]:
    """The addresses that ask for membership, Wagtail's own storage addresses among them."""
    rendition = media.image.get_rendition("max-165x165")
    return [addresses.file_url(media), addresses.thumbnail_url(media), media.image.file.url, rendition.url]


def test_members_and_admins_open_every_door(owner, collaborator, admin, processed):
    for person in (owner, collaborator, admin):
        for door in doors(processed):
            assert person.client.get(door).status_code == 200, door


def test_for_all_others_no_door_is_there(stranger, anonymous, processed):
    for person in (stranger, anonymous):
        for door in doors(processed):
            assert person.client.get(door).status_code == 404, door


def test_a_producer_opens_only_the_files_of_their_own_projects(make_user, processed, project, owner):
    producer = Api(make_user("Pia", UserRole.PRODUCER))
    assert {producer.client.get(door).status_code for door in doors(processed)} == {404}
    add_collaborator(user=owner.user, project_id=project.pk, email=producer.user.email)
    assert {producer.client.get(door).status_code for door in doors(processed)} == {200}


def test_the_door_closes_with_membership(owner, collaborator, project, media):
    url = addresses.file_url(media)
    assert collaborator.client.get(url).status_code == 200
    remove_collaborator(user=owner.user, project_id=project.pk, user_id=collaborator.user.pk)
    assert collaborator.client.get(url).status_code == 404


def test_a_bearer_token_opens_like_a_cookie(owner, stranger, media):
    def fetch(token: str) -> int:
        return Client().get(addresses.file_url(media), headers={"Authorization": f"Bearer {token}"}).status_code

    assert fetch(issue_token(owner.user)[0]) == 200
    assert fetch(issue_token(stranger.user)[0]) == 404
    assert fetch("nonsense") == 401


def test_unknown_addresses_are_not_found(owner, media):
    for door in (
        "/media/x/file",
        "/media/TWVkaWE6OTk5OTk/file",
        "/files/nothing",
        "/files/../manage.py",
        "/files/",
    ):
        assert owner.client.get(door).status_code == 404, door


def test_files_are_sent_inert(owner, media):
    response = owner.client.get(addresses.file_url(media))
    assert_inert(response, "image/png")
    assert response["Content-Disposition"] == 'inline; filename="a.png"'
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Cross-Origin-Resource-Policy"] == "same-site"
    assert body(response) == png(800, 600)


@pytest.mark.parametrize("mime", samples.every_format())
def test_each_format_is_sent_as_what_it_is_and_shown_in_place_unless_it_is_a_document(owner, project, mime):
    name, content = samples.every_format()[mime]
    media = upload(owner, project, content, name, mime)
    response = owner.client.get(media["url"])
    is_text, is_document = mime.startswith("text/"), media["kind"] == "DOCUMENT"
    assert_inert(response, "text/plain; charset=utf-8" if is_text else mime)
    disposition = "inline" if is_text or not is_document else "attachment"
    assert response["Content-Disposition"] == f'{disposition}; filename="{name}"'
    assert body(response) == content


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("evil.html", 'inline; filename="evil.html.png"'),
        ("evil.svg", 'inline; filename="evil.svg.png"'),
        ("a.jpg", 'inline; filename="a.jpg.png"'),
        ("no extension", 'inline; filename="no extension.png"'),
        ("A.PNG", 'inline; filename="A.PNG"'),
        ('a"; filename="b.html', r'inline; filename="a\"; filename=\"b.html.png"'),
        ("Olá.png", "inline; filename*=utf-8''Ol%C3%A1.png"),
    ],
)
def test_a_name_that_claims_another_type_is_downloaded_as_what_it_is(owner, project, name, sent):
    media = upload(owner, project, png(), name, "image/png")
    assert owner.client.get(media["url"])["Content-Disposition"] == sent


def test_a_thumbnail_comes_with_processing_is_small_and_made_once(owner, project):
    # given a picture that is not processed yet
    media = upload(owner, project, png(800, 600), "a.png", "image/png")
    address = media["url"].replace("/file", "/thumbnail")
    assert owner.client.get(address).status_code == 404
    # when it was
    process()
    assert owner.look(media["id"])["thumbnailUrl"] == address
    first, second = (owner.client.get(address) for _ in range(2))
    with Image.open(io.BytesIO(body(first))) as shown:
        assert (shown.size, shown.format) == ((400, 300), "WEBP")
    # then what is shown is one stored file, under the same headers, and no rendition of Wagtail's
    assert first["ETag"] == second["ETag"]
    assert_inert(first, "image/webp")
    assert owner.client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    row = Media.objects.get()
    assert default_storage.listdir("thumbnails")[0] == [row.thumbnail.split("/")[1]]
    assert row.image.renditions.count() == 0


def test_a_thumbnail_whose_file_is_gone_is_not_found(owner, processed):
    default_storage.delete(processed.thumbnail)
    assert owner.client.get(addresses.thumbnail_url(processed)).status_code == 404
    default_storage.delete(processed.file_path)
    assert owner.client.get(addresses.file_url(processed)).status_code == 404


def test_plain_text_has_no_thumbnail(owner, project):
    media = owner.media(project, b"words", "a.txt", "text/plain")
    assert media["thumbnailUrl"] is None
    assert owner.client.get(media["url"].replace("/file", "/thumbnail")).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=10-", 206, 10, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=5-100000000", 206, 5, None),
        ("bytes=9-3", 200, 0, None),
        ("bytes=0-1,4-5", 200, 0, None),
        ("lines=0-1", 200, 0, None),
        ("bytes=-", 200, 0, None),
    ],
)
def test_ranges(owner, media, wanted, status, start, end):
    whole = png(800, 600)
    response = owner.client.get(addresses.file_url(media), headers={"Range": wanted})
    assert response.status_code == status
    part = body(response)
    assert part == whole[start:end]
    assert response["Content-Length"] == str(len(part))
    assert response["Accept-Ranges"] == "bytes"
    if status == 206:
        first = start if start >= 0 else len(whole) + start
        assert response["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(whole)}"


@pytest.mark.parametrize("wanted", [f"bytes={'9' * 5_000}-", f"bytes=0-{'9' * 5_000}", f"bytes=-{'9' * 5_000}"])
def test_a_number_without_end_is_no_error_of_ours(owner, media, wanted):
    response = owner.client.get(addresses.file_url(media), headers={"Range": wanted})
    assert response.status_code in {200, 206, 416}


@pytest.mark.parametrize("wanted", ["bytes=100000000-", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_satisfied(owner, media, wanted):
    response = owner.client.get(addresses.file_url(media), headers={"Range": wanted})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{media.file_size}"


def test_a_films_signed_address_seeks_too(owner, anonymous, project):
    content = samples.mp4()
    media = upload(owner, project, content, "take.mp4", "video/mp4")
    url = signed(owner, Media.objects.get(), 60)["data"]["node"]["signedUrl"]
    response = anonymous.client.get(url, headers={"Range": "bytes=100-199"})
    assert (response.status_code, body(response)) == (206, content[100:200])
    assert response["Content-Range"] == f"bytes 100-199/{media['fileSize']}"


def test_under_asgi_a_file_is_sent_in_pieces_as_it_is_read(owner, media):
    async def fetch(wanted: str) -> tuple[bool, bytes]:
        client = AsyncClient()
        await client.aforce_login(owner.user)
        response = await client.get(addresses.file_url(media), headers={"Range": wanted})
        return response.is_async, b"".join([chunk async for chunk in response.streaming_content])

    assert async_to_sync(fetch)("") == (True, png(800, 600))
    assert async_to_sync(fetch)("bytes=3-9") == (True, png(800, 600)[3:10])


def test_conditional_requests(owner, media):
    url = addresses.file_url(media)
    first = owner.client.get(url)
    body(first)
    etag, modified = first["ETag"], first["Last-Modified"]
    assert owner.client.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert owner.client.get(url, headers={"If-Modified-Since": modified}).status_code == 304
    assert owner.client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert owner.client.get(url, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert owner.client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200
    assert owner.client.get(url, headers={"Range": "bytes=0-1", "If-Range": modified}).status_code == 206
    older = "Mon, 01 Jan 2001 00:00:00 GMT"
    assert owner.client.get(url, headers={"Range": "bytes=0-1", "If-Range": older}).status_code == 200
    head = owner.client.head(url)
    assert (head.status_code, head["Content-Length"], body(head)) == (200, str(media.file_size), b"")
    assert (head["ETag"], head["Accept-Ranges"], head["Content-Type"]) == (etag, "bytes", "image/png")


def test_a_file_is_only_read_at_its_address(owner, processed):
    for door in doors(processed):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(owner.client, method)(door).status_code == 405, (method, door)


def test_who_holds_a_signature_opens_the_file_until_it_expires(owner, anonymous, media, monkeypatch):
    url = signed(owner, media, 60)["data"]["node"]["signedUrl"]
    response = anonymous.client.get(url)
    assert response.status_code == 200
    assert body(response) == png(800, 600)
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    now = time.time()
    monkeypatch.setattr(addresses.time, "time", lambda: now + 61)
    assert anonymous.client.get(url).status_code == 403


def test_a_signature_that_was_changed_opens_nothing(owner, anonymous, project, media):
    # given a signature of mine, and other strings that this site signed
    other = signed(owner, Media.objects.get(pk=_pk(upload(owner, project, png(), "b.png", "image/png"))))
    mine, theirs = (answer["data"]["node"]["signedUrl"].rpartition("/")[2] for answer in (signed(owner, media), other))
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]["url"].rpartition("/")[2]
    values, at, mac = mine.split(":")
    # then nothing that is made of them opens
    for forged in (
        f"{values}:{at}:{mac[::-1]}",
        f"{values}:{at}:{mac[:-4]}",
        f"{values}:{at}:",
        f"{values}:{at}",
        values,
        f"{theirs.split(':')[0]}:{at}:{mac}",
        f"{values}:{theirs.split(':')[1]}x:{mac}",
        f"{mine}x",
        gid(media),
        ticket,
    ):
        assert anonymous.client.get(f"/media/signed/{forged}").status_code == 403, forged
    assert anonymous.client.get(f"/media/signed/{mine}").status_code == 200


def test_a_signature_outlives_its_media_item_for_nobody(owner, anonymous, media):
    url = signed(owner, media)["data"]["node"]["signedUrl"]
    delete_media(user=owner.user, media_id=media.pk)
    assert anonymous.client.get(url).status_code == 404


@pytest.mark.parametrize("seconds", [59, 3_601, -1])
def test_a_signature_lives_a_minute_to_an_hour(owner, media, seconds):
    assert signed(owner, media, seconds)["errors"][0]["extensions"]["code"] == "INVALID"


def test_wagtails_own_document_address_does_not_know_project_files(owner, admin, project):
    owner.upload(project, b"words", "a.txt", "text/plain")
    document = CustomDocument.all_objects.get()
    for person in (owner, admin):
        assert person.client.get(document.url).status_code == 404


def test_editorial_files_open_for_people_with_the_admin_door_only(owner, admin, anonymous):
    document = CustomDocument.objects.create(title="Guide", file=ContentFile(b"hi", name="guide.txt"))
    image = CustomImage(title="Hero", file=ContentFile(picture("PNG"), name="hero.png"))
    image.save()
    for door in (document.url, document.file.url, image.file.url):
        assert admin.client.get(door).status_code == 200, door
        assert owner.client.get(door).status_code == 404, door
        assert anonymous.client.get(door).status_code == 404, door
