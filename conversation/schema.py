"""The API's doors to the conversation."""

from collections.abc import AsyncGenerator
from typing import Annotated, cast

import strawberry
from graphql import GraphQLError

from cms.accounts.callers import Caller
from cms.api.connections import After, Before, Connection, First, Last
from cms.api.context import invalid_argument, require_user, unauthenticated
from cms.api.errors import answers
from cms.api.ids import parse_id
from cms.api.node import register_node
from cms.api.threads import in_thread
from cms.api.values import Input, given, or_none
from cms.errors import DomainError, ErrorCode
from cms.realtime import listen
from content.projects.events import project_group
from content.projects.policy import ProjectAction, ProjectPolicy

from . import sessions, turns
from .connections import session_connection
from .event_types import PresenceEvent, SessionEvent, TurnDeltaEvent
from .events import session_group
from .models import Session as SessionRow
from .models import SessionEvent as SessionEventRow
from .policy import SessionAction, SessionPolicy
from .presence import Presences
from .presence_live import here
from .presence_schema import asks_for
from .realtime import AccessLostError, SessionStream, SignedOutError, TurnDelta, joined
from .types import Info, Session, SessionPayload, TurnPayload, turn_payload

register_node("Session", lambda user, pk: SessionPolicy(user).visible().filter(pk=pk).first())
register_node("Message", lambda user, pk: SessionPolicy(user).messages().filter(pk=pk).first())
register_node("Turn", lambda user, pk: SessionPolicy(user).turns().filter(pk=pk).first())


@strawberry.input(description="Start a session.")
class StartSessionInput:
    project_id: strawberry.ID = strawberry.field(description="The project to talk about.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 200 characters.")
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET, description="The same key again answers with the same session."
    )


@strawberry.input(description="Rename or share a session. An absent field stays as it is.")
class UpdateSessionInput:
    id: strawberry.ID = strawberry.field(description="The session.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 200 characters.")
    shared: bool | None = strawberry.field(default=strawberry.UNSET, description="With the project's members.")


@strawberry.input(description="Set a session aside.")
class PauseSessionInput:
    id: strawberry.ID = strawberry.field(description="The session.")


@strawberry.input(description="Go on with a session.")
class ResumeSessionInput:
    id: strawberry.ID = strawberry.field(description="The session.")


@strawberry.input(description="Call a session done.")
class CompleteSessionInput:
    id: strawberry.ID = strawberry.field(description="The session.")


@strawberry.input(description="Say something to the director.")
class SendMessageInput:
    session_id: strawberry.ID = strawberry.field(description="The session.")
    text: str = strawberry.field(description="Up to 2,000 characters; may be empty where there are attachments.")
    attachment_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="At most 10, media of the session's project."
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The same key again answers with the same turn, and starts no other.",
    )


@strawberry.input(description="Take one of the offered choices.")
class SelectChoiceInput:
    session_id: strawberry.ID = strawberry.field(description="The session.")
    choice_id: strawberry.ID = strawberry.field(description="A choice of the session's present offer.")
    text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Required with the manual override: one's own words. With another choice it is appended.",
    )
    attachment_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET, description="At most 10, media of the session's project."
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The same key again answers with the same turn, and starts no other.",
    )


@strawberry.input(description="Stop a turn.")
class CancelTurnInput:
    id: strawberry.ID = strawberry.field(description="The turn.")


@strawberry.input(description="Try a failed turn again.")
class RetryTurnInput:
    id: strawberry.ID = strawberry.field(description="The session's latest turn, which FAILED.")


def media_ids(values: list[strawberry.ID] | None) -> list[int]:
    """Keys of the media in a mutation's `attachmentIds`. Raises NOT_FOUND."""
    return [parse_id(value, "Media", "attachment_ids") for value in or_none(values) or []]


