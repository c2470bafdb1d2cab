"""The yardstick: what each operation answers, by plain views over the same rows, as one would write them by hand.

Each answers exactly the JSON that the GraphQL document answers (the bench compares them before it measures).
"""

import base64
import json
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db.models import F, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from ai.graph import Graph, current_phase, overall_progress
from cms.accounts.models import User
from cms.accounts.policy import may_see_address
from cms.accounts.tokens import find_token
from cms.api.context import Context
from cms.api.ids import global_id, parse_id
from cms.api.loading import together
from content.media.addresses import file_url, thumbnail_url
from content.media.models import Media
from content.projects.choices import AspectRatio, Genre, MembershipRole, ProjectStatus
from content.projects.models import Membership, Project, StepCompletion, StyleReference
from content.projects.policy import ProjectPolicy
from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph
from conversation import turns
from conversation.choices import ACTIVE_TURN, MessageRole, SessionState
from conversation.models import Choice, Message, MessageAttachment, Session, Turn
from conversation.policy import SessionPolicy
from conversation.rendering import render_markdown

Json = dict[str, Any]
PAGE = 20
ASPECT_RATIOS = {member.value: member.name for member in AspectRatio}
GENRES = {member.value: member.name for member in Genre}
STATUSES = {member.value: member.name for member in ProjectStatus}


_site: ContextVar[str] = ContextVar("site")


def _plain_view(answer: Callable[[User, Json], Json]) -> Callable[[HttpRequest], HttpResponse]:
    """A view that signs in as the API does, reads JSON and writes JSON."""

    @csrf_exempt
    def view(request: HttpRequest) -> HttpResponse:
        user = find_token(request.headers["Authorization"]).user
        _site.set(request.build_absolute_uri("/").rstrip("/"))
        data = answer(user, json.loads(request.body)["variables"])
        body = json.dumps({"data": data}, separators=(",", ":"), ensure_ascii=False)
        return HttpResponse(body, content_type="application/json")

    return view


def _absolute(path: str | None) -> str | None:
    return _site.get() + path if path else None


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _with_neighbours(projects: QuerySet[Project]) -> QuerySet[Project]:
    collaborators = Membership.objects.filter(role=MembershipRole.COLLABORATOR).select_related("user")
    on_path = StepCompletion.objects.filter(turn__reply__on_active_path=True)
    completions = on_path.annotate(slug=F("step__slug")).order_by("pk")
    return projects.select_related("created_by").prefetch_related(
        Prefetch("memberships", collaborators),
        Prefetch("style_reference_rows", StyleReference.objects.select_related("media")),
        Prefetch("step_completions", completions),
    )


def _projects_json(viewer: User, projects: Sequence[Project]) -> list[Json]:
    owners = [project.created_by for project in projects]
    together([*owners, *(row.user for project in projects for row in project.memberships.all())])
    graph = published_graph()
    context = Context(user=viewer, request=None, request_id="")
    return [_project_json(project, graph, context) for project in projects]


def _project_json(project: Project, graph: Graph, context: Context) -> Json:
    # An annotation, which the model does not declare.
    done = list(dict.fromkeys(row.slug for row in project.step_completions.all()))  # type: ignore[attr-defined]
    return {
        "id": global_id("Project", project.pk),
        "title": project.title,
        "description": project.description,
        "genre": GENRES[project.genre],
        "episodeCount": project.episode_count,
        "targetAudience": project.target_audience.upper(),
        "status": STATUSES[project.status],
        "revision": project.revision,
        "archivedAt": _time(project.archived_at),
        "lastEventSeq": project.last_event_seq,
        "createdAt": _time(project.created_at),
        "updatedAt": _time(project.updated_at),
        "createdBy": _user_json(project.created_by, context),
        "collaborators": [_user_json(row.user, context) for row in project.memberships.all()],
        "settings": {
            "aspectRatio": ASPECT_RATIOS[project.aspect_ratio],
            "episodeDuration": project.episode_duration,
            "qualityTier": project.quality_tier.upper(),
        },
        "progress": {
            "currentPhase": current_phase(set(done), graph).upper(),
            "completedSteps": done,
            "overallProgress": overall_progress(set(done), graph),
        },
        "styleReferences": [
            {
                "id": global_id("Media", row.media_id),
                "title": row.media.title,
                "url": _absolute(file_url(row.media)),
                "thumbnailUrl": _absolute(thumbnail_url(row.media)),
            }
            for row in project.style_reference_rows.all()
        ],
    }


def _user_json(user: User, context: Context) -> Json:
    return {
        "id": global_id("User", user.pk),
        "name": user.name,
        "email": user.email if may_see_address(context, user) else None,
        "role": user.role.upper(),
    }


@_plain_view
def project(user: User, variables: Json) -> Json:
    """One project by id."""
    pk = parse_id(variables["id"], "Project")
    (found,) = _with_neighbours(ProjectPolicy(user).visible().filter(pk=pk))
    return {"project": _projects_json(user, [found])[0]}


@_plain_view
def projects(user: User, variables: Json) -> Json:
    """The newest projects that the person is a member of."""
    size = variables["first"]
    mine = Membership.objects.filter(user=user, project__archived_at=None)
    newest = mine.order_by("-project_updated_at", "-project_id")[: size + 1]
    rows = list(newest.prefetch_related(Prefetch("project", _with_neighbours(Project.objects.all()))))
    page = rows[:size]
    cursors = [_cursor(row.project_updated_at.isoformat(), row.project_id) for row in page]
    nodes = _projects_json(user, [row.project for row in page])
    return {"projects": _connection(cursors, nodes, after=len(rows) > size, before=False)}


