"""A served project whose conversations outgrow the model's input: summaries are written beside the turns."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ai.fault_server import FaultServer, fault_server
from tests.ai.fault_talk import Asked
from tests.live import LiveClient, LiveServer

PROJECT = "{ projects { edges { node { id } } } }"
START = "mutation ($id: ID!) { startSession(input: {projectId: $id}) { session { id } errors { message } } }"
SEND = """mutation ($id: ID!, $text: String!) {
  sendMessage(input: {sessionId: $id, text: $text}) { turn { id } errors { message } } }"""
TURN = "query ($id: ID!) { node(id: $id) { ... on Turn { status } } }"
WORDS = "The boat leaves the harbour at dawn and nobody waves. " * 35
SECONDS = 30.0


@pytest.fixture
def provider() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server


@pytest.fixture
def server(embedded: Callable[..., LiveServer], provider: FaultServer) -> LiveServer:
    return embedded(QWEN3VL_BASE_URL=provider.url, QWEN3VL_MODEL="held-minutes", MODEL_INPUT_TOKENS="5000")


def summaries(provider: FaultServer) -> list[Asked]:
    return [asked for asked in provider.asked_of("held-minutes") if asked.is_summary]


def replies(provider: FaultServer) -> list[Asked]:
    return [asked for asked in provider.asked_of("held-minutes") if not asked.is_summary]


def wait(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)


def say(client: LiveClient, session: str, text: str) -> None:
    """Say something and wait for the reply."""
    turn = client.run(SEND, id=session, text=text)["sendMessage"]["turn"]["id"]
    wait(lambda: client.run(TURN, id=turn)["node"]["status"] == "COMPLETED")


def test_turns_go_on_while_a_summary_is_written_and_later_ones_are_told_it(
    server: LiveServer, provider: FaultServer
) -> None:
    # given
    client = server.sign_in("producer")
    project: Any = client.run(PROJECT)["projects"]["edges"][0]["node"]["id"]
    session = client.run(START, id=project)["startSession"]["session"]["id"]
    said = 0
    while not summaries(provider):
        said += 1
        assert said < 12
        say(client, session, f"Number {said}. {WORDS}"[:1_900])
    # when
    for text in ("What now?", "And now?"):
        say(client, session, text)
    # then
    (first,) = summaries(provider)
    assert not first.done.is_set()
    # when
    first.go.set()
    assert first.done.wait(SECONDS)
    # then
    wait(lambda: say(client, session, "Go on.") or "SUMMARY" in replies(provider)[-1].system)
    for each in summaries(provider):
        each.go.set()
