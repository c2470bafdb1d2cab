"""Reading, changing and finding media through GraphQL."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.media.models import Media
from content.projects.models import ProjectEvent
from content.projects.services import archive_project, create_project

from .conftest import FIELDS, Api, gid, png

LIST = f"""query($project: ID, $filters: MediaFilter, $first: Int, $after: String) {{
  media(projectId: $project, filters: $filters, first: $first, after: $after) {{
    edges {{ cursor node {{ {FIELDS} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
FIND = """query($project: ID!, $text: String, $like: ID, $limit: Int) {
  findMedia(projectId: $project, text: $text, similarTo: $like, limit: $limit) { score media { title } } }"""


def titles(api: Api, **variables) -> list[str]:
    return [edge["node"]["title"] for edge in api.data(LIST, **variables)["media"]["edges"]]


def update(api: Api, media, **changes):
    return api.do("updateMedia", "UpdateMediaInput", f"media {{ {FIELDS} }}", id=media["id"], **changes)


def found(api: Api, project, **variables) -> list[str]:
    return [match["media"]["title"] for match in api.data(FIND, project=gid(project), **variables)["findMedia"]]


@pytest.fixture
def library(owner, project) -> dict:
    """Three pictures with taxonomy."""
    hero, harbour, old = (owner.media(project, name=f"{name}.png") for name in ("hero", "harbour", "old"))
    update(
        owner,
        hero,
        title="Mara on the roof",
        type="CHARACTER_DESIGN",
        tags=["Night", "hero"],
        characterKeys=["mara", "tiago"],
        episodeNumber=2,
        sceneKey="2-04",
        description="She waits for the guards.",
        timestamp=12.5,
    )
    update(owner, harbour, title="The harbour", type="ENVIRONMENT_DESIGN", tags=["night", "sea"], status="DRAFT")
    update(owner, old, title="Old idea", status="ARCHIVED")
    return {"hero": hero, "harbour": harbour, "old": old}


def test_taxonomy_is_written_and_read_back(owner, project, library):
    node = owner.data(LIST, project=gid(project))["media"]["edges"][1]["node"]
    assert node["title"] == "Mara on the roof"
    assert node["type"] == "CHARACTER_DESIGN"
    assert node["tags"] == ["Night", "hero"]
    assert node["relatedElements"] == {
        "characterKeys": ["mara", "tiago"],
        "episodeNumber": 2,
        "sceneKey": "2-04",
        "timestamp": 12.5,
    }
    assert node["revision"] == 2
    assert node["generation"] is None
    assert node["agentGenerated"] is False


def test_absent_stays_and_null_clears(owner, library):
    changed = update(owner, library["hero"], description=None, tags=None, episodeNumber=None, sceneKey=None)["media"]
    assert (changed["description"], changed["tags"]) == ("", [])
    assert changed["relatedElements"]["episodeNumber"] is None
    assert changed["relatedElements"]["sceneKey"] is None
    assert changed["relatedElements"]["characterKeys"] == ["mara", "tiago"]
    assert changed["title"] == "Mara on the roof"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, ["title"]),
        ({"title": None}, ["title"]),
        ({"title": "x" * 256}, ["title"]),
        ({"description": "x" * 5_001}, ["description"]),
        ({"tags": [f"t{n}" for n in range(31)]}, ["tags"]),
        ({"tags": ["fine", "x" * 51]}, ["tags", "1"]),
        ({"tags": [" "]}, ["tags", "0"]),
        ({"characterKeys": [f"k{n}" for n in range(51)]}, ["characterKeys"]),
        ({"episodeNumber": 0}, ["episodeNumber"]),
        ({"episodeNumber": 7}, ["episodeNumber"]),
        ({"sceneKey": "x" * 101}, ["sceneKey"]),
        ({"timestamp": -0.1}, ["timestamp"]),
        ({"status": "FAILED"}, ["status"]),
        ({"status": "PROCESSING"}, ["status"]),
        ({"status": None}, ["status"]),
        ({"type": None}, ["type"]),
    ],
)
def test_bad_values_are_refused_with_their_field_and_nothing_is_written(owner, project, changes, field):
    media = owner.media(project)
    payload = update(owner, media, **changes)
    assert payload["media"] is None
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [("INVALID", field)]
    assert Media.objects.get().revision == 1


def test_tags_are_kept_once_whatever_their_case(owner, project):
    media = owner.media(project)
    assert update(owner, media, tags=["Night", "night", "  sea   view "])["media"]["tags"] == [
        "Night",
        "sea view",
    ]


def test_the_second_of_two_savers_is_told(owner, collaborator, project):
    media = owner.media(project)
    assert update(owner, media, title="One", expectedRevision=1)["media"]["revision"] == 2
    error = update(collaborator, media, title="Two", expectedRevision=1)["errors"][0]
    assert (error["code"], error["field"]) == ("CONFLICT", ["expectedRevision"])
    assert update(collaborator, media, description="Both stay")["media"]["title"] == "One"


def test_every_write_is_told_to_the_project(owner, project):
    media = owner.media(project)
    update(owner, media, title="New")
    owner.do("archiveMedia", "ArchiveMediaInput", "media { status }", id=media["id"])
    assert ProjectEvent.objects.filter(project=project, type=ProjectEvent.Type.MEDIA_UPDATED).count() == 4


def test_archiving_twice_changes_nothing_more(owner, project):
    media = owner.media(project)
    for _ in range(2):
        payload = owner.do("archiveMedia", "ArchiveMediaInput", "media { status revision }", id=media["id"])
        assert payload["media"] == {"status": "ARCHIVED", "revision": 2}
    assert update(owner, media, status="ACTIVE")["media"]["status"] == "ACTIVE"


def test_an_archived_project_refuses_writes_and_stays_readable(owner, project):
    media = owner.media(project)
    archive_project(user=owner.user, project_id=project.pk)
    assert update(owner, media, title="x")["errors"][0]["code"] == "CONFLICT"
    archived = owner.do("archiveMedia", "ArchiveMediaInput", "media { id }", id=media["id"])
    assert archived["errors"][0]["code"] == "CONFLICT"
    assert titles(owner, project=gid(project)) == ["a"]
    assert owner.client.get(media["url"]).status_code == 200


def test_what_failed_can_be_archived_or_processed_again_and_nothing_else(owner, project):
    media = owner.media(project)
    retry = ("retryMedia", "RetryMediaInput", "media { status error { code } }")
    assert owner.do(*retry, id=media["id"])["errors"][0]["code"] == "CONFLICT"
    Media.objects.update(status="failed", error_code="INTERNAL", error_message="It stopped.")
    assert owner.look(media["id"])["error"] == {"code": "INTERNAL", "message": "It stopped."}
    assert update(owner, media, status="ACTIVE")["errors"][0]["code"] == "CONFLICT"
    assert owner.do(*retry, id=media["id"])["media"] == {"status": "PROCESSING", "error": None}
    assert update(owner, media, status="ARCHIVED")["errors"][0]["code"] == "CONFLICT"
    Media.objects.update(status="failed")
    assert update(owner, media, status="ARCHIVED")["errors"] == []


def test_a_stranger_finds_nothing_by_any_path(owner, stranger, anonymous, project, library):
    hero = library["hero"]
    assert titles(stranger) == []
    assert stranger.ask(LIST, project=gid(project))["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert stranger.ask(FIND, project=gid(project), text="mara")["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert stranger.data(node, id=hero["id"])["node"] is None
    assert owner.data(node, id=hero["id"])["node"] == {"id": hero["id"]}
    for name, kind in (
        ("updateMedia", "UpdateMediaInput"),
        ("archiveMedia", "ArchiveMediaInput"),
        ("retryMedia", "RetryMediaInput"),
    ):
        assert stranger.do(name, kind, "media { id }", id=hero["id"])["errors"][0]["code"] == "NOT_FOUND"
    theirs = create_project(user=stranger.user, title="Other", genre="drama")
    like = stranger.ask(FIND, project=gid(theirs), like=hero["id"])
    assert like["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert anonymous.ask(LIST)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert anonymous.ask(FIND, project=gid(project), text="x")["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_projects_own_list_is_the_same_and_no_strangers(owner, stranger, project, library):
    query = """query($id: ID!, $filters: MediaFilter) { project(id: $id) {
      media(filters: $filters) { edges { node { title } } } } }"""
    drafts = owner.data(query, id=gid(project), filters={"statuses": ["DRAFT"]})["project"]["media"]["edges"]
    assert drafts == [{"node": {"title": "The harbour"}}]
    assert stranger.data(query, id=gid(project))["project"] is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (None, ["The harbour", "Mara on the roof"]),
        ({"statuses": ["ARCHIVED"]}, ["Old idea"]),
        ({"statuses": ["ACTIVE", "ARCHIVED"]}, ["Old idea", "Mara on the roof"]),
        ({"types": ["CHARACTER_DESIGN", "STORYBOARD"]}, ["Mara on the roof"]),
        ({"kinds": ["DOCUMENT"]}, []),
        ({"kinds": ["IMAGE"]}, ["The harbour", "Mara on the roof"]),
        ({"tags": ["NIGHT"]}, ["The harbour", "Mara on the roof"]),
        ({"tags": ["sea", "hero"]}, ["The harbour", "Mara on the roof"]),
        ({"tags": ["nig"]}, []),
        ({"characterKey": "mara"}, ["Mara on the roof"]),
        ({"episodeNumber": 2, "sceneKey": "2-04"}, ["Mara on the roof"]),
        ({"agentGenerated": True}, []),
        ({"search": "ROOF guards"}, ["Mara on the roof"]),
        ({"search": "roof sea"}, []),
    ],
)
def test_filters(owner, project, library, filters, expected):
    assert titles(owner, project=gid(project), filters=filters) == expected
    assert titles(owner, filters=filters) == expected


def test_media_are_paged_without_gap_or_repeat(owner, project):
    for number in range(5):
        owner.media(project, name=f"{number}.png")
    seen, after = [], None
    for _ in range(3):
        page = owner.data(LIST, project=gid(project), first=2, after=after)["media"]
        seen += [edge["node"]["title"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == ["4", "3", "2", "1", "0"]
    assert page["pageInfo"]["hasNextPage"] is False


def test_words_find_the_best_first(owner, project, library):
    assert found(owner, project, text="night")[0] in {"Mara on the roof", "The harbour"}
    assert found(owner, project, text="mara night") == ["Mara on the roof", "The harbour"]
    assert found(owner, project, text="guards") == ["Mara on the roof"]
    assert found(owner, project, text="night", limit=1) != []
    assert found(owner, project, text="submarine") == []
    assert found(owner, project, text="old idea") == []
    scores = [match["score"] for match in owner.data(FIND, project=gid(project), text="mara night")["findMedia"]]
    assert all(0 < score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


def test_likeness_finds_what_shares_words_and_not_itself(owner, project, library):
    assert found(owner, project, like=library["hero"]["id"]) == ["The harbour"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"text": "a", "like": "b"},
        {"text": " "},
        {"text": "x" * 501},
        {"text": "a", "limit": 0},
        {"text": "a", "limit": 101},
    ],
)
def test_a_search_that_makes_no_sense_is_invalid(owner, project, variables):
    answer = owner.ask(FIND, project=gid(project), **variables)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"


def test_a_list_costs_the_same_queries_for_one_and_for_twenty(owner, project):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert titles(owner, project=gid(project), first=50)
        return len(captured)

    first = owner.media(project)
    owner.media(project, png(colour="red"), replacesMediaId=first["id"])
    one = queries()
    for number in range(19):
        media = owner.media(project, name=f"{number}.png")
        update(owner, media, tags=[f"t{number}", "all"], characterKeys=["mara"])
    assert queries() == one
    assert one <= 12