def _cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _connection(cursors: list[str], nodes: list[Json], *, after: bool, before: bool) -> Json:
    return {
        "edges": [{"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)],
        "pageInfo": _page_info(cursors, after=after, before=before),
    }


def _page_info(cursors: list[str], *, after: bool, before: bool) -> Json:
    return {
        "hasNextPage": after,
        "hasPreviousPage": before,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
    }


@_plain_view
def session(user: User, variables: Json) -> Json:
    """A session with its last messages."""
    found = (
        SessionPolicy(user)
        .visible()
        .select_related("current_step")
        .prefetch_related(
            Prefetch("turns", Turn.objects.filter(status__in=ACTIVE_TURN), to_attr="active"),
            Prefetch("choice_rows", Choice.objects.filter(offer=F("session__offer")).order_by("position")),
        )
        .get(pk=parse_id(variables["id"], "Session"))
    )
    rows = list(_messages().filter(session=found).order_by("-seq")[: PAGE + 1])
    page = rows[:PAGE][::-1]
    cursors = [_cursor(message.seq) for message in page]
    return {
        "session": {
            **_session_state(found),
            "lastEventSeq": found.last_event_seq,
            "createdAt": _time(found.created_at),
            "currentStep": _step_json(found.current_step),
            "choices": [_choice_json(choice) for choice in found.choice_rows.all()],
            "messages": {
                "edges": [
                    {
                        "node": {
                            **_message_json(message, user),
                            "choices": [_choice_json(choice) for choice in message.choice_rows.all()],
                        }
                    }
                    for message in page
                ],
                "pageInfo": _page_info(cursors, after=False, before=len(rows) > PAGE),
            },
        }
    }


def _messages() -> QuerySet[Message]:
    attachments = MessageAttachment.objects.select_related("media").order_by("position")
    return Message.objects.select_related("author", "selected_choice", "turn").prefetch_related(
        Prefetch("attachment_rows", attachments), "choice_rows", "turns"
    )


def _session_state(session: Session) -> Json:
    return {
        "id": global_id("Session", session.pk),
        "title": session.title,
        "shared": session.shared,
        "state": session.state.upper(),
        # Prefetched under this name.
        "awaitingUserInput": session.state == SessionState.ACTIVE and not session.active,  # type: ignore[attr-defined]
        "updatedAt": _time(session.updated_at),
    }


def _step_json(step: WorkflowStep) -> Json:
    return {
        "id": global_id("WorkflowStep", step.pk),
        "slug": step.slug,
        "title": step.title,
        "description": step.description,
        "phase": step.phase.upper(),
        "order": step.order,
        "required": step.required,
    }


def _choice_json(choice: Choice) -> Json:
    return {
        "id": global_id("Choice", choice.pk),
        "slug": choice.slug,
        "title": choice.title,
        "description": choice.description,
        "icon": choice.icon or None,
        "estimatedTime": choice.estimated_time or None,
        "isRecommended": choice.is_recommended,
        "isManualOverride": choice.is_manual_override,
    }


def _message_json(message: Message, viewer: User) -> Json:
    author, chosen = message.author, message.selected_choice
    return {
        "id": global_id("Message", message.pk),
        "seq": message.seq,
        "role": message.role.upper(),
        "content": message.content,
        "idempotencyKey": message.idempotency_key if message.author_id == viewer.pk else None,
        "interrupted": message.interrupted,
        "createdAt": _time(message.created_at),
        "author": {"id": global_id("User", author.pk), "name": author.name} if author else None,
        "attachments": [_media_json(row.media) for row in message.attachment_rows.all()],
        "selectedChoice": {"id": global_id("Choice", chosen.pk), "slug": chosen.slug, "title": chosen.title}
        if chosen
        else None,
        "turn": _turn_of(message),
    }


def _turn_of(message: Message) -> Json | None:
    made_it = message.turn if message.role == MessageRole.ASSISTANT else None
    turn = made_it or next(reversed(message.turns.all()), None)
    return _turn_json(turn) if turn else None


def _turn_json(turn: Turn) -> Json:
    return {
        "id": global_id("Turn", turn.pk),
        "status": turn.status.upper(),
        "attempts": turn.attempts,
        "error": {"code": turn.error_code, "message": turn.error_message} if turn.error_code else None,
    }


def _media_json(media: Media) -> Json:
    return {
        "id": global_id("Media", media.pk),
        "kind": media.kind.upper(),
        "type": media.media_type.upper(),
        "status": media.status.upper(),
        "title": media.title,
        "filename": media.filename,
        "mimeType": media.mime_type,
        "fileSize": media.file_size,
        "url": _absolute(file_url(media)),
        "thumbnailUrl": _absolute(thumbnail_url(media)),
    }


@_plain_view
def send(user: User, variables: Json) -> Json:
    """Say something: the same write, answered by hand."""
    said = variables["input"]
    turn = turns.send_message(user=user, session_id=parse_id(said["sessionId"], "Session"), text=said["text"])
    turn = Turn.objects.select_related("message__author", "session").get(pk=turn.pk)
    active = Turn.objects.filter(session=turn.session, status__in=ACTIVE_TURN)
    turn.session.active = list(active)  # type: ignore[attr-defined]  # as a prefetch would leave it
    message = _messages().get(pk=turn.message_id)
    return {
        "sendMessage": {
            "turn": {
                **_turn_json(turn),
                "text": turn.text,
                "model": turn.model or None,
                "createdAt": _time(turn.created_at),
                "startedAt": _time(turn.started_at),
                "finishedAt": _time(turn.finished_at),
            },
            "message": {**_message_json(message, user), "html": render_markdown(message.content)},
            "session": _session_state(turn.session),
            "errors": [],
        }
    }
