"""SIGKILL of web, worker and Redis at random while people talk: nothing acknowledged is lost, nothing appears twice.

`make test-chaos` runs the whole of it; without its settings this is the short form.
"""

import asyncio
import os
import random
import sys
from typing import Any

import pytest

from tests.live import LiveClient

from .people import ENDED, Speaker, Watcher
from .system import VICTIMS, ChaosServer, chaos_server

TURNS = int(os.environ.get("CHAOS_TURNS", "12"))
SESSIONS = int(os.environ.get("CHAOS_SESSIONS", "4"))
WATCHERS = 2 * SESSIONS
SEED = int(os.environ.get("CHAOS_SEED", "1"))
START = """mutation ($project: ID!) { startSession(input: {projectId: $project}) {
  session { id lastEventSeq } errors { message } } }"""
STORED = """query ($session: ID!, $after: String) { session(id: $session) { activeTurn { id }
  messages(first: 100, after: $after) { pageInfo { hasNextPage endCursor }
    edges { node { seq role content turn { id status } } } } } }"""


def stored(client: LiveClient, session: str) -> list[dict[str, Any]]:
    """All messages of a session in which no turn is under way."""
    messages: list[dict[str, Any]] = []
    after = None
    while True:
        found = client.run(STORED, session=session, after=after)["session"]
        assert found["activeTurn"] is None
        messages += [edge["node"] for edge in found["messages"]["edges"]]
        if not found["messages"]["pageInfo"]["hasNextPage"]:
            return messages
        after = found["messages"]["pageInfo"]["endCursor"]


async def talk(server: ChaosServer, speakers: list[Speaker], watchers: list[Watcher]) -> None:
    """Have everybody say their lines while processes die around them; watchers then see the end."""
    dice = random.Random(SEED)
    watching = [asyncio.create_task(watcher.watch()) for watcher in watchers]

    def ended() -> int:
        return sum(len(watcher.ended) for watcher in watchers)

    async def another_turn_has_ended() -> None:
        before, news = ended(), watchers[0].news
        async with news:
            await news.wait_for(lambda: ended() > before)

    havoc = asyncio.create_task(server.havoc(dice, another_turn_has_ended))
    supervision = asyncio.create_task(server.supervise())
    speaking = asyncio.gather(*(speaker.speak(TURNS // SESSIONS, server.all_struck) for speaker in speakers))
    try:
        done, _ = await asyncio.wait([speaking, havoc, supervision, *watching], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        turns = {speaker.session: [*speaker.acknowledged] for speaker in speakers}
        await asyncio.gather(*(watcher.sees(turns[watcher.session]) for watcher in watchers))
        await asyncio.gather(*(watcher.sees_all() for watcher in watchers))
    finally:
        for task in (havoc, supervision, speaking, *watching):
            task.cancel()
        await asyncio.gather(havoc, supervision, speaking, *watching, return_exceptions=True)


@pytest.mark.services
@pytest.mark.timeout(60 + 10 * TURNS)
def test_nothing_is_lost_or_doubled_whatever_dies(tmp_path_factory: pytest.TempPathFactory) -> None:
    with chaos_server(tmp_path_factory) as server:
        client = server.sign_in("producer")
        project = client.run("{ projects(first: 1) { edges { node { id } } } }")["projects"]["edges"][0]["node"]["id"]
        sessions = [client.run(START, project=project)["startSession"]["session"] for _ in range(SESSIONS)]
        news = asyncio.Condition()
        watchers = [
            Watcher(client, session["id"], session["lastEventSeq"], news)
            for session in (sessions * WATCHERS)[:WATCHERS]
        ]
        speakers = [
            Speaker(client, session["id"], watcher) for session, watcher in zip(sessions, watchers, strict=False)
        ]

        asyncio.run(talk(server, speakers, watchers))

        assert set(server.killed) == set(VICTIMS)
        sys.stderr.write(
            f"{sum(len(s.acknowledged) for s in speakers)} turns, killed: {dict(server.killed)}, "
            f"ended by themselves: {dict(server.ended_alone)}\n"
        )
        for speaker in speakers:
            check(client, speaker, [watcher for watcher in watchers if watcher.session == speaker.session])


def check(client: LiveClient, speaker: Speaker, watchers: list[Watcher]) -> None:
    messages = stored(client, speaker.session)
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    # What was acknowledged is there, once, and each of its turns has ended.
    said = {message["turn"]["id"]: message["content"] for message in messages if message["role"] == "USER"}
    assert said == speaker.acknowledged
    assert {message["turn"]["status"] for message in messages} <= ENDED
    # A turn has one reply where it completed, and only there.
    replies = [message["turn"]["id"] for message in messages if message["role"] == "ASSISTANT"]
    completed = [m["turn"]["id"] for m in messages if m["role"] == "USER" and m["turn"]["status"] == "COMPLETED"]
    assert replies == completed
    texts = {message["turn"]["id"]: message["content"] for message in messages if message["role"] == "ASSISTANT"}
    for watcher in watchers:
        assert [strip(message) for message in watcher.messages] == [strip(message) for message in messages]
        for turn, reply in watcher.replies.items():
            shown = reply.text.decode("utf-16-le")
            if turn in texts:
                assert texts[turn].startswith(shown.strip()), turn
                assert not reply.whole or shown.strip() == texts[turn], turn


def strip(message: dict[str, Any]) -> tuple[int, str, str, str]:
    """What must be the same of a message, however it came."""
    return message["seq"], message["role"], message["content"], message["turn"]["id"]
