"""Subscriptions as each actor, over the socket."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.db.utils import DEFAULT_DB_ALIAS

from cms.api import threads
from cms.api.ids import split_id
from cms.views import graphql_websocket
from content.projects.models import ProjectEvent
from conversation import presence_live
from conversation.models import Presence, SessionEvent, Turn
from tests.api.sockets import HOST, PROTOCOL, Socket

from .reading import ANONYMOUS, Access, Question, Seen
from .registry import merged
from .walk import operation

# Steps from an event.
STEPS = 1


@contextmanager
def one_connection() -> Iterator[None]:
    """What sockets do with the database is done in this test's own transaction, by one thread and not by many."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield from _shared(monkeypatch)


def _shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ours = connections[DEFAULT_DB_ALIAS]
    ours.inc_thread_sharing()
    monkeypatch.setattr(ours, "close", lambda: None)
    executor = ThreadPoolExecutor(1, initializer=lambda: connections.__setitem__(DEFAULT_DB_ALIAS, ours))
    monkeypatch.setattr(threads, "_threads", executor)
    monkeypatch.setattr(presence_live, "_keeper", _Keeper(executor))
    try:
        yield
    finally:
        executor.shutdown()
        ours.dec_thread_sharing()


class _Keeper(presence_live.PresenceKeeper):
    """Writes presences where everything else is written."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        super().__init__()
        self._executor = executor

    def join(self, session_id: int, user_id: int) -> str:
        name = f"{session_id} {user_id}"
        row = Presence(session_id=session_id, user_id=user_id, connection=name)
        self._executor.submit(self._attempt, self._come, row)
        return name

    def leave(self, connection: str) -> None:
        self._executor.submit(self._attempt, self._go, connection)


def subscriptions(access: Access) -> list[Question]:
    """Every subscription with all that an event may hold."""
    kind = access.schema.subscription_type
    assert kind is not None
    found = []
    for root, entries in merged("subscriptions").items():
        definition = kind.fields[root]
        selection = access.walk.selection(definition.type, STEPS)
        for entry in entries:
            wrap = lambda part, root=root, definition=definition, entry=entry: operation(  # noqa: E731
                "subscription", root, definition, entry, part
            )
            documents = list(access.walk.documents(wrap, selection))
            for values in itertools.product(*map(access.worlds.each, entry.values())):
                variables = dict(zip(entry, values, strict=True))
                found += [Question("Subscription", root, text, part, variables) for text, part in documents]
    return found


def listen(access: Access, actor: str) -> Seen:
    """All subscriptions as an actor: those of a log that they see tell all that is in it, the others end at once."""
    asked = [(question, _expected(access, actor, question)) for question in subscriptions(access)]
    seen = Seen()
    with one_connection():
        answers = asyncio.run(_frames(access, actor, asked))
    for (question, count), frames in zip(asked, answers, strict=True):
        text = json.dumps(frames)
        access.look(actor, str(question), text)
        if count is not None:
            for frame in frames:
                assert frame["type"] == "next", f"{question}: {frame}"
                assert "errors" not in frame["payload"], f"{question}: {frame}"
                access.note(seen, question, frame["payload"])
            continue
        ((error,),) = (frame["payload"] for frame in frames)
        wanted = "UNAUTHENTICATED" if actor == ANONYMOUS else "NOT_FOUND"
        assert error["extensions"]["code"] == wanted, f"{error} to {question}"
    return seen


def _expected(access: Access, actor: str, question: Question) -> int | None:
    """How many events there are for the actor; None where they do not see the log."""
    log = next(value for value in question.variables.values() if isinstance(value, str))
    kind, key = split_id(log) or ("", "")
    model = next(model for model in access.worlds.rows.made if model.__name__ == kind)
    if not access.worlds.rows.sees(actor, model(pk=int(key))):
        return None
    if kind == "Project":
        return ProjectEvent.objects.filter(project=key).count()
    assert question.selection is not None
    live = Turn.objects.filter(session=key, status="running").count()
    return SessionEvent.objects.filter(session=key).count() + live + ("PresenceEvent" in question.selection.fragments)


async def _frames(access: Access, actor: str, asked: list[tuple[Question, int | None]]) -> list[list[dict[str, Any]]]:
    """What each question was answered with on one socket, up to the number of events that there are."""
    socket = Socket(graphql_websocket, [HOST], [PROTOCOL], access.worlds.people.get(actor))
    assert (await socket.connect())["type"] == "websocket.accept"
    await socket.say({"type": "connection_init"})
    assert await socket.hear() == {"type": "connection_ack"}
    answers = []
    for number, (question, count) in enumerate(asked):
        await socket.subscribe(str(number), question.text, variables=question.variables)
        answers.append([await socket.hear() for _ in range(1 if count is None else count)])
        await socket.say({"id": str(number), "type": "complete"})
    await socket.leave()
    return answers
