"""Every door of a file: who it opens for, and what it sends."""

import time

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.test import AsyncClient, Client

from cms.accounts.tokens import issue_token
from content.media import addresses
from content.media.models import CustomDocument, CustomImage, Media
from content.projects.services import remove_collaborator

from .conftest import gid, picture, png


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def media(owner, project) -> Media:
    owner.media(project, png(800, 600))
    return Media.objects.get()


def signed(api, media: Media, seconds: int | None = None) -> dict:
    argument = f"(expiresIn: {seconds})" if seconds is not None else ""
    return api.ask(f"query($id: ID!) {{ node(id: $id) {{ ... on Media {{ signedUrl{argument} }} }} }}", id=gid(media))


def doors(media: Media) -> list[str]:
    """The addresses that ask for membership, Wagtail's own storage addresses among them."""
    rendition = media.image.get_rendition("max-165x165")
    return [addresses.file_url(media), addresses.thumbnail_url(media), media.image.file.url, rendition.url]


def test_members_and_admins_open_every_door(owner, collaborator, admin, media):
    for person in (owner, collaborator, admin):
        for door in doors(media):
            assert person.client.get(door).status_code == 200, door


def test_for_all_others_no_door_is_there(stranger, anonymous, media):
    for person in (stranger, anonymous):
        for door in doors(media):
            assert person.client.get(door).status_code == 404, door


def test_a_producer_opens_only_the_files_of_their_own_projects(make_user, media, project, owner):
    from cms.accounts.choices import UserRole
    from content.projects.services import add_collaborator

    from .conftest import Api

    producer = Api(make_user("Pia", UserRole.PRODUCER))
    assert {producer.client.get(door).status_code for door in doors(media)} == {404}
    add_collaborator(user=owner.user, project_id=project.pk, email=producer.user.email)
    assert {producer.client.get(door).status_code for door in doors(media)} == {200}


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
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response["Content-Disposition"] == 'inline; filename="a.png"'
    assert response["Cache-Control"] == "private, no-cache"
    assert body(response) == png(800, 600)


def test_text_is_sent_as_plain_text_and_a_pdf_as_a_download(owner, project):
    import io

    import pypdf

    out = io.BytesIO()
    writer = pypdf.PdfWriter()
    writer.add_blank_page(10, 10)
    writer.write(out)
    words = owner.upload(project, b"*hi* <b>there</b>", "notes.md", "text/markdown")["media"]
    script = owner.upload(project, out.getvalue(), "script.pdf", "application/pdf")["media"]
    assert owner.client.get(words["url"])["Content-Type"] == "text/plain; charset=utf-8"
    assert owner.client.get(script["url"])["Content-Disposition"] == 'attachment; filename="script.pdf"'


def test_a_name_that_claims_another_type_is_downloaded_as_what_it_is(owner, project):
    media = owner.upload(project, png(), "evil.html", "image/png")["media"]
    assert owner.client.get(media["url"])["Content-Disposition"] == 'inline; filename="evil.html.png"'


def test_a_thumbnail_is_small_and_made_once(owner, media):
    import io

    from PIL import Image

    first, second = (owner.client.get(addresses.thumbnail_url(media)) for _ in range(2))
    with Image.open(io.BytesIO(body(first))) as picture_:
        assert picture_.size == (400, 300)
        assert picture_.format == "WEBP"
    assert body(second)
    assert media.image.renditions.count() == 1


def test_a_document_has_no_thumbnail(owner, project):
    media = owner.upload(project, b"words", "a.txt", "text/plain")["media"]
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


@pytest.mark.parametrize("wanted", ["bytes=100000000-", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_satisfied(owner, media, wanted):
    response = owner.client.get(addresses.file_url(media), headers={"Range": wanted})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{media.file_size}"


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
    head = owner.client.head(url)
    assert (head.status_code, head["Content-Length"], body(head)) == (200, str(media.file_size), b"")


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
    other = owner.media(project)
    mine = signed(owner, media)["data"]["node"]["signedUrl"].rpartition("/")[2]
    assert anonymous.client.get(f"/media/signed/{mine[:-1]}A").status_code == 403
    assert anonymous.client.get(f"/media/signed/{other['id']}").status_code == 403
    ticket = owner.create_upload(project, png(), "a.png", "image/png")["ticket"]["url"].rpartition("/")[2]
    assert anonymous.client.get(f"/media/signed/{ticket}").status_code == 403


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
