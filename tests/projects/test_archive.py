"""Archived projects are readable and refuse every write; who works on a project is the owner's to say."""

import pytest

from cms.api.ids import global_id
from content.generation.models import GenerationTask
from content.media.models import Media
from content.media.services import create_media_from_bytes
from content.media.uploads import create_upload
from content.projects.models import Membership, Project, ProjectEvent
from content.projects.services import add_collaborator, archive_project, create_project
from conversation import turns
from conversation.models import Message, Session, SessionEvent, Turn
from tests.api.documents import SCHEMA
from tests.conftest import gid

TEXT = b"A keeper counts the hours."
CHANGE = (
    "project {{ title archivedAt revision collaborators {{ name }} }} errors {{ code message field limit remaining }}"
)


def mutation(name):
    result = CHANGE.format()
    return f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ {result} }} }}"


ARCHIVE, RESTORE = mutation("archiveProject"), mutation("restoreProject")
ADD, REMOVE = mutation("addCollaborator"), mutation("removeCollaborator")


def everything():
    """Whatever a write of a project could change."""
    models = (Project, Membership, ProjectEvent, Session, SessionEvent, Message, Turn, Media, GenerationTask)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


# ---- archiving ----


@pytest.mark.parametrize("who", ["producer", "admin"])
def test_the_owner_and_admins_archive_and_restore(api, who, project, request):
    caller = api(request.getfixturevalue(who))

    archived = caller(ARCHIVE, input={"id": gid(project)}).value["project"]
    restored = caller(RESTORE, input={"id": gid(project)}).value["project"]

    assert archived["archivedAt"] is not None
    assert restored["archivedAt"] is None
    assert restored["revision"] == archived["revision"] + 1


def test_a_collaborator_may_not_and_is_told_so(api, collaborator, producer, project):
    assert api(collaborator)(ARCHIVE, input={"id": gid(project)}).codes == ["FORBIDDEN"]
    archive_project(user=producer, project_id=project.pk)
    assert api(collaborator)(RESTORE, input={"id": gid(project)}).codes == ["FORBIDDEN"]

    project.refresh_from_db()
    assert project.is_archived


def test_an_archived_project_is_readable_and_out_of_the_usual_list(
    api, collaborator, producer, project, session, media_rows
):
    media_rows(1)
    archive_project(user=producer, project_id=project.pk)
    caller = api(collaborator)
    listed = "query ($archived: Boolean) { projects(filters: {archived: $archived}) { edges { node { title } } } }"

    assert caller("{ projects { edges { node { title } } } }").value["edges"] == []
    assert caller(listed, archived=False).value["edges"] == []
    assert len(caller(listed, archived=True).value["edges"]) == len(caller(listed, archived=None).value["edges"]) == 1
    read = api(producer)(
        "query ($id: ID!) { project(id: $id) { media { edges { cursor } } sessions { edges { cursor } } } }",
        id=gid(project),
    ).value
    assert (len(read["media"]["edges"]), len(read["sessions"]["edges"])) == (1, 1)


def test_archiving_twice_and_restoring_twice_change_nothing_more(api, producer, project):
    caller = api(producer)
    first = caller(ARCHIVE, input={"id": gid(project)}).value
    assert caller(ARCHIVE, input={"id": gid(project)}).value == first
    restored = caller(RESTORE, input={"id": gid(project)}).value
    assert caller(RESTORE, input={"id": gid(project)}).value == restored


def test_both_ask_for_the_expected_revision(api, producer, project):
    caller = api(producer)
    before = everything()

    assert caller(ARCHIVE, input={"id": gid(project), "expectedRevision": 99}).codes == ["CONFLICT"]
    assert caller(RESTORE, input={"id": gid(project), "expectedRevision": 99}).codes == ["CONFLICT"]
    assert everything() == before
    assert caller(ARCHIVE, input={"id": gid(project), "expectedRevision": 1}).codes == []


