"""Live: what a subscriber sees, and what it does not."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import websockets

from cms.api.ids import parse_id
from tests.live import PASSWORD, LiveClient, LiveServer

from .test_workflow import EVENTS, SEND, START, assembled, first_project, is_end_of_turn

CANCEL = "mutation ($id: ID!) { cancelTurn(input: {id: $id}) { turn { status text } errors { code } } }"
ADD = """mutation ($id: ID!, $email: String!) {
  addCollaborator(input: {projectId: $id, email: $email}) { errors { code } } }"""
REMOVE = """mutation ($id: ID!, $user: ID!) {
  removeCollaborator(input: {projectId: $id, userId: $user}) { errors { code } } }"""
SHARE = "mutation ($id: ID!, $on: Boolean!) { updateSession(input: {id: $id, shared: $on}) { errors { code } } }"
PROJECT_EVENTS = """subscription ($project: ID!, $after: Int) { projectEvents(projectId: $project, after: $after) {
  __typename seq ... on ProjectUpdatedEvent { project { title } } } }"""


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(REHEARSAL_WORD_DELAY="0.02")


@pytest.fixture
def client(server: LiveServer) -> LiveClient:
    return server.sign_in("producer")


def start(client: LiveClient) -> dict[str, Any]:
    return client.run(START, project=first_project(client))["startSession"]["session"]


def is_delta(event: dict[str, Any]) -> bool:
    return event["__typename"] == "TurnDeltaEvent"


def test_who_joins_in_mid_reply_gets_the_text_so_far_and_then_what_is_new(client: LiveClient) -> None:
    session = start(client)

    async def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with client.subscribe(EVENTS, session=session["id"], after=session["lastEventSeq"]) as first:
            await asyncio.to_thread(client.run, SEND, session=session["id"], text="Tell me of the fog.")
            early = await first.until(lambda event: is_delta(event) and event["offset"] > 60)
            async with client.subscribe(EVENTS, session=session["id"]) as second:
                late = await second.until(is_end_of_turn)
            return early + await first.until(is_end_of_turn), late

    early, late = asyncio.run(both())
    joined = next(event for event in late if is_delta(event))
    assert joined["offset"] == 0
    assert len(joined["text"]) > 20
    assert assembled(early) == assembled(late) == late[-1]["turn"]["reply"]["content"]


def test_replay_gives_every_stored_event_once_and_in_order(client: LiveClient) -> None:
    session = start(client)

    async def say_and_replay() -> tuple[list[Any], list[Any]]:
        async with client.subscribe(EVENTS, session=session["id"], after=0) as events:
            await asyncio.to_thread(client.run, SEND, session=session["id"], text="Tell me of the fog.")
            live = await events.until(is_end_of_turn)
        async with client.subscribe(EVENTS, session=session["id"], after=0) as events:
            return live, await events.until(lambda event: event["seq"] == live[-1]["seq"])

    live, replayed = asyncio.run(say_and_replay())
    seqs = [event["seq"] for event in live if event["seq"] is not None]
    assert seqs == list(range(1, seqs[-1] + 1))
    assert [event["seq"] for event in replayed] == seqs


def test_stopped_reply_keeps_what_was_said_and_stops_the_director(client: LiveClient) -> None:
    session = start(client)

    async def stop() -> tuple[dict[str, Any], list[dict[str, Any]], float]:
        async with client.subscribe(EVENTS, session=session["id"], after=0) as events:
            sent = await asyncio.to_thread(client.run, SEND, session=session["id"], text="Go on and on.")
            seen = await events.until(lambda event: is_delta(event) and event["offset"] > 40)
            began = time.monotonic()
            turn = sent["sendMessage"]["turn"]["id"]
            answer = await asyncio.to_thread(client.run, CANCEL, id=turn)
            return (
                answer["cancelTurn"]["turn"],
                seen + await events.until(is_end_of_turn),
                time.monotonic() - began,
            )

    turn, seen, took = asyncio.run(stop())
    assert turn["status"] == "CANCELLED"
    assert took < 3
    end = seen[-1]["turn"]
    assert (end["status"], end["error"]["code"]) == ("CANCELLED", "INTERRUPTED")
    assert end["reply"]["content"] == turn["text"] == assembled(seen)


def test_session_that_one_may_not_see_is_an_error_at_the_start(server: LiveServer, client: LiveClient) -> None:
    session = start(client)

    async def ask(who: LiveClient, **variables: Any) -> dict[str, Any]:
        async with who.subscribe(EVENTS, **variables) as events:
            return await events.frame()

    for name in ("stranger", "collaborator"):
        frame = asyncio.run(ask(server.sign_in(name), session=session["id"]))
        assert frame["type"] == "error"
        assert frame["payload"][0]["extensions"]["code"] == "NOT_FOUND"
    frame = asyncio.run(ask(client, session=session["id"], after=10_000))
    assert frame["type"] == "error"
    assert frame["payload"][0]["extensions"]["code"] == "INVALID"


def withdrawn(frames: list[dict[str, Any]]) -> None:
    assert [frame["type"] for frame in frames] == ["next", "complete"]
    assert frames[0]["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def until_withdrawn(events: Any) -> list[dict[str, Any]]:
    """The last two frames after access was withdrawn; events that came before it are let pass."""
    async with asyncio.timeout(1.5):
        while True:
            frame = await events.frame()
            if frame["payload"].get("errors"):
                return [frame, await events.frame()]


def test_access_withdrawn_while_subscribed_ends_the_subscription_within_a_second(
    server: LiveServer, client: LiveClient
) -> None:
    session, member = start(client), server.sign_in("collaborator")
    project = first_project(client)
    me = member.run("{ me { id } }")["me"]["id"]
    client.run(SHARE, id=session["id"], on=True)

    async def unshare() -> list[dict[str, Any]]:
        async with member.subscribe(EVENTS, session=session["id"], after=0) as events:
            await events.event()
            await asyncio.to_thread(client.run, SHARE, id=session["id"], on=False)
            return await until_withdrawn(events)

    async def remove() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with (
            member.subscribe(EVENTS, session=session["id"], after=0) as events,
            member.subscribe(PROJECT_EVENTS, project=project, after=0) as project_events,
        ):
            await events.event()
            await project_events.event()
            await asyncio.to_thread(client.run, REMOVE, id=project, user=me)
            return await until_withdrawn(events), await until_withdrawn(project_events)

    withdrawn(asyncio.run(unshare()))
    client.run(SHARE, id=session["id"], on=True)
    try:
        for frames in asyncio.run(remove()):
            withdrawn(frames)
    finally:
        client.run(ADD, id=project, email="collaborator@example.com")


@contextmanager
def browser(server: LiveServer, name: str) -> Iterator[httpx.Client]:
    """Signed in by cookie."""
    with httpx.Client(base_url=server.url, headers={"Referer": server.url}, timeout=30) as client:
        client.get("/")
        form = {"login": f"{name}@example.com", "password": PASSWORD}
        form["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
        assert client.post("/accounts/login/", data=form).status_code == 302
        yield client


def signed_out(frames: list[dict[str, Any]]) -> None:
    assert [frame["type"] for frame in frames] == ["next", "complete"]
    assert frames[0]["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def until_signed_out(person: LiveClient, act: Callable[[], object]) -> list[list[dict[str, Any]]]:
    """The last frames of a person's subscriptions to a session and to a project, after something was done."""
    session, project = start(person), first_project(person)

    async def follow() -> list[list[dict[str, Any]]]:
        async with (
            person.subscribe(EVENTS, session=session["id"], after=0) as events,
            person.subscribe(PROJECT_EVENTS, project=project, after=0) as project_events,
        ):
            await events.event()
            await project_events.event()
            await asyncio.to_thread(act)
            return [await until_withdrawn(events), await until_withdrawn(project_events)]

    return asyncio.run(follow())


