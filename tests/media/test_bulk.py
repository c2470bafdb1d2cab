"""Many media at once: all of them or none, by the same rules as one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.api.ids import global_id
from cms.errors import DomainError
from content.media import bulk
from content.media.models import Media, MediaCharacter, MediaTag
from content.projects.models import Project, ProjectEvent
from content.projects.services import add_collaborator, archive_project, create_project

from .conftest import Api, gid
from .rows import make

__all__ = ["make"]

RESULT = "media { id title tags type status revision relatedElements { characterKeys episodeNumber sceneKey } }"


@pytest.fixture
def other_project(owner) -> Project:
    return create_project(user=owner.user, title="Short One", genre="drama", episode_count=2)


def change(caller: Api, media, **changes):
    ids = [each if isinstance(each, str) else gid(each) for each in media]
    return caller.do("updateManyMedia", "UpdateManyMediaInput", RESULT, ids=ids, **changes)


def refusal(payload) -> tuple[str, list[str], str]:
    assert payload["media"] == []
    (error,) = payload["errors"]
    return error["code"], error["field"], error["message"]


def state() -> list:
    """All that a refusal must leave as it is."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Media, MediaTag, MediaCharacter, ProjectEvent, Project)
    ]


def test_many_are_changed_in_one_go(owner, make):
    # given
    first, second = make("Roof", "Harbour", tags=["night", "draft"], characters=["mara"])
    # when
    payload = change(
        owner,
        [second, first],
        addTags=["Sea"],
        removeTags=["DRAFT"],
        addCharacterKeys=["keeper"],
        removeCharacterKeys=["mara"],
        type="CONCEPT_ART",
        status="DRAFT",
        episodeNumber=2,
        sceneKey="2-04",
    )
    # then they are as asked, in the order asked
    assert payload["errors"] == []
    assert [media["title"] for media in payload["media"]] == ["Harbour", "Roof"]
    for media in payload["media"]:
        assert media["tags"] == ["night", "Sea"]
        assert (media["type"], media["status"], media["revision"]) == ("CONCEPT_ART", "DRAFT", 2)
        assert media["relatedElements"] == {"characterKeys": ["keeper"], "episodeNumber": 2, "sceneKey": "2-04"}


def test_each_changed_one_is_told_of_once_and_in_order(owner, project, make):
    first, second, third = make("Roof", "Harbour", "Lamp")
    MediaTag.objects.create(media=second, name="sea")
    before = project.events.count()

    change(owner, [third, second, first], addTags=["sea"])

    told = list(project.events.order_by("seq"))[before:]
    assert [(event.type, event.object_id) for event in told] == [
        ("media_updated", third.pk),
        ("media_updated", first.pk),
    ]
    assert [event.seq for event in project.events.order_by("seq")] == list(range(1, before + 3))
    project.refresh_from_db()
    assert project.last_event_seq == before + 2


def test_what_is_so_already_is_not_written(owner, make):
    media = make("Roof", "Harbour", tags=["night"], characters=["mara"], status="archived", scene_key="1-01")
    before = state()

    payload = change(
        owner,
        media,
        addTags=["NIGHT"],
        removeTags=["day"],
        addCharacterKeys=["mara"],
        status="ARCHIVED",
        sceneKey="1-01",
    )

    assert payload["errors"] == []
    assert len(payload["media"]) == 2
    assert state() == before


def test_the_revision_and_the_date_rise_with_each_change(owner, make):
    (media,) = make("Roof")
    before = Media.objects.get()

    change(owner, [media], type="CONCEPT_ART")

    after = Media.objects.get()
    assert after.revision == before.revision + 1
    assert after.updated_at > before.updated_at


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"addTags": ["sea"]}, True),
        ({"removeTags": ["night"]}, True),
        ({"addCharacterKeys": ["keeper"]}, True),
        ({"sceneKey": "2-04"}, True),
        ({"type": "CONCEPT_ART", "status": "ARCHIVED", "episodeNumber": 1}, False),
    ],
)
def test_search_follows_the_words(owner, make, changes, stale):
    (media,) = make("Roof", tags=["night"])
    (other,) = make("Harbour", tags=["sea"])

    change(owner, [media], **changes)

    media.refresh_from_db()
    other.refresh_from_db()
    assert (media.embedding_model == "") is stale
    assert other.embedding_model == "some-model"


