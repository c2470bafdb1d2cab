"""Access tokens: what they may, through every door, and how they are made, listed and ended."""

import hashlib
import itertools
import logging
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.accounts.models import AccessToken
from cms.accounts.tokens import issue_token
from content.projects.models import Membership, Project
from content.projects.services import add_collaborator, create_project, remove_collaborator
from conversation import sessions, turns
from conversation.models import Session
from tests.conftest import gid

from .documents import SCHEMA, call

EXPIRED = timedelta(seconds=1)
TITLES = "{ projects { edges { node { title } } } }"


@pytest.fixture
def other(producer, collaborator):
    """Another project of the same two people."""
    made = create_project(user=producer, title="Other Series", genre="drama")
    return add_collaborator(user=producer, project_id=made.pk, email=collaborator.email)


@pytest.fixture
def made(api):
    """Create a token as somebody; answers its secret."""

    def make(user, *scopes, projects=None, **fields):
        ids = None if projects is None else [gid(project) for project in projects]
        caller = user if callable(user) else api(user)
        answer = caller("CreateToken", input={"name": "A script", "scopes": list(scopes), "projectIds": ids, **fields})
        assert answer.codes == [], answer.value
        return answer.value["secret"]

    return make


def create(caller, *scopes, **fields):
    return caller("CreateToken", input={"name": "Another", "scopes": list(scopes), **fields})


def found(caller, node_id):
    return caller("query ($id: ID!) { node(id: $id) { id } }", id=node_id).value is not None


def titles(caller):
    return sorted(edge["node"]["title"] for edge in caller(TITLES).value["edges"])


def row_of(secret):
    return AccessToken.objects.get(digest=hashlib.sha256(secret.encode()).hexdigest())


# ---- how they are made, listed and ended ----


def test_the_secret_is_told_once_stored_nowhere_and_known_by_its_prefix(api, collaborator, project):
    answer = api(collaborator)(
        "CreateToken", input={"name": " My  script ", "scopes": ["WRITE"], "projectIds": [gid(project)]}
    )
    token, secret = answer.value["token"], answer.value["secret"]

    assert re.fullmatch(r"automovie_[0-9a-f]{40}", secret)
    assert token | {"id": "", "createdAt": "", "expiresAt": ""} == {
        "id": "", "name": "My script", "scopes": ["READ", "WRITE"], "createdAt": "", "expiresAt": "",
        "projects": [{"id": gid(project), "title": project.title}], "lastUsedAt": None,
    }  # fmt: skip
    listed = api(collaborator)("Tokens").value
    assert [edge["node"] for edge in listed["edges"]] == [token]
    assert secret not in str(list(AccessToken.objects.values()))
    assert secret not in str(listed)


def test_a_token_lives_for_ninety_days_unless_it_is_given_another_end(api, made, collaborator):
    now = timezone.now()
    soon = (now + timedelta(days=2)).isoformat()
    secret, brief = made(collaborator), made(collaborator, expiresAt=soon)

    assert timedelta(days=89) < row_of(secret).expires_at - now < timedelta(days=91)
    assert row_of(brief).expires_at.isoformat() == soon
    assert api(token=brief)("Me").value["name"] == "Collaborator"
    AccessToken.objects.filter(pk=row_of(brief).pk).update(expires_at=now - EXPIRED)
    assert api(token=brief)("Me").status == 401
    # what has expired is not listed, and gone with the next that is made
    assert len(api(collaborator)("Tokens").value["edges"]) == 1
    made(collaborator)
    assert not AccessToken.objects.filter(expires_at__lt=now).exists()


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"name": "  "}, "INVALID", ["name"]),
        ({"name": "x" * 101}, "INVALID", ["name"]),
        ({"projectIds": []}, "INVALID", ["projectIds"]),
        ({"projectIds": ["nonsense"]}, "NOT_FOUND", ["projectIds"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "INVALID", ["expiresAt"]),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, "INVALID", ["expiresAt"]),
    ],
)
def test_what_is_not_acceptable_makes_no_token(api, collaborator, fields, code, field):
    answer = create(api(collaborator), **fields)

    assert (answer.error["code"], answer.error["field"]) == (code, field)
    assert (answer.value["token"], answer.value["secret"]) == (None, None)
    assert not AccessToken.objects.exists()


