"""The media library in the admin: finding, folders, and doing something to many at once."""

import datetime

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import ModelLogEntry

from cms.accounts.choices import UserRole
from content.media import admin_bulk, bulk
from content.media.models import Media
from content.projects.models import Project
from content.projects.services import add_collaborator, archive_project, create_project

from .conftest import Api, gid
from .rows import make

__all__ = ["make"]

LISTING = "/admin/media/"
ACTIONS = [action.action_type for action in admin_bulk.ACTIONS]


@pytest.fixture
def producer(make_user, owner, project) -> Api:
    """A member with the admin door."""
    user = make_user("Pia", UserRole.PRODUCER)
    add_collaborator(user=owner.user, project_id=project.pk, email=user.email)
    return Api(user)


@pytest.fixture
def other_project(producer) -> Project:
    return create_project(user=producer.user, title="Short One", genre="drama", episode_count=2)


@pytest.fixture
def foreign(make, stranger) -> Media:
    """A media item of somebody else's project."""
    hidden = create_project(user=stranger.user, title="Hidden", genre="drama")
    (media,) = make("Secret", project=hidden, tags=["night"])
    return media


def look(person: Api, address: str = LISTING, **query) -> BeautifulSoup:
    response = person.client.get(address, query)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def titles(page: BeautifulSoup) -> list[str]:
    return [found.get_text() for found in page.select("[id^=media_][id$=_title]")]


def bulk_url(action: str, media, **query) -> str:
    ids = "&".join(f"id={each if isinstance(each, int | str) else each.pk}" for each in media)
    return f"/admin/bulk/media/media/{action}/?{ids}&next={LISTING}"


def told(person: Api, address: str, **data) -> str:
    """What the admin says after a form was sent."""
    page = BeautifulSoup(person.client.post(address, data, follow=True).content, "html.parser")
    return " ".join(each.get_text(" ", strip=True) for each in page.select(".messages, .help-critical, .error-message"))


# The listing


def test_a_row_tells_what_an_editor_looks_for(producer, make):
    make("Roof", thumbnail="t/x.webp", tags=["night"], episode_number=2, scene_key="2-04", agent_generated=True)
    make("Talk", kind="audio", mime_type="audio/mpeg", duration=245.2, file_size=3_400_000)

    page = look(producer)

    talk, roof = (row.get_text(" ", strip=True) for row in page.select("tbody tr"))
    for words in ("Roof", "The Lisbon Job", "Image, PNG", "night", "episode 2", "scene 2-04", "made by an agent"):
        assert words in roof
    for words in ("Audio", "4:05", "3.2\xa0MB", "Active"):
        assert words in talk
    assert len(page.select("tbody .media-preview img[src^='/media/']")) == 1
    assert page.select("tbody .media-preview")[0].get_text(strip=True) == "Audio", "a word where there is no picture"


TAXONOMY = {
    "kind": "video", "media_type": "storyboard", "status": "draft", "episode_number": 2, "scene_key": "2-04",
    "agent_generated": True,
}  # fmt: skip


def test_the_listing_is_narrowed_by_every_part_of_the_taxonomy(producer, make):
    make("Other", tags=["nightly", "sea"], characters=["maraschino"])
    (wanted,) = make("Roof", tags=["night", "sea"], characters=["mara"], **TAXONOMY)
    Media.objects.filter(pk=wanted.pk).update(created_at=datetime.datetime(2026, 3, 2, 23, 30, tzinfo=datetime.UTC))

    for query in (
        *({name: value} for name, value in TAXONOMY.items()),
        {"kind": ["video", "audio"]},
        {"tag": "NIGHT"},
        {"tag": "night, sea"},
        {"character": "mara"},
        {"created_at_from": "2026-03-02", "created_at_to": "2026-03-03"},
        {"scene_key": "2-04", "kind": "video", "tag": "sea"},
        {"q": "roof night"},
    ):
        assert titles(look(producer, reverse("media:index_results"), **query)) == ["Roof"], query
    assert titles(look(producer, tag="night", kind="image")) == []


def test_the_listing_is_narrowed_to_a_project_and_to_who_added_it(producer, admin, owner, project, other_project, make):
    make("Roof", uploaded_by=producer.user)
    make("Lamp", project=other_project, uploaded_by=admin.user)

    assert titles(look(producer, project=project.pk)) == ["Roof"]
    assert titles(look(producer, uploaded_by=admin.user.pk)) == ["Lamp"]
    choices = look(producer).select("[name=uploaded_by] option")
    assert [choice.get_text() for choice in choices if choice["value"]] == ["Ada", "Pia"]


def test_filters_offer_nobody_and_nothing_that_one_may_not_see(producer, stranger, make, foreign):
    Media.objects.filter(pk=foreign.pk).update(uploaded_by=stranger.user)

    text = str(look(producer))

    assert "Hidden" not in text
    assert "Stan" not in text
    for query in (
        {"project": foreign.project_id},
        {"uploaded_by": stranger.user.pk},
        {"tag": "night"},
        {"q": "secret"},
    ):
        assert titles(look(producer, **query)) == []


def test_archived_media_are_left_out_until_they_are_asked_for(producer, make):
    make("Roof")
    make("Old", status="archived")

    assert titles(look(producer)) == ["Roof"]
    assert titles(look(producer, status="archived")) == ["Old"]
    assert titles(look(producer, status=["active", "archived"], ordering="title")) == ["Old", "Roof"]


