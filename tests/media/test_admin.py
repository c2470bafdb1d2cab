"""Media in the Wagtail admin: scoped rows, one deletion service, editorial files apart from a project's."""

import os

import pytest
from bs4 import BeautifulSoup
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.urls import reverse
from wagtail.models import ModelLogEntry

from cms.accounts.choices import UserRole
from content.media.models import CustomDocument, CustomImage, Media, MediaText, ProcessingJob
from content.projects.services import add_collaborator, archive_project

from .conftest import Api, after_commit, gid, picture, png
from .rows import make

__all__ = ["make"]

PAGES = ("edit", "delete", "inspect", "history", "usage", "archive", "restore", "retry")


@pytest.fixture
def producer(make_user) -> Api:
    return Api(make_user("Pia", UserRole.PRODUCER))


@pytest.fixture
def member(make_user, owner, project) -> Api:
    user = make_user("Max", UserRole.PRODUCER)
    add_collaborator(user=owner.user, project_id=project.pk, email=user.email)
    return Api(user)


@pytest.fixture
def media(make) -> Media:
    (row,) = make("rooftop", thumbnail="thumbnails/none/thumbnail.webp")
    return row


def page(name: str, media: Media) -> str:
    return reverse(f"media:{name}", args=[media.pk])


def form(media: Media, **values) -> dict:
    return {
        "title": media.title,
        "media_type": media.media_type,
        "status": media.status,
        "description": media.description,
        "tags": ", ".join(media.tags),
        "character_keys": "",
        "episode_number": "",
        "scene_key": "",
        "timestamp": "",
        "expected_revision": media.revision,
    } | values


def test_the_listing_shows_a_producer_their_own_projects_media_only(admin, member, producer, media):
    listing = reverse("media:index")
    for person in (admin, member):
        content = person.client.get(listing).content.decode()
        assert "rooftop" in content
        assert "The Lisbon Job" in content
        assert '<img src="/media/' in content
    content = producer.client.get(listing).content.decode()
    assert "rooftop" not in content
    assert "The Lisbon Job" not in content, "not as a choice of the filter either"


@pytest.mark.parametrize("query", ["?project={project}", "?q=rooftop", "?media_type=style_reference", "?tag=night"])
def test_filters_reach_no_further_than_the_listing(producer, member, media, query):
    url = reverse("media:index") + query.format(project=media.project_id)
    assert page("edit", media) not in producer.client.get(url).content.decode()
    if "tag" not in query:
        assert page("edit", media) in member.client.get(url).content.decode()


@pytest.mark.parametrize("name", PAGES)
def test_a_foreign_media_item_has_no_page(admin, member, producer, owner, media, name):
    assert admin.client.get(page(name, media)).status_code == 200
    assert member.client.get(page(name, media)).status_code == 200
    assert producer.client.get(page(name, media)).status_code == 404
    assert producer.client.post(page(name, media), form(media)).status_code == 404
    assert owner.client.get(page(name, media)).status_code == 302, "no admin door"
    assert Media.objects.filter(pk=media.pk).exists()


def test_nothing_is_created_in_the_admin(admin):
    assert admin.client.get(reverse("media:index") + "new/").status_code == 404


def test_editing_writes_through_the_service(member, media):
    values = form(media, title="Roofs", tags="night, sea", character_keys="mara", episode_number="2", scene_key="2-04")
    assert member.client.post(page("edit", media), values).status_code == 302
    media.refresh_from_db()
    assert (media.title, media.tags, media.character_keys) == ("Roofs", ["night", "sea"], ["mara"])
    assert (media.episode_number, media.scene_key, media.revision) == (2, "2-04", 2)


def test_the_second_of_two_editors_is_told(member, admin, media):
    stale = form(media, title="Second")
    assert member.client.post(page("edit", media), form(media, title="First")).status_code == 302
    response = admin.client.post(page("edit", media), stale)
    assert "changed this media item meanwhile" in response.content.decode()
    media.refresh_from_db()
    assert media.title == "First"


def test_a_bad_value_is_shown_at_its_field(member, media):
    response = member.client.post(page("edit", media), form(media, episode_number="99"))
    assert response.status_code == 200
    assert "The series has the episodes 1 to 6." in response.content.decode()


def test_an_archived_projects_media_cannot_be_edited_or_deleted(owner, member, project, media):
    archive_project(user=owner.user, project_id=project.pk)
    assert "archived" in member.client.post(page("edit", media), form(media, title="x")).content.decode()
    member.client.post(page("delete", media))
    for name in ("archive", "restore", "retry"):
        assert "archived" in member.client.post(page(name, media), follow=True).content.decode()
    shown = member.client.get(page("edit", media))
    assert shown["Location"] == page("inspect", media), "it can be read"
    assert "project is archived" in member.client.get(shown["Location"]).content.decode()
    media.refresh_from_db()
    assert (media.title, media.status) == ("rooftop", "active")