def test_a_token_cannot_be_limited_to_a_project_that_one_is_no_member_of(api, stranger, admin, project):
    for user in (stranger, admin):
        assert create(api(user), projectIds=[gid(project)]).codes == ["NOT_FOUND"]


def test_a_person_has_at_most_a_hundred(api, collaborator):
    end = timezone.now() + timedelta(days=1)
    AccessToken.objects.bulk_create(
        AccessToken(user=collaborator, digest=str(number), name="Old", expires_at=end) for number in range(100)
    )

    answer = create(api(collaborator))

    assert (answer.error["code"], answer.error["limit"], answer.error["remaining"]) == ("LIMIT_EXCEEDED", 100, 0)
    AccessToken.objects.filter(digest="7").update(expires_at=timezone.now() - EXPIRED)
    assert create(api(collaborator)).codes == []


def test_a_revoked_token_opens_nothing_and_others_stay(api, made, collaborator):
    caller, secret, other = api(collaborator), made(collaborator), made(collaborator)

    answer = caller("RevokeToken", input={"id": gid(row_of(secret))})

    assert answer.value["revokedTokenId"]
    assert api(token=secret)("Me").status == 401
    assert api(token=other)("Me").value["name"] == "Collaborator"
    assert caller("RevokeToken", input={"id": answer.value["revokedTokenId"]}).codes == ["NOT_FOUND"]


def test_tokens_of_others_are_not_there_for_admins_neither(api, made, admin, collaborator, stranger):
    row = row_of(made(collaborator))

    for user in (admin, stranger):
        caller = api(user)
        assert caller("Tokens").value["edges"] == []
        assert not found(caller, gid(row))
        assert caller("RevokeToken", input={"id": gid(row)}).codes == ["NOT_FOUND"]
    assert found(api(collaborator), gid(row))
    assert api()("Tokens").top_codes == ["UNAUTHENTICATED"]


def test_the_answer_of_login_is_listed_and_may_create_tokens_that_stay(api, made, collaborator):
    token, row = issue_token(collaborator)

    secret = made(api(token=token), "WRITE", "MANAGE_TOKENS")

    names = [edge["node"]["name"] for edge in api(token=token)("Tokens").value["edges"]]
    assert names == ["A script", "Sign-in"]
    row.delete()
    assert api(token=secret)("Me").value["name"] == "Collaborator"


def test_a_new_password_ends_all_tokens_however_it_is_set(api, made, collaborator):
    secret = made(collaborator)

    collaborator.set_password("another good password")
    collaborator.save()

    assert api(token=secret)("Me").status == 401


def test_a_list_of_twenty_costs_as_many_queries_as_of_one(api, made, collaborator, producer):
    caller, numbers = api(collaborator), itertools.count()

    def one_more():
        series = create_project(user=producer, title=f"Series {next(numbers)}", genre="drama")
        add_collaborator(user=producer, project_id=series.pk, email=collaborator.email)
        made(collaborator, projects=[series])

    def cost():
        with CaptureQueriesContext(connection) as captured:
            edges = caller("Tokens").value["edges"]
        assert all(len(edge["node"]["projects"]) == 1 for edge in edges)
        return len(captured), len(edges)

    one_more()
    few, one = cost()
    for _ in range(19):
        one_more()

    # the cookie's two, the tokens, their projects
    assert (few, one) == (4, 1)
    assert cost() == (4, 20)


def test_last_use_is_shown_and_written_once_a_minute(api, made, collaborator):
    secret = made(collaborator)
    caller = api(token=secret)

    def writes():
        with CaptureQueriesContext(connection) as captured:
            caller("Me")
        return sum(query["sql"].startswith("UPDATE") for query in captured)

    assert [writes(), writes(), writes()] == [1, 0, 0]
    (edge,) = api(collaborator)("Tokens").value["edges"]
    assert edge["node"]["lastUsedAt"] is not None
    AccessToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    assert [writes(), writes()] == [1, 0]


