"""Steering a conversation: another reply, other words, another branch. Nothing that was said is lost by it."""

from collections.abc import Sequence

from django.db import transaction

from cms.accounts.models import User
from cms.errors import invalid, not_found
from cms.idempotency import check_key, digest, once

from . import events
from .choices import MessageRole
from .models import Message, Session, Turn
from .paths import move_to, newest_leaf
from .policy import SessionAction, SessionPolicy
from .turns import (
    append_message,
    checked_content,
    earlier_turn,
    lock_with_project,
    queue_turn,
    require_idle,
    sendable,
)


def regenerate(*, user: User, message_id: int, idempotency_key: str | None = None) -> Turn:
    """Have a message answered once more; `message_id` is the user's message or a reply to it, on any path.

    The path is cut back to the user's message, and the earlier replies stay in their branches. A choice that the
    message took has its effect again. Raises NOT_FOUND (field message_id), INVALID (the server's notes), CONFLICT
    (archived, or the key's other use), SESSION_NOT_ACTIVE, TURN_IN_PROGRESS.
    """
    key = check_key(idempotency_key)
    message = _visible(user, message_id)
    fingerprint = digest(regenerate=message_id)
    return once(
        lambda: _regenerate(user, message, key, fingerprint),
        lambda: earlier_turn(user, message.session_id, key, fingerprint),
    )


@transaction.atomic
def _regenerate(user: User, message: Message, key: str | None, fingerprint: str) -> Turn:
    session = lock_with_project(message.session)
    earlier = earlier_turn(user, session.pk, key, fingerprint)
    if earlier is not None:
        return earlier
    require_idle(session)
    said = _answered(message)
    move_to(session, said, said.step)
    return queue_turn(session, said, user, idempotency_key=key, idempotency_digest=fingerprint)


def _answered(message: Message) -> Message:
    if message.role == MessageRole.USER:
        return message
    if message.turn is None:
        raise invalid("Only a reply, or what a person said, can be answered once more.", "message_id")
    return message.turn.message


def edit_message(
    *,
    user: User,
    message_id: int,
    text: str,
    attachment_ids: Sequence[int] | None = None,
    idempotency_key: str | None = None,
) -> Turn:
    """Say something else in a message's place, on any path, and go on from there; answers the director's turn.

    `attachment_ids` None: the same files again; empty: none. The effect of a choice that the message took is not
    carried over: what is said now are free words. The edited message stays in its branch.
    Raises NOT_FOUND (field message_id or attachment_ids), INVALID (not a user's message, words or files that cannot
    be sent), CONFLICT (archived, or the key's other use), SESSION_NOT_ACTIVE, TURN_IN_PROGRESS.
    """
    key = check_key(idempotency_key)
    message = _visible(user, message_id)
    wanted = None if attachment_ids is None else list(dict.fromkeys(attachment_ids))
    fingerprint = digest(edit=message_id, text=text, attachments=wanted)
    return once(
        lambda: _edit(user, message, text, wanted, key, fingerprint),
        lambda: earlier_turn(user, message.session_id, key, fingerprint),
    )


@transaction.atomic
def _edit(
    user: User, message: Message, text: str, attachment_ids: list[int] | None, key: str | None, fingerprint: str
) -> Turn:
    session = lock_with_project(message.session)
    earlier = earlier_turn(user, session.pk, key, fingerprint)
    if earlier is not None:
        return earlier
    require_idle(session)
    if message.role != MessageRole.USER:
        raise invalid("Only what a person said can be edited.", "message_id")
    if attachment_ids is None:
        attachment_ids = list(message.attachment_rows.values_list("media", flat=True))
    content = checked_content(text, None, has_attachments=bool(attachment_ids))
    attachments = sendable(session, attachment_ids)
    move_to(session, message.parent, message.step)
    edited = append_message(
        session,
        attachments=attachments,
        role=MessageRole.USER,
        author=user,
        content=content,
        idempotency_key=key,
        idempotency_digest=fingerprint,
    )
    events.message_added(edited)
    return queue_turn(session, edited, user)


@transaction.atomic
def switch_branch(*, user: User, message_id: int) -> Session:
    """Make the path through a message the active one, down to the newest message below it.

    A message of the active path changes nothing. Raises NOT_FOUND (field message_id), CONFLICT (archived),
    SESSION_NOT_ACTIVE, TURN_IN_PROGRESS.
    """
    seen = _visible(user, message_id)
    session = lock_with_project(seen.session)
    require_idle(session)
    leaf = newest_leaf(session, Message.objects.get(pk=seen.pk))
    move_to(session, leaf, leaf.step if leaf else None)
    return session


def _visible(user: User, message_id: int) -> Message:
    policy = SessionPolicy(user)
    messages = policy.messages().select_related("session", "step", "parent", "turn__message__step")
    message = messages.filter(pk=message_id).first()
    if message is None:
        raise not_found("The message", "message_id")
    policy.get(SessionAction.SPEAK, message.session_id, field="message_id")
    return message