def test_null_clears_what_may_be_empty_and_an_absent_field_stays(owner, make):
    (media,) = make("Roof", episode_number=2, scene_key="2-04", tags=["night"])

    change(owner, [media], episodeNumber=None)
    media.refresh_from_db()
    assert (media.episode_number, media.scene_key, media.tags) == (None, "2-04", ["night"])

    change(owner, [media], sceneKey=None, addTags=None, removeTags=None)
    media.refresh_from_db()
    assert (media.scene_key, media.tags) == ("", ["night"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": None}, ["type"]),
        ({"status": None}, ["status"]),
        ({"status": "PROCESSING"}, ["status"]),
        ({"episodeNumber": 7}, ["episodeNumber"]),
        ({"sceneKey": "x" * 101}, ["sceneKey"]),
        ({"addTags": ["fine", ""]}, ["addTags", "1"]),
        ({"removeTags": ["x" * 51]}, ["removeTags", "0"]),
        ({"addTags": [str(number) for number in range(31)]}, ["addTags"]),
        ({"addCharacterKeys": [""]}, ["addCharacterKeys", "0"]),
        ({"addTags": ["Sea"], "removeTags": ["sea"]}, ["removeTags"]),
    ],
)
def test_a_bad_value_is_refused_at_its_own_field(owner, make, changes, field):
    media = make("Roof", "Harbour")
    before = state()

    code, where, _ = refusal(change(owner, media, **changes))

    assert (code, where) == ("INVALID", field)
    assert state() == before


def test_media_of_several_projects_change_together(owner, other_project, make):
    (here,) = make("Roof")
    (there,) = make("Lamp", project=other_project)

    payload = change(owner, [here, there], addTags=["sea"], episodeNumber=2)

    assert [media["tags"] for media in payload["media"]] == [["sea"], ["sea"]]
    for project in (here.project, there.project):
        project.refresh_from_db()
        assert project.events.latest("seq").seq == project.last_event_seq
        assert project.events.latest("seq").type == "media_updated"


def test_an_episode_that_one_of_the_projects_has_not_got_is_refused_by_its_name(owner, other_project, make):
    (here,) = make("Roof")
    (there,) = make("Lamp", project=other_project)
    before = state()

    code, where, message = refusal(change(owner, [here, there], episodeNumber=5))

    assert (code, where) == ("INVALID", ["episodeNumber"])
    assert message == "“Short One”: The series has the episodes 1 to 2."
    assert state() == before


@pytest.mark.parametrize(
    ("values", "changes", "code", "reason"),
    [
        ({"status": "processing"}, {"status": "ARCHIVED"}, "CONFLICT", "still being processed"),
        ({"status": "failed"}, {"status": "ACTIVE"}, "CONFLICT", "failed"),
        ({"tags": [str(number) for number in range(30)]}, {"addTags": ["sea"]}, "INVALID", "at most 30 tags"),
        ({"characters": [str(number) for number in range(50)]}, {"addCharacterKeys": ["x"]}, "INVALID", "at most 50"),
    ],
)
def test_one_that_cannot_be_changed_refuses_them_all_and_is_named(owner, make, values, changes, code, reason):
    fine = make("Roof", "Harbour")
    (odd,) = make("Odd one", **values)
    before = state()

    found, where, message = refusal(change(owner, [*fine, odd], **changes))

    assert (found, where) == (code, ["ids", "2"])
    assert "“Odd one”" in message
    assert reason in message
    assert state() == before


def test_failed_media_may_be_archived_and_processing_ones_tagged(owner, make):
    (failed,) = make("Broken", status="failed")
    (processing,) = make("New", status="processing")

    assert change(owner, [failed], status="ARCHIVED")["errors"] == []
    assert change(owner, [processing], addTags=["sea"])["errors"] == []

    failed.refresh_from_db()
    assert failed.status == "archived"
    assert processing.tags == ["sea"]


def test_a_tag_may_take_the_place_of_another_where_all_are_taken(owner, make):
    (media,) = make("Roof", tags=[str(number) for number in range(30)])

    assert change(owner, [media], removeTags=["7"], addTags=["sea"])["errors"] == []

    assert len(media.tags) == 30
    assert media.tags[-1] == "sea"


def test_an_archived_projects_media_refuse_them_all(owner, other_project, make):
    (here,) = make("Roof")
    (there,) = make("Lamp", project=other_project)
    archive_project(user=owner.user, project_id=other_project.pk)
    before = state()

    code, where, message = refusal(change(owner, [here, there], addTags=["sea"]))

    assert (code, where) == ("CONFLICT", ["ids", "1"])
    assert "“Lamp”" in message
    assert "This project is archived." in message
    assert state() == before


