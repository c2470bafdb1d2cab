"""The conversation in the API."""

import datetime
from typing import Annotated, Any, cast

import strawberry
from django.db.models import Prefetch
from django.urls import reverse

from cms.accounts.types import User
from cms.api.connections import After, Before, Connection, First, Last, paginate
from cms.api.context import Context, viewer
from cms.api.enums import graphql_enum
from cms.api.errors import UserError, error_list, stored_error
from cms.api.ids import global_id
from cms.api.loading import related, related_list
from cms.api.node import Node
from content.media.types import Media
from content.projects.types import Project
from content.usage.types import SpentTokens, spent_on
from content.workflow.types import Choice, WorkflowStep

from . import choices, models
from .choices import ExportFormat, MessageRole, SessionState, TurnStatus
from .paths import siblings_of
from .presence import presences, present
from .presence_types import Participant, participants
from .rendering import render_markdown

Info = strawberry.Info[Context, Any]
LazyTurn = Annotated["Turn", strawberry.lazy("conversation.types")]
LazyMessage = Annotated["Message", strawberry.lazy("conversation.types")]

graphql_enum(
    SessionState,
    "Whether a session takes messages.",
    {
        "ACTIVE": "Takes messages.",
        "PAUSED": "Set aside; resume it to go on.",
        "COMPLETED": "Its work is done; it may be resumed.",
        "ERROR": "Its step is no longer part of the workflow; resuming moves it to the project's present step.",
    },
)
graphql_enum(
    ExportFormat,
    "As what a session is exported.",
    {
        "MARKDOWN": "The active path, for people and for other programs.",
        "JSON": "Everything on every branch; docs/export.md describes it.",
        "PDF": "The active path, to print and to hand on; of a very long one the newest part.",
    },
)
graphql_enum(
    MessageRole,
    "Who speaks.",
    {"USER": "A member.", "ASSISTANT": "The director.", "SYSTEM": "The server."},
)
graphql_enum(
    TurnStatus,
    "How far a turn is.",
    {
        "QUEUED": "Waits for a runner.",
        "RUNNING": "The reply is growing.",
        "COMPLETED": "The reply is stored.",
        "FAILED": "It ended without a reply; `error` says why, and it can be retried.",
        "CANCELLED": "A person stopped it; what was said is kept.",
    },
)


def _choice_rows(rows: Any) -> list[Choice]:
    return cast("list[Choice]", list(rows))


def _session_project(root: strawberry.Parent[models.Session]) -> Project:
    return cast("Project", related(root, "project"))


def _session_user(root: strawberry.Parent[models.Session]) -> User:
    return cast("User", related(root, "user"))


def _current_step(root: strawberry.Parent[models.Session]) -> WorkflowStep:
    return cast("WorkflowStep", related(root, "current_step"))


def _active_turns(root: models.Session) -> list[models.Turn]:
    rows = models.Turn.objects.filter(status__in=choices.ACTIVE_TURN)
    return related_list(root, Prefetch("turns", rows, to_attr="_active_turns"))


def _active_turn(root: strawberry.Parent[models.Session]) -> LazyTurn | None:
    turns = _active_turns(root)
    return cast("Turn | None", turns[0] if turns else None)


def _awaiting(root: strawberry.Parent[models.Session]) -> bool:
    return root.state == choices.SessionState.ACTIVE and not _active_turns(root)


def _present_choices(root: strawberry.Parent[models.Session]) -> list[Choice]:
    from django.db.models import F

    rows = models.Choice.objects.filter(offer=F("session__offer")).order_by("position")
    return _choice_rows(related_list(root, Prefetch("choice_rows", rows, to_attr="_present_choices")))


def _participants(root: strawberry.Parent[models.Session]) -> list[Participant]:
    return participants(presences(related_list(root, Prefetch("presences", present(), to_attr="_present"))).people)


def _export_url(
    root: strawberry.Parent[models.Session],
    info: Info,
    format: Annotated[ExportFormat, strawberry.argument(description="As what.")] = ExportFormat.MARKDOWN,
) -> str:
    return info.context.absolute(reverse("session-export", args=[global_id("Session", root.pk), format.value]))


