"""Clients that follow a session and put its replies together, strictly by the contract."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import websockets

from tests.live import LiveClient

FOLLOW = """subscription ($session: ID!, $after: Int) { sessionEvents(sessionId: $session, after: $after) {
  __typename seq
  ... on MessageAddedEvent { message { seq role content turn { id } } }
  ... on TurnUpdatedEvent { turn { id status } }
  ... on TurnDeltaEvent { turnId attempt offset text } } }"""
START = """mutation ($project: ID!) { startSession(input: {projectId: $project}) {
  session { id lastEventSeq } errors { message } } }"""
SEND = """mutation ($session: ID!, $text: String!) { sendMessage(input: {sessionId: $session, text: $text}) {
  turn { id } errors { message } } }"""
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


def start_session(client: LiveClient) -> dict[str, Any]:
    project = client.run("{ projects(first: 1) { edges { node { id } } } }")["projects"]["edges"][0]["node"]["id"]
    return client.run(START, project=project)["startSession"]["session"]  # type: ignore[no-any-return]


async def send(client: LiveClient, session: str, text: str = "Go on.") -> str:
    answer = (await asyncio.to_thread(client.run, SEND, session=session, text=text))["sendMessage"]
    assert answer["errors"] == []
    return str(answer["turn"]["id"])


@dataclass
class Shown:
    """A reply as one connection shows it, in UTF-16."""

    attempt: int = 0
    text: bytes = b""

    def __str__(self) -> str:
        return self.text.decode("utf-16-le")


@dataclass
class Follower:
    """One page. Whatever its connection gives must fit exactly: no gap, and nothing twice."""

    client: LiveClient
    session: str
    after: int | None
    shown: dict[str, Shown] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    attempts: list[int] = field(default_factory=list)
    joined_with: str | None = None

    async def follow(self, is_enough: Callable[["Follower"], bool]) -> "Follower":
        """On a new connection, until one has enough; a server that dies is tried again."""
        while True:
            self.shown.clear()
            try:
                async with self.client.subscribe(FOLLOW, session=self.session, after=self.after) as events:
                    while not is_enough(self):
                        self.take(await events.event(40))
                    return self
            except TimeoutError:
                raise
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.05)

    def take(self, event: dict[str, Any]) -> None:
        if event["seq"] is not None:
            assert self.after is None or event["seq"] == self.after + 1
            self.after = event["seq"]
        match event["__typename"]:
            case "TurnDeltaEvent":
                self._grow(event)
            case "MessageAddedEvent":
                self.messages.append(event["message"])
            case "TurnUpdatedEvent" if event["turn"]["status"] in ENDED:
                self.ended[event["turn"]["id"]] = event["turn"]["status"]

    def _grow(self, event: dict[str, Any]) -> None:
        shown = self.shown.setdefault(event["turnId"], Shown(event["attempt"]))
        assert event["attempt"] >= shown.attempt
        if event["attempt"] > shown.attempt:
            self.shown[event["turnId"]] = shown = Shown(event["attempt"])
        assert event["text"]
        assert 2 * event["offset"] == len(shown.text), event
        shown.text += event["text"].encode("utf-16-le")
        self.attempts.append(event["attempt"])
        if self.joined_with is None:
            self.joined_with = event["text"]

    @property
    def is_over(self) -> bool:
        """A turn ended and its reply is there. An event tells of the turn as it is when it is read, so that an early
        one may say COMPLETED before the message came.
        """
        replied = {message["turn"]["id"] for message in self.messages if message["role"] == "ASSISTANT"}
        return bool(self.ended) and self.ended.keys() <= replied

    def length(self, turn: str) -> int:
        """UTF-16 units of a reply that are shown."""
        return len(self.shown[turn].text) // 2 if turn in self.shown else 0

    def reply(self, turn: str) -> str:
        """As it was stored."""
        (content,) = [m["content"] for m in self.messages if m["role"] == "ASSISTANT" and m["turn"]["id"] == turn]
        return str(content)
