"""What becomes of a turn: claimed, completed, failed, cancelled, handed back.

Every function is one transaction that changes the turn's row only where it still is what the caller believes
(status and attempt), so two runners can never both finish a turn.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ai.answering import Answer
from ai.graph import Graph
from ai.replies import Reply
from cms.errors import DomainError, ErrorCode
from content.generation.services import create_task_row
from content.projects.models import Project, StepCompletion
from content.projects.progress import progress_of
from content.projects.services import lock_project
from content.usage import services as usage
from content.workflow.cards import Card, step_cards
from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph

from . import events, titles
from .choices import MessageRole, TurnStatus
from .models import Choice, Message, Session, Turn, TurnChunk
from .offers import allowed_cards, offer
from .sessions import finish, lock_session
from .turns import append_message

ALL_GIVEN = "All attached files have now been given to the director."


def lease_end() -> datetime:
    """Until when a runner that starts or renews now has the turn for itself."""
    return timezone.now() + timedelta(seconds=settings.TURN_LEASE_SECONDS)


@transaction.atomic
def claim(turn_id: int, model: str) -> Turn | None:
    """Take a turn that is queued, or whose runner's lease has run out; None where there is nothing to take."""
    seen = Turn.objects.filter(pk=turn_id).first()
    if seen is None:
        return None
    session = lock_session(seen.session_id)
    free = Q(status=TurnStatus.QUEUED) | Q(status=TurnStatus.RUNNING, lease_expires_at__lt=timezone.now())
    turn = Turn.objects.filter(free, pk=turn_id).first()
    if turn is None:
        return None
    # What the runner before left.
    turn.text = text_so_far(turn)
    if turn.cancel_requested:
        _cancel(session, turn)
        return None
    if turn.attempts - turn.attempts_before >= settings.MAX_ATTEMPTS:
        _fail(session, turn, ErrorCode.INTERRUPTED, "The work was interrupted again and again. Retry the turn.")
        return None
    try:
        # An attempt after one that used tokens takes as many again.
        usage.reserve(turn=turn, user=turn.requested_by or turn.message.author, project=session.project)
    except DomainError as error:
        _fail(session, turn, error.code, error.message)
        return None
    TurnChunk.objects.filter(turn=turn).delete()
    turn.status = TurnStatus.RUNNING
    turn.attempts += 1
    turn.text = ""
    turn.model = model
    turn.started_at = timezone.now()
    turn.lease_expires_at = lease_end()
    turn.save()
    events.turn_updated(session, turn)
    return turn


def text_so_far(turn: Turn) -> str:
    """What was saved of the present attempt's reply."""
    chunks = TurnChunk.objects.filter(turn=turn, attempt=turn.attempts).order_by("offset")
    return "".join(chunks.values_list("text", flat=True))


def _mine(turn: Turn) -> QuerySet[Turn]:
    return Turn.objects.filter(pk=turn.pk, attempts=turn.attempts, status=TurnStatus.RUNNING)


def release(turn: Turn) -> None:
    """Hand a turn back at shutdown, so that another runner takes it without waiting for the lease."""
    _mine(turn).update(lease_expires_at=timezone.now(), attempts_before=turn.attempts)


@transaction.atomic
def give_notice(turn: Turn, text: str) -> bool:
    """Tell everybody in the session, once a turn, what its director could not be given; "" is nothing.

    An attempt that finds something else than an earlier one did corrects what that said. False where the turn is no
    longer this runner's.
    """
    session = lock_session(turn.session_id)
    if not _mine(turn).filter(cancel_requested=False).exists():
        return False
    notice = Message.objects.filter(notice_of=turn).first()
    if notice is None and text:
        notice = append_message(session, role=MessageRole.SYSTEM, content=text, notice_of=turn)
        events.message_added(notice)
    elif notice is not None and notice.content != (text or ALL_GIVEN):
        notice.content = text or ALL_GIVEN
        notice.save(update_fields=["content"])
        events.message_added(notice)
    return True


@transaction.atomic
def complete(turn: Turn, answer: Answer) -> Message | None:
    """The turn's last transaction: message, effect, progress, choices, tasks and events, or nothing of it.

    None where the turn is no longer this runner's.
    """
    project = lock_project(turn.session.project_id)
    session = lock_session(turn.session_id)
    reply = answer.reply
    changed = (
        _mine(turn)
        .filter(cancel_requested=False)
        .update(
            status=TurnStatus.COMPLETED,
            text=reply.text,
            model=answer.completion.model,
            input_tokens=sum(call.usage.input_tokens for call in answer.calls),
            output_tokens=sum(call.usage.output_tokens for call in answer.calls),
            lease_expires_at=None,
            finished_at=timezone.now(),
        )
    )
    if not changed:
        return None
    TurnChunk.objects.filter(turn=turn).delete()
    titles.name_after(session, turn, reply.text)
    message = append_message(session, role=MessageRole.ASSISTANT, content=reply.text, turn=turn)
    events.message_added(message)
    notes = [*reply.notes]
    notes += _apply(project, session, turn, message, reply)
    Turn.objects.filter(pk=turn.pk).update(notes=notes)
    Message.objects.filter(pk=message.pk).update(step=session.current_step)
    events.turn_updated(session, turn)
    usage.release(turn)
    return message