def test_a_foreign_media_item_an_absent_and_a_malformed_one_are_all_unknown(owner, stranger, make):
    foreign = create_project(user=stranger.user, title="Hidden", genre="drama")
    (here,) = make("Roof")
    (there,) = make("Lamp", project=foreign)
    before = state()
    unknown = [gid(there), global_id("Media", 999_999_999), global_id("Project", here.project_id), "rubbish"]

    answers = [change(owner, [here, each], addTags=["sea"]) for each in unknown]

    assert refusal(answers[0]) == ("NOT_FOUND", ["ids", "1"], "The media item was not found.")
    assert answers == [answers[0]] * 4
    assert state() == before


def test_members_may_and_strangers_may_not(collaborator, stranger, anonymous, make):
    media = make("Roof", "Harbour")

    assert refusal(change(stranger, media, addTags=["sea"]))[:2] == ("NOT_FOUND", ["ids", "0"])
    assert change(collaborator, media, addTags=["sea"])["errors"] == []
    answer = anonymous.ask('mutation { updateManyMedia(input: {ids: ["x"]}) { errors { code } } }')
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_one_named_twice_counts_once(owner, project, make):
    first, second = make("Roof", "Harbour")
    before = project.events.count()

    payload = change(owner, [first, second, first], addTags=["sea"])

    assert [media["revision"] for media in payload["media"]] == [2, 2]
    assert project.events.count() == before + 2


def test_none_and_too_many_are_refused(owner, make):
    assert refusal(change(owner, []))[:2] == ("INVALID", ["ids"])
    payload = change(owner, [global_id("Media", number) for number in range(1, 502)], addTags=["sea"])
    assert refusal(payload)[:2] == ("LIMIT_EXCEEDED", ["ids"])
    assert payload["errors"][0]["limit"] == 500


def test_a_hundred_cost_as_many_queries_as_two(owner, make):
    changes = {"add_tags": ["sea"], "remove_tags": ["night"], "status": "archived", "scene_key": "1-01"}

    def cost(count, name):
        media = make(*(f"{name} {number}" for number in range(count)), tags=["night"], characters=["mara"])
        with CaptureQueriesContext(connection) as captured:
            done = bulk.update_many(user=owner.user, media_ids=[each.pk for each in media], changes=changes)
        assert len(done.changed) == count
        return len(captured)

    few = cost(2, "Few")
    assert few <= 21
    assert cost(100, "Many") == few


def test_five_hundred_are_changed_at_once(owner, make):
    media = make(*(f"Sea {number}" for number in range(500)), tags=["night"])

    done = bulk.update_many(
        user=owner.user,
        media_ids=[each.pk for each in media],
        changes={"add_tags": ["a", "b"], "remove_tags": ["NIGHT"]},
    )

    assert len(done.changed) == 500
    assert MediaTag.objects.filter(name="b").count() == 500
    assert not MediaTag.objects.filter(name="night").exists()


def test_media_that_were_not_named_keep_their_words(owner, make):
    (named,) = make("Roof", tags=["night"], characters=["mara"])
    (other,) = make("Harbour", tags=["night"], characters=["mara"])

    change(owner, [named], removeTags=["night"], removeCharacterKeys=["mara"])

    assert (named.tags, named.character_keys) == ([], [])
    assert (other.tags, other.character_keys) == (["night"], ["mara"])


def test_a_failure_in_the_middle_leaves_everything_as_it_was(owner, make, monkeypatch):
    media = make("Roof", "Harbour", tags=["night"])
    before = state()

    def fail(_media_ids):
        raise RuntimeError("The search index is broken.")

    monkeypatch.setattr(bulk, "words_changed", fail)
    code, _, _ = refusal(change(owner, media, addTags=["sea"], removeTags=["night"], status="DRAFT"))

    assert code == "INTERNAL"
    assert state() == before


def test_membership_that_ends_before_the_lock_is_asked_again(owner, collaborator, project, make, monkeypatch):
    (media,) = make("Roof")
    locked = bulk.lock_project

    def lock_late(pk):
        project.memberships.filter(user=collaborator.user).delete()
        return locked(pk)

    monkeypatch.setattr(bulk, "lock_project", lock_late)
    with pytest.raises(DomainError) as refused:
        bulk.update_many(user=collaborator.user, media_ids=[media.pk], changes={"add_tags": ["sea"]})

    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["ids", "0"])
    add_collaborator(user=owner.user, project_id=project.pk, email=collaborator.user.email)
    assert media.tags == []