def test_subscriptions_end_within_a_second_of_their_token(server: LiveServer) -> None:
    person, elsewhere = server.sign_in("collaborator"), server.sign_in("collaborator")

    def leave_everywhere() -> None:
        elsewhere.run("mutation { logout(input: {everywhere: true}) { errors { code } } }")

    for frames in until_signed_out(person, leave_everywhere):
        signed_out(frames)


def test_subscriptions_end_when_their_token_expires(embedded: Callable[..., LiveServer]) -> None:
    # Between the second and the third of the looks that are taken every five seconds anyway.
    lifetime = 7.0
    server = embedded(ACCESS_TOKEN_HOURS=str(lifetime / 3600))
    began = time.monotonic()
    person = server.sign_in("producer")
    session = start(person)

    async def follow() -> list[dict[str, Any]]:
        async with person.subscribe(EVENTS, session=session["id"]) as events:
            return [await events.frame(), await events.frame()]

    signed_out(asyncio.run(follow()))
    assert lifetime < time.monotonic() - began < lifetime + 2


def test_subscriptions_end_within_a_second_of_their_person_being_deactivated(server: LiveServer) -> None:
    person = server.sign_in("collaborator")
    page = f"/admin/users/edit/{parse_id(person.run('{ me { id } }')['me']['id'], 'User')}/"

    def switch(active: str) -> None:
        with browser(server, "admin") as admin:
            admin.get(page)
            form = {"email": "collaborator@example.com", "name": "Cleo", "role": "user", "tier": "pro"}
            form |= {"is_active": active, "csrfmiddlewaretoken": admin.cookies["csrftoken"]}
            assert admin.post(page, data=form).status_code == 302

    try:
        for frames in until_signed_out(person, lambda: switch("")):
            signed_out(frames)
    finally:
        switch("on")


def test_cookie_signs_a_socket_in_and_a_foreign_page_is_kept_out(server: LiveServer) -> None:
    with browser(server, "producer") as person:
        cookie = f"sessionid={person.cookies['sessionid']}"

    async def who(origin: str, protocol: str = "graphql-transport-ws") -> Any:
        address = server.url.replace("http", "ws") + "/graphql/"
        async with websockets.connect(
            address, subprotocols=[protocol], origin=origin, additional_headers={"Cookie": cookie}
        ) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            await socket.recv()
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ me { email } }"}}))
            return json.loads(await socket.recv())["payload"]["data"]["me"]

    assert asyncio.run(who(server.url)) == {"email": "producer@example.com"}
    with pytest.raises(websockets.InvalidStatus):
        asyncio.run(who("https://elsewhere.example"))
    # The legacy protocol has been a way around authentication.
    with pytest.raises((websockets.ConnectionClosed, websockets.InvalidHandshake)):
        asyncio.run(who(server.url, "graphql-ws"))


def test_bad_token_opens_no_socket(server: LiveServer) -> None:
    client = LiveClient(server.url)
    client.token = "nonsense"

    async def connect() -> None:
        async with client.socket():
            raise AssertionError("It was let in.")

    with pytest.raises(websockets.ConnectionClosed) as refusal:
        asyncio.run(connect())
    assert refusal.value.rcvd is not None
    assert refusal.value.rcvd.code == 4403