def test_deleting_takes_the_file_and_its_renditions_along(owner, member, project):
    owner.media(project)
    media = Media.objects.get()
    media.image.get_rendition("max-165x165")
    assert member.client.post(page("delete", media)).status_code == 302
    after_commit()
    assert not Media.objects.exists()
    assert not CustomImage.all_objects.exists()
    assert [name for _, _, names in os.walk(django_settings.MEDIA_ROOT) for name in names] == []


def test_wagtails_own_lists_and_choosers_offer_editorial_files_only(admin, owner, project, media):
    owner.upload(project, b"words", "secret-script.txt", "text/plain")
    CustomImage(title="Poster", file=ContentFile(picture("PNG"), name="poster.png")).save()
    CustomDocument.objects.create(title="Press kit", file=ContentFile(b"hi", name="kit.txt"))
    image, document = media.image, CustomDocument.all_objects.exclude(media=None).get()
    for name in ("wagtailimages:index", "wagtailimages_chooser:choose"):
        content = admin.client.get(reverse(name)).content.decode()
        assert "Poster" in content
        assert "rooftop" not in content
    for name in ("wagtaildocs:index", "wagtaildocs_chooser:choose"):
        content = admin.client.get(reverse(name)).content.decode()
        assert "Press kit" in content
        assert "secret-script" not in content
    for door in (
        reverse("wagtailimages:edit", args=[image.pk]),
        reverse("wagtailimages:delete", args=[image.pk]),
        reverse("wagtailimages:url_generator", args=[image.pk]),
        reverse("wagtailimages_chooser:chosen", args=[image.pk]),
        reverse("wagtaildocs:edit", args=[document.pk]),
        reverse("wagtaildocs:delete", args=[document.pk]),
        reverse("wagtaildocs_chooser:chosen", args=[document.pk]),
    ):
        assert admin.client.get(door).status_code == 404, door
        assert admin.client.post(door).status_code in {404, 405}, door


def test_wagtails_search_finds_editorial_files_only(admin, owner, project, media):
    owner.upload(project, b"words", "rooftop.txt", "text/plain")
    poster = CustomImage(title="Rooftop poster", file=ContentFile(picture("PNG"), name="poster.png"))
    poster.save()
    kit = CustomDocument.objects.create(title="Rooftop kit", file=ContentFile(b"hi", name="kit.txt"))
    foreign = CustomDocument.all_objects.exclude(media=None).get()
    images = admin.client.get(reverse("wagtailimages:index"), {"q": "rooftop"}).content.decode()
    assert reverse("wagtailimages:edit", args=[poster.pk]) in images
    assert reverse("wagtailimages:edit", args=[media.image_id]) not in images
    documents = admin.client.get(reverse("wagtaildocs:index"), {"q": "rooftop"}).content.decode()
    assert reverse("wagtaildocs:edit", args=[kit.pk]) in documents
    assert reverse("wagtaildocs:edit", args=[foreign.pk]) not in documents


def test_an_image_may_be_edited_again_after_a_new_version(owner, member, project, media):
    second = owner.media(project, png(colour="red"), replacesMediaId=gid(media))
    assert second["version"] == 2
    assert member.client.get(page("inspect", media)).status_code == 200


def shown(person: Api, media: Media, name: str = "edit") -> BeautifulSoup:
    """A page of a media item, parsed."""
    return BeautifulSoup(person.client.get(page(name, media)).content, "html.parser")


def facts(parsed: BeautifulSoup) -> dict[str, str]:
    return {
        pair.dt.get_text(strip=True): pair.dd.get_text(" ", strip=True) for pair in parsed.select(".media-facts > div")
    }