def test_making_and_ending_are_in_the_log_without_the_secret(api, made, collaborator, caplog):
    with caplog.at_level(logging.INFO, "cms.accounts.audit"):
        secret = made(collaborator, "WRITE")
        row = row_of(secret)
        api(collaborator)("RevokeToken", input={"id": gid(row)})

    assert [record.getMessage().split(" scopes")[0] for record in caplog.records] == [
        f"token created: token={row.pk} user={collaborator.pk}",
        f"token revoked: token={row.pk} user={collaborator.pk} by={collaborator.pk}",
    ]
    assert secret not in caplog.text
    assert "scopes=read,write projects=all" in caplog.text


# ---- no more rights than one has ----


def test_managing_tokens_takes_the_right_to(api, made, collaborator):
    writer = api(token=made(collaborator, "WRITE"))
    mine = AccessToken.objects.get()

    assert writer("Tokens").top_codes == ["FORBIDDEN"]
    assert create(writer).codes == ["FORBIDDEN"]
    assert writer("RevokeToken", input={"id": gid(mine)}).codes == ["FORBIDDEN"]
    assert writer("Logout", input={"everywhere": True}).codes == ["FORBIDDEN"]
    assert not found(writer, gid(mine))
    assert writer("Logout").codes == []
    assert not AccessToken.objects.exists()


def test_a_token_creates_none_of_more_rights_than_its_own(api, made, collaborator, project, other):
    manager = api(token=made(collaborator, "MANAGE_TOKENS", projects=[project]))
    end = AccessToken.objects.get().expires_at

    assert create(manager, "WRITE", projectIds=[gid(project)]).codes == ["FORBIDDEN"]
    assert create(manager).codes == ["FORBIDDEN"], "all projects are more than one"
    assert create(manager, projectIds=[gid(project), gid(other)]).codes == ["NOT_FOUND"]
    later = (end + timedelta(minutes=1)).isoformat()
    assert create(manager, projectIds=[gid(project)], expiresAt=later).codes == ["INVALID"]
    assert AccessToken.objects.count() == 1

    child = create(manager, "MANAGE_TOKENS", projectIds=[gid(project)])
    assert child.value["token"]["scopes"] == ["READ", "MANAGE_TOKENS"]
    assert AccessToken.objects.get(parent__isnull=False).expires_at <= end


def test_what_a_token_created_ends_with_it(api, made, collaborator):
    parent = made(collaborator, "MANAGE_TOKENS")
    child = create(api(token=parent)).value["secret"]
    assert api(token=child)("Me").status == 200

    api(collaborator)("RevokeToken", input={"id": gid(row_of(parent))})

    assert api(token=child)("Me").status == 401


def test_a_limited_token_sees_of_tokens_itself_and_what_it_created(api, made, collaborator, project):
    made(collaborator)
    manager = api(token=made(collaborator, "MANAGE_TOKENS", projects=[project]))
    create(manager, projectIds=[gid(project)])

    assert [edge["node"]["name"] for edge in manager("Tokens").value["edges"]] == ["Another", "A script"]


def test_the_right_to_any_document_is_given_by_admins_alone(api, made, admin, producer):
    assert create(api(producer), "ANY_DOCUMENT").codes == ["FORBIDDEN"]
    secret = made(admin, "ANY_DOCUMENT")
    assert row_of(secret).scopes == ["read", "documents:any"]
    assert "documents:any" not in issue_token(admin)[1].scopes


# ---- reading alone ----


def test_no_mutation_runs_with_a_token_that_may_only_read(api, made, producer, session):
    caller = api(token=made(producer))
    mutations = SCHEMA.mutation_type.fields
    before = [list(model.objects.values()) for model in (Project, Membership, Session)]

    answers = {
        name: caller(f"mutation {{ {call(name, mutations[name], {}, 'errors { code }')} }}").codes
        for name in set(mutations) - {"login", "logout"}
    }

    assert {name: codes for name, codes in answers.items() if codes != ["FORBIDDEN"]} == {}
    assert [list(model.objects.values()) for model in (Project, Membership, Session)] == before
    assert AccessToken.objects.count() == 1


def test_a_token_that_may_only_read_reads_and_ends_itself(api, made, producer, project):
    caller = api(token=made(producer))

    assert titles(caller) == [project.title]
    assert caller("Logout").codes == []
    assert caller("Me").status == 401


# ---- some projects alone ----


