"""What a caller may not see does not exist for them: walked over every type, every path and every mutation.

The walk is generated from the schema, so that a type or field added later is walked too.
"""

import pytest

from cms.api.ids import global_id
from content.generation.models import GenerationTask, TaskResult
from content.media.models import Media, MediaCharacter, MediaTag
from content.projects.models import Project
from content.projects.services import add_collaborator, create_project, remove_collaborator
from conversation import sessions, turns
from conversation.models import Choice, Message, MessageAttachment, Session, Turn
from tests.conftest import gid

from .documents import SCHEMA, call, everything

SECRET = "CANARY"
NODES = sorted(kind.name for kind in SCHEMA.get_possible_types(SCHEMA.type_map["Node"]))
PUBLIC = {"User", "WorkflowStep"}
DEPTH = 3


def ask(caller, field, ids=None):
    """The whole answer of a query field, all fields of it selected, as text."""
    definition = SCHEMA.query_type.fields[field]
    document = "{ " + call(field, definition, ids, everything(definition.type, DEPTH)) + " }"
    response = caller.client.post("/graphql/", {"query": document}, content_type="application/json")
    assert response.status_code == 200
    assert "INTERNAL" not in response.text
    return response


def fill(owner, project, session, media_rows, text):
    """Put `text` into every place of a project where people's words go; answers its ids."""
    Project.objects.filter(pk=project.pk).update(title=f"{text} title", description=f"{text} description")
    picture, other = media_rows(
        2, project=project, uploaded_by=owner, title=f"{text} media", filename=f"{text}.png",
        description=f"{text} media", scene_key=text, agent_generated=True, prompt_used=f"{text} prompt",
    )  # fmt: skip
    MediaTag.objects.create(media=picture, name=f"{text} tag")
    MediaCharacter.objects.create(media=picture, key=f"{text} character")
    Media.objects.filter(pk=other.pk).update(chain=picture.chain, version=2)
    project.style_reference_rows.create(media=picture)
    turn = turns.send_message(user=owner, session_id=session.pk, text=f"{text} words", idempotency_key=f"{text} key")
    MessageAttachment.objects.create(message=turn.message, media=picture, position=0)
    Turn.objects.filter(pk=turn.pk).update(text=f"{text} reply", model=text)
    Session.objects.filter(pk=session.pk).update(title=f"{text} session")
    Choice.objects.filter(session=session, is_manual_override=False).update(title=f"{text} choice")
    task = GenerationTask.objects.create(
        project=project, session=session, created_by=owner, task_type="storyboard_panel",
        input={"description": text}, message=f"{text} task",
    )  # fmt: skip
    TaskResult.objects.create(task=task, media=picture, attempt=1)
    return {
        "Project": gid(project),
        "Session": gid(session),
        "Message": gid(turn.message),
        "Turn": gid(turn),
        "Media": gid(picture),
        "GenerationTask": gid(task),
        "User": gid(owner),
        "WorkflowStep": gid(session.current_step),
        "Choice": gid(session.choice_rows.first()),
    }


@pytest.fixture
def secret(producer, project, session, media_rows):
    """The producer's project, full of a word that no stranger may ever read; answers its ids by type."""
    producer.preferences = {SECRET: SECRET}
    producer.save()
    return fill(producer, project, session, media_rows, SECRET)


@pytest.fixture
def bridge(producer, stranger, session, media_rows):
    """A project of the stranger's that the producer works on too: from there paths lead to the producer."""
    made = create_project(user=stranger, title="Bridge", genre="drama")
    own = sessions.start_session(user=stranger, project_id=made.pk)
    ids = fill(stranger, made, own, media_rows, "Own")
    add_collaborator(user=stranger, project_id=made.pk, email=producer.email)
    sessions.update_session(user=stranger, session_id=own.pk, changes={"shared": True})
    Turn.objects.filter(session=own).update(status="completed")
    turns.send_message(user=producer, session_id=own.pk, text="Hello from the producer")
    return ids


def secrets_of(ids):
    return [SECRET, *(value for name, value in ids.items() if name not in PUBLIC)]


def assert_no_trace(response, ids):
    assert [word for word in secrets_of(ids) if word in response.text] == []


