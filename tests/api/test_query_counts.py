"""How many queries a list costs: the same for one row as for twenty."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.generation.models import GenerationTask, TaskResult
from content.media.models import Media, MediaCharacter, MediaTag
from content.projects.models import Membership, StepCompletion, StyleReference
from content.projects.services import create_project
from conversation.models import Choice, Message, MessageAttachment, Session, Turn
from tests.conftest import gid

# Whose cookie it is: the session and the user.
SIGN_IN = 2
PROJECT = """id title createdBy { id name email } collaborators { id name email }
  styleReferences { id title url thumbnailUrl tags } settings { aspectRatio }
  progress { currentPhase completedSteps overallProgress }"""
TURN = "id status text usage { inputTokens } error { code }"
CHOICES = "choices { id slug title isRecommended }"
QUERIES = {
    "projects": f"{{ projects(first: 20) {{ edges {{ cursor node {{ {PROJECT} }} }} }} }}",
    "project": f"{{ project(id: $project) {{ {PROJECT} }} }}",
    "sessions": f"""{{ sessions(projectId: $project, first: 20) {{ edges {{ cursor node {{
        id title state awaitingUserInput project {{ {PROJECT} }} user {{ id name email }}
        currentStep {{ slug title nextSteps {{ slug }} }} {CHOICES} activeTurn {{ {TURN} message {{ id content }} }}
        }} }} }} }}""",
    "all sessions": f"""{{ sessions(first: 20) {{ edges {{ cursor node {{
        id project {{ title }} user {{ name }} currentStep {{ slug }} {CHOICES} activeTurn {{ id }} }} }} }} }}""",
    "messages": f"""{{ session(id: $session) {{ messages(first: 20) {{ edges {{ cursor node {{
        id content html author {{ id name email }}
        attachments {{ id title url thumbnailUrl tags uploadedBy {{ name email }} }}
        {CHOICES} selectedChoice {{ id title }} turn {{ {TURN} reply {{ id content author {{ name }} }} }}
        parent {{ id }} }} }} }} }} }}""",
    "media": """{ media(projectId: $project, first: 20) { edges { cursor node {
        id title url thumbnailUrl signedUrl tags relatedElements { characterKeys } technicalData { width }
        uploadedBy { id name email } project { id title } previousVersions { id version } } } } }""",
    "found media": """{ findMedia(projectId: $project, text: "sea", limit: 20) {
        score media { id tags relatedElements { characterKeys } uploadedBy { name email } } } }""",
    "tasks": """{ project(id: $project) { tasks(first: 20) { edges { node {
        id taskType status createdBy { name email } session { id title } results { id title tags } } } } } }""",
    "me": "{ me { activeProjects { title createdBy { name email } progress { overallProgress } } } }",
    "plans": """{ projects(first: 20) { edges { node { id
        collaborators { name subscription { tier projectsUsed } } } } } }""",
}
# What each costs a member and an admin beside the sign-in. A number that rises needs a reason.
COSTS = {
    "projects": (11, 10),
    "project": (11, 9),
    "sessions": (21, 19),
    "all sessions": (6, 6),
    "messages": (14, 13),
    "media": (8, 7),
    # Words, vectors and which of their media may be seen, beside the media themselves.
    "found media": (9, 8),
    "tasks": (9, 7),
    "me": (7, 1),
    "plans": (2, 3),
}


@pytest.fixture
def add(producer, person, project, session, media_rows):
    """Add one more of everything, each with all its neighbours."""
    helpers = [person(f"helper{number}") for number in range(3)]
    step = session.current_step
    numbers = itertools.count()

    def one_more():
        number = next(numbers)
        helper = helpers[number % 3]
        home = project if number == 0 else create_project(user=producer, title=f"Series {number}", genre="drama")
        Membership.objects.bulk_create(Membership(project=home, user=each) for each in helpers)
        pictures = media_rows(2, project=home)
        for place, media in enumerate(pictures):
            StyleReference.objects.create(project=home, media=media, position=place)
            MediaTag.objects.create(media=media, name="sea")
        (picture, older) = media_rows(2)
        MediaTag.objects.create(media=picture, name="sea")
        MediaCharacter.objects.create(media=picture, key="keeper")
        Media.objects.filter(pk=picture.pk).update(version=2)
        Media.objects.filter(pk=older.pk).update(chain=picture.chain, status="archived")
        message = speak(session, helper, number * 2 + 1)
        MessageAttachment.objects.create(message=message, media=picture, position=0)
        turn = Turn.objects.create(session=session, message=message, status="completed")
        StepCompletion.objects.create(project=home, step=step, turn=turn)
        reply = Message.objects.create(session=session, seq=number * 2 + 2, role="assistant", turn=turn, parent=message)
        offered = Choice.objects.create(
            session=session, offer=100 + number, position=0, slug="go", title="Go", message=reply
        )
        Message.objects.filter(pk=message.pk).update(selected_choice=offered)
        for place in (project, home):
            talk = Session.objects.create(project=place, user=helper, title="T", current_step=step, shared=True)
            Choice.objects.create(session=talk, offer=talk.offer, position=0, slug="go", title="Go")
            Turn.objects.create(session=talk, message=speak(talk, helper, 1))
        task = GenerationTask.objects.create(
            project=project, session=talk, created_by=helper, task_type="storyboard_panel"
        )
        TaskResult.objects.create(task=task, media=picture, attempt=1)

    def speak(talk, author, seq):
        return Message.objects.create(session=talk, seq=seq, role="user", author=author, content="**Hello**")

    return one_more


def cost(caller, name, ids):
    """The number of queries beside the sign-in, and how many rows the answer's longest list holds."""
    used = {key: value for key, value in ids.items() if f"${key}" in QUERIES[name]}
    head = f"query ({', '.join(f'${key}: ID!' for key in used)}) " if used else ""
    with CaptureQueriesContext(connection) as captured:
        answer = caller(head + QUERIES[name], **used)
    assert answer.errors == []
    return len(captured) - SIGN_IN, longest(answer.value)


def longest(value):
    if isinstance(value, dict):
        return max((longest(item) for item in value.values()), default=0)
    return max([len(value), *(longest(item) for item in value)]) if isinstance(value, list) else 0


@pytest.mark.parametrize("who", ["producer", "admin"])
@pytest.mark.parametrize("name", QUERIES)
def test_twenty_rows_cost_as_many_queries_as_one(api, add, project, session, name, who, request):
    # given
    caller = api(request.getfixturevalue(who))
    ids = {"project": gid(project), "session": gid(session)}
    add()
    cost(caller, name, ids)
    few, _ = cost(caller, name, ids)
    # when
    for _ in range(19):
        add()
    many, length = cost(caller, name, ids)
    # then
    assert length >= 20 or name in ("project", "me")
    expected = COSTS[name][who == "admin"]
    assert (few, many) == (expected, expected)
