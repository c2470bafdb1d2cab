"""Lists page by page: Relay's cursor specification."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from cms.api.ids import global_id
from content.generation.models import GenerationTask
from content.projects.models import Membership, Project
from conversation.models import Message, Session
from tests.conftest import gid

PAGE = "edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before"
VARIABLES = "$first: Int, $after: String, $last: Int, $before: String"
ID = "$id: ID!"
LISTS = {
    "projects": f"query ({VARIABLES}) {{ projects({ARGUMENTS}) {{ {PAGE} }} }}",
    "sessions": f"query ({VARIABLES}) {{ sessions({ARGUMENTS}) {{ {PAGE} }} }}",
    "its sessions": f"query ({ID}, {VARIABLES}) {{ project(id: $id) {{ sessions({ARGUMENTS}) {{ {PAGE} }} }} }}",
    "tasks": f"query ({ID}, {VARIABLES}) {{ project(id: $id) {{ tasks({ARGUMENTS}) {{ {PAGE} }} }} }}",
    "messages": f"query ({ID}, {VARIABLES}) {{ session(id: $id) {{ messages({ARGUMENTS}) {{ {PAGE} }} }} }}",
}
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
COUNT = 45


@pytest.fixture
def lists(producer, project, session):
    """45 rows in each list, ten of them of the same moment; answers the ids in the order that the API promises."""
    # Newest first: the later the made, the older it looks, so that the order of keys alone cannot pass for it.
    moments = [NOON - timedelta(minutes=min(number, 35)) for number in range(COUNT)]
    Membership.objects.exclude(project=project).delete()
    for moment in moments[1:]:
        made = Project.objects.create(title="Another", genre="drama", created_by=producer, updated_at=moment)
        Membership.objects.create(project=made, user=producer, role="owner", project_updated_at=moment)
        Session.objects.create(project=project, user=producer, title="Another", current_step=session.current_step)
    for number in range(1, COUNT + 1):
        Message.objects.create(session=session, seq=number, role="user", author=producer, content=str(number))
        GenerationTask.objects.create(project=project, task_type="storyboard_panel")
    Project.objects.filter(pk=project.pk).update(updated_at=NOON)
    Membership.objects.filter(project=project).update(project_updated_at=NOON)
    for model, field in ((Session, "updated_at"), (GenerationTask, "created_at")):
        for row, moment in zip(model.objects.order_by("pk"), moments, strict=True):
            model.objects.filter(pk=row.pk).update(**{field: moment})
    newest = {
        "Project": Project.objects.order_by("-updated_at", "-pk"),
        "Session": Session.objects.order_by("-updated_at", "-pk"),
        "GenerationTask": GenerationTask.objects.order_by("-created_at", "-pk"),
        "Message": Message.objects.order_by("seq"),
    }
    ids = {name: [global_id(name, pk) for pk in rows.values_list("pk", flat=True)] for name, rows in newest.items()}
    return {
        "projects": ids["Project"],
        "sessions": ids["Session"],
        "its sessions": ids["Session"],
        "tasks": ids["GenerationTask"],
        "messages": ids["Message"],
    }


def run(caller, name, project, session, **arguments):
    return caller(LISTS[name], id=gid(session if name == "messages" else project), **arguments)


def page_of(caller, name, project, session, **arguments):
    answer = run(caller, name, project, session, **arguments).value
    while "edges" not in answer:
        (answer,) = answer.values()
    return answer


def ids_of(page):
    return [edge["node"]["id"] for edge in page["edges"]]


@pytest.mark.parametrize("who", ["producer", "admin"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_walked_in_both_directions_each_entry_once_and_in_order(
    api, lists, name, who, project, session, request
):
    caller, expected = api(request.getfixturevalue(who)), lists[name]
    assert len(expected) == COUNT

    # when
    forwards, cursor, pages = [], None, 0
    while True:
        page = page_of(caller, name, project, session, first=20, after=cursor)
        assert page["pageInfo"]["hasPreviousPage"] is (cursor is not None)
        forwards += ids_of(page)
        pages += 1
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    backwards, cursor = [], None
    while True:
        page = page_of(caller, name, project, session, last=20, before=cursor)
        assert page["pageInfo"]["hasNextPage"] is (cursor is not None)
        backwards = ids_of(page) + backwards
        cursor = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break

    # then
    assert forwards == expected
    assert backwards == expected
    assert pages == 3


@pytest.mark.parametrize("name", LISTS)
def test_a_page_without_a_size_has_twenty(api, producer, lists, name, project, session):
    page = page_of(api(producer), name, project, session)

    assert ids_of(page) == lists[name][:20]
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": page["edges"][0]["cursor"],
        "endCursor": page["edges"][-1]["cursor"],
    }


def test_any_size_up_to_a_hundred_and_the_cursors_of_edges(api, producer, lists, project, session):
    caller, expected = api(producer), lists["projects"]

    def ask(**arguments):
        return page_of(caller, "projects", project, session, **arguments)

    everything = ask(first=100)
    cursors = [edge["cursor"] for edge in everything["edges"]]

    assert ids_of(everything) == ids_of(ask(last=100)) == expected
    assert ids_of(ask(first=1)) == expected[:1]
    assert ids_of(ask(last=2)) == expected[-2:]
    assert ids_of(ask(first=5, after=cursors[37])) == expected[38:43]
    assert ids_of(ask(last=5, before=cursors[40])) == expected[35:40]
    assert ids_of(ask(first=3, after=cursors[10], before=cursors[12])) == expected[11:12]
    assert ids_of(ask(after=cursors[-1])) == ids_of(ask(before=cursors[0])) == []
    empty = ask(first=0)
    assert empty["edges"] == []
    assert empty["pageInfo"]["startCursor"] is empty["pageInfo"]["endCursor"] is None


def test_a_walk_is_not_shifted_by_what_is_added_meanwhile(api, producer, lists, project, session):
    caller = api(producer)
    first = page_of(caller, "projects", project, session, first=20)

    Project.objects.filter(pk=project.pk).update(updated_at=NOON + timedelta(days=1))
    caller('mutation { createProject(input: {title: "New", genre: DRAMA}) { project { id } errors { code } } }')
    second = page_of(caller, "projects", project, session, first=20, after=first["pageInfo"]["endCursor"])

    assert ids_of(first) + ids_of(second) == lists["projects"][:40]


def cursor(*values) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


GARBAGE = [
    "",
    "x",
    "é",
    "!!!",
    "bm9wZQ",
    cursor(),
    cursor(1),
    cursor(1, 2),
    cursor("x", 1),
    cursor(NOON.isoformat()),
    cursor(NOON.isoformat(), "1"),
    cursor(NOON.isoformat(), True),
    cursor(NOON.isoformat(), 1.5),
    cursor(NOON.isoformat(), 2**70),
    cursor("2026-05-01T12:00:00", 1),
    cursor(None, None),
    cursor([], {}),
    cursor("0001-01-01T00:00:00+14:00", 1),
    cursor(NOON.isoformat(), 1, 1),
    "W" * 20_000,
]


@pytest.mark.parametrize("where", ["after", "before"])
@pytest.mark.parametrize("value", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("name", ["projects", "sessions", "tasks"])
def test_a_cursor_that_is_not_ours_is_invalid(api, producer, project, session, name, value, where):
    answer = run(api(producer), name, project, session, **{where: value})

    assert answer.top_codes == ["INVALID"]


@pytest.mark.parametrize(
    "value", ["x", cursor("1"), cursor(1.5), cursor(True), cursor(NOON.isoformat()), cursor(2**70)]
)
def test_nor_is_one_of_another_list(api, producer, project, session, value):
    answer = api(producer)(LISTS["messages"], id=gid(session), after=value)

    assert answer.top_codes == ["INVALID"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": 101},
        {"last": 101},
        {"first": -1},
        {"last": -1},
        {"first": 1, "last": 1},
        {"first": 2**31 - 1},
        {"first": 0, "last": 0},
    ],
)
@pytest.mark.parametrize("name", LISTS)
def test_a_size_that_is_not_offered_is_invalid(api, producer, project, session, name, arguments):
    answer = run(api(producer), name, project, session, **arguments)

    assert answer.top_codes == ["INVALID"]


def test_media_takes_the_same_pages(api, producer, project, media_rows):
    caller, expected = (
        api(producer),
        [
            gid(row)
            for row in sorted(
                media_rows(COUNT, moment=lambda number: NOON - timedelta(minutes=min(number, 35))),
                key=lambda row: (row.created_at, row.pk),
                reverse=True,
            )
        ],
    )
    query = f"query ($id: ID, {VARIABLES}) {{ media(projectId: $id, {ARGUMENTS}) {{ {PAGE} }} }}"

    seen, after = [], None
    for _ in range(3):
        page = caller(query, id=gid(project), first=20, after=after).value
        seen += ids_of(page)
        after = page["pageInfo"]["endCursor"]

    assert seen == expected
    assert ids_of(caller(query, last=7).value) == expected[-7:]
    assert caller(query, first=101).top_codes == ["INVALID"]
    assert caller(query, after="x").top_codes == ["INVALID"]
