"""Media on a served project: processing that is killed, and what subscribers of a project see of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.live import LiveClient, LiveServer, ServicesServer
from tests.media import samples

from .filing import EVENTS, LOOK, new_project, strays, upload

PACE = {"TASK_LEASE_SECONDS": "2", "SWEEP_SECONDS": "0.5"}
# How often ten seconds of sound are heard: some seconds of work, in a few megabytes.
REPEATED = 400


def long_sound() -> bytes:
    """An MP3 file of more than an hour, whose waveform takes long to draw."""
    return samples.mp3(seconds=10, rate=8_000, id3=False) * REPEATED


ADD = """mutation ($id: ID!, $email: String!) {
  addCollaborator(input: {projectId: $id, email: $email}) { errors { code } } }"""
REMOVE = """mutation ($id: ID!, $user: ID!) {
  removeCollaborator(input: {projectId: $id, userId: $user}) { errors { code } } }"""


def of(media: dict[str, Any], *, stored: bool) -> Callable[[dict[str, Any]], bool]:
    """An event of this media item: one of the log, or one that only tells how far it is."""

    def matches(event: dict[str, Any]) -> bool:
        return (
            event["__typename"] == "MediaUpdatedEvent"
            and event["media"]["id"] == media["id"]
            and (event["seq"] is not None) == stored
        )

    return matches


def ended(event: dict[str, Any]) -> bool:
    return event["__typename"] == "MediaUpdatedEvent" and event["media"]["status"] in {"ACTIVE", "FAILED"}


def killed_and_recovered(server: LiveServer, kill: Callable[[], None]) -> None:
    # Given a file in the middle of its processing
    client = server.sign_in("producer")
    project = new_project(client, "Killed")

    async def until_it_is_heard() -> dict[str, Any]:
        async with client.subscribe(EVENTS, project=project["id"], after=project["lastEventSeq"]) as events:
            media = await asyncio.to_thread(upload, client, project["id"], "night.mp3", "audio/mpeg", long_sound())
            await events.until(of(media, stored=False))
        return media

    media = asyncio.run(until_it_is_heard())
    assert client.run(LOOK, id=media["id"])["node"]["status"] == "PROCESSING"
    # When its runner is killed
    kill()

    # Then another ends the work, and leaves nothing behind
    async def until_it_is_done() -> dict[str, Any]:
        async with client.subscribe(EVENTS, project=project["id"], after=project["lastEventSeq"]) as events:
            return (await events.until(ended, timeout=60))[-1]["media"]

    done = asyncio.run(until_it_is_done())
    assert done["status"] == "ACTIVE", done
    assert httpx.get(done["thumbnailUrl"], headers=client.headers).headers["Content-Type"] == "image/webp"
    assert strays(server) == []


def test_a_server_killed_while_it_processes_ends_the_work_after_its_restart(
    embedded: Callable[..., LiveServer],
) -> None:
    server = embedded(**PACE)

    def kill() -> None:
        server.kill()
        server.start()

    killed_and_recovered(server, kill)


@pytest.mark.services
def test_another_worker_takes_over_from_one_that_was_killed_while_it_processed(
    production_like: Callable[..., ServicesServer],
) -> None:
    server = production_like(**PACE)

    def kill() -> None:
        server.kill_worker()
        server.start_worker()

    killed_and_recovered(server, kill)
    server.stop()


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded()


def test_members_see_how_far_a_file_is_and_then_what_it_became(server: LiveServer) -> None:
    client = server.sign_in("producer")
    project = new_project(client, "Watched")

    async def watch() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        async with client.subscribe(EVENTS, project=project["id"], after=project["lastEventSeq"]) as events:
            media = await asyncio.to_thread(upload, client, project["id"], "night.mp3", "audio/mpeg", long_sound())
            return media, await events.until(ended, timeout=60)

    media, seen = asyncio.run(watch())
    percents = [event["media"]["progress"] for event in seen if of(media, stored=False)(event)]
    stored = [event["seq"] for event in seen if event["seq"] is not None]
    assert percents == sorted(percents)
    assert 0 < percents[0] < percents[-1] <= 100
    assert stored == list(range(project["lastEventSeq"] + 1, stored[-1] + 1))
    assert seen[-1]["seq"] == stored[-1]
    assert seen[-1]["media"]["status"] == "ACTIVE"


@pytest.mark.parametrize(("name", "code"), [("stranger", "NOT_FOUND"), (None, "UNAUTHENTICATED")])
def test_who_is_no_member_sees_nothing_of_a_projects_media(server: LiveServer, name: str | None, code: str) -> None:
    project = new_project(server.sign_in("producer"), "Private")
    other = server.sign_in(name) if name else LiveClient(server.url)

    async def ask() -> dict[str, Any]:
        async with other.subscribe(EVENTS, project=project["id"], after=0) as events:
            return await events.frame()

    frame = asyncio.run(ask())
    assert frame["type"] == "error"
    assert [error["extensions"]["code"] for error in frame["payload"]] == [code]


def test_who_is_removed_sees_no_more_of_the_media(server: LiveServer) -> None:
    client, other = server.sign_in("producer"), server.sign_in("stranger")
    project = new_project(client, "Left")
    assert client.run(ADD, id=project["id"], email="stranger@example.com")["addCollaborator"]["errors"] == []
    me = other.run("{ me { id } }")["me"]["id"]

    async def watch() -> list[dict[str, Any]]:
        async with (
            other.subscribe(EVENTS, project=project["id"]) as events,
            client.subscribe(EVENTS, project=project["id"]) as members,
        ):
            first = await asyncio.to_thread(upload, client, project["id"], "a.png", "image/png", samples.png())
            await events.until(lambda event: ended(event) and event["media"]["id"] == first["id"])
            await asyncio.to_thread(client.run, REMOVE, id=project["id"], user=me)
            second = await asyncio.to_thread(upload, client, project["id"], "b.png", "image/png", samples.png())
            await members.until(lambda event: ended(event) and event["media"]["id"] == second["id"])
            frames = [await events.frame()]
            while frames[-1]["type"] != "complete":
                frames.append(await events.frame())
            return frames + await events.rest()

    *before, refusal, last = asyncio.run(watch())
    assert [frame["type"] for frame in (refusal, last)] == ["next", "complete"]
    assert [error["extensions"]["code"] for error in refusal["payload"]["errors"]] == ["NOT_FOUND"]
    assert not any(frame["payload"].get("errors") for frame in before)
    assert "b.png" not in str(before)