def roots(ids):
    """Every way into the graph that takes an id, and every list, with the arguments for one project's rows."""
    for name in NODES:
        yield "node", {"id": ids[name]}
    yield "project", {"id": ids["Project"]}
    yield "session", {"id": ids["Session"]}
    yield "task", {"id": ids["GenerationTask"]}
    for field in ("projects", "sessions", "media"):
        yield field, {}
    yield "sessions", {"projectId": ids["Project"]}
    yield "media", {"projectId": ids["Project"]}
    yield "findMedia", {"projectId": ids["Project"], "text": "x"}
    yield "findMedia", {"projectId": ids["Project"], "similarTo": ids["Media"]}
    yield "mediaSearch", {"projectId": ids["Project"]}
    yield "me", {}
    yield "workflow", {}


def test_the_walk_knows_every_door():
    # A query field added later has to be walked as well.
    assert {field for field, _ in roots(dict.fromkeys([*NODES, "Choice"], ""))} == set(SCHEMA.query_type.fields)


def test_the_walk_finds_what_is_there_for_its_owner(api, producer, secret):
    # Else the other tests would find nothing because they look at nothing.
    found = {field for field, ids in roots(secret) if SECRET in ask(api(producer), field, ids).text}

    assert found == set(SCHEMA.query_type.fields) - {"workflow", "mediaSearch"}
    for name in set(NODES) - {"WorkflowStep"}:
        assert SECRET in ask(api(producer), "node", {"id": secret[name]}).text


def test_a_stranger_finds_no_trace_by_any_path(api, stranger, secret):
    caller = api(stranger)

    for field, ids in roots(secret):
        response = ask(caller, field, ids)
        assert_no_trace(response, secret)
        assert "producer@example.com" not in response.text


def test_nor_does_somebody_who_shares_another_project_with_its_owner(api, stranger, secret, bridge):
    caller = api(stranger)

    for field, ids in [*roots(secret), *roots(bridge)]:
        assert_no_trace(ask(caller, field, ids), secret)
    # and the bridge was really crossed
    assert "producer@example.com" in ask(caller, "node", {"id": bridge["Project"]}).text


def test_nor_does_a_member_see_what_is_private_to_another(api, collaborator, secret):
    caller = api(collaborator)

    for name in ("Session", "Message", "Turn"):
        assert ask(caller, "node", {"id": secret[name]}).json() == {"data": {"node": None}}
    for field, ids in roots(secret):
        text = ask(caller, field, ids).text
        for words in (f"{SECRET} words", f"{SECRET} key", f"{SECRET} reply", f"{SECRET} session", f"{SECRET} choice"):
            assert words not in text
        assert secret["Session"] not in text
        assert '{"CANARY"' not in text


def test_the_key_of_a_message_is_its_authors_own_in_a_shared_session_too(
    api, admin, collaborator, producer, session, secret
):
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    query = "query ($id: ID!) { node(id: $id) { ... on Message { content idempotencyKey } } }"

    def key(user):
        seen = api(user)(query, id=secret["Message"]).value
        assert seen["content"] == f"{SECRET} words"
        return seen["idempotencyKey"]

    assert (key(producer), key(collaborator), key(admin)) == (f"{SECRET} key", None, None)


@pytest.mark.parametrize("name", sorted(set(NODES) - {"WorkflowStep"}))
def test_an_object_that_is_not_ones_own_to_see_is_null_like_one_that_is_not_there(api, stranger, secret, name):
    caller = api(stranger)
    absent = global_id(name, 999_999_999)

    assert ask(caller, "node", {"id": secret[name]}).content == ask(caller, "node", {"id": absent}).content


# Which fields of an input name objects, and of which type.
ID_FIELDS = {"projectId": "Project", "sessionId": "Session", "userId": "User", "choiceId": "Choice",
             "replacesMediaId": "Media", "attachmentIds": "Media", "styleReferenceIds": "Media",
             "ids": "Media"}  # fmt: skip
OWN = {
    "updateProject": "Project", "archiveProject": "Project", "restoreProject": "Project", "updateSession": "Session",
    "pauseSession": "Session", "resumeSession": "Session", "completeSession": "Session", "cancelTurn": "Turn",
    "retryTurn": "Turn", "completeUpload": "UploadTicket", "cancelUpload": "UploadTicket", "updateMedia": "Media",
    "archiveMedia": "Media", "retryMedia": "Media", "cancelTask": "GenerationTask", "retryTask": "GenerationTask",
}  # fmt: skip
MUTATIONS = sorted(set(SCHEMA.mutation_type.fields) - {"login", "logout", "updateMe", "createProject"})