def _apply(project: Project, session: Session, turn: Turn, message: Message, reply: Reply) -> list[str]:
    """Move the session, offer choices and start tasks; answers notes on what was refused."""
    graph = published_graph()
    chosen = turn.message.selected_choice
    notes = _move(project, session, turn, graph, chosen, reply)
    if chosen is not None and chosen.finishes and session.current_step.slug == graph.last.slug:
        _complete_step(project, session, turn, session.current_step)
        events.step_changed(session, session.current_step, progress_of(project, graph))
        finish(session)
    else:
        cards, refused = allowed_cards(_proposed(reply), session.current_step.slug, graph)
        offer(session, cards or step_cards(session.current_step), message)
        notes += refused
    events.choices_offered(session)
    return notes + _start_task(project, session, turn, chosen, reply)


def _move(
    project: Project, session: Session, turn: Turn, graph: Graph, chosen: Choice | None, reply: Reply
) -> list[str]:
    here = session.current_step
    # A choice's effect is fixed: the model cannot change it.
    fixed = chosen is not None and bool(chosen.leads_to or chosen.finishes)
    target = (chosen.leads_to if chosen else "") if fixed else (reply.next_step or "")
    if not target or target == here.slug:
        return []
    if not graph.allows(here.slug, target):
        return [f"The workflow does not lead from '{here.slug}' to '{target}', so the session stayed."]
    session.current_step = WorkflowStep.objects.get(slug=target)
    session.save(update_fields=["current_step", "updated_at"])
    if graph.is_forward(here.slug, target):
        _complete_step(project, session, turn, here)
    events.step_changed(session, session.current_step, progress_of(project, graph))
    return []


def _complete_step(project: Project, session: Session, turn: Turn, step: WorkflowStep) -> None:
    StepCompletion.objects.get_or_create(project=project, step=step, turn=turn)


def _proposed(reply: Reply) -> list[Card]:
    return [
        Card(
            slug=choice.slug,
            title=choice.title,
            description=choice.description,
            is_recommended=choice.recommended,
            leads_to=choice.leads_to or "",
            submits=choice.submits or "",
        )
        for choice in reply.choices
    ]


def _start_task(project: Project, session: Session, turn: Turn, chosen: Choice | None, reply: Reply) -> list[str]:
    task_type = chosen.submits if chosen and chosen.submits else (reply.action.task_type if reply.action else "")
    if not task_type:
        return []
    given = reply.action.input if reply.action and reply.action.task_type == task_type else None
    try:
        create_task_row(
            project=project,
            session=session,
            turn=turn,
            user=turn.requested_by or turn.message.author,
            task_type=task_type,
            input=given if given is not None else {"scene": _scene_text(turn, reply)},
        )
    except DomainError as error:
        return [f"The task '{task_type}' could not be started: {error.message}"]
    return []


def _scene_text(turn: Turn, reply: Reply) -> str:
    """What a picture is drawn of where the model gave no input: the user's own words, else the reply."""
    chosen = turn.message.selected_choice
    words = turn.message.content
    if chosen is not None and not chosen.is_manual_override:
        words = words.removeprefix(chosen.title).strip()
    return (words or reply.text)[:2_000]


@transaction.atomic
def fail(
    turn: Turn,
    code: ErrorCode,
    message: str,
    *,
    text: str,
    retry_after: int | None = None,
) -> None:
    """End the runner's turn as FAILED; the user's message stays, and so does `text`, which was said so far."""
    session = lock_session(turn.session_id)
    fresh = _mine(turn).first()
    if fresh is None:
        return
    fresh.text = text
    if fresh.cancel_requested:
        _cancel(session, fresh)
    else:
        _fail(session, fresh, code, message, retry_after)


def _fail(session: Session, turn: Turn, code: ErrorCode, message: str, retry_after: int | None = None) -> None:
    turn.status = TurnStatus.FAILED
    turn.error_code, turn.error_message, turn.retry_after = code.value, message, retry_after
    _end(session, turn)


def _end(session: Session, turn: Turn, *, keeps_tokens: bool = False) -> None:
    turn.lease_expires_at = None
    turn.finished_at = timezone.now()
    turn.save()
    TurnChunk.objects.filter(turn=turn).delete()
    events.turn_updated(session, turn)
    if not keeps_tokens:
        usage.release(turn)


@transaction.atomic
def cancel_if_asked(turn: Turn, text: str) -> None:
    """End the runner's turn as CANCELLED where a person stopped it, keeping `text`, which was said."""
    session = lock_session(turn.session_id)
    fresh = _mine(turn).filter(cancel_requested=True).first()
    if fresh is not None:
        fresh.text = text
        _cancel(session, fresh)


@transaction.atomic
def cancel_now(turn_id: int) -> None:
    """End a turn that a person stopped and that no runner has ended, keeping what was saved of it."""
    session = lock_session(Turn.objects.values_list("session_id", flat=True).get(pk=turn_id))
    fresh = Turn.objects.get(pk=turn_id)
    if fresh.is_active:
        fresh.text = text_so_far(fresh)
        # A runner that hears of it late still enters what it used: the sweep frees the rest.
        _cancel(session, fresh, keeps_tokens=fresh.status == TurnStatus.RUNNING)


def _cancel(session: Session, turn: Turn, *, keeps_tokens: bool = False) -> None:
    turn.status = TurnStatus.CANCELLED
    turn.error_code = ErrorCode.INTERRUPTED.value
    turn.error_message = "The reply was stopped."
    if turn.text.strip():
        message = append_message(session, role=MessageRole.ASSISTANT, content=turn.text, turn=turn, interrupted=True)
        events.message_added(message)
    _end(session, turn, keeps_tokens=keeps_tokens)
