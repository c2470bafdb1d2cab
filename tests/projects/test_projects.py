"""Creating and changing projects."""

import pytest

from cms.accounts.choices import SubscriptionTier
from content.projects.models import Membership, Project
from content.projects.services import add_collaborator, create_project
from tests.conftest import gid

FIELDS = """id title description genre episodeCount targetAudience status revision archivedAt
  settings { aspectRatio episodeDuration qualityTier } createdBy { name } collaborators { name }
  styleReferences { id } progress { currentPhase completedSteps overallProgress } lastEventSeq"""
ERRORS = "errors { code message field limit remaining }"
CREATE = (
    f"mutation ($input: CreateProjectInput!) {{ createProject(input: $input) {{ project {{ {FIELDS} }} {ERRORS} }} }}"
)
UPDATE = (
    f"mutation ($input: UpdateProjectInput!) {{ updateProject(input: $input) {{ project {{ {FIELDS} }} {ERRORS} }} }}"
)


def create(caller, **values):
    return caller(CREATE, input={"title": "Salt Roads", "genre": "DRAMA", **values})


def update(caller, project, **values):
    return caller(UPDATE, input={"id": gid(project), **values})


def stored(project):
    return Project.objects.filter(pk=project.pk).values()[0]


# ---- creating ----


def test_a_new_project_has_the_defaults_and_belongs_to_its_creator(api, producer):
    made = create(api(producer)).value["project"]

    assert made == {
        "id": made["id"],
        "title": "Salt Roads",
        "description": "",
        "genre": "DRAMA",
        "episodeCount": 10,
        "targetAudience": "FAMILY",
        "status": "CONCEPT",
        "revision": 1,
        "archivedAt": None,
        "settings": {"aspectRatio": "WIDESCREEN_16_9", "episodeDuration": 22, "qualityTier": "STANDARD"},
        "createdBy": {"name": "Producer"},
        "collaborators": [],
        "styleReferences": [],
        "progress": {"currentPhase": "STORY_DEVELOPMENT", "completedSteps": [], "overallProgress": 0},
        "lastEventSeq": 1,
    }
    assert api(producer)("query ($id: ID!) { project(id: $id) { title } }", id=made["id"]).value == {
        "title": "Salt Roads"
    }


def test_a_new_project_takes_what_is_given(api, producer):
    made = create(
        api(producer),
        title="  Salt \n Roads  ",
        description="Two sisters.",
        episodeCount=100,
        targetAudience="ADULT",
        settings={"aspectRatio": "VERTICAL_9_16", "qualityTier": "PREMIUM"},
    ).value["project"]

    assert (made["title"], made["description"], made["episodeCount"]) == ("Salt Roads", "Two sisters.", 100)
    assert made["targetAudience"] == "ADULT"
    assert made["settings"] == {"aspectRatio": "VERTICAL_9_16", "episodeDuration": 22, "qualityTier": "PREMIUM"}


@pytest.mark.parametrize(("tier", "episodes"), [("free", 3), ("pro", 10), ("enterprise", 10)])
def test_the_number_of_episodes_is_ten_or_the_plans_limit(api, person, tier, episodes):
    made = create(api(person("ana", tier=tier)))

    assert made.value["project"]["episodeCount"] == episodes


BAD = [
    ({"title": ""}, ["title"]),
    ({"title": " \n "}, ["title"]),
    ({"title": "x" * 201}, ["title"]),
    ({"description": "x" * 5_001}, ["description"]),
    ({"episodeCount": 0}, ["episodeCount"]),
    ({"episodeCount": -1}, ["episodeCount"]),
    ({"settings": {"episodeDuration": 0}}, ["settings", "episodeDuration"]),
    ({"settings": {"episodeDuration": 601}}, ["settings", "episodeDuration"]),
    ({"settings": {"aspectRatio": "SQUARE_1_1", "episodeDuration": -5}}, ["settings", "episodeDuration"]),
]


@pytest.mark.parametrize(
    ("values", "field"),
    [*BAD, ({"idempotencyKey": ""}, ["idempotencyKey"]), ({"idempotencyKey": "k" * 101}, ["idempotencyKey"])],
)
def test_a_value_that_is_not_acceptable_makes_no_project(api, producer, values, field):
    answer = create(api(producer), **values)

    assert answer.value["project"] is None
    assert (answer.error["code"], answer.error["field"]) == ("INVALID", field)
    assert not Project.objects.exists()


def test_the_longest_values_fit(api, producer):
    values = {"title": "ü" * 200, "description": "🎬" * 5_000, "settings": {"episodeDuration": 600}}

    assert create(api(producer), **values).codes == []


# ---- the plan ----


@pytest.mark.parametrize(
    ("tier", "limit", "plan"), [("free", 3, "Free"), ("pro", 24, "Pro"), ("enterprise", 100, "Enterprise")]
)
def test_more_episodes_than_the_plan_allows_are_refused(api, person, tier, limit, plan):
    caller = api(person("ana", tier=tier))

    refused = create(caller, episodeCount=limit + 1)

    assert refused.value["project"] is None
    assert (refused.error["code"], refused.error["field"]) == ("LIMIT_EXCEEDED", ["episodeCount"])
    assert refused.error["limit"] == limit
    assert plan in refused.error["message"]
    assert str(limit) in refused.error["message"]
    assert create(caller, episodeCount=limit).codes == []