def write(caller, name, ids):
    field = SCHEMA.mutation_type.fields[name]
    inputs = SCHEMA.type_map[field.args["input"].type.of_type.name].fields
    values = {key: ids[kind] for key, kind in ID_FIELDS.items() if key in inputs}
    if "id" in inputs:
        values["id"] = ids[OWN[name]]
    select = everything(field.type, 2)
    return caller.client.post(
        "/graphql/", {"query": f"mutation {{ {call(name, field, values, select)} }}"}, content_type="application/json"
    )


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_stranger_can_do_nothing_to_it_and_reads_nothing_from_the_refusal(api, stranger, secret, name):
    # given
    ids = secret | {"UploadTicket": global_id("UploadTicket", 1)}
    absent = {kind: global_id(kind, 999_999_999) for kind in ids}
    models = (Project, Session, Message, Turn, Media, GenerationTask)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    # when
    response = write(api(stranger), name, ids)
    # then it is refused in the very words that something absent is refused in
    assert "NOT_FOUND" in response.text
    assert response.content == write(api(stranger), name, absent).content
    assert_no_trace(response, secret)
    assert [list(model.objects.order_by("pk").values()) for model in models] == before


@pytest.mark.parametrize("name", ["sendMessage", "updateProject", "createUpload", "submitTask"])
def test_ids_of_another_project_do_not_work_inside_ones_own(api, stranger, secret, bridge, name):
    project, session = bridge["Project"], bridge["Session"]
    Turn.objects.update(status="completed")
    inputs = {
        "sendMessage": {"sessionId": session, "text": "x", "attachmentIds": [secret["Media"]]},
        "updateProject": {"id": project, "styleReferenceIds": [secret["Media"]]},
        "createUpload": {"projectId": project, "filename": "a.png", "fileSize": 1, "mimeType": "image/png",
                         "replacesMediaId": secret["Media"]},
        "submitTask": {"projectId": project, "taskType": "storyboard_panel", "input": {"description": "x"},
                       "sessionId": secret["Session"]},
    }  # fmt: skip

    answer = api(stranger)(
        f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ errors {{ code }} }} }}",
        input=inputs[name],
    )

    assert answer.codes == ["NOT_FOUND"]
    assert SECRET not in str(answer.data)


def test_who_was_removed_sees_what_they_saw_before_they_were_added(
    api, person, producer, project, session, secret, media_rows
):
    # given
    guest = person("guest", tier="pro")
    caller = api(guest)
    before = [ask(caller, field, ids).json() for field, ids in roots(secret)]
    # when they come, work, and are removed
    add_collaborator(user=producer, project_id=project.pk, email=guest.email)
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    Turn.objects.update(status="completed")
    said = turns.send_message(user=guest, session_id=session.pk, text="I was here")
    own = sessions.start_session(user=guest, project_id=project.pk)
    own_turn = turns.send_message(user=guest, session_id=own.pk, text="And here")
    (own_media,) = media_rows(1, uploaded_by=guest)
    own_task = GenerationTask.objects.create(
        project=project, created_by=guest, session=own, task_type="storyboard_panel"
    )
    assert SECRET in ask(caller, "projects").text
    remove_collaborator(user=producer, project_id=project.pk, user_id=guest.pk)
    # then
    assert [ask(caller, field, ids).json() for field, ids in roots(secret)] == before
    for row in (said, said.message, own, own_turn, own_turn.message, own_media, own_task):
        assert ask(caller, "node", {"id": gid(row)}).json() == {"data": {"node": None}}
    for name in ("pauseSession", "sendMessage", "cancelTurn", "updateMedia", "cancelTask"):
        ids = secret | {
            "Session": gid(own),
            "Turn": gid(own_turn),
            "Media": gid(own_media),
            "GenerationTask": gid(own_task),
        }
        response = write(caller, name, ids)
        assert "NOT_FOUND" in response.text
        assert_no_trace(response, secret)


def test_a_user_who_became_inactive_is_gone_for_others_too(api, producer, collaborator, project):
    collaborator.is_active = False
    collaborator.save()

    response = ask(api(producer), "node", {"id": gid(collaborator)})

    assert response.json() == {"data": {"node": None}}
