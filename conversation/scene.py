"""What the director is told for one turn, read from the rows."""

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from ai import contract
from ai.config import ModelConfig
from ai.contract import ChatMessage, ChatModel, Chosen, NextStep, Scene
from ai.graph import Graph
from ai.models import chat_model
from content.generation.registry import model_task_types
from content.media.services import read_bytes
from content.projects.models import Project
from content.projects.progress import progress_of
from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph, render_instructions

from .models import Choice, Message, MessageAttachment, Session, Turn

# More than any token budget holds; the director takes the newest whole turns of them.
HISTORY_MESSAGES = 60
# Messages back: files sent earlier than that are named in the history, but not read again.
HISTORY_WITH_FILES = 6


def director_model() -> ChatModel:
    """The model that the environment names, else the rehearsal director."""
    config = None
    if settings.QWEN3VL_BASE_URL:
        config = ModelConfig(
            base_url=settings.QWEN3VL_BASE_URL,
            api_key=settings.QWEN3VL_API_KEY,
            model=settings.QWEN3VL_MODEL,
            tools=settings.QWEN3VL_TOOLS,
            pictures=settings.QWEN3VL_PICTURES,
            enable_thinking=settings.QWEN3VL_ENABLE_THINKING,
            silence_timeout=settings.QWEN3VL_SILENCE_SECONDS,
            total_timeout=settings.QWEN3VL_TOTAL_SECONDS,
        )
    return chat_model(config, word_delay=settings.REHEARSAL_WORD_DELAY)


def build_scene(turn: Turn) -> Scene:
    """Everything the director knows for this turn; the database is not needed after it."""
    session = Session.objects.select_related("project", "current_step", "user").get(pk=turn.session_id)
    graph = published_graph()
    facts = _facts(session.project, graph)
    message = _messages(session).get(pk=turn.message_id)
    before = list(_messages(session).filter(seq__lt=message.seq).order_by("-seq")[:HISTORY_MESSAGES])
    speaker = message.author or session.user
    return Scene(
        project=facts,
        step=_step(session.current_step, facts, graph),
        preferences=speaker.preferences,
        summary=str(session.context.get("summary", "")),
        pinned_facts=tuple(session.context.get("pinned_facts", ())),
        history=tuple(
            _chat_message(earlier, with_files=place < HISTORY_WITH_FILES) for place, earlier in enumerate(before)
        )[::-1],
        message=_chat_message(message, with_files=True),
        chosen=_chosen(message.selected_choice) if message.selected_choice else None,
    )


def _messages(session: Session) -> QuerySet[Message]:
    rows = MessageAttachment.objects.select_related("media__image", "media__document").order_by("position")
    return Message.objects.filter(session=session).prefetch_related(Prefetch("attachment_rows", rows))


def _chat_message(message: Message, *, with_files: bool) -> ChatMessage:
    rows = message.attachment_rows.all()
    text = message.content
    if rows and not with_files:
        text += "\n\n[Files sent with this message: " + ", ".join(row.media.filename for row in rows) + "]"
    return ChatMessage(
        role=_role(message),
        text=text,
        attachments=tuple(
            contract.Attachment(name=row.media.filename, mime_type=row.media.mime_type, data=read_bytes(row.media))
            for row in rows
        )
        if with_files
        else (),
    )


def _role(message: Message) -> contract.Role:
    roles: dict[str, contract.Role] = {"user": "user", "assistant": "assistant", "system": "system"}
    return roles[message.role]


def _facts(project: Project, graph: Graph) -> dict[str, str | int]:
    return {
        "title": project.title,
        "description": project.description,
        "genre": project.get_genre_display(),
        "episode_count": project.episode_count,
        "target_audience": project.get_target_audience_display(),
        "aspect_ratio": project.get_aspect_ratio_display(),
        "episode_duration": project.episode_duration,
        "quality_tier": project.get_quality_tier_display(),
        "progress": progress_of(project, graph).overall_progress,
    }


def _step(step: WorkflowStep, facts: dict[str, str | int], graph: Graph) -> contract.Step:
    here = graph.step(step.slug)
    next_steps = WorkflowStep.objects.filter(slug__in=here.next_steps).order_by("order")
    return contract.Step(
        slug=step.slug,
        title=step.title,
        description=step.description,
        phase=step.get_phase_display(),
        instructions=render_instructions(step, facts),
        next_steps=tuple(NextStep(other.slug, other.title, other.description) for other in next_steps),
        task_types=model_task_types(here.task_types),
        choice_titles=tuple(choice.title for choice in here.choices),
        is_last=graph.last.slug == step.slug,
    )


def _chosen(choice: Choice) -> Chosen:
    return Chosen(
        slug=choice.slug,
        title=choice.title,
        leads_to=choice.leads_to or None,
        submits=choice.submits or None,
        finishes=choice.finishes,
    )
