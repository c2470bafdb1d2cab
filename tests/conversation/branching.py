"""Steering a conversation through the API, and what one sees of it."""

from collections.abc import Callable
from typing import Any

from conversation.models import Message, Session, SessionEvent, Turn
from tests.conftest import Api, gid

from .talking import state


def regenerate(caller: Api, message: Message, **rest: Any) -> Any:
    return caller("Regenerate", input={"messageId": gid(message), **rest})


def edit(caller: Api, message: Message, text: str = "In other words.", **rest: Any) -> Any:
    return caller("EditMessage", input={"messageId": gid(message), "text": text, **rest})


def switch(caller: Api, message: Message) -> Any:
    return caller("SwitchBranch", input={"messageId": gid(message)})


def at(session: Session, seq: int) -> Message:
    return session.messages.get(seq=seq)


def path(caller: Api, session: Session) -> list[int]:
    """The seqs of the active path."""
    return [edge["node"]["seq"] for edge in state(caller, session)["messages"]["edges"]]


def versions(caller: Api, session: Session) -> dict[int, list[int]]:
    """The seqs of the siblings of each message of the active path."""
    seqs = {gid(message): message.seq for message in session.messages.all()}
    edges = state(caller, session)["messages"]["edges"]
    return {edge["node"]["seq"]: [seqs[one["id"]] for one in edge["node"]["siblings"]] for edge in edges}


def finish_newest(finish: Callable[[Turn], Turn]) -> Turn:
    return finish(Turn.objects.latest("pk"))


def events_after(session: Session, seq: int) -> list[str]:
    return list(SessionEvent.objects.filter(session=session, seq__gt=seq).values_list("type", flat=True))


def last_event(session: Session) -> int:
    return Session.objects.get(pk=session.pk).last_event_seq