@pytest.fixture
def full(project, session, producer, media_rows):
    """An archived project with something of each kind; answers an input for each mutation that touches one."""
    (picture,) = media_rows(1)
    failed = create_media_from_bytes(
        project_id=project.pk, user=producer, data=TEXT, filename="notes.txt", mime_type="text/plain", values={}
    )
    Media.objects.filter(pk=failed.pk).update(status="failed", error_code="UNSUPPORTED_MEDIA")
    turn = turns.send_message(user=producer, session_id=session.pk, text="Hello")
    choice = session.choice_rows.first()
    queued, ended = (
        GenerationTask.objects.create(project=project, task_type="storyboard_panel", status=status, input={})
        for status in ("queued", "failed")
    )
    ticket = {"projectId": gid(project), "filename": "sea.png", "fileSize": 100, "mimeType": "image/png"}
    upload = create_upload(
        user=producer, project_id=project.pk, filename="sea.png", file_size=100, mime_type="image/png"
    )
    Turn.objects.filter(pk=turn.pk).update(status="failed", error_code="TIMED_OUT")
    archive_project(user=producer, project_id=project.pk)
    person, say = Membership.objects.get(project=project, role="collaborator").user, {"sessionId": gid(session)}
    return {
        "updateProject": {"id": gid(project), "title": "Changed"},
        "addCollaborator": {"projectId": gid(project), "email": producer.email},
        "removeCollaborator": {"projectId": gid(project), "userId": gid(person)},
        "startSession": {"projectId": gid(project)},
        "updateSession": {"id": gid(session), "title": "Changed"},
        "pauseSession": {"id": gid(session)},
        "resumeSession": {"id": gid(session)},
        "completeSession": {"id": gid(session)},
        "sendMessage": {**say, "text": "Hello"},
        "selectChoice": {**say, "choiceId": gid(choice)},
        "regenerate": {"messageId": gid(turn.message)},
        "editMessage": {"messageId": gid(turn.message), "text": "Changed"},
        "switchBranch": {"messageId": gid(turn.message)},
        "setTyping": {"sessionId": gid(session), "typing": True},
        "cancelTurn": {"id": gid(turn)},
        "retryTurn": {"id": gid(turn)},
        "createUpload": ticket,
        "completeUpload": {"id": global_id("UploadTicket", upload.pk)},
        "updateMedia": {"id": gid(picture), "title": "Changed"},
        "updateManyMedia": {"ids": [gid(picture)], "addTags": ["changed"]},
        "archiveMedia": {"id": gid(picture)},
        "retryMedia": {"id": gid(failed)},
        "submitTask": {"projectId": gid(project), "taskType": "storyboard_panel", "input": {"description": "A pier."}},
        "cancelTask": {"id": gid(queued)},
        "retryTask": {"id": gid(ended)},
    }


# They do not touch a project, or are about the archive itself; stopping a turn or an upload ends what is under way.
ELSEWHERE = {
    *("login", "logout", "updateMe", "createProject", "archiveProject", "restoreProject"),
    *("cancelTurn", "cancelUpload"),
    *("createToken", "revokeToken"),
    *("createWebhook", "updateWebhook", "deleteWebhook", "rotateWebhookSecret", "testWebhook", "replayWebhook"),
}


WRITES = sorted(set(SCHEMA.mutation_type.fields) - ELSEWHERE)


# A ticket is its holder's own, so that an admin has none here.
@pytest.mark.parametrize(
    ("who", "name"),
    [("producer", name) for name in WRITES] + [("admin", name) for name in WRITES if name != "completeUpload"],
)
def test_every_write_to_an_archived_project_is_a_conflict(api, full, who, name, request):
    caller = api(request.getfixturevalue(who))
    before = everything()

    kind = f"{name[0].upper()}{name[1:]}Input"
    answer = caller(
        f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ errors {{ code message }} }} }}", input=full[name]
    )

    assert answer.codes == ["CONFLICT"]
    assert "archived" in answer.error["message"]
    assert everything() == before


# ---- restoring ----


def test_restoring_asks_for_the_plans_place_again(api, person):
    ana = person("ana")
    caller = api(ana)
    old = create_project(user=ana, title="Old", genre="drama")
    caller(ARCHIVE, input={"id": gid(old)})
    new = create_project(user=ana, title="New", genre="drama")

    refused = caller(RESTORE, input={"id": gid(old)})

    assert (refused.error["code"], refused.error["limit"], refused.error["remaining"]) == ("LIMIT_EXCEEDED", 1, 0)
    caller(ARCHIVE, input={"id": gid(new)})
    assert caller(RESTORE, input={"id": gid(old)}).codes == []


def test_the_place_is_the_owners_when_an_admin_restores(api, admin, person):
    ana = person("ana")
    old = create_project(user=ana, title="Old", genre="drama")
    archive_project(user=ana, project_id=old.pk)
    create_project(user=ana, title="New", genre="drama")

    assert api(admin)(RESTORE, input={"id": gid(old)}).codes == ["LIMIT_EXCEEDED"]


