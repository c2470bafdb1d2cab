"""The whole way, as an outside client goes it: from the first idea to the finished series."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.live import LiveClient, LiveServer

EVENTS = """subscription ($session: ID!, $after: Int) {
  sessionEvents(sessionId: $session, after: $after) {
    __typename seq
    ... on MessageAddedEvent { message { seq role content turn { id } } }
    ... on TurnUpdatedEvent { turn { id status error { code message } reply { content } } }
    ... on TurnDeltaEvent { turnId attempt offset text }
    ... on StepChangedEvent { step { slug order phase } progress { currentPhase overallProgress completedSteps } }
    ... on ChoicesOfferedEvent { choices { id slug isRecommended isManualOverride } }
    ... on SessionUpdatedEvent { session { state } }
  }
}"""
START = """mutation ($project: ID!) { startSession(input: {projectId: $project}) {
  session { id lastEventSeq currentStep { slug } choices { id slug isRecommended isManualOverride } }
  errors { message } } }"""
CHOOSE = """mutation ($session: ID!, $choice: ID!) { selectChoice(input: {sessionId: $session, choiceId: $choice}) {
  turn { id } errors { code message } } }"""
SEND = """mutation ($session: ID!, $text: String!, $key: String) {
  sendMessage(input: {sessionId: $session, text: $text, idempotencyKey: $key}) {
  turn { id status } message { seq } errors { code message } } }"""


def is_end_of_turn(event: dict[str, Any]) -> bool:
    return event["__typename"] == "TurnUpdatedEvent" and event["turn"]["status"] not in {"QUEUED", "RUNNING"}


def first_project(client: LiveClient) -> str:
    return client.run("{ projects { edges { node { id } } } }")["projects"]["edges"][0]["node"]["id"]


def assembled(events: list[dict[str, Any]]) -> str:
    """A reply's text, put together from its deltas as the contract says."""
    text = b""
    for event in events:
        if event["__typename"] == "TurnDeltaEvent":
            place = 2 * event["offset"]
            assert place <= len(text), "a gap"
            text = text[:place] + event["text"].encode("utf-16-le")
    return text.decode("utf-16-le")


async def walk(client: LiveClient) -> list[dict[str, Any]]:
    """Take the recommended choice until the session is completed; answers the steps' changes."""
    session = client.run(START, project=first_project(client))["startSession"]["session"]
    choices, changes = session["choices"], []
    async with client.subscribe(EVENTS, session=session["id"], after=session["lastEventSeq"]) as events:
        for _ in range(40):
            choice = next(choice for choice in choices if choice["isRecommended"])
            answer = await asyncio.to_thread(client.run, CHOOSE, session=session["id"], choice=choice["id"])
            assert answer["selectChoice"]["errors"] == []
            seen = await events.until(is_end_of_turn)
            check_turn(seen)
            changes += [event for event in seen if event["__typename"] == "StepChangedEvent"]
            choices = next(e["choices"] for e in seen if e["__typename"] == "ChoicesOfferedEvent")
            if any(e["__typename"] == "SessionUpdatedEvent" and e["session"]["state"] == "COMPLETED" for e in seen):
                return changes
    raise AssertionError("The recommended choices do not end.")


def check_turn(seen: list[dict[str, Any]]) -> None:
    end = seen[-1]["turn"]
    assert end["status"] == "COMPLETED", end
    # A reply that was over before its beginning could be passed on comes as the message alone.
    assert assembled(seen) in {"", end["reply"]["content"]}
    stored = [event["seq"] for event in seen if event["seq"] is not None]
    assert stored == list(range(stored[0], stored[0] + len(stored)))
    kinds = [event["__typename"] for event in seen if event["seq"] is not None][-4:]
    assert kinds[-1] == "TurnUpdatedEvent"
    assert "ChoicesOfferedEvent" in kinds


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded()


def test_recommended_choices_lead_from_the_first_idea_to_the_finished_series(server: LiveServer) -> None:
    # when
    changes = asyncio.run(walk(server.sign_in("producer")))
    # then
    overall = [change["progress"]["overallProgress"] for change in changes]
    assert overall == sorted(overall)
    assert overall[-1] == 100
    phases = [change["step"]["phase"] for change in changes]
    assert list(dict.fromkeys(phases)) == [
        "STORY_DEVELOPMENT",
        "CHARACTER_CREATION",
        "VISUAL_DESIGN",
        "AUDIO_DESIGN",
        "SCENE_PRODUCTION",
        "POST_PRODUCTION",
        "FINAL_ASSEMBLY",
    ]
