"""Who is here and who is typing: on served projects, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cms.accounts.models import User
from content.projects.models import Project
from content.projects.services import archive_project
from conversation import sessions
from conversation.models import Presence, Session
from conversation.tasks import sweep_turns
from tests.conftest import Api, gid
from tests.live import LiveClient, LiveServer, ServicesServer, Subscription

from .talking import say

PEOPLE = "people { user { name } typing }"
EVENTS = f"""subscription ($session: ID!, $after: Int) {{ sessionEvents(sessionId: $session, after: $after) {{
  __typename seq at ... on PresenceEvent {{ {PEOPLE} }} }} }}"""
OTHERS = """subscription ($session: ID!, $after: Int) { sessionEvents(sessionId: $session, after: $after) {
  __typename seq at ... on TurnUpdatedEvent { turn { status } } } }"""
BY_FRAGMENT = f"""fragment Here on PresenceEvent {{ {PEOPLE} }} fragment All on SessionEvent {{ __typename ...Here }}
subscription ($session: ID!) {{ sessionEvents(sessionId: $session) {{ ...All }} }}"""
START = "mutation ($project: ID!) { startSession(input: {projectId: $project}) { session { id } errors { code } } }"
SHARE = "mutation ($id: ID!, $on: Boolean!) { updateSession(input: {id: $id, shared: $on}) { errors { code } } }"
SEND = """mutation ($id: ID!, $text: String!) {
  sendMessage(input: {sessionId: $id, text: $text}) { turn { id } errors { code } } }"""
TYPE = """mutation ($id: ID!, $typing: Boolean!) {
  setTyping(input: {sessionId: $id, typing: $typing}) { session { id } errors { code field } } }"""
HERE = "query ($id: ID!) { session(id: $id) { participants { user { name } typing } } }"
# The demo's producer, and who works on their project.
PRIYA, CORA = "Priya Producer", "Cora Collaborator"
# Seconds; typing ends by itself after six.
LONG = 15


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(REHEARSAL_WORD_DELAY="0.02")


@pytest.fixture(scope="module")
def priya(server: LiveServer) -> LiveClient:
    return server.sign_in("producer")


@pytest.fixture(scope="module")
def cora(server: LiveServer) -> LiveClient:
    return server.sign_in("collaborator")


def shared_session(client: LiveClient) -> str:
    project = client.run("{ projects(first: 1) { edges { node { id } } } }")["projects"]["edges"][0]["node"]["id"]
    made: str = client.run(START, project=project)["startSession"]["session"]["id"]
    client.run(SHARE, id=made, on=True)
    return made


@asynccontextmanager
async def here(client: LiveClient, session: str, query: str = EVENTS) -> AsyncIterator[Subscription]:
    async with client.subscribe(query, session=session) as events:
        yield events


async def until(events: Subscription, *people: tuple[str, bool], timeout: float = LONG) -> None:
    """Wait until exactly these are here, typing or not; of two who come at once either may be the first."""

    def shows(event: dict[str, Any]) -> bool:
        return sorted((each["user"]["name"], each["typing"]) for each in event.get("people", [])) == sorted(people)

    await events.until(shows, timeout)


async def run(client: LiveClient, query: str, **variables: Any) -> dict[str, Any]:
    return await asyncio.to_thread(client.run, query, **variables)


def test_who_comes_and_goes_is_seen_by_who_is_here(priya: LiveClient, cora: LiveClient) -> None:
    session = shared_session(priya)

    async def talk() -> list[dict[str, Any]]:
        async with here(priya, session) as mine:
            first = await mine.event()
            async with here(cora, session) as theirs:
                await until(theirs, (PRIYA, False), (CORA, False))
                await until(mine, (PRIYA, False), (CORA, False))
                shown = await run(cora, HERE, id=session)
            await until(mine, (PRIYA, False))
            return [first, shown["session"]]

    first, shown = asyncio.run(talk())
    # One is alone at first, and the event is of now and not of the log.
    assert first["people"] == [{"user": {"name": PRIYA}, "typing": False}]
    assert first["seq"] is None
    assert first["at"]
    assert [each["user"]["name"] for each in shown["participants"]] == [PRIYA, CORA]


def test_a_socket_that_is_cut_off_is_gone_too(priya: LiveClient, cora: LiveClient) -> None:
    session = shared_session(priya)

    async def talk() -> None:
        async with here(priya, session) as mine:
            await until(mine, (PRIYA, False))
            async with AsyncExitStack() as stack:
                sockets = [await stack.enter_async_context(cora.socket()) for _ in range(20)]
                for socket in sockets:
                    await socket.send(subscribe(session))
                await until(mine, (PRIYA, False), (CORA, False))
                for socket in sockets:
                    socket.transport.abort()
            await until(mine, (PRIYA, False))

    asyncio.run(talk())
    assert priya.run(HERE, id=session)["session"]["participants"] == []


def subscribe(session: str) -> str:
    return json.dumps({"id": "1", "type": "subscribe", "payload": {"query": EVENTS, "variables": {"session": session}}})


def test_several_tabs_are_one_participant(priya: LiveClient, cora: LiveClient) -> None:
    session = shared_session(priya)

    async def talk() -> list[dict[str, Any]]:
        async with here(priya, session) as mine, here(cora, session) as one:
            await until(mine, (PRIYA, False), (CORA, False))
            async with here(cora, session) as other:
                await until(other, (PRIYA, False), (CORA, False))
            # The second tab has come and gone: nothing was said of it before what comes now.
            await run(cora, TYPE, id=session, typing=True)
            seen = await mine.until(lambda event: any(each["typing"] for each in event["people"]), LONG)
            await until(one, (PRIYA, False), (CORA, True))
            return seen

    (event,) = asyncio.run(talk())
    assert {"user": {"name": CORA}, "typing": True} in event["people"]


def test_typing_begins_and_ends_by_word_by_sending_by_itself_and_by_leaving(
    priya: LiveClient, cora: LiveClient
) -> None:
    session = shared_session(priya)
    silent, typing = ((PRIYA, False), (CORA, False)), ((PRIYA, False), (CORA, True))

    async def talk() -> None:
        async with here(priya, session) as mine:
            async with here(cora, session) as theirs:
                await until(mine, *silent)
                for ending in (
                    lambda: run(cora, TYPE, id=session, typing=False),
                    lambda: run(cora, SEND, id=session, text="What I typed."),
                    lambda: asyncio.sleep(0),
                ):
                    await run(cora, TYPE, id=session, typing=True)
                    await until(mine, *typing)
                    await ending()
                    await until(mine, *silent)
                await run(cora, TYPE, id=session, typing=True)
                await until(theirs, *typing)
            await until(mine, (PRIYA, False))

    asyncio.run(talk())


def test_only_those_are_told_whose_operation_names_the_event(priya: LiveClient, cora: LiveClient) -> None:
    session = shared_session(priya)

    async def talk() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        async with here(priya, session, OTHERS) as plain, here(cora, session, BY_FRAGMENT) as asking:
            await until(asking, (PRIYA, False), (CORA, False))
            await run(cora, TYPE, id=session, typing=True)
            await until(asking, (PRIYA, False), (CORA, True))
            await run(priya, SEND, id=session, text="Go on.")
            seen = await plain.until(
                lambda event: event["__typename"] == "TurnUpdatedEvent" and event["turn"]["status"] == "COMPLETED"
            )
            return seen, await asking.event()

    seen, event = asyncio.run(talk())
    # Who does not know of presence is seen, and sees what there was before it: who wrote, and the reply.
    assert {event["__typename"] for event in seen}.isdisjoint({"PresenceEvent"})
    assert seen[0]["__typename"] == "MessageAddedEvent"
    assert event["__typename"] != "PresenceEvent"


def test_who_loses_access_disappears_at_once(priya: LiveClient, cora: LiveClient) -> None:
    session = shared_session(priya)

    async def talk() -> tuple[dict[str, Any], dict[str, Any]]:
        async with here(priya, session) as mine, here(cora, session) as theirs:
            await until(mine, (PRIYA, False), (CORA, False))
            await until(theirs, (PRIYA, False), (CORA, False))
            await run(priya, SHARE, id=session, on=False)
            await until(mine, (PRIYA, False), timeout=3)
            while "errors" not in (frame := await theirs.frame())["payload"]:
                assert "people" not in frame["payload"]["data"]["sessionEvents"]
            answer = await run(cora, TYPE, id=session, typing=True)
            return frame, answer["setTyping"]

    frame, answer = asyncio.run(talk())
    assert frame["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert answer == {"session": None, "errors": [{"code": "NOT_FOUND", "field": ["sessionId"]}]}


@pytest.mark.services
def test_two_servers_see_each_others_people_and_one_that_is_killed_is_forgotten(
    production_like: Callable[..., ServicesServer],
) -> None:
    first = production_like(PRESENCE_HEARTBEAT_SECONDS="1", REHEARSAL_WORD_DELAY="0")
    second = LiveServer(first.folder, first.env | {"PRESENCE_HEARTBEAT_SECONDS": "1"}).start()
    priya, cora = first.sign_in("producer"), second.sign_in("collaborator")
    session = shared_session(priya)

    async def talk() -> None:
        async with here(priya, session) as mine:
            async with here(cora, session) as theirs:
                await until(theirs, (PRIYA, False), (CORA, False))
                await until(mine, (PRIYA, False), (CORA, False))
                await run(priya, TYPE, id=session, typing=True)
                await until(theirs, (PRIYA, True), (CORA, False))
                await asyncio.to_thread(second.kill)
            await until(mine, (PRIYA, False))

    try:
        asyncio.run(talk())
    finally:
        second.kill()


@pytest.fixture
def row(session: Session) -> Callable[..., Presence]:
    """A presence as a server would have written it."""

    def make(user: User, within: Session = session, **fields: Any) -> Presence:
        number = Presence.objects.count()
        values = {"seen_at": timezone.now(), "connection": f"{number:032}", **fields}
        return Presence.objects.create(session=within, user=user, **values)

    return make


def people(caller: Api, session: Session) -> list[tuple[str, bool]]:
    found = caller(HERE, id=gid(session)).value["participants"]
    return [(each["user"]["name"], each["typing"]) for each in found]


def test_typing_again_within_a_second_writes_nothing(
    api: Callable[..., Api], producer: User, session: Session, row: Callable[..., Presence]
) -> None:
    caller = api(producer)
    one, other = row(producer), row(producer)

    def writes(typing: bool) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert caller("SetTyping", input={"sessionId": gid(session), "typing": typing}).codes == []
        return sum("UPDATE" in query["sql"] for query in captured)

    assert [writes(True), writes(True), writes(True)] == [1, 0, 0]
    assert people(caller, session) == [("Producer", True)]
    # Later it is made to last.
    Presence.objects.update(typing_until=timezone.now() + timedelta(seconds=4))
    assert writes(True) == 1
    one.refresh_from_db()
    assert one.typing_until > timezone.now() + timedelta(seconds=5)
    assert writes(False) == 1
    assert people(caller, session) == [("Producer", False)]
    assert other.session == session


def test_who_has_sent_it_types_no_longer(
    api: Callable[..., Api], producer: User, session: Session, row: Callable[..., Presence]
) -> None:
    row(producer, typing_until=timezone.now() + timedelta(hours=1))
    assert people(api(producer), session) == [("Producer", True)]
    say(api(producer), session)
    assert people(api(producer), session) == [("Producer", False)]


def test_who_is_not_here_types_unseen(api: Callable[..., Api], producer: User, session: Session) -> None:
    assert api(producer)("SetTyping", input={"sessionId": gid(session), "typing": True}).codes == []
    assert people(api(producer), session) == []


def test_nobody_types_in_an_archived_project(
    api: Callable[..., Api], producer: User, project: Project, session: Session, row: Callable[..., Presence]
) -> None:
    row(producer)
    archive_project(user=producer, project_id=project.pk)
    assert api(producer)("SetTyping", input={"sessionId": gid(session), "typing": True}).codes == ["CONFLICT"]
    assert people(api(producer), session) == [("Producer", False)]


def test_only_people_who_see_the_session_and_whose_server_lives_are_here(
    api: Callable[..., Api],
    admin: User,
    producer: User,
    collaborator: User,
    stranger: User,
    session: Session,
    row: Callable[..., Presence],
) -> None:
    for user in (producer, collaborator, stranger, admin):
        row(user)
    caller = api(producer)
    assert people(caller, session) == [("Producer", False), ("Admin", False)]
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    assert people(caller, session) == [("Producer", False), ("Collaborator", False), ("Admin", False)]
    Presence.objects.filter(user=collaborator).update(seen_at=timezone.now() - timedelta(seconds=41))
    User.objects.filter(pk=admin.pk).update(is_active=False)
    assert people(caller, session) == [("Producer", False)]


def test_the_sweep_forgets_dead_servers(session: Session, producer: User, row: Callable[..., Presence]) -> None:
    alive = row(producer)
    row(producer, seen_at=timezone.now() - timedelta(seconds=121))
    sweep_turns()
    assert list(Presence.objects.all()) == [alive]


def test_participants_of_many_sessions_cost_as_many_queries_as_those_of_one(
    api: Callable[..., Api], producer: User, project: Project, session: Session, row: Callable[..., Presence]
) -> None:
    caller = api(producer)
    query = "{ sessions(first: 20) { edges { node { participants { user { name } typing } } } } }"

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            caller(query)
        return len(captured)

    row(producer)
    cost()
    before = cost()
    for _ in range(5):
        row(producer, sessions.start_session(user=producer, project_id=project.pk))
    assert cost() == before
