"""Media in the Wagtail admin: scoped rows, one deletion service, editorial files apart from a project's."""

import os

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.urls import reverse

from cms.accounts.choices import UserRole
from content.media.models import CustomDocument, CustomImage, Media
from content.projects.services import add_collaborator, archive_project

from .conftest import Api, after_commit, picture, png

PAGES = ("edit", "delete", "inspect", "history", "usage")


@pytest.fixture
def producer(make_user) -> Api:
    return Api(make_user("Pia", UserRole.PRODUCER))


@pytest.fixture
def member(make_user, owner, project) -> Api:
    user = make_user("Max", UserRole.PRODUCER)
    add_collaborator(user=owner.user, project_id=project.pk, email=user.email)
    return Api(user)


@pytest.fixture
def media(owner, project) -> Media:
    owner.media(project, name="rooftop.png")
    return Media.objects.get()


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
    media.refresh_from_db()
    assert media.title == "rooftop"


def test_deleting_takes_the_file_and_its_renditions_along(member, media):
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
    from .conftest import gid

    second = owner.media(project, png(colour="red"), replacesMediaId=gid(media))
    assert second["version"] == 2
    assert member.client.get(page("inspect", media)).status_code == 200