def test_the_listing_is_sorted(producer, make):
    make("A", kind="video", duration=9.0, file_size=1, media_type="audio_clip")
    make("B", kind="video", duration=1.0, file_size=9, media_type="storyboard")
    make("C", file_size=5, media_type="concept_art")

    for ordering, expected in {
        "title": "ABC",
        "-title": "CBA",
        "duration": "BAC",
        "-duration": "ABC",
        "-file_size": "BCA",
        "created_at": "ABC",
        "media_type": "ACB",
        "nonsense": "CBA",
    }.items():
        assert "".join(titles(look(producer, reverse("media:index_results"), ordering=ordering))) == expected, ordering


def test_an_empty_library_says_how_files_come_in(producer, project, make):
    empty = look(producer)
    assert "There are no media yet." in empty.get_text()
    assert empty.select(f"a[href='{reverse('media:upload')}']")
    folder = look(producer, project=project.pk)
    assert "There are no media in this folder" in folder.get_text()
    assert folder.select(f"p a[href='{reverse('media:upload')}?project={project.pk}']")

    make("Roof")
    nothing = look(producer, q="zebra")
    assert "No media match" in nothing.get_text()
    assert nothing.select(f"p a[href='{LISTING}']")


def test_fifty_media_cost_as_many_queries_as_two(producer, other_project, make):
    def cost(address):
        producer.client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert producer.client.get(address).status_code == 200
        return len(captured)

    def fill(count):
        names = [f"M{number}" for number in range(count)]
        make(*names, tags=["a", "b"], characters=["mara"], uploaded_by=producer.user)
        make(*names, project=other_project)

    fill(1)
    addresses = (LISTING, f"{LISTING}?status=active&q=m", reverse("media:folders"))
    few = [cost(address) for address in addresses]
    fill(24)
    for number in range(5):
        make("Roof", project=create_project(user=producer.user, title=f"Series {number}", genre="drama"))

    assert Media.objects.count() == 55
    assert [cost(address) for address in addresses] == few
    assert few[0] <= 20


# Folders


def test_projects_are_folders_with_the_number_of_their_media(producer, project, other_project, make, foreign):
    make("Roof", "Harbour")
    make("Old", status="archived")
    make("Lamp", project=other_project)
    create_project(user=producer.user, title="Empty One", genre="drama")

    page = look(producer)

    shown = {link["href"]: link.get_text(" ", strip=True) for link in page.select(".media-folders a")}
    assert shown == {
        f"{LISTING}?project={project.pk}": "The Lisbon Job 2",
        f"{LISTING}?project={other_project.pk}": "Short One 1",
    }
    folders = look(producer, reverse("media:folders"))
    rows = [[cell.get_text(" ", strip=True) for cell in row.select("td")][:2] for row in folders.select("tbody tr")]
    assert rows == [["Empty One", "0"], ["Short One", "1"], ["The Lisbon Job", "2"]]
    assert not look(producer, project=project.pk).select(".media-folders"), "inside of a folder there are none"
    assert titles(look(producer, project=project.pk)) == ["Harbour", "Roof"]


def test_folders_are_searched_and_sorted_by_size(producer, project, other_project):
    Project.objects.filter(pk=project.pk).update(media_bytes=5_000_000)

    def names(**query):
        page = look(producer, reverse("media:folders_results"), **query)
        return [cell.get_text(strip=True) for cell in page.select("tbody td.title")]

    assert names(q="lisbon") == ["The Lisbon Job"]
    assert names(ordering="-media_bytes") == ["The Lisbon Job", "Short One"]
    assert "Show all folders" in str(look(producer, reverse("media:folders"), q="zebra"))


# Many at once


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


# Adding


def test_files_are_added_to_ones_own_projects_that_take_them(producer, project, other_project, stranger):
    create_project(user=stranger.user, title="Hidden", genre="drama")
    archive_project(user=producer.user, project_id=other_project.pk)

    page = look(producer, reverse("media:upload"), project=project.pk)

    assert [option.get_text() for option in page.select("[name=project] option")] == ["The Lisbon Job"]
    assert page.select_one("[name=project] option[selected]").get_text() == "The Lisbon Job"
    assert len(page.select("[name=type] option")) == 14


def test_a_new_version_has_the_earlier_ones_project_and_kind(producer, other_project, make, foreign):
    (media,) = make("Roof")
    (closed,) = make("Lamp", project=other_project)
    archive_project(user=producer.user, project_id=other_project.pk)

    page = look(producer, reverse("media:upload"), replaces=media.pk)

    assert page.select_one("form[data-media-upload]")["data-replaces"]
    assert "the next version of “Roof”, after version 1" in page.get_text(" ", strip=True)
    for odd in (foreign.pk, closed.pk, 987_654_321, "x"):
        assert producer.client.get(reverse("media:upload"), {"replaces": odd}).status_code == 404


def test_who_has_no_project_is_told_to_make_one(make_user):
    page = look(Api(make_user("Nia", UserRole.PRODUCER)), reverse("media:upload"))

    assert "Add a project" in page.get_text()
    assert not page.select("form[data-media-upload]")


def test_a_file_that_was_added_is_opened_by_its_id(producer, make, foreign):
    (media,) = make("Roof")

    def lead(value):
        return producer.client.get(reverse("media:open"), {"id": value})

    assert lead(gid(media))["Location"] == reverse("media:edit", args=[media.pk])
    for odd in (gid(foreign), "rubbish", ""):
        assert lead(odd).status_code == 404
