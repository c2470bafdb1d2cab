"""Clients that go on whatever dies: who speaks until it was acknowledged, and who watches by the contract's rules."""

import asyncio
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from tests.live import LiveClient, Subscription

EVENTS = """subscription ($session: ID!, $after: Int) {
  sessionEvents(sessionId: $session, after: $after) {
    __typename seq
    ... on MessageAddedEvent { message { seq role content turn { id } } }
    ... on TurnUpdatedEvent { turn { id status } }
    ... on TurnDeltaEvent { turnId attempt offset text }
  }
}"""
SEND = """mutation ($session: ID!, $text: String!, $key: String!) {
  sendMessage(input: {sessionId: $session, text: $text, idempotencyKey: $key}) {
    turn { id } message { seq content } errors { code message } } }"""
NEWEST = "query ($session: ID!) { session(id: $session) { lastEventSeq } }"
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}
BROKEN = (OSError, TimeoutError, httpx.TransportError, websockets.WebSocketException)
# Seconds between two attempts to reach a server that may be dead.
AGAIN = 0.1
# Seconds after which a client that hears nothing connects anew, as real ones do.
SILENCE = 20


@dataclass
class Growing:
    """A reply as it is shown while it grows. `whole`: everything came through one connection."""

    attempt: int = 0
    text: bytes = b""
    whole: bool = True


@dataclass
class Watcher:
    """One open page of a session: connects again wherever it is cut, after the last event that it has."""

    client: LiveClient
    session: str
    after: int
    # All watchers' one: told whenever somebody has seen something.
    news: asyncio.Condition
    messages: list[dict[str, Any]] = field(default_factory=list)
    replies: dict[str, Growing] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    connections: int = 0

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self.client.subscribe(EVENTS, session=self.session, after=self.after) as events:
                    self.connections += 1
                    await self._follow(events)
            except BROKEN:
                for reply in self.replies.values():
                    reply.whole = False
                await asyncio.sleep(AGAIN)

    async def sees(self, turns: Collection[str]) -> None:
        """Return when it has seen the ends of all these turns."""
        async with self.news:
            await self.news.wait_for(lambda: set(turns) <= set(self.ended))

    async def sees_all(self) -> None:
        """Return when it has seen every event that the session has by now. An event tells of the turn as it is when it
        is read: the last that says COMPLETED need not have come when an earlier one says so.
        """
        newest = (await asyncio.to_thread(self.client.run, NEWEST, session=self.session))["session"]["lastEventSeq"]
        async with self.news:
            await self.news.wait_for(lambda: self.after >= newest)

    async def _follow(self, events: Subscription) -> None:
        while True:
            event = await events.event(SILENCE)
            if event["seq"] is not None:
                assert event["seq"] == self.after + 1, f"{event} after {self.after}"
                self.after = event["seq"]
            match event["__typename"]:
                case "TurnDeltaEvent":
                    self._grow(event)
                case "MessageAddedEvent":
                    self.messages.append(event["message"])
                case "TurnUpdatedEvent" if event["turn"]["status"] in ENDED:
                    self.ended[event["turn"]["id"]] = event["turn"]["status"]
            async with self.news:
                self.news.notify_all()

    def _grow(self, event: dict[str, Any]) -> None:
        reply = self.replies.setdefault(event["turnId"], Growing())
        if event["attempt"] < reply.attempt:
            return
        if event["attempt"] > reply.attempt:
            self.replies[event["turnId"]] = reply = Growing(event["attempt"])
        place = 2 * event["offset"]
        assert place <= len(reply.text), f"a gap: {event} after {len(reply.text) // 2}"
        reply.text = reply.text[:place] + event["text"].encode("utf-16-le")


@dataclass
class Speaker:
    """Says one thing after another in a session, each until it is acknowledged and its turn has ended."""

    client: LiveClient
    session: str
    watcher: Watcher
    acknowledged: dict[str, str] = field(default_factory=dict)

    async def speak(self, least: int, until: asyncio.Event) -> None:
        """Say at least so many things, and until something has happened."""
        async with httpx.AsyncClient(headers=self.client.headers, timeout=10) as http:
            while len(self.acknowledged) < least or not until.is_set():
                turn = await self._say(http, f"Line {len(self.acknowledged) + 1}: who keeps the lighthouse?")
                await self.watcher.sees([turn])

    async def _say(self, http: httpx.AsyncClient, text: str) -> str:
        variables = {"session": self.session, "text": text, "key": uuid.uuid4().hex}
        while True:
            try:
                response = await http.post(f"{self.client.url}/graphql/", json={"query": SEND, "variables": variables})
            except BROKEN:
                await asyncio.sleep(AGAIN)
                continue
            answer = response.json()
            assert not answer.get("errors"), answer
            payload = answer["data"]["sendMessage"]
            assert payload["errors"] == [], payload
            self.acknowledged[payload["turn"]["id"]] = payload["message"]["content"]
            return str(payload["turn"]["id"])
