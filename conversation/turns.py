"""The one write path of a conversation: what people say, and how their turns are queued, stopped and retried.

What a runner does with a turn is in outcomes.py and runner.py.
"""

import logging
import time
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from cms import rate_limits
from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode, conflict, invalid, not_found
from cms.idempotency import check_key, digest, once, same
from content.media.choices import MediaStatus
from content.media.models import Media
from content.projects.services import lock_project, require_unarchived
from content.usage import services as usage
from content.workflow.services import published_graph

from . import events, paths, sessions
from .choices import ACTIVE_TURN, MessageRole, TurnStatus
from .models import MAX_MESSAGE_LENGTH, Choice, Message, MessageAttachment, Session, Turn
from .policy import SessionAction, SessionPolicy
from .presence import stop_typing
from .search import index_message

logger = logging.getLogger(__name__)

MAX_ATTACHMENTS = 10
# Seconds that a runner gets to end a turn that was stopped.
CANCEL_WAIT = 0.8


class StepGoneError(DomainError):
    """The session's step is no longer published."""

    def __init__(self, session: Session) -> None:
        super().__init__(
            ErrorCode.SESSION_NOT_ACTIVE,
            f"The step '{session.current_step.title}' is no longer part of the workflow. Resume the session to go "
            "on at the project's present step.",
        )
        self.session_id = session.pk


def send_message(
    *,
    user: User,
    session_id: int,
    text: str,
    attachment_ids: Sequence[int] = (),
    idempotency_key: str | None = None,
) -> Turn:
    """Store what a person said and queue the director's turn; answers the turn at once.

    `text` has at most 2,000 characters and may be empty where there are attachments (at most 10 media of the
    session's project). Raises NOT_FOUND, INVALID, CONFLICT, SESSION_NOT_ACTIVE, TURN_IN_PROGRESS, LIMIT_EXCEEDED,
    RATE_LIMITED.
    """
    return _say(
        user=user,
        session_id=session_id,
        text=text,
        choice_id=None,
        attachment_ids=attachment_ids,
        idempotency_key=idempotency_key,
    )


def select_choice(
    *,
    user: User,
    session_id: int,
    choice_id: int,
    text: str | None = None,
    attachment_ids: Sequence[int] = (),
    idempotency_key: str | None = None,
) -> Turn:
    """Take a choice of the present offer; its effect is applied when the turn completes.

    The manual override needs `text`, the user's own words; with another choice they are appended.
    Raises what `send_message` raises, and STALE_CHOICE, STEP_NOT_ALLOWED.
    """
    return _say(
        user=user,
        session_id=session_id,
        text=text or "",
        choice_id=choice_id,
        attachment_ids=attachment_ids,
        idempotency_key=idempotency_key,
    )


def _say(
    *,
    user: User,
    session_id: int,
    text: str,
    choice_id: int | None,
    attachment_ids: Sequence[int],
    idempotency_key: str | None,
) -> Turn:
    key = check_key(idempotency_key)
    SessionPolicy(user).get(SessionAction.SPEAK, session_id, field="session_id")
    attachment_ids = list(dict.fromkeys(attachment_ids))
    fingerprint = digest(text=text, choice=choice_id, attachments=attachment_ids)
    try:
        return once(
            lambda: _write(user, session_id, text, choice_id, attachment_ids, key, fingerprint),
            lambda: earlier_turn(user, session_id, key, fingerprint),
        )
    except StepGoneError as gone:
        sessions.mark_step_gone(session_id=gone.session_id)
        raise


def earlier_turn(user: User, session_id: int, key: str | None, fingerprint: str) -> Turn | None:
    """The turn that the person's key began in this session, by a message or for another reply, if any.

    Raises CONFLICT where it began something else.
    """
    if key is None:
        return None
    message = same(Message.objects.filter(session=session_id, author=user, idempotency_key=key).first(), fingerprint)
    if message is not None:
        return message.turns.order_by("pk")[0]
    return same(Turn.objects.filter(session=session_id, requested_by=user, idempotency_key=key).first(), fingerprint)