def test_restoring_asks_for_the_number_of_episodes_too(api, collaborator):
    made = create_project(user=collaborator, title="Long", genre="drama", episode_count=24)
    archive_project(user=collaborator, project_id=made.pk)
    collaborator.tier = "free"
    collaborator.save()

    refused = api(collaborator)(RESTORE, input={"id": gid(made)})

    assert (refused.error["code"], refused.error["limit"]) == ("LIMIT_EXCEEDED", 3)
    made.refresh_from_db()
    assert made.is_archived


# ---- collaborators ----


@pytest.mark.parametrize("who", ["producer", "admin"])
def test_the_owner_and_admins_say_who_works_on_it(api, who, project, stranger, collaborator, request):
    caller = api(request.getfixturevalue(who))

    added = caller(ADD, input={"projectId": gid(project), "email": " Stranger@Example.com "}).value
    again = caller(ADD, input={"projectId": gid(project), "email": stranger.email}).value
    removed = caller(REMOVE, input={"projectId": gid(project), "userId": gid(collaborator)}).value

    assert [person["name"] for person in added["project"]["collaborators"]] == ["Collaborator", "Stranger"]
    assert again == added
    assert [person["name"] for person in removed["project"]["collaborators"]] == ["Stranger"]


def test_who_is_added_sees_the_project_and_who_is_removed_does_not(api, producer, project, stranger):
    caller = api(stranger)
    seen = "query ($id: ID!) { project(id: $id) { title } }"
    assert caller(seen, id=gid(project)).value is None

    api(producer)(ADD, input={"projectId": gid(project), "email": stranger.email})
    assert caller(seen, id=gid(project)).value == {"title": "The Tide Clock"}
    api(producer)(REMOVE, input={"projectId": gid(project), "userId": gid(stranger)})

    assert caller(seen, id=gid(project)).value is None
    assert caller("{ projects { edges { cursor } } }").value["edges"] == []


def test_a_collaborator_may_not_say_who_works_on_it(api, collaborator, stranger, producer, project):
    caller = api(collaborator)

    assert caller(ADD, input={"projectId": gid(project), "email": stranger.email}).codes == ["FORBIDDEN"]
    assert caller(REMOVE, input={"projectId": gid(project), "userId": gid(producer)}).codes == ["FORBIDDEN"]
    assert caller(REMOVE, input={"projectId": gid(project), "userId": gid(collaborator)}).codes == ["FORBIDDEN"]
    assert project.memberships.count() == 2


@pytest.mark.parametrize("email", ["nobody@example.com", "", "no address", "x" * 500])
def test_an_unknown_address_is_not_found(api, producer, project, email):
    refused = api(producer)(ADD, input={"projectId": gid(project), "email": email})

    assert (refused.error["code"], refused.error["field"]) == ("NOT_FOUND", ["email"])


def test_somebody_inactive_is_not_found(api, producer, project, stranger):
    stranger.is_active = False
    stranger.save()

    assert api(producer)(ADD, input={"projectId": gid(project), "email": stranger.email}).codes == ["NOT_FOUND"]


def test_the_owner_stays(api, admin, producer, project):
    for caller in (api(producer), api(admin)):
        refused = caller(REMOVE, input={"projectId": gid(project), "userId": gid(producer)})
        assert (refused.error["code"], refused.error["field"]) == ("INVALID", ["userId"])
        assert caller(ADD, input={"projectId": gid(project), "email": producer.email}).codes == []
    assert Membership.objects.get(project=project, user=producer).role == "owner"


def test_somebody_who_is_no_collaborator_cannot_be_removed(api, producer, project, stranger):
    for value in (gid(stranger), "no-id", gid(project)):
        refused = api(producer)(REMOVE, input={"projectId": gid(project), "userId": value})
        assert (refused.error["code"], refused.error["field"]) == ("NOT_FOUND", ["userId"])


def test_a_collaborator_of_one_project_is_not_removed_from_another(api, producer, project, collaborator):
    other = create_project(user=producer, title="Other", genre="drama")
    add_collaborator(user=producer, project_id=other.pk, email=collaborator.email)

    api(producer)(REMOVE, input={"projectId": gid(project), "userId": gid(collaborator)})

    assert list(Membership.objects.filter(user=collaborator).values_list("project", flat=True)) == [other.pk]
