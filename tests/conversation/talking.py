"""What people do in a chat, through the API."""

from typing import Any

from conversation.models import Choice, Session
from tests.conftest import Api, gid


def say(caller: Api, session: Session, text: str = "Who keeps the lighthouse?", **rest: Any) -> Any:
    return caller("SendMessage", input={"sessionId": gid(session), "text": text, **rest})


def choose(caller: Api, session: Session, slug: str, **rest: Any) -> Any:
    choice = Choice.objects.get(session=session, offer=Session.objects.get(pk=session.pk).offer, slug=slug)
    return caller("SelectChoice", input={"sessionId": gid(session), "choiceId": gid(choice), **rest})


def state(caller: Api, session: Session) -> dict[str, Any]:
    return caller("ChatSession", id=gid(session)).value
