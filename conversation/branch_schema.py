"""The API's doors to a conversation's branches."""

from typing import cast

import strawberry

from cms.api.context import require_user
from cms.api.errors import answers
from cms.api.ids import parse_id
from cms.api.values import Input, or_none

from . import branches
from .models import Session as SessionRow
from .schema import media_ids
from .types import Info, Session, SessionPayload, TurnPayload, turn_payload


@strawberry.input(description="Have a message answered once more.")
class RegenerateInput:
    message_id: strawberry.ID = strawberry.field(description="A reply, or the user's message to answer.")
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The same key again answers with the same turn, and starts no other.",
    )


@strawberry.input(description="Say something else in a message's place, and go on from there.")
class EditMessageInput:
    message_id: strawberry.ID = strawberry.field(description="A user's message, of any branch. It stays in its own.")
    text: str = strawberry.field(description="Up to 2,000 characters; may be empty where there are attachments.")
    attachment_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description="At most 10, media of the session's project. Left out: the same again; empty: none.",
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The same key again answers with the same turn, and starts no other.",
    )


@strawberry.input(description="Open another branch.")
class SwitchBranchInput:
    message_id: strawberry.ID = strawberry.field(description="A message of the branch.")


@strawberry.type
class BranchMutation:
    @strawberry.mutation(
        description="Answer a message once more, from where the session was then. The new reply is a sibling of the "
        "earlier ones, and its path the active one; a choice that the message took has its effect again."
    )
    @answers(TurnPayload)
    def regenerate(self, info: Info, input: Input[RegenerateInput]) -> TurnPayload:
        turn = branches.regenerate(
            user=require_user(info),
            message_id=parse_id(input.message_id, "Message", "message_id"),
            idempotency_key=or_none(input.idempotency_key),
        )
        return turn_payload(turn)

    @strawberry.mutation(
        description="Say something else in the place of a user's message. The new message is its sibling, and its path "
        "the active one; what follows the edited one stays readable. A choice that it took is not taken again."
    )
    @answers(TurnPayload)
    def edit_message(self, info: Info, input: Input[EditMessageInput]) -> TurnPayload:
        files = or_none(input.attachment_ids)
        turn = branches.edit_message(
            user=require_user(info),
            message_id=parse_id(input.message_id, "Message", "message_id"),
            text=input.text,
            attachment_ids=None if files is None else media_ids(files),
            idempotency_key=or_none(input.idempotency_key),
        )
        return turn_payload(turn)

    @strawberry.mutation(
        description="Make the path through a message the active one, down to the newest message below it. The "
        "session's step, its choices and the project's progress follow."
    )
    @answers(SessionPayload)
    def switch_branch(self, info: Info, input: Input[SwitchBranchInput]) -> SessionPayload:
        session = branches.switch_branch(
            user=require_user(info), message_id=parse_id(input.message_id, "Message", "message_id")
        )
        return SessionPayload(session=cast("Session", SessionRow.objects.get(pk=session.pk)))
