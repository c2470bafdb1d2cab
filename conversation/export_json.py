"""A session as JSON: everything that was said on every branch. docs/export.md describes the shape."""

import json
from datetime import datetime
from typing import Any, TextIO

from django.utils import timezone

from cms.accounts.models import User
from cms.api.ids import global_id
from content.media.addresses import file_url
from content.media.models import Media
from content.workflow.models import WorkflowStep

from .choices import MessageRole, TurnStatus
from .export import Absolute, messages_in_batches
from .models import Choice, Message, Session, Turn

FORMAT, VERSION = "auto-movie-session", 1


def write_json(session: Session, absolute: Absolute, out: TextIO) -> None:
    """The session with its messages of all branches by seq, one message a line."""
    head = {"format": FORMAT, "version": VERSION, "exportedAt": _at(timezone.now()), "session": _session(session)}
    out.write(_text(head)[:-1] + ',"messages":[')
    for number, message in enumerate(messages_in_batches(session.messages.all())):
        out.write((",\n" if number else "\n") + _text(_message(message, absolute)))
    out.write("\n]}\n")


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _at(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _session(session: Session) -> dict[str, Any]:
    opening = session.choice_rows.filter(message=None).order_by("offer", "position")
    return {
        "id": global_id("Session", session.pk),
        "title": session.title,
        "project": {"id": global_id("Project", session.project_id), "title": session.project.title},
        "user": _person(session.user),
        "shared": session.shared,
        "state": session.state.upper(),
        "currentStep": _step(session.current_step),
        "activeLeafId": global_id("Message", session.active_leaf_id) if session.active_leaf_id else None,
        "choices": [_choice(choice) for choice in opening],
        "createdAt": _at(session.created_at),
        "updatedAt": _at(session.updated_at),
    }


def _person(user: User | None) -> dict[str, str] | None:
    return {"id": global_id("User", user.pk), "name": user.name} if user else None


def _step(step: WorkflowStep | None) -> dict[str, str] | None:
    return {"slug": step.slug, "title": step.title} if step else None


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "id": global_id("Choice", choice.pk),
        "offer": choice.offer,
        "slug": choice.slug,
        "title": choice.title,
        "description": choice.description,
        "isRecommended": choice.is_recommended,
        "isManualOverride": choice.is_manual_override,
    }


def _message(message: Message, absolute: Absolute) -> dict[str, Any]:
    chosen = message.selected_choice
    return {
        "id": global_id("Message", message.pk),
        "seq": message.seq,
        "parentId": global_id("Message", message.parent_id) if message.parent_id else None,
        "onActivePath": message.on_active_path,
        "role": MessageRole(message.role).name,
        "author": _person(message.author),
        "content": message.content,
        "step": _step(message.step),
        "selectedChoice": {"id": global_id("Choice", chosen.pk), "title": chosen.title} if chosen else None,
        "attachments": [_attachment(row.media, absolute) for row in message.attachment_rows.all()],
        "choices": [_choice(choice) for choice in message.choice_rows.all()],
        "interrupted": message.interrupted,
        "turnId": global_id("Turn", message.turn_id) if message.turn_id else None,
        "turns": [_turn(turn) for turn in message.turns.all()],
        "createdAt": _at(message.created_at),
    }


def _attachment(media: Media, absolute: Absolute) -> dict[str, Any]:
    return {
        "id": global_id("Media", media.pk),
        "title": media.title,
        "filename": media.filename,
        "mimeType": media.mime_type,
        "fileSize": media.file_size,
        "url": absolute(file_url(media)),
    }


def _turn(turn: Turn) -> dict[str, Any]:
    """An answer to the message, whatever became of it."""
    return {
        "id": global_id("Turn", turn.pk),
        "status": TurnStatus(turn.status).name,
        "attempts": turn.attempts,
        "model": turn.model or None,
        "usage": None
        if turn.input_tokens is None or turn.output_tokens is None
        else {"inputTokens": turn.input_tokens, "outputTokens": turn.output_tokens},
        "error": {"code": turn.error_code, "message": turn.error_message} if turn.error_code else None,
        "createdAt": _at(turn.created_at),
        "startedAt": _at(turn.started_at),
        "finishedAt": _at(turn.finished_at),
    }
