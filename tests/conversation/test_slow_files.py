"""A served project whose files take their time: a named pipe stands where a picture is stored, and is silent until
the test writes into it.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import LiveClient, LiveServer
from tests.media import samples

LEASE = 1.0
# Seconds within which another runner has a turn whose lease has run out.
TAKEN_OVER = 3.0
PACE = {"TURN_LEASE_SECONDS": str(LEASE), "SWEEP_SECONDS": "0.3", "REHEARSAL_WORD_DELAY": "0.02"}
PROJECT = "{ projects { edges { node { id } } } }"
START = """mutation ($project: ID!) { startSession(input: {projectId: $project}) {
  session { id lastEventSeq } errors { message } } }"""
TICKET = """mutation ($project: ID!, $size: BigInt!) { createUpload(input: {projectId: $project, filename: "set.png",
  mimeType: "image/png", fileSize: $size}) { ticket { id url headers { name value } } errors { message } } }"""
COMPLETE = """mutation ($id: ID!) { completeUpload(input: {id: $id}) { media { id } errors { message } } }"""
STATUS = "query ($id: ID!) { node(id: $id) { ... on Media { status } } }"
SEND = """mutation ($session: ID!, $media: ID!) { sendMessage(input: {sessionId: $session, text: "Look.",
  attachmentIds: [$media]}) { turn { id } errors { message } } }"""
TURN = "query ($id: ID!) { node(id: $id) { ... on Turn { status attempts } } }"
CANCEL = "mutation ($id: ID!) { cancelTurn(input: {id: $id}) { turn { status } errors { message } } }"
MESSAGES = "query ($id: ID!) { session(id: $id) { messages { edges { node { seq role content } } } } }"
EVENTS = """subscription ($session: ID!, $after: Int) { sessionEvents(sessionId: $session, after: $after) {
  __typename seq
  ... on MessageAddedEvent { message { role content } }
  ... on TurnUpdatedEvent { turn { status attempts } } ... on TurnDeltaEvent { text } } }"""
SECONDS = 20.0


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(**PACE)


class Chat:
    """A session of the producer with one picture in its project."""

    def __init__(self, server: LiveServer) -> None:
        self.client = server.sign_in("producer")
        self.project = self.client.run(PROJECT)["projects"]["edges"][0]["node"]["id"]
        started = self.client.run(START, project=self.project)["startSession"]["session"]
        self.session, self.after = started["id"], started["lastEventSeq"]
        self.media = upload(self.client, self.project)
        self.path = max((server.folder / "media" / "images").glob("*/*"), key=lambda path: path.stat().st_ctime_ns)

    def send(self) -> str:
        answer = self.client.run(SEND, session=self.session, media=self.media)["sendMessage"]
        assert answer["errors"] == []
        return str(answer["turn"]["id"])

    def turn(self, turn: str) -> dict[str, Any]:
        return self.client.run(TURN, id=turn)["node"]  # type: ignore[no-any-return]

    def messages(self) -> list[dict[str, Any]]:
        edges = self.client.run(MESSAGES, id=self.session)["session"]["messages"]["edges"]
        return [edge["node"] for edge in edges]


def upload(client: LiveClient, project: str) -> str:
    data = samples.png(640, 360)
    ticket = client.run(TICKET, project=project, size=len(data))["createUpload"]["ticket"]
    headers = {header["name"]: header["value"] for header in ticket["headers"]}
    httpx.put(ticket["url"], content=data, headers=headers).raise_for_status()
    media = client.run(COMPLETE, id=ticket["id"])["completeUpload"]["media"]["id"]
    wait(lambda: client.run(STATUS, id=media)["node"]["status"] == "ACTIVE")
    return str(media)


def wait(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)


@contextmanager
def silent(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Put a pipe in a file's place; answers what lets a reader go on, with `data` as the file."""
    path.unlink()
    os.mkfifo(path, 0o600)

    def speak(data: bytes) -> None:
        # Without a reader this waits for one; nobody may have opened it yet.
        with path.open("wb") as pipe:
            pipe.write(data)

    yield speak


def test_slow_file_keeps_its_turn_and_the_notice_comes_live_before_the_reply(server: LiveServer) -> None:
    # given
    chat = Chat(server)

    async def watch() -> list[dict[str, Any]]:
        async with chat.client.subscribe(EVENTS, session=chat.session, after=chat.after) as events:
            with silent(chat.path) as speak:
                turn = await asyncio.to_thread(chat.send)
                await asyncio.to_thread(wait, lambda: chat.turn(turn)["status"] == "RUNNING")
                # when
                began = time.monotonic()
                while time.monotonic() - began < LEASE + TAKEN_OVER:
                    assert (await asyncio.to_thread(chat.turn, turn))["attempts"] == 1
                    await asyncio.sleep(0.1)
                await asyncio.to_thread(speak, b"no picture")
            return await events.until(lambda e: e.get("turn", {}).get("status") == "COMPLETED", timeout=SECONDS)

    seen = asyncio.run(watch())
    # then
    assert seen[-1]["turn"]["attempts"] == 1
    kinds = [event["message"]["role"] if "message" in event else event["__typename"] for event in seen]
    assert kinds.index("USER") < kinds.index("SYSTEM") < kinds.index("TurnDeltaEvent") < kinds.index("ASSISTANT")
    assert "`set.png`: it is damaged or not a picture." in seen[kinds.index("SYSTEM")]["message"]["content"]


def test_turn_is_stopped_at_once_while_a_file_is_read(server: LiveServer) -> None:
    # given
    chat = Chat(server)
    with silent(chat.path) as speak:
        turn = chat.send()
        wait(lambda: chat.turn(turn)["status"] == "RUNNING")
        # when
        began = time.monotonic()
        answer = chat.client.run(CANCEL, id=turn)["cancelTurn"]
        # then
        assert answer["turn"]["status"] == "CANCELLED"
        assert time.monotonic() - began < 2.0
        speak(b"no picture")
    assert [message["role"] for message in chat.messages()] == ["USER"]
