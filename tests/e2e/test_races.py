"""Many clients at once: everything acknowledged is stored once, and who loses is told so."""

import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.live import LiveClient, LiveServer, ServicesServer

from .test_workflow import SEND, START, first_project

# The active turn is read before the messages: the other way round a reply may be stored in between.
MESSAGES = """query ($session: ID!) { session(id: $session) {
  activeTurn { id } messages(first: 100) { edges { node { seq role idempotencyKey } } } } }"""
UPDATE = """mutation ($id: ID!, $title: String, $description: String) {
  updateProject(input: {id: $id, title: $title, description: $description}) { project { id } errors { code } } }"""


def start(client: LiveClient, project: str) -> str:
    return client.run(START, project=project)["startSession"]["session"]["id"]


def send(pool: ThreadPoolExecutor, client: LiveClient, session: str, text: str) -> Future[dict[str, Any]]:
    return pool.submit(client.run, SEND, session=session, text=text)


def wait_until_idle(client: LiveClient, session: str) -> dict[str, Any]:
    for _ in range(1_000):
        stored = client.run(MESSAGES, session=session)["session"]
        if stored["activeTurn"] is None:
            # Read anew: a turn may have ended between two fields of one answer.
            return client.run(MESSAGES, session=session)["session"]
    raise AssertionError("The turn does not end.")


def talk(client: LiveClient, session: str) -> list[str]:
    """Send five messages one after the other, each as soon as the one before is answered; answers their keys."""
    keys = []
    while len(keys) < 5:
        key = str(uuid.uuid4())
        answer = client.run(SEND, session=session, text=f"Message {len(keys)}", key=key)["sendMessage"]
        if answer["errors"]:
            assert [error["code"] for error in answer["errors"]] == ["TURN_IN_PROGRESS"]
        else:
            keys.append(key)
    return keys


def storm(server: LiveServer) -> None:
    # given
    client = server.sign_in("producer")
    project = first_project(client)
    sessions = [start(client, project) for _ in range(8)]
    # when
    with ThreadPoolExecutor(8) as pool:
        acknowledged = list(pool.map(lambda session: talk(client, session), sessions))
    # then
    for session, keys in zip(sessions, acknowledged, strict=True):
        messages = [edge["node"] for edge in wait_until_idle(client, session)["messages"]["edges"]]
        assert [message["idempotencyKey"] for message in messages if message["role"] == "USER"] == keys
        assert [message["seq"] for message in messages] == list(range(1, 11))
        assert [message["role"] for message in messages] == ["USER", "ASSISTANT"] * 5


def race(server: LiveServer) -> None:
    # given
    client = server.sign_in("producer")
    project = first_project(client)
    for _ in range(5):
        session = start(client, project)
        # when
        with ThreadPoolExecutor(2) as pool:
            attempts = [send(pool, client, session, text) for text in ("one", "two")]
            answers = [attempt.result() for attempt in attempts]
        # then
        codes = [[error["code"] for error in answer["sendMessage"]["errors"]] for answer in answers]
        messages = wait_until_idle(client, session)["messages"]["edges"]
        assert sorted(codes) == [[], ["TURN_IN_PROGRESS"]]
        assert len(messages) == 2


def edit_apart(server: LiveServer) -> None:
    client = server.sign_in("producer")
    project = first_project(client)
    for round_ in range(5):
        changes = ({"title": f"Title {round_}"}, {"description": f"Description {round_}"})
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda change: client.run(UPDATE, id=project, **change), changes))
        stored = client.run("query ($id: ID!) { project(id: $id) { title description } }", id=project)["project"]
        assert stored == {"title": f"Title {round_}", "description": f"Description {round_}"}


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(REHEARSAL_WORD_DELAY="0.002")


def test_forty_messages_of_eight_clients_are_each_stored_once(server: LiveServer) -> None:
    storm(server)


def test_two_clients_racing_for_a_session_get_one_turn_and_one_refusal(server: LiveServer) -> None:
    race(server)


def test_two_updates_of_different_fields_never_erase_each_other(server: LiveServer) -> None:
    edit_apart(server)


@pytest.mark.services
def test_the_same_holds_on_postgresql_with_workers_of_their_own(
    production_like: Callable[..., ServicesServer],
) -> None:
    server = production_like(REHEARSAL_WORD_DELAY="0.002")
    storm(server)
    race(server)
    edit_apart(server)
    server.stop()
