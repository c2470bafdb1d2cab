"""The API's door to presence; who is here is told over `sessionEvents`."""

from typing import Any, cast

import strawberry
from strawberry.types.nodes import FragmentSpread, InlineFragment, SelectedField

from cms.api.context import require_user
from cms.api.errors import answers
from cms.api.ids import parse_id
from cms.api.values import Input

from . import presence
from .models import Session as SessionRow
from .types import Info, Session, SessionPayload


@strawberry.input(description="Let the others in a session see that one is typing.")
class SetTypingInput:
    session_id: strawberry.ID = strawberry.field(description="A session that the caller has open.")
    typing: bool = strawberry.field(description="Begun or going on, or ended.")


@strawberry.type
class PresenceMutation:
    @strawberry.mutation(
        description="Say that one is typing, every few seconds while one does. It ends by itself after six seconds, "
        "and with sending. It shows only where the caller is subscribed to the session."
    )
    @answers(SessionPayload)
    def set_typing(self, info: Info, input: Input[SetTypingInput]) -> SessionPayload:
        session = presence.set_typing(
            user=require_user(info),
            session_id=parse_id(input.session_id, "Session", "session_id"),
            typing=input.typing,
        )
        return SessionPayload(session=cast("Session", SessionRow.objects.get(pk=session.pk)))


def asks_for(info: Info, type_name: str) -> bool:
    """Whether the operation selects fields of a type: clients that do not know it are not sent it."""
    return any(_names(selection, type_name) for field in info.selected_fields for selection in field.selections)


def _names(selection: Any, type_name: str) -> bool:
    if isinstance(selection, SelectedField):
        return False
    assert isinstance(selection, InlineFragment | FragmentSpread)
    if selection.type_condition == type_name:
        return True
    return any(_names(inner, type_name) for inner in selection.selections)