def test_a_limited_token_sees_and_writes_its_projects_alone(api, made, producer, project, other, media_rows):
    # given
    mine, theirs = (sessions.start_session(user=producer, project_id=each.pk) for each in (project, other))
    turn = turns.send_message(user=producer, session_id=theirs.pk, text="Canary")
    (picture,), (shown,) = media_rows(1, project=other), media_rows(1, project=project)
    # when
    caller = api(token=made(producer, "WRITE", projects=[project]))
    # then
    assert titles(caller) == [project.title]
    assert [project["title"] for project in caller("Me").value["activeProjects"]] == [project.title]
    for visible, hidden in ((project, other), (mine, theirs), (shown, picture)):
        assert found(caller, gid(visible))
        assert not found(caller, gid(hidden))
    assert not found(caller, gid(turn))
    assert not found(caller, gid(turn.message))
    assert len(caller("{ sessions { edges { cursor } } }").value["edges"]) == 1
    assert len(caller("{ media { edges { cursor } } }").value["edges"]) == 1
    assert caller('{ searchMessages(text: "Canary") { edges { cursor } } }').value["edges"] == []
    rename = "mutation ($input: UpdateProjectInput!) { updateProject(input: $input) { errors { code } } }"
    assert caller(rename, input={"id": gid(project), "title": "New"}).codes == []
    assert caller(rename, input={"id": gid(other), "title": "New"}).codes == ["NOT_FOUND"]


def test_files_and_exports_of_other_projects_are_not_there_for_it(client, made, producer, project, other, media_rows):
    mine, theirs = (sessions.start_session(user=producer, project_id=each.pk) for each in (project, other))
    (picture,) = media_rows(1, project=other)
    bearer = {"Authorization": f"Bearer {made(producer, projects=[project])}"}

    assert client.get(f"/sessions/{gid(mine)}/export/json", headers=bearer).status_code == 200
    assert client.get(f"/sessions/{gid(theirs)}/export/json", headers=bearer).status_code == 404
    hidden = client.get(f"/media/{gid(picture)}/file", headers=bearer)
    assert hidden.status_code == 404


def test_it_does_nothing_beyond_its_projects(api, made, producer, project):
    caller = api(token=made(producer, "WRITE", projects=[project]))
    new = "mutation ($input: CreateProjectInput!) { createProject(input: $input) { errors { code } } }"

    assert caller(new, input={"title": "More", "genre": "DRAMA"}).codes == ["FORBIDDEN"]
    assert caller("UpdateMe", input={"name": "Mallory"}).codes == ["FORBIDDEN"]
    producer.refresh_from_db()
    assert producer.name == "Producer"


def test_people_of_other_projects_are_not_there_for_it(api, made, producer, collaborator, project, other, person):
    friend = person("friend")
    add_collaborator(user=producer, project_id=other.pk, email=friend.email)
    secret = made(producer, projects=[project])

    assert found(api(producer), gid(friend))
    assert not found(api(token=secret), gid(friend))
    assert found(api(token=secret), gid(collaborator))


def test_by_a_limited_token_an_admin_is_a_member_like_others(api, made, admin, producer, project, other, stranger):
    add_collaborator(user=producer, project_id=project.pk, email=admin.email)
    caller = api(token=made(admin, "WRITE", projects=[project]))

    assert titles(api(admin)) == sorted([project.title, other.title])
    assert titles(caller) == [project.title]
    assert not found(caller, gid(stranger))
    archive = "mutation ($input: ArchiveProjectInput!) { archiveProject(input: $input) { errors { code } } }"
    assert caller(archive, input={"id": gid(project)}).codes == ["FORBIDDEN"], "the owner's, or an admin's"


def test_a_limited_token_whose_projects_are_gone_reaches_nothing(api, made, producer, collaborator, project, other):
    caller = api(token=made(collaborator, projects=[project]))
    remove_collaborator(user=producer, project_id=project.pk, user_id=collaborator.pk)
    assert titles(caller) == []

    Project.objects.filter(pk=project.pk).delete()

    assert titles(caller) == []
    assert titles(api(collaborator)) == [other.title]
    (edge,) = api(collaborator)("Tokens").value["edges"]
    assert edge["node"]["projects"] == []