@transaction.atomic
def _write(
    user: User,
    session_id: int,
    text: str,
    choice_id: int | None,
    attachment_ids: Sequence[int],
    key: str | None,
    fingerprint: str,
) -> Turn:
    session = sessions.lock_session(session_id)
    earlier = earlier_turn(user, session_id, key, fingerprint)
    if earlier is not None:
        return earlier
    require_idle(session)
    if not session.current_step.live:
        raise StepGoneError(session)
    choice = _offered(session, choice_id) if choice_id is not None else None
    content = checked_content(text, choice, has_attachments=bool(attachment_ids))
    message = append_message(
        session,
        attachments=sendable(session, attachment_ids),
        role=MessageRole.USER,
        author=user,
        content=content,
        selected_choice=choice,
        idempotency_key=key,
        idempotency_digest=fingerprint,
    )
    events.message_added(message)
    return queue_turn(session, message, user)


def require_idle(session: Session) -> None:
    """Raises CONFLICT (archived), SESSION_NOT_ACTIVE, TURN_IN_PROGRESS where nothing can be said now."""
    require_unarchived(session.project)
    sessions.require_active(session)
    sessions.require_no_turn(session)


def queue_turn(
    session: Session, message: Message, user: User, *, idempotency_key: str | None = None, idempotency_digest: str = ""
) -> Turn:
    """Have the director answer the active path's last message, which `message` is. The caller holds the session's
    row lock; the key is that of another reply to a message answered before.
    """
    turn = Turn.objects.create(
        session=session,
        message=message,
        requested_by=user,
        idempotency_key=idempotency_key,
        idempotency_digest=idempotency_digest,
    )
    events.turn_updated(session, turn)
    stop_typing(session, user)
    _admit(turn, user, session)
    dispatch(turn.pk)
    return turn


def _admit(turn: Turn, user: User, session: Session) -> None:
    """Nothing may refuse after this, as a turn that is refused must not count.

    Raises LIMIT_EXCEEDED (the person's or the project's budget), RATE_LIMITED.
    """
    usage.reserve(turn=turn, user=user, project=session.project)
    rate_limits.count("turns", user.pk, what="turns")


def append_message(session: Session, *, attachments: Sequence[Media] = (), **fields: object) -> Message:
    """Store the next message of the active path. The caller holds the session's row lock."""
    session.last_message_seq += 1
    message = Message.objects.create(
        session=session,
        seq=session.last_message_seq,
        parent_id=session.active_leaf_id,
        step=session.current_step,
        **fields,
    )
    MessageAttachment.objects.bulk_create(
        MessageAttachment(message=message, media=media, position=position) for position, media in enumerate(attachments)
    )
    index_message(message)
    session.active_leaf = message
    session.save(update_fields=["last_message_seq", "active_leaf", "updated_at"])
    return message


def _offered(session: Session, choice_id: int) -> Choice:
    choice = Choice.objects.filter(session=session, pk=choice_id).first()
    if choice is None:
        raise not_found("The choice", "choice_id")
    if choice.offer != session.offer:
        raise DomainError(
            ErrorCode.STALE_CHOICE,
            "That choice is no longer offered. Choose one of the present ones.",
            field=["choice_id"],
        )
    step = session.current_step.slug
    if choice.leads_to and not published_graph().allows(step, choice.leads_to):
        raise DomainError(
            ErrorCode.STEP_NOT_ALLOWED,
            f"The workflow no longer leads from '{step}' to '{choice.leads_to}'. Take another choice.",
            field=["choice_id"],
        )
    return choice


def checked_content(text: str, choice: Choice | None, *, has_attachments: bool) -> str:
    """What is stored of a person's words, below the title of the choice they took. Raises INVALID."""
    text = text.strip()
    if len(text) > MAX_MESSAGE_LENGTH:
        raise invalid(f"A message has at most {MAX_MESSAGE_LENGTH:,} characters; this one has {len(text):,}.", "text")
    if "\x00" in text:
        raise invalid("A message cannot hold the character NUL.", "text")
    if choice is None or choice.is_manual_override:
        if not text and (choice is not None or not has_attachments):
            raise invalid(
                "Write something first, or attach a file."
                if choice is None
                else "The manual override takes your own words: say what to do next.",
                "text",
            )
        return text
    return f"{choice.title}\n\n{text}" if text else choice.title