@pytest.mark.parametrize("name", ["edit", "inspect"])
@pytest.mark.parametrize(
    ("values", "selector"),
    [
        ({}, "a > img[src='{file}']"),
        ({"mime_type": "image/heic"}, "a > img[src='{thumbnail}']"),
        ({"kind": "video", "mime_type": "video/mp4"}, "video[controls][src='{file}'][poster='{thumbnail}']"),
        ({"kind": "audio", "mime_type": "audio/mpeg", "width": None, "height": None}, "audio[controls][src='{file}']"),
        ({"kind": "document", "mime_type": "application/pdf", "width": None, "height": None}, "a[href='{file}']"),
    ],
    ids=lambda value: value.get("kind", "picture") if isinstance(value, dict) else "",
)
def test_its_page_shows_the_file_by_addresses_that_ask_the_policy(member, media, values, selector, name):
    Media.objects.update(**values)
    known = {"file": f"/media/{gid(media)}/file", "thumbnail": f"/media/{gid(media)}/thumbnail"}

    assert shown(member, media, name).select(".media-file-shown " + selector.format(**known))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"Picture": "64 × 48 pixels"}),
        (
            {"kind": "video", "duration": 3723.4, "fps": 23.976, "sample_rate": 48000},
            {
                "Picture": "64 × 48 pixels",
                "Duration": "1:02:03",
                "Frames per second": "23.976",
                "Sample rate": "48,000 Hz",
            },
        ),
        (
            {"kind": "audio", "duration": 7.4, "sample_rate": 44100, "width": None, "height": None},
            {"Duration": "0:07", "Sample rate": "44,100 Hz"},
        ),
        ({"kind": "document", "width": None, "height": None}, {}),
    ],
)
def test_its_page_tells_what_fits_its_kind(member, media, values, expected):
    Media.objects.update(width=64, height=48)
    Media.objects.update(**values)

    told = facts(shown(member, media))

    assert {
        label: told[label] for label in told if label not in {"Folder", "File name", "Format", "Size", "Added"}
    } == (expected)
    assert facts(shown(member, media, "inspect")) == told


def test_the_page_of_a_document_shows_its_beginning(member, media):
    Media.objects.update(kind="document", mime_type="text/markdown", thumbnail="", width=None, height=None)
    MediaText.objects.create(media=media, text="# Episode 1\n<script>" + "x" * 3_000)

    (beginning,) = shown(member, media).select(".media-text")

    assert beginning.get_text() == "# Episode 1\n<script>" + "x" * 1_980


def test_a_failed_one_tells_why_and_is_processed_again(member, media):
    Media.objects.update(status="failed", error_code="TIMED_OUT", error_message="It took too long.")

    before = shown(member, media)
    assert "Processing failed. It took too long." in before.select_one(".media-file").get_text(" ", strip=True)
    (button,) = before.select(f"form[method=post][action='{page('retry', media)}'] button")
    assert button.get_text() == "Process again"
    answer = member.client.post(page("retry", media), follow=True)

    media.refresh_from_db()
    assert (media.status, media.error_message) == ("processing", "")
    assert "“rooftop” is processed again." in answer.content.decode()
    assert "It is being processed" in answer.content.decode()
    assert list(history(media)) == [("media.retry", member.user.pk)]


def test_one_that_has_not_failed_is_not_processed_again(member, media):
    answer = member.client.post(page("retry", media), follow=True).content.decode()

    assert "Only media that failed can be processed again." in answer
    assert "Process again" not in answer
    media.refresh_from_db()
    assert (media.status, media.revision) == ("active", 1)
    assert not history(media)


def test_the_progress_of_processing_is_told(member, media):
    Media.objects.update(status="processing")
    ProcessingJob.objects.update_or_create(media=media, defaults={"progress": 40})

    assert "It is being processed: 40%." in shown(member, media).select_one(".media-file").get_text(" ", strip=True)


def test_it_is_archived_and_restored_and_its_history_tells_so(member, media):
    assert shown(member, media).select(f"a[href='{page('archive', media)}']")
    answer = member.client.post(page("archive", media), follow=True)
    assert "“rooftop” is archived." in answer.content.decode()
    media.refresh_from_db()
    assert media.status == "archived"

    assert shown(member, media).select(f"a[href='{page('restore', media)}']")
    member.client.post(page("restore", media))
    media.refresh_from_db()
    assert media.status == "active"
    assert list(history(media)) == [("media.archive", member.user.pk), ("media.restore", member.user.pk)]
    told = member.client.get(page("history", media)).content.decode()
    assert "Taken out of the archive" in told


def test_its_page_leads_to_the_other_versions_and_to_adding_one(owner, member, project, media):
    owner.media(project, png(colour="red"), replacesMediaId=gid(media))
    second = Media.objects.get(version=2)

    first_page, second_page = shown(member, media), shown(member, second)

    (newer,) = first_page.select(".media-versions li")
    assert (newer.get_text(" ", strip=True), newer.a["href"]) == ("Newer: version 2, a.png", page("edit", second))
    (earlier,) = second_page.select(".media-versions li")
    assert (earlier.get_text(" ", strip=True), earlier.a["href"]) == (
        "Earlier: version 1, rooftop.png",
        page("edit", media),
    )
    assert first_page.select(f"a[href='{reverse('media:upload')}?replaces={media.pk}']")


def test_its_page_tells_where_it_is_used(member, project, media):
    assert "Used as" not in facts(shown(member, media))

    project.style_reference_rows.create(media=media)

    assert facts(shown(member, media))["Used as"] == "Style reference of The Lisbon Job"


def history(media: Media):
    entries = ModelLogEntry.objects.filter(object_id=str(media.pk)).order_by("pk")
    return entries.values_list("action", "user_id")
