"""SIGKILL in mid-reply: nothing acknowledged is lost, the turn completes, and there is one reply."""

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Any

import kombu
import pytest

from tests.live import LiveClient, LiveServer, ServicesServer

from .test_workflow import EVENTS, SEND, START, first_project, is_end_of_turn

MESSAGES = """query ($session: ID!) { session(id: $session) { awaitingUserInput lastEventSeq
  messages(first: 100) { edges { node { seq role content interrupted turn { id status attempts } } } } } }"""
# Slow enough to be killed in mid-reply, fast enough to be waited for; a short lease is taken over soon.
PACE = {"REHEARSAL_WORD_DELAY": "0.02", "TURN_LEASE_SECONDS": "2", "SWEEP_SECONDS": "0.5"}


async def until_mid_reply(client: LiveClient, session: dict[str, Any]) -> None:
    """Say something and wait until part of the reply has been seen."""
    async with client.subscribe(EVENTS, session=session["id"], after=session["lastEventSeq"]) as events:
        await asyncio.to_thread(client.run, SEND, session=session["id"], text="Who keeps the lighthouse?")
        seen = await events.until(lambda event: event["__typename"] == "TurnDeltaEvent" and event["offset"] > 50)
        assert seen[0]["message"]["content"] == "Who keeps the lighthouse?"


async def finished(client: LiveClient, session: str, after: int) -> list[dict[str, Any]]:
    """Everything stored after `after`, up to the turn's end."""
    async with client.subscribe(EVENTS, session=session, after=after) as events:
        return await events.until(is_end_of_turn, timeout=60)


def check_one_reply(client: LiveClient, session: str) -> None:
    stored = client.run(MESSAGES, session=session)["session"]
    messages = [edge["node"] for edge in stored["messages"]["edges"]]
    assert [message["role"] for message in messages] == ["USER", "ASSISTANT"]
    assert [message["seq"] for message in messages] == [1, 2]
    assert messages[1]["turn"]["status"] == "COMPLETED"
    assert messages[1]["turn"]["attempts"] == 2
    assert not messages[1]["interrupted"]
    assert stored["awaitingUserInput"]


def kill_and_recover(server: LiveServer, kill: Callable[[], None]) -> None:
    # given
    client = server.sign_in("producer")
    session = client.run(START, project=first_project(client))["startSession"]["session"]
    asyncio.run(until_mid_reply(client, session))
    # when
    kill()
    # then
    seen = asyncio.run(finished(client, session["id"], session["lastEventSeq"]))
    stored = [event["seq"] for event in seen if event["seq"] is not None]
    assert stored == list(range(session["lastEventSeq"] + 1, stored[-1] + 1))
    assert seen[-1]["turn"]["status"] == "COMPLETED"
    check_one_reply(client, session["id"])


def test_embedded_server_killed_in_mid_reply_completes_the_turn_after_its_restart(
    embedded: Callable[..., LiveServer],
) -> None:
    server = embedded(**PACE)

    def kill() -> None:
        server.kill()
        server.start()

    kill_and_recover(server, kill)


@pytest.mark.services
def test_another_worker_takes_over_from_one_that_was_killed(
    production_like: Callable[..., ServicesServer],
) -> None:
    server = production_like(**PACE)

    def kill() -> None:
        server.kill_worker()
        server.start_worker()

    kill_and_recover(server, kill)
    server.stop()


@pytest.mark.services
def test_worker_stopped_in_mid_reply_hands_the_turn_to_its_successor(
    production_like: Callable[..., ServicesServer],
) -> None:
    server = production_like(**PACE | {"TURN_LEASE_SECONDS": "300"})

    def stop() -> None:
        server.stop_worker()
        server.start_worker()

    kill_and_recover(server, stop)
    server.stop()


@pytest.fixture
def rabbitmq() -> Iterator[str]:
    """A broker's address; its queue is gone afterwards."""
    url = os.environ.get("TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
    broker = kombu.Connection(url, connect_timeout=2)
    try:
        broker.ensure_connection(max_retries=1)
    except broker.connection_errors:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("RabbitMQ is required here and was not found.")
        pytest.skip("RabbitMQ was not found.")
    with broker:
        yield url
        broker.channel().queue_delete("celery")


@pytest.mark.services
def test_the_same_holds_with_rabbitmq_as_the_broker(
    production_like: Callable[..., ServicesServer], rabbitmq: str
) -> None:
    server = production_like(**PACE, CELERY_BROKER_URL=rabbitmq)

    def kill() -> None:
        server.kill_worker()
        server.start_worker()

    kill_and_recover(server, kill)
    server.stop()


def test_embedded_server_stopped_in_mid_reply_hands_the_turn_to_its_successor(
    embedded: Callable[..., LiveServer],
) -> None:
    # A lease this long would be noticed: the turn is handed back, not waited for.
    server = embedded(**PACE | {"TURN_LEASE_SECONDS": "300"})

    def stop() -> None:
        server.stop()
        server.start()

    kill_and_recover(server, stop)