def sendable(session: Session, attachment_ids: Sequence[int]) -> list[Media]:
    """The media to send, in that order. Raises INVALID, NOT_FOUND."""
    if len(attachment_ids) > MAX_ATTACHMENTS:
        raise invalid(f"A message takes at most {MAX_ATTACHMENTS} files.", "attachment_ids")
    found = Media.objects.filter(project=session.project_id).in_bulk(list(attachment_ids))
    if len(found) != len(attachment_ids):
        raise not_found("An attachment", "attachment_ids")
    media = [found[pk] for pk in attachment_ids]
    for item in media:
        _require_sendable(item)
    return media


def _require_sendable(media: Media) -> None:
    """Files may be sent while they are still being processed: the director is given what is known by then."""
    if media.status == MediaStatus.FAILED:
        reason = media.error_message or "the reason is not known."
        raise invalid(f"'{media.title}' could not be processed and cannot be sent: {reason}", "attachment_ids")
    if media.status == MediaStatus.ARCHIVED:
        raise invalid(f"'{media.title}' is archived and cannot be sent. Make it active first.", "attachment_ids")


def dispatch(turn_id: int) -> None:
    """After the commit, have a runner look at the turn."""
    from .tasks import run_turn

    transaction.on_commit(lambda: _send(run_turn, turn_id))


def _send(task: object, turn_id: int) -> None:
    try:
        task.delay(turn_id)  # type: ignore[attr-defined]  # a Celery task
    except Exception:
        # The row is the queue of record: the sweep sends it again when the broker is back.
        logger.warning("Turn %s could not be sent to a worker now.", turn_id, exc_info=True)


@transaction.atomic
def retry_turn(*, user: User, turn_id: int) -> Turn:
    """Queue a failed turn again: the same row, its text back to nothing, and the path back at its message.

    Raises NOT_FOUND; CONFLICT where it is not the session's latest turn or did not fail; SESSION_NOT_ACTIVE.
    """
    turn = visible_turn(user, turn_id)
    session = lock_with_project(turn.session)
    require_unarchived(session.project)
    sessions.require_active(session)
    turn = Turn.objects.select_related("message__step", "notice").get(pk=turn_id)
    latest = session.turns.order_by("-pk").values_list("pk", flat=True)[0]
    if turn.status != TurnStatus.FAILED or turn.pk != latest:
        raise conflict("Only the session's latest turn can be retried, and only when it failed.")
    # Somebody may have opened another branch meanwhile. What an earlier attempt noted of the files stays.
    paths.move_to(session, getattr(turn, "notice", turn.message), turn.message.step)
    Turn.objects.filter(pk=turn.pk).update(
        status=TurnStatus.QUEUED,
        attempts_before=turn.attempts,
        text="",
        model="",
        error_code="",
        error_message="",
        retry_after=None,
        notes=[],
        cancel_requested=False,
        lease_expires_at=None,
        queued_at=timezone.now(),
        started_at=None,
        finished_at=None,
    )
    turn.refresh_from_db()
    events.turn_updated(session, turn)
    _admit(turn, user, session)
    dispatch(turn.pk)
    return turn


def lock_with_project(session: Session) -> Session:
    """The session's row, locked after its project's, as whoever changes what counts as progress must."""
    lock_project(session.project_id)
    return sessions.lock_session(session.pk)


def visible_turn(user: User, turn_id: int) -> Turn:
    """A turn of a session that the person sees. Raises NOT_FOUND."""
    turn = SessionPolicy(user).turns().filter(pk=turn_id).first()
    if turn is None:
        raise not_found("The turn")
    return turn


def cancel_turn(*, user: User, turn_id: int) -> Turn:
    """Stop a turn; what was said stays, marked interrupted. A turn that has ended stays as it is.

    A running turn is ended by its runner, which has the latest words, within a save's interval; where none answers,
    it is ended here. Raises NOT_FOUND.
    """
    turn = visible_turn(user, turn_id)
    Turn.objects.filter(pk=turn.pk, status__in=ACTIVE_TURN).update(cancel_requested=True)
    deadline = time.monotonic() + CANCEL_WAIT
    turn.refresh_from_db()
    while turn.status == TurnStatus.RUNNING and time.monotonic() < deadline:
        time.sleep(0.02)
        turn.refresh_from_db()
    if turn.is_active:
        from .outcomes import cancel_now

        cancel_now(turn.pk)
        turn.refresh_from_db()
    return turn
