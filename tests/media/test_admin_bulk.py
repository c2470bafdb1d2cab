"""The media library in the admin: doing something to many at once."""

import pytest
from bs4 import BeautifulSoup
from wagtail.models import ModelLogEntry

from content.media import admin_bulk, bulk
from content.media.models import Media
from content.projects.services import add_collaborator, archive_project

from .admin import LISTING, foreign, look, other_project, producer
from .conftest import Api
from .rows import make

__all__ = ["foreign", "make", "other_project", "producer"]

ACTIONS = [action.action_type for action in admin_bulk.ACTIONS]


def bulk_url(action: str, media, **query) -> str:
    ids = "&".join(f"id={each if isinstance(each, int | str) else each.pk}" for each in media)
    return f"/admin/bulk/media/media/{action}/?{ids}&next={LISTING}"


def told(person: Api, address: str, **data) -> str:
    """What the admin says after a form was sent."""
    page = BeautifulSoup(person.client.post(address, data, follow=True).content, "html.parser")
    return " ".join(each.get_text(" ", strip=True) for each in page.select(".messages, .help-critical, .error-message"))


def test_the_listing_offers_the_actions_to_who_may_change_media(producer, make):
    (media,) = make("Roof")

    page = look(producer)

    offered = [button["href"] for button in page.select("[data-bulk-action-button]")]
    assert sorted(offered) == sorted(f"/admin/bulk/media/media/{action}/" for action in ACTIONS)
    (checkbox,) = page.select("[data-bulk-action-checkbox]")
    assert checkbox["data-object-id"] == str(media.pk)
    assert page.find(id=checkbox["aria-describedby"]).get_text() == "Roof"


@pytest.mark.parametrize(
    ("action", "data", "after"),
    [
        ("add_tags", {"add_tags": "sea, Night"}, {"tags": ["night", "sea"]}),
        ("remove_tags", {"remove_tags": "NIGHT"}, {"tags": []}),
        ("set_type", {"media_type": "storyboard"}, {"media_type": "storyboard"}),
        ("archive", {}, {"status": "archived"}),
        ("restore", {}, {"status": "active"}),
    ],
)
def test_what_is_ticked_is_changed_and_the_change_is_in_its_history(producer, make, action, data, after):
    ticked = make("Roof", "Harbour", tags=["night"], status="draft")
    (other,) = make("Lamp", tags=["night"], status="draft")
    address = bulk_url(action, ticked)

    asked = look(producer, address)
    assert {link.get_text() for link in asked.select(".media-chosen a")} == {"Roof", "Harbour"}
    assert "2 media were changed." in told(producer, address, **data)

    for media in ticked:
        media.refresh_from_db()
        assert {name: getattr(media, name) for name in after} == after
        assert media.revision == 2
        entry = ModelLogEntry.objects.get(object_id=str(media.pk))
        assert entry.user == producer.user
        assert entry.action in {"wagtail.edit", "media.archive", "media.restore"}
    other.refresh_from_db()
    assert other.revision == 1
    assert ModelLogEntry.objects.count() == 2


def test_what_was_so_already_is_told_and_has_no_history(producer, make):
    make("Roof", tags=["sea"])
    make("Harbour")
    everything = Media.objects.all()

    assert "One media item was changed; 1 was like that already." in told(
        producer, bulk_url("add_tags", everything), add_tags="sea"
    )
    assert "nothing was changed" in told(producer, bulk_url("add_tags", everything), add_tags="sea")
    assert ModelLogEntry.objects.count() == 1


def test_one_that_cannot_be_changed_is_named_and_nothing_is(producer, make):
    media = [*make("Roof"), *make("Broken", status="failed")]

    said = told(producer, bulk_url("restore", media))

    assert "“Broken”" in said
    assert not ModelLogEntry.objects.exists()


def test_a_bad_word_is_told_at_its_field(producer, make):
    media = make("Roof")

    page = BeautifulSoup(
        producer.client.post(bulk_url("add_tags", media), {"add_tags": "x" * 51}).content, "html.parser"
    )
    assert "1 to 50 characters" in page.select_one("#panel-child-add_tags-errors, .w-field__errors").get_text()
    page = BeautifulSoup(producer.client.post(bulk_url("add_tags", media), {"add_tags": " "}).content, "html.parser")
    assert "This field is required." in page.get_text()


@pytest.mark.parametrize("action", ACTIONS)
def test_ids_of_other_peoples_media_change_nothing_at_all(producer, make, foreign, action):
    (own,) = make("Roof", tags=["night"], status="draft")
    before = list(Media.objects.order_by("pk").values())
    data = {"add_tags": "sea", "remove_tags": "night", "media_type": "storyboard"}

    said = told(producer, bulk_url(action, [own.pk, foreign.pk]), **data)

    assert "no longer there" in said
    assert list(Media.objects.order_by("pk").values()) == before
    assert (foreign.tags, own.tags) == (["night"], ["night"])


def test_a_foreign_id_looks_like_an_unknown_one(producer, make, foreign):
    (own,) = make("Roof")

    pages = [
        producer.client.get(bulk_url("archive", [own.pk, odd]), follow=True).content
        for odd in (foreign.pk, 987_654_321, "rubbish")
    ]

    assert b"no longer there" in pages[0]
    assert b"Secret" not in pages[0]
    assert len({len(page) for page in pages}) == 1


def test_who_may_not_change_media_has_no_bulk_actions(make_user, collaborator, owner, project, make, anonymous):
    media = make("Roof", tags=["night"])
    editor = make_user("Eda")
    editor.groups.add(*editor.groups.model.objects.filter(name="Editors"))
    add_collaborator(user=owner.user, project_id=project.pk, email=editor.email)

    for person in (Api(editor), collaborator, anonymous):
        for action in ("add_tags", "archive"):
            assert person.client.post(bulk_url(action, media), {"add_tags": "sea"}).status_code == 302
    media[0].refresh_from_db()
    assert (media[0].revision, media[0].tags, media[0].status) == (1, ["night"], "active")


def test_all_in_the_listing_are_those_that_its_filters_leave(producer, make, foreign):
    make(*(f"Roof {number}" for number in range(60)), tags=["night"])
    make("Lamp")
    make("Roof of old", tags=["night"], status="archived")

    address = f"/admin/bulk/media/media/add_tags/?tag=night&q=roof&id=all&next={LISTING}"
    assert "60 media were changed." in told(producer, address, add_tags="sea")
    assert Media.objects.filter(tag_rows__name="sea").count() == 60

    nonsense = f"/admin/bulk/media/media/archive/?project={foreign.project_id}&id=all&next={LISTING}"
    assert "No media are chosen." in told(producer, nonsense)
    assert not Media.objects.filter(status="archived").exclude(title="Roof of old").exists()


def test_too_many_at_once_are_refused(producer, make, monkeypatch):
    monkeypatch.setattr(bulk, "MAX_MEDIA", 2)
    make("Roof", "Harbour", "Lamp")

    said = told(producer, f"/admin/bulk/media/media/archive/?id=all&next={LISTING}")

    assert "At most 2 media are changed at once." in said
    assert not Media.objects.filter(status="archived").exists()


def test_an_archived_projects_media_are_named(producer, other_project, make):
    media = [*make("Roof"), *make("Lamp", project=other_project)]
    archive_project(user=producer.user, project_id=other_project.pk)

    said = told(producer, bulk_url("archive", media))

    assert "“Lamp”" in said
    assert "This project is archived." in said
