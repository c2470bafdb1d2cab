"""Access that was there and ends: nothing of it stays."""

import pytest

from content.generation.models import GenerationTask
from content.projects.services import add_collaborator, remove_collaborator
from conversation import sessions, turns
from conversation.models import Turn
from tests.conftest import gid

NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
LISTS = """{ projects { edges { node { id collaborators { email } } } } sessions { edges { node { id title } } }
  media { edges { node { id uploadedBy { email } } } } searchMessages(text: "hello") { edges { snippet } }
  me { activeProjects { id createdBy { email } } } }"""
WRITES = {
    "pauseSession": ("Session", {}),
    "cancelTurn": ("Turn", {}),
    "updateMedia": ("Media", {"title": "Mine"}),
    "cancelTask": ("GenerationTask", {}),
}


@pytest.fixture
def guest(person):
    return person("guest", tier="pro")


def test_who_was_removed_sees_what_they_saw_before_they_were_added(
    api, guest, producer, collaborator, project, session, media_rows
):
    # given
    said = turns.send_message(user=producer, session_id=session.pk, text="Hello")
    Turn.objects.update(status="completed")
    theirs = [project, session, said, said.message, *media_rows(1), producer, collaborator]
    caller = api(guest)

    def look():
        return [caller.post({"query": LISTS}).data, *(caller(NODE, id=gid(row)).data for row in theirs)]

    before = look()
    # when they come, work, and are removed
    add_collaborator(user=producer, project_id=project.pk, email=guest.email)
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    own = sessions.start_session(user=guest, project_id=project.pk)
    turn = turns.send_message(user=guest, session_id=own.pk, text="Hello, I was here")
    (media,) = media_rows(1, uploaded_by=guest)
    task = GenerationTask.objects.create(project=project, created_by=guest, session=own, task_type="storyboard_panel")
    assert None not in [answer["node"] for answer in look()[1:]]
    remove_collaborator(user=producer, project_id=project.pk, user_id=guest.pk)
    # then
    assert look() == before
    made = [own, turn, turn.message, media, task]
    assert [caller(NODE, id=gid(row)).data for row in made] == [{"node": None}] * len(made)
    ids = {type(row).__name__: gid(row) for row in made}
    for name, (kind, values) in WRITES.items():
        answer = caller(
            f"mutation ($input: {name[0].upper()}{name[1:]}Input!) {{ {name}(input: $input) {{ errors {{ code }} }} }}",
            input={"id": ids[kind], **values},
        )
        assert answer.codes == ["NOT_FOUND"], name


def test_a_user_who_became_inactive_is_gone_for_others_too(api, producer, collaborator, project):
    assert api(producer)(NODE, id=gid(collaborator)).value is not None
    collaborator.is_active = False
    collaborator.save()

    assert api(producer)(NODE, id=gid(collaborator)).value is None
