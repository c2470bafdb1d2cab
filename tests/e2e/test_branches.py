"""Steering a conversation on real servers: who comes at once, and what every subscriber is told."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.live import LiveClient, LiveServer, ServicesServer

from .test_workflow import EVENTS, SEND, START, first_project

REGENERATE = """mutation ($message: ID!, $key: String) {
  regenerate(input: {messageId: $message, idempotencyKey: $key}) { turn { id } errors { code } } }"""
EDIT = """mutation ($message: ID!, $text: String!, $key: String) {
  editMessage(input: {messageId: $message, text: $text, idempotencyKey: $key}) { turn { id } errors { code } } }"""
SWITCH = "mutation ($message: ID!) { switchBranch(input: {messageId: $message}) { errors { code } } }"
# The active turn is read before the messages: the other way round a reply may be stored in between.
PATH = """query ($session: ID!) { session(id: $session) {
  activeTurn { id } messages(first: 100) { edges { node { id seq role siblings { id } } } } } }"""
LAST_EVENT = "query ($session: ID!) { session(id: $session) { lastEventSeq } }"

Call = tuple[str, dict[str, Any]]


def idle(client: LiveClient, session: str) -> list[dict[str, Any]]:
    """The active path's messages once no turn is under way."""
    for _ in range(1_000):
        if client.run(PATH, session=session)["session"]["activeTurn"] is None:
            # Read anew: a turn may have ended between two fields of one answer.
            stored = client.run(PATH, session=session)["session"]
            return [edge["node"] for edge in stored["messages"]["edges"]]
    raise AssertionError("The turn does not end.")


def answered(client: LiveClient) -> tuple[str, str]:
    """A session and the message in it that was answered."""
    session = client.run(START, project=first_project(client))["startSession"]["session"]["id"]
    client.run(SEND, session=session, text="Tell me of the fog.")
    return session, idle(client, session)[0]["id"]


def at_once(client: LiveClient, calls: Iterable[Call]) -> list[dict[str, Any]]:
    calls = list(calls)
    with ThreadPoolExecutor(len(calls)) as pool:
        return [next(iter(answer.values())) for answer in pool.map(lambda call: client.run(call[0], **call[1]), calls)]


def one_of_two_wins(client: LiveClient) -> None:
    session, message = answered(client)
    again: Call = (REGENERATE, {"message": message})
    for other in (again, (SEND, {"session": session, "text": "More."}), (EDIT, {"message": message, "text": "No."})):
        answers = at_once(client, [again, other])
        assert sorted([error["code"] for error in each["errors"]] for each in answers) == [[], ["TURN_IN_PROGRESS"]]
        assert [each["role"] for each in idle(client, session)][-2:] == ["USER", "ASSISTANT"]


def one_key_is_one_turn(client: LiveClient) -> None:
    session, message = answered(client)
    for call in (
        (REGENERATE, {"message": message, "key": "again"}),
        (EDIT, {"message": message, "text": "No.", "key": "edited"}),
    ):
        answers = at_once(client, [call] * 4)
        assert [each["errors"] for each in answers] == [[]] * 4
        assert len({each["turn"]["id"] for each in answers}) == 1
        assert len(idle(client, session)[-1]["siblings"]) == (2 if call[0] == REGENERATE else 1)


def everything_is_told_in_order(client: LiveClient) -> None:
    session, message = answered(client)
    reply = idle(client, session)[1]["id"]

    before = client.run(LAST_EVENT, session=session)["session"]["lastEventSeq"]

    def steer() -> int:
        client.run(REGENERATE, message=message)
        idle(client, session)
        client.run(SWITCH, message=reply)
        return client.run(LAST_EVENT, session=session)["session"]["lastEventSeq"]

    async def follow() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with client.subscribe(EVENTS, session=session, after=before) as events:
            last = await asyncio.to_thread(steer)
            live = await events.until(lambda event: event["seq"] == last)
        async with client.subscribe(EVENTS, session=session, after=before) as events:
            return live, await events.until(lambda event: event["seq"] == last)

    live, replayed = asyncio.run(follow())
    stored = [event for event in live if event["seq"] is not None]
    assert [event["__typename"] for event in stored] == [
        "PathChangedEvent",
        "ChoicesOfferedEvent",
        "TurnUpdatedEvent",
        "TurnUpdatedEvent",
        "MessageAddedEvent",
        "ChoicesOfferedEvent",
        "TurnUpdatedEvent",
        "PathChangedEvent",
        "ChoicesOfferedEvent",
    ]
    assert [event["seq"] for event in stored] == list(range(before + 1, before + 1 + len(stored)))
    assert [event["seq"] for event in replayed] == [event["seq"] for event in stored]


STEERING = [one_of_two_wins, one_key_is_one_turn, everything_is_told_in_order]


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(REHEARSAL_WORD_DELAY="0.002")


@pytest.mark.parametrize("check", STEERING)
def test_steering_holds(server: LiveServer, check: Callable[[LiveClient], None]) -> None:
    check(server.sign_in("producer"))


@pytest.mark.services
def test_the_same_holds_on_postgresql_with_workers_of_their_own(
    production_like: Callable[..., ServicesServer],
) -> None:
    server = production_like(REHEARSAL_WORD_DELAY="0.002")
    client = server.sign_in("producer")
    for check in STEERING:
        check(client)
    server.stop()