def test_a_free_plan_has_one_project(api, person):
    caller = api(person("ana"))
    assert create(caller).codes == []

    refused = create(caller)

    assert (refused.value["project"], refused.error["code"]) == (None, "LIMIT_EXCEEDED")
    assert (refused.error["limit"], refused.error["remaining"]) == (1, 0)
    assert "Free" in refused.error["message"]
    assert Project.objects.count() == 1


def test_the_limit_is_the_persons_own_where_an_admin_set_one(api, person):
    caller = api(person("ana", max_projects_override=2, max_episodes_override=5))

    made = [create(caller), create(caller), create(caller)]

    assert [answer.codes for answer in made] == [[], [], ["LIMIT_EXCEEDED"]]
    assert made[0].value["project"]["episodeCount"] == 5
    assert made[2].error["limit"] == 2


def test_projects_shared_with_one_do_not_count(api, person, producer, project):
    ana = person("ana")
    add_collaborator(user=producer, project_id=project.pk, email=ana.email)

    assert create(api(ana)).codes == []


def test_the_limits_are_the_creators_whoever_edits(api, person, producer, admin, collaborator, project):
    # given a free owner whose project an enterprise admin and a pro collaborator edit
    ana = person("ana")
    hers = create_project(user=ana, title="Hers", genre="drama")
    add_collaborator(user=ana, project_id=hers.pk, email=collaborator.email)
    for editor in (ana, collaborator, admin):
        refused = update(api(editor), hers, episodeCount=4)
        assert (refused.error["code"], refused.error["limit"]) == ("LIMIT_EXCEEDED", 3)
        assert "Free" in refused.error["message"]
    # and a pro collaborator in the project of an enterprise owner
    assert update(api(collaborator), project, episodeCount=100).value["project"]["episodeCount"] == 100
    assert stored(hers)["episode_count"] == 3


def test_a_project_over_its_plan_after_a_downgrade_can_still_be_edited(api, producer, project):
    producer.tier = SubscriptionTier.FREE
    producer.save()

    assert update(api(producer), project, title="Still ours").codes == []
    assert update(api(producer), project, episodeCount=9).codes == ["LIMIT_EXCEEDED"]
    assert update(api(producer), project, episodeCount=3).codes == []


# ---- idempotency ----


def test_the_same_key_with_the_same_input_is_the_same_project(api, person):
    caller = api(person("ana"))

    first, again = (create(caller, idempotencyKey="once") for _ in range(2))

    assert again.value["project"]["id"] == first.value["project"]["id"]
    assert again.codes == []
    assert Project.objects.count() == 1


def test_the_same_key_with_other_input_is_a_conflict(api, producer):
    caller = api(producer)
    create(caller, idempotencyKey="once")

    for other in (
        {"title": "Other"},
        {"genre": "COMEDY"},
        {"episodeCount": 3},
        {"settings": {"qualityTier": "DRAFT"}},
        {"description": "x"},
        {"title": ""},
    ):
        refused = create(caller, idempotencyKey="once", **other)
        assert (refused.error["code"], refused.error["field"]) == ("CONFLICT", ["idempotencyKey"])
    assert Project.objects.count() == 1


def test_a_key_is_the_callers_own_and_a_refusal_is_not_remembered(api, producer, person):
    ana = api(person("ana"))
    assert create(ana, title="", idempotencyKey="once").codes == ["INVALID"]
    assert create(ana, idempotencyKey="once").codes == []
    assert create(api(producer), title="Other", idempotencyKey="once").codes == []
    assert Project.objects.count() == 2


# ---- changing ----


def test_only_the_fields_that_were_sent_are_written(api, producer, project):
    before = stored(project)

    answer = update(api(producer), project, settings={"episodeDuration": 45}).value["project"]

    after = stored(project)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"episode_duration", "revision", "updated_at", "last_event_seq"}
    assert answer["settings"] == {"aspectRatio": "WIDESCREEN_16_9", "episodeDuration": 45, "qualityTier": "STANDARD"}
    assert answer["revision"] == before["revision"] + 1


def test_every_field_can_be_changed(api, collaborator, project):
    answer = update(
        api(collaborator), project, title="New", description="Other", genre="HORROR", episodeCount=5,
        targetAudience="TEEN", status="ON_HOLD",
        settings={"aspectRatio": "CINEMATIC_21_9", "episodeDuration": 50, "qualityTier": "DRAFT"},
    ).value["project"]  # fmt: skip

    assert answer | {
        "title": "New", "description": "Other", "genre": "HORROR", "episodeCount": 5, "targetAudience": "TEEN",
        "status": "ON_HOLD",
    } == answer  # fmt: skip
    assert answer["settings"] == {"aspectRatio": "CINEMATIC_21_9", "episodeDuration": 50, "qualityTier": "DRAFT"}


