"""The media library in the admin: finding, folders, and adding."""

import datetime

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cms.accounts.choices import UserRole
from content.media.models import Media
from content.projects.models import Project
from content.projects.services import archive_project, create_project

from .admin import LISTING, foreign, look, other_project, producer, titles
from .conftest import Api, gid
from .rows import make

__all__ = ["foreign", "make", "other_project", "producer"]

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