@strawberry.type
class ConversationQuery:
    @strawberry.field(description="A session by id; null where there is none that the caller may see.")
    def session(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The session.")]
    ) -> Session | None:
        user = require_user(info)
        try:
            found = SessionPolicy(user).get(SessionAction.VIEW, parse_id(id, "Session"))
        except DomainError:
            return None
        return cast("Session", found)

    @strawberry.field(description="The sessions that the caller may see, newest first.")
    def sessions(
        self,
        info: Info,
        project_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Of this project; left out: of all.")
        ] = None,
        search: Annotated[
            str | None, strawberry.argument(description="Only those whose titles hold all these words.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Session]:
        user = require_user(info)
        project = None
        if project_id is not None:
            pk = parse_id(project_id, "Project", "project_id")
            project = ProjectPolicy(user).get(ProjectAction.VIEW, pk, field="project_id")
        return session_connection(user, project, search=search, first=first, after=after, last=last, before=before)


@strawberry.type
class ConversationMutation:
    @strawberry.mutation(description="Start a session at the project's first open step.")
    @answers(SessionPayload)
    def start_session(self, info: Info, input: Input[StartSessionInput]) -> SessionPayload:
        user = require_user(info)
        session = sessions.start_session(
            user=user,
            project_id=parse_id(input.project_id, "Project", "project_id"),
            title=or_none(input.title),
            idempotency_key=or_none(input.idempotency_key),
        )
        return _session_payload(session)

    @strawberry.mutation(description="Rename or share a session.")
    @answers(SessionPayload)
    def update_session(self, info: Info, input: Input[UpdateSessionInput]) -> SessionPayload:
        session = sessions.update_session(
            user=require_user(info),
            session_id=parse_id(input.id, "Session"),
            changes=given(input, "title", "shared"),
        )
        return _session_payload(session)

    @strawberry.mutation(description="Set an active session aside.")
    @answers(SessionPayload)
    def pause_session(self, info: Info, input: Input[PauseSessionInput]) -> SessionPayload:
        user = require_user(info)
        return _session_payload(sessions.pause_session(user=user, session_id=parse_id(input.id, "Session")))

    @strawberry.mutation(description="Make a paused, completed or broken session active again.")
    @answers(SessionPayload)
    def resume_session(self, info: Info, input: Input[ResumeSessionInput]) -> SessionPayload:
        user = require_user(info)
        return _session_payload(sessions.resume_session(user=user, session_id=parse_id(input.id, "Session")))

    @strawberry.mutation(description="Call a session done.")
    @answers(SessionPayload)
    def complete_session(self, info: Info, input: Input[CompleteSessionInput]) -> SessionPayload:
        user = require_user(info)
        return _session_payload(sessions.complete_session(user=user, session_id=parse_id(input.id, "Session")))

    @strawberry.mutation(description="Say something; the turn is queued and the call returns at once.")
    @answers(TurnPayload)
    def send_message(self, info: Info, input: Input[SendMessageInput]) -> TurnPayload:
        turn = turns.send_message(
            user=require_user(info),
            session_id=parse_id(input.session_id, "Session", "session_id"),
            text=input.text,
            attachment_ids=media_ids(input.attachment_ids),
            idempotency_key=or_none(input.idempotency_key),
        )
        return turn_payload(turn)

    @strawberry.mutation(description="Take one of the offered choices; its effect is applied when the turn completes.")
    @answers(TurnPayload)
    def select_choice(self, info: Info, input: Input[SelectChoiceInput]) -> TurnPayload:
        turn = turns.select_choice(
            user=require_user(info),
            session_id=parse_id(input.session_id, "Session", "session_id"),
            choice_id=parse_id(input.choice_id, "Choice", "choice_id"),
            text=or_none(input.text),
            attachment_ids=media_ids(input.attachment_ids),
            idempotency_key=or_none(input.idempotency_key),
        )
        return turn_payload(turn)

    @strawberry.mutation(description="Stop a turn; what was said stays, marked interrupted.")
    @answers(TurnPayload)
    def cancel_turn(self, info: Info, input: Input[CancelTurnInput]) -> TurnPayload:
        user = require_user(info)
        return turn_payload(turns.cancel_turn(user=user, turn_id=parse_id(input.id, "Turn")))

    @strawberry.mutation(description="Try the session's latest turn again, when it failed.")
    @answers(TurnPayload)
    def retry_turn(self, info: Info, input: Input[RetryTurnInput]) -> TurnPayload:
        user = require_user(info)
        return turn_payload(turns.retry_turn(user=user, turn_id=parse_id(input.id, "Turn")))


def _session_payload(session: SessionRow) -> SessionPayload:
    return SessionPayload(session=cast("Session", SessionRow.objects.get(pk=session.pk)))


def _start(info: Info, session_id: strawberry.ID, after: int | None) -> tuple[SessionStream, tuple[str, ...]]:
    user = require_user(info)
    pk = parse_id(session_id, "Session", "session_id")
    session = SessionPolicy(user).get(SessionAction.VIEW, pk, field="session_id")
    if after is not None and not 0 <= after <= session.last_event_seq:
        raise invalid_argument(f"`after` lies beyond the session's last event, {session.last_event_seq}.")
    caller = Caller.of(user, info.context.token)
    stream = SessionStream(caller, pk, session.last_event_seq if after is None else after)
    # The project's hints too: they tell of a membership that ended.
    return stream, (session_group(pk), project_group(session.project_id), caller.group)


@strawberry.type
class ConversationSubscription:
    @strawberry.subscription(
        description="First what was stored after `after`, then live: no gap, nothing twice. Without `after` only "
        "live. A client that joins in mid-reply first gets a delta with offset 0 and the text so far."
    )
    async def session_events(
        self,
        info: Info,
        session_id: Annotated[strawberry.ID, strawberry.argument(description="The session.")],
        after: Annotated[
            int | None,
            strawberry.argument(description="The last seq that the caller has; left out: only live."),
        ] = None,
    ) -> AsyncGenerator[SessionEvent, None]:
        stream, groups = await in_thread(_start, info, session_id, after)
        return _events(stream, groups, is_watching=asks_for(info, "PresenceEvent"))


async def _events(
    stream: SessionStream, groups: tuple[str, ...], *, is_watching: bool
) -> AsyncGenerator[SessionEvent, None]:
    async with (
        listen(*groups, joined=joined) as hints,
        here(stream.session_id, stream.caller.user_id, hints, is_watching=is_watching),
    ):
        try:
            async for event in stream.events(hints):
                yield _shown(event)
        except AccessLostError:
            raise GraphQLError("The session was not found.", extensions={"code": ErrorCode.NOT_FOUND.value}) from None
        except SignedOutError:
            raise unauthenticated() from None


def _shown(event: SessionEventRow | TurnDelta | Presences) -> SessionEvent:
    if isinstance(event, TurnDelta):
        return TurnDeltaEvent.of(event)
    return PresenceEvent.of(event) if isinstance(event, Presences) else cast("SessionEvent", event)