def test_null_clears_the_description(api, producer, project):
    assert update(api(producer), project, description=None).value["project"]["description"] == ""


@pytest.mark.parametrize(
    ("values", "field"),
    [
        *BAD,
        *(
            ({name: None}, [name])
            for name in ("title", "genre", "episodeCount", "targetAudience", "status", "settings")
        ),
        *(
            ({"settings": {name: None}}, ["settings", name])
            for name in ("aspectRatio", "episodeDuration", "qualityTier")
        ),
        ({"title": "Good", "description": "Good", "episodeCount": None}, ["episodeCount"]),
    ],
)
def test_a_value_that_is_not_acceptable_writes_nothing(api, producer, project, values, field):
    before = stored(project)

    answer = update(api(producer), project, **values)

    assert answer.value["project"] is None
    assert (answer.error["code"], answer.error["field"]) == ("INVALID", field)
    assert stored(project) == before


def test_nothing_sent_is_nothing_written(api, producer, project):
    before = stored(project)

    assert update(api(producer), project).value["project"]["revision"] == before["revision"]
    assert update(api(producer), project, settings={}).codes == []

    assert stored(project) == before


def test_a_revision_that_is_no_longer_the_present_one_writes_nothing(api, producer, collaborator, project, media_rows):
    (picture,) = media_rows(1)
    revision = stored(project)["revision"]
    assert update(api(collaborator), project, title="Theirs", expectedRevision=revision).codes == []
    before = stored(project)

    refused = update(
        api(producer),
        project,
        title="Mine",
        description="Mine",
        styleReferenceIds=[gid(picture)],
        expectedRevision=revision,
    )

    assert (refused.value["project"], refused.error["code"]) == (None, "CONFLICT")
    assert refused.error["field"] == ["expectedRevision"]
    assert stored(project) == before
    assert not project.style_reference_rows.exists()
    assert update(api(producer), project, title="Mine", expectedRevision=revision + 1).codes == []


def test_updates_of_different_fields_do_not_erase_each_other(api, producer, collaborator, project):
    mine, theirs = api(producer), api(collaborator)

    update(mine, project, title="Mine")
    update(theirs, project, description="Theirs")
    update(mine, project, settings={"qualityTier": "DRAFT"})
    update(theirs, project, settings={"aspectRatio": "SQUARE_1_1"})

    after = stored(project)
    assert (after["title"], after["description"]) == ("Mine", "Theirs")
    assert (after["quality_tier"], after["aspect_ratio"]) == ("draft", "1:1")


def test_a_change_brings_the_project_to_the_front_of_every_members_list(api, producer, collaborator, project):
    create_project(user=producer, title="Newer", genre="drama")
    titles = "{ projects { edges { node { title } } } }"

    update(api(collaborator), project, title="Changed")

    assert [edge["node"]["title"] for edge in api(producer)(titles).value["edges"]] == ["Changed", "Newer"]
    assert set(Membership.objects.filter(project=project).values_list("project_updated_at", flat=True)) == {
        stored(project)["updated_at"]
    }


# ---- style references ----


def test_style_references_are_pictures_of_this_project_in_the_given_order(api, producer, project, media_rows):
    first, second, third = media_rows(3)

    def ids(*rows):
        answer = update(api(producer), project, styleReferenceIds=[gid(row) for row in rows])
        return [reference["id"] for reference in answer.value["project"]["styleReferences"]]

    assert ids(third, first, third) == [gid(third), gid(first)]
    assert ids(first, second) == [gid(first), gid(second)]
    assert update(api(producer), project, title="Other").value["project"]["styleReferences"] == [
        {"id": gid(first)}, {"id": gid(second)},
    ]  # fmt: skip
    assert ids() == []


def test_null_clears_the_style_references(api, producer, project, media_rows):
    (picture,) = media_rows(1)
    update(api(producer), project, styleReferenceIds=[gid(picture)])

    assert update(api(producer), project, styleReferenceIds=None).value["project"]["styleReferences"] == []


def test_media_of_another_project_are_not_found(api, producer, collaborator, project, media_rows):
    other = create_project(user=producer, title="Other", genre="drama")
    own, foreign = media_rows(1)[0], media_rows(1, project=other)[0]
    update(api(producer), project, styleReferenceIds=[gid(own)])
    before = stored(project)

    for caller in (api(producer), api(collaborator)):
        for ids in ([gid(foreign)], [gid(own), gid(foreign)], ["no-id"], [gid(project)]):
            refused = update(caller, project, title="Changed", styleReferenceIds=ids)
            assert (refused.error["code"], refused.error["field"]) == ("NOT_FOUND", ["styleReferenceIds"])

    assert stored(project) == before
    assert [row.media for row in project.style_reference_rows.all()] == [own]


def test_there_are_at_most_fifty_style_references(api, producer, project, media_rows):
    pictures = media_rows(51)

    refused = update(api(producer), project, styleReferenceIds=[gid(row) for row in pictures])

    assert (refused.error["code"], refused.error["field"]) == ("INVALID", ["styleReferenceIds"])
    assert update(api(producer), project, styleReferenceIds=[gid(row) for row in pictures[:50]]).codes == []
