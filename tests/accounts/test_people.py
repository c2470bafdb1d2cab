"""People through the API: what they say of themselves, and what others see of them."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.projects.models import Project
from content.projects.services import add_collaborator, archive_project, create_project, remove_collaborator
from conversation import sessions, turns
from tests.conftest import gid

UPDATE = """mutation ($input: UpdateMeInput!) {
  updateMe(input: $input) { user { name preferences } errors { code message field } } }"""
PERSON = "query ($id: ID!) { node(id: $id) { ... on User { name email role preferences subscription { tier } } } }"
ACTIVE = "query ($id: ID!) { node(id: $id) { ... on User { activeProjects { title } } } }"


def update(caller, **changes):
    return caller(UPDATE, input=changes)


def titles(answer):
    return [project["title"] for project in answer.value["activeProjects"]]


# ---- oneself ----


def test_me_tells_everything_of_oneself(api, collaborator, project):
    me = api(collaborator)("Me").value

    assert me == {
        "id": gid(collaborator),
        "name": "Collaborator",
        "email": "collaborator@example.com",
        "role": "USER",
        "preferences": {},
        "createdAt": me["createdAt"],
        "subscription": {"tier": "PRO", "maxProjects": 10, "maxEpisodesPerProject": 24, "projectsUsed": 0},
        "activeProjects": [{"id": gid(project), "title": "The Tide Clock"}],
    }
    assert me["createdAt"].endswith("+00:00")


@pytest.mark.parametrize(
    ("tier", "projects", "episodes"), [("free", 1, 3), ("pro", 10, 24), ("enterprise", 1_000, 100)]
)
def test_a_plan_has_its_limits_unless_an_admin_set_others(api, person, tier, projects, episodes):
    plain = person("plain", tier=tier)
    special = person("special", tier=tier, max_projects_override=0, max_episodes_override=7)

    limits = "{ me { subscription { tier maxProjects maxEpisodesPerProject } } }"

    assert api(plain)(limits).value["subscription"] == {
        "tier": tier.upper(), "maxProjects": projects, "maxEpisodesPerProject": episodes,
    }  # fmt: skip
    assert api(special)(limits).value["subscription"] == {
        "tier": tier.upper(), "maxProjects": 0, "maxEpisodesPerProject": 7,
    }  # fmt: skip


@pytest.mark.parametrize("tier", ["free", "pro", "enterprise"])
def test_a_plan_has_room_for_media_unless_an_admin_set_other_room(api, person, settings, tier):
    plain = person("plain", tier=tier)
    special = person("special", tier=tier, max_storage_override=7)

    def room(user):
        return api(user)("{ me { subscription { maxStorage } } }").value["subscription"]["maxStorage"]

    assert room(plain) == settings.STORAGE_QUOTAS[tier.upper()]
    assert room(special) == 7 * 10**9


def test_storage_used_is_of_all_projects_that_one_created_archived_ones_too(api, producer, collaborator, project):
    archived = create_project(user=producer, title="Another", genre="drama")
    Project.objects.filter(pk=project.pk).update(media_bytes=3_000_000_000)
    Project.objects.filter(pk=archived.pk).update(media_bytes=40)
    archive_project(user=producer, project_id=archived.pk)

    def used(user):
        return api(user)("{ me { subscription { storageUsed } } }").value["subscription"]["storageUsed"]

    assert used(producer) == 3_000_000_040
    assert used(collaborator) == 0, "the room is that of who created the project"


def test_the_storage_of_many_people_is_counted_in_one_query(api, admin, person, producer, project):
    def cost():
        caller = api(admin)
        with CaptureQueriesContext(connection) as captured:
            people = caller("{ projects { edges { node { collaborators { subscription { storageUsed } } } } } }").value
        return len(captured), len(people["edges"][0]["node"]["collaborators"])

    few, one = cost()
    for number in range(5):
        helper = person(f"helper{number}")
        add_collaborator(user=producer, project_id=project.pk, email=helper.email)

    assert cost() == (few, one + 5)


def test_projects_used_counts_what_one_created_and_did_not_archive(api, producer, project):
    other = create_project(user=producer, title="Another", genre="drama")
    used = "{ me { subscription { projectsUsed } } }"
    assert api(producer)(used).value["subscription"]["projectsUsed"] == 2

    archive_project(user=producer, project_id=other.pk)

    assert api(producer)(used).value["subscription"]["projectsUsed"] == 1


def test_preferences_are_merged_by_key_and_null_removes_one(api, collaborator):
    caller = api(collaborator)
    first = {"theme": "dark", "editor": {"size": 12, "wrap": True}, "list": [1, None]}
    assert update(caller, preferences=first).value["user"]["preferences"] == first

    merged = update(caller, preferences={"editor": {"size": 14}, "theme": None, "never": None}).value

    assert merged["user"]["preferences"] == {"editor": {"size": 14}, "list": [1, None]}
    assert merged["user"]["name"] == "Collaborator"


def test_a_name_alone_leaves_the_preferences(api, collaborator):
    caller = api(collaborator)
    update(caller, preferences={"theme": "dark"})

    assert update(caller, name="  Cora C.  ").value["user"] == {"name": "Cora C.", "preferences": {"theme": "dark"}}
    assert update(caller).value["user"] == {"name": "Cora C.", "preferences": {"theme": "dark"}}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, ["name"]),
        ({"name": ""}, ["name"]),
        ({"name": "  "}, ["name"]),
        ({"name": "x" * 151}, ["name"]),
        ({"preferences": None}, ["preferences"]),
        ({"preferences": []}, ["preferences"]),
        ({"preferences": "dark"}, ["preferences"]),
        ({"preferences": 5}, ["preferences"]),
        ({"preferences": {"big": "x" * 16_384}}, ["preferences"]),
        ({"name": "Fine", "preferences": {"big": "x" * 16_384}}, ["preferences"]),
    ],
)
def test_what_is_not_acceptable_changes_nothing(api, collaborator, changes, field):
    answer = update(api(collaborator), **changes)

    assert answer.value["user"] is None
    assert (answer.error["code"], answer.error["field"]) == ("INVALID", field)
    collaborator.refresh_from_db()
    assert (collaborator.name, collaborator.preferences) == ("Collaborator", {})


def test_preferences_cannot_grow_past_the_limit_bit_by_bit(api, collaborator):
    caller = api(collaborator)

    codes = [update(caller, preferences={f"key{number}": "x" * 4_000}).codes for number in range(5)]

    assert codes == [[], [], [], [], ["INVALID"]]
    collaborator.refresh_from_db()
    assert sorted(collaborator.preferences) == ["key0", "key1", "key2", "key3"]


@pytest.mark.parametrize("field", ["role", "tier", "email", "isSuperuser", "maxProjects", "subscription", "id"])
def test_role_and_plan_cannot_be_changed_through_the_api(api, collaborator, field):
    answer = update(api(collaborator), name="Mallory", **{field: "ADMIN"})

    assert answer.data is None
    assert answer.top_codes == ["INVALID"]
    collaborator.refresh_from_db()
    assert (collaborator.name, collaborator.role, collaborator.tier) == ("Collaborator", "user", "pro")


def test_the_preferences_are_only_what_they_say(api, collaborator):
    update(api(collaborator), preferences={"role": "admin", "is_superuser": True})

    collaborator.refresh_from_db()
    assert not collaborator.is_admin


# ---- others ----


def test_a_member_sees_a_member_and_what_is_theirs_stays_theirs(api, collaborator, producer, project):
    producer.preferences = {"secret": 1}
    producer.save()

    seen = api(collaborator)(PERSON, id=gid(producer)).value

    assert seen == {
        "name": "Producer", "email": "producer@example.com", "role": "PRODUCER", "preferences": {},
        "subscription": None,
    }  # fmt: skip


def test_an_admin_sees_everyone_and_their_plan_but_not_their_preferences(api, admin, stranger):
    stranger.preferences = {"secret": 1}
    stranger.save()

    seen = api(admin)(PERSON, id=gid(stranger)).value

    assert seen == {
        "name": "Stranger", "email": "stranger@example.com", "role": "PRODUCER", "preferences": {},
        "subscription": {"tier": "PRO"},
    }  # fmt: skip


def test_who_shares_no_project_is_nobody(api, collaborator, producer, project, stranger):
    assert api(stranger)(PERSON, id=gid(producer)).value is None
    assert api(collaborator)(PERSON, id=gid(stranger)).value is None
    assert api(stranger)(PERSON, id=gid(stranger)).value["email"] == "stranger@example.com"


PEOPLE = """query ($project: ID!, $session: ID!) {
  project(id: $project) { createdBy { name email } collaborators { name email }
    sessions { edges { node { user { name email } } } }
    tasks { edges { node { createdBy { name email } } } }
    media { edges { node { uploadedBy { name email } } } } }
  session(id: $session) { user { name email } messages { edges { node { author { name email }
    turn { message { author { name email } } } } } } }
}"""


def addresses(value):
    """Who has which addresses in an answer, by any path."""
    found = {}
    if isinstance(value, dict):
        if "email" in value:
            found.setdefault(value["name"], set()).add(value["email"])
        for item in value.values():
            for name, emails in addresses(item).items():
                found.setdefault(name, set()).update(emails)
    elif isinstance(value, list):
        for item in value:
            for name, emails in addresses(item).items():
                found.setdefault(name, set()).update(emails)
    return found


@pytest.fixture
def left(project, session, producer, person):
    """Somebody who spoke and worked in the project, and then was removed from it."""
    leaver = person("leaver", tier="pro")
    add_collaborator(user=producer, project_id=project.pk, email=leaver.email)
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    turns.send_message(user=leaver, session_id=session.pk, text="Good bye.")
    remove_collaborator(user=producer, project_id=project.pk, user_id=leaver.pk)
    return leaver


def test_addresses_are_seen_by_members_by_every_path(api, collaborator, producer, project, session, left, media_rows):
    media_rows(2)
    media_rows(1, uploaded_by=left)

    answer = api(collaborator)(PEOPLE, project=gid(project), session=gid(session))

    assert answer.errors == []
    assert addresses(answer.data) == {
        "Producer": {"producer@example.com"},
        "Collaborator": {"collaborator@example.com"},
        "Leaver": {None},
    }


def test_an_admin_sees_every_address_by_every_path(api, admin, project, session, left, media_rows):
    media_rows(1, uploaded_by=left)

    answer = api(admin)(PEOPLE, project=gid(project), session=gid(session))

    assert addresses(answer.data)["Leaver"] == {"leaver@example.com"}


def test_an_address_is_seen_again_where_another_project_is_shared(api, collaborator, left, project, session):
    shared = create_project(user=left, title="Another", genre="drama")
    add_collaborator(user=left, project_id=shared.pk, email=collaborator.email)

    answer = api(collaborator)(PEOPLE, project=gid(project), session=gid(session))

    assert addresses(answer.data)["Leaver"] == {"leaver@example.com"}


# ---- active projects ----


def test_active_projects_are_neither_archived_nor_completed_and_newest_first(api, producer, project):
    for title, status in (("Done", "completed"), ("Held", "on-hold"), ("Filed", "concept")):
        Project.objects.filter(pk=create_project(user=producer, title=title, genre="drama").pk).update(status=status)
    archive_project(user=producer, project_id=Project.objects.get(title="Filed").pk)

    assert titles(api(producer)(ACTIVE, id=gid(producer))) == ["Held", "The Tide Clock"]


def test_of_anothers_active_projects_one_sees_those_one_is_in(api, collaborator, admin, producer, project):
    create_project(user=producer, title="Secret", genre="drama")

    assert titles(api(collaborator)(ACTIVE, id=gid(producer))) == ["The Tide Clock"]
    assert sorted(titles(api(admin)(ACTIVE, id=gid(producer)))) == ["Secret", "The Tide Clock"]


def test_active_projects_are_at_most_fifty(api, producer):
    for number in range(52):
        create_project(user=producer, title=f"Series {number}", genre="drama")

    assert titles(api(producer)(ACTIVE, id=gid(producer))) == [f"Series {number}" for number in range(51, 1, -1)]


def test_an_admin_who_is_no_member_has_no_active_projects_of_their_own(api, admin, project):
    assert titles(api(admin)(ACTIVE, id=gid(admin))) == []


def test_the_answer_to_login_tells_of_oneself(api, collaborator, project):
    user = api()(
        """mutation { login(input: {email: "collaborator@example.com", password: "a good password"}) {
          user { email preferences subscription { tier } activeProjects { title } } errors { code } } }"""
    ).value["user"]

    assert user == {
        "email": "collaborator@example.com", "preferences": {}, "subscription": {"tier": "PRO"},
        "activeProjects": [{"title": "The Tide Clock"}],
    }  # fmt: skip
    assert json.dumps(user).count("password") == 0