def _messages(
    root: strawberry.Parent[models.Session],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[LazyMessage]:
    rows = models.Message.objects.filter(session_id=root.pk, on_active_path=True)
    return paginate(rows, order=("seq",), first=first, after=after, last=last, before=before)


def _session_usage(root: strawberry.Parent[models.Session]) -> SpentTokens:
    return spent_on(root, "session_id")


@strawberry.type(description="A conversation with the director about a project.")
class Session(Node):
    model = models.Session

    last_event_seq: int = strawberry.field(
        description="Read before the session's other fields: subscribe after it, and nothing is missed."
    )
    title: str = strawberry.field(description="1 to 200 characters.")
    project: Project = strawberry.field(resolver=_session_project, description="What it is about.")
    user: User = strawberry.field(resolver=_session_user, description="Who started it.")
    shared: bool = strawberry.field(
        description="With the project's members; private to its user (and admins) until then."
    )
    current_step: WorkflowStep = strawberry.field(resolver=_current_step, description="Where it is in the workflow.")
    state: SessionState = strawberry.field(description="Whether it takes messages.")
    awaiting_user_input: bool = strawberry.field(
        resolver=_awaiting, description="It is active and no turn is under way."
    )
    choices: list[Choice] = strawberry.field(
        resolver=_present_choices,
        description="The present offer: at most four, and then the manual override, always last. "
        "Empty while the session is completed.",
    )
    messages: Connection[LazyMessage] = strawberry.field(
        resolver=_messages, description="The active path's messages, ascending by seq."
    )
    participants: list[Participant] = strawberry.field(
        resolver=_participants, description="Who has it open now, in the order of coming."
    )
    export_url: str = strawberry.field(
        resolver=_export_url,
        description="The session as a file; asks for access (cookie or Bearer) at every request.",
    )
    active_turn: LazyTurn | None = strawberry.field(
        resolver=_active_turn, description="The turn under way; null where none is."
    )
    usage: SpentTokens = strawberry.field(
        resolver=_session_usage, description="Tokens that all its turns used, on every branch, and their cost."
    )
    created_at: datetime.datetime = strawberry.field(description="When it was started.")
    updated_at: datetime.datetime = strawberry.field(description="When something was last said or changed in it.")


def _message_session(root: strawberry.Parent[models.Message]) -> Session:
    return cast("Session", related(root, "session"))


def _parent(root: strawberry.Parent[models.Message]) -> LazyMessage | None:
    return cast("Message | None", related(root, "parent"))


def _author(root: strawberry.Parent[models.Message]) -> User | None:
    return cast("User | None", related(root, "author"))


def _html(root: strawberry.Parent[models.Message]) -> str:
    return render_markdown(root.content)


def _attachments(root: strawberry.Parent[models.Message]) -> list[Media]:
    rows = models.MessageAttachment.objects.order_by("position")
    attachments = related_list(root, Prefetch("attachment_rows", rows, to_attr="_attachments"))
    return cast("list[Media]", [related(attachment, "media") for attachment in attachments])


def _offered_with(root: strawberry.Parent[models.Message]) -> list[Choice]:
    rows = related_list(root, "choice_rows")
    # Resuming a session may offer the cards of another step after the same message.
    return _choice_rows(row for row in rows if row.offer == rows[-1].offer)


def _selected_choice(root: strawberry.Parent[models.Message]) -> Choice | None:
    return cast("Choice | None", related(root, "selected_choice"))


def _own_key(root: strawberry.Parent[models.Message], info: Info) -> str | None:
    me = viewer(info)
    return root.idempotency_key if me and root.author_id == me.pk else None


def _siblings(root: strawberry.Parent[models.Message]) -> list[LazyMessage]:
    return cast("list[Message]", siblings_of(root))


def _replies(root: strawberry.Parent[models.Message]) -> list[LazyMessage]:
    return cast("list[Message]", related_list(root, "replies"))


def _message_turn(root: strawberry.Parent[models.Message]) -> LazyTurn | None:
    if root.role == choices.MessageRole.ASSISTANT:
        return cast("Turn | None", related(root, "turn"))
    turns = related_list(root, "turns")
    return cast("Turn | None", turns[-1] if turns else None)


@strawberry.type(description="One utterance in a session.")
class Message(Node):
    model = models.Message

    seq: int = strawberry.field(description="1, 2, 3 … in order of writing within its session, over all branches.")
    session: Session = strawberry.field(resolver=_message_session, description="Where it was said.")
    parent: LazyMessage | None = strawberry.field(
        resolver=_parent, description="What it follows; null for a session's first message."
    )
    siblings: list[LazyMessage] = strawberry.field(
        resolver=_siblings,
        description="What was said in its place in all branches, by seq, itself included. Of a reply: all replies to "
        "the same user's message; of a user's message: all that follow the same message, or are first ones as it is.",
    )
    replies: list[LazyMessage] = strawberry.field(
        resolver=_replies, description="What follows it in every branch, by seq."
    )
    author: User | None = strawberry.field(resolver=_author, description="Of a user's message.")
    role: MessageRole = strawberry.field(description="Who speaks.")
    content: str = strawberry.field(description="As written: Markdown.")
    html: str = strawberry.field(resolver=_html, description="Rendered and sanitised.")
    attachments: list[Media] = strawberry.field(
        resolver=_attachments, description="Files sent with it, in the sender's order."
    )
    choices: list[Choice] = strawberry.field(resolver=_offered_with, description="What was offered with it.")
    selected_choice: Choice | None = strawberry.field(
        resolver=_selected_choice, description="Of a user's message that took one."
    )
    idempotency_key: str | None = strawberry.field(
        resolver=_own_key,
        description="Its author's own only: matches what a client showed before the answer came.",
    )
    turn: LazyTurn | None = strawberry.field(
        resolver=_message_turn,
        description="Of a reply: the turn that made it; of a user's message: its latest turn.",
    )
    interrupted: bool = strawberry.field(description="The reply was stopped part-way.")
    created_at: datetime.datetime = strawberry.field(description="When it was stored.")


@strawberry.type(description="What a turn used, as the provider counted it.")
class TokenUsage:
    input_tokens: int = strawberry.field(description="Tokens read.")
    output_tokens: int = strawberry.field(description="Tokens written.")


def _turn_session(root: strawberry.Parent[models.Turn]) -> Session:
    return cast("Session", related(root, "session"))


def _turn_message(root: strawberry.Parent[models.Turn]) -> Message:
    return cast("Message", related(root, "message"))


def _turn_text(root: strawberry.Parent[models.Turn]) -> str:
    if root.status != TurnStatus.RUNNING:
        return root.text
    return "".join(chunk.text for chunk in related_list(root, "chunks") if chunk.attempt == root.attempts)


def _reply(root: strawberry.Parent[models.Turn]) -> Message | None:
    return cast("Message | None", related(root, "reply"))


def _error(root: strawberry.Parent[models.Turn]) -> UserError | None:
    return stored_error(root.error_code, root.error_message, root.retry_after)


def _model(root: strawberry.Parent[models.Turn]) -> str | None:
    return root.model or None


def _usage(root: strawberry.Parent[models.Turn]) -> TokenUsage | None:
    if root.input_tokens is None or root.output_tokens is None:
        return None
    return TokenUsage(input_tokens=root.input_tokens, output_tokens=root.output_tokens)


def _cost(root: strawberry.Parent[models.Turn]) -> str | None:
    return spent_on(root, "turn_id").cost


@strawberry.type(description="One answer in the making.")
class Turn(Node):
    model = models.Turn

    session: Session = strawberry.field(resolver=_turn_session, description="Where it takes place.")
    message: Message = strawberry.field(resolver=_turn_message, description="The user's, which started it.")
    reply: Message | None = strawberry.field(resolver=_reply, description="The director's, once it is stored.")
    status: TurnStatus = strawberry.field(description="How far it is.")
    text: str = strawberry.field(resolver=_turn_text, description="What the reply holds so far.")
    error: UserError | None = strawberry.field(resolver=_error, description="Why it failed or was stopped.")
    # Named apart: the class attribute `model` is the row's class.
    model_name: str | None = strawberry.field(
        name="model", resolver=_model, description="The model that answers; null while queued."
    )
    usage: TokenUsage | None = strawberry.field(resolver=_usage, description="Null until the provider has counted.")
    cost: str | None = strawberry.field(
        resolver=_cost,
        description="A decimal number, of all attempts, in the currency of `Usage`; null where nothing had a price.",
    )
    attempts: int = strawberry.field(description="How often a runner has begun; rises with a retry.")
    created_at: datetime.datetime = strawberry.field(description="When it was queued first.")
    started_at: datetime.datetime | None = strawberry.field(description="When its present attempt began.")
    finished_at: datetime.datetime | None = strawberry.field(description="When it ended.")


@strawberry.type(description="Answer of the mutations on a session.")
class SessionPayload:
    session: Session | None = strawberry.field(default=None, description="As stored; null when refused.")
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of the mutations on a turn.")
class TurnPayload:
    turn: Turn | None = strawberry.field(default=None, description="As stored; null when refused.")
    message: Message | None = strawberry.field(default=None, description="The user's message, as stored.")
    session: Session | None = strawberry.field(default=None, description="The session, as it is now.")
    errors: list[UserError] = error_list()


def turn_payload(turn: models.Turn) -> TurnPayload:
    """The answer for a turn, with fresh rows beside it."""
    turn = models.Turn.objects.select_related("message", "session").get(pk=turn.pk)
    return TurnPayload(
        turn=cast("Turn", turn), message=cast("Message", turn.message), session=cast("Session", turn.session)
    )
