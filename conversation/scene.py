"""What the director is told for one turn, read from the rows."""

from collections.abc import Sequence

from django.conf import settings
from django.db.models import Prefetch, QuerySet

from ai import contract
from ai.attachments import MOST_STILLS
from ai.config import ModelConfig
from ai.contract import ChatMessage, ChatModel, Chosen, NextStep, Scene
from ai.director import MOST_EARLIER_WITH_FILES
from ai.graph import Graph
from ai.models import chat_model
from content.generation.registry import model_task_types
from content.media.choices import MediaKind
from content.media.model_files import Reader
from content.projects.models import Project
from content.projects.progress import Progress, progress_of
from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph, render_instructions

from .memory import HISTORY_MESSAGES, recall, role_of
from .models import Choice, Message, MessageAttachment, Session, Turn

# Frames that are sampled from the videos of one message; each gets its part, and two at least.
MOST_FRAMES = 2 * MOST_STILLS
LEAST_FRAMES = 2
# Of a video of an earlier message.
EARLIER_FRAMES = 3


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


def build_scene(turn: Turn, reader: Reader) -> Scene:
    """Everything the director knows for this turn; the database is not needed after it. `reader` reads the files as
    the director asks for them.
    """
    session = Session.objects.select_related("project", "current_step", "user").get(pk=turn.session_id)
    graph = published_graph()
    progress = progress_of(session.project, graph)
    facts = _facts(session.project, progress)
    message = _messages(session).get(pk=turn.message_id)
    memory = recall(session, message)
    since = _messages(session).filter(on_active_path=True, seq__lt=message.seq, seq__gt=memory.upto, notice_of=None)
    before = list(since.order_by("-seq")[:HISTORY_MESSAGES])
    reader.know_texts(_likely_read([message, *before]))
    speaker = message.author or session.user
    present = _chat_message(message, reader, frames=_frames_each(message))
    return Scene(
        project=facts,
        step=_step(session.current_step, facts, graph),
        preferences=speaker.preferences,
        summary=memory.summary,
        pinned_facts=(*_completed(progress, graph), *memory.decisions),
        history=tuple(_chat_message(row, reader, frames=EARLIER_FRAMES, again=True) for row in reversed(before)),
        message=present,
        chosen=_chosen(message.selected_choice) if message.selected_choice else None,
    )


def _messages(session: Session) -> QuerySet[Message]:
    rows = MessageAttachment.objects.select_related("media__image", "media__document").order_by("position")
    return Message.objects.filter(session=session).prefetch_related(Prefetch("attachment_rows", rows))


def _likely_read(messages: Sequence[Message]) -> list[int]:
    """Media of the present message and of the few latest others whose files the director may send again."""
    files = [[row.media_id for row in message.attachment_rows.all()] for message in messages]
    return [pk for sent in list(filter(None, files))[: MOST_EARLIER_WITH_FILES + 1] for pk in sent]


def _frames_each(message: Message) -> int:
    videos = sum(row.media.kind == MediaKind.VIDEO for row in message.attachment_rows.all())
    return max(LEAST_FRAMES, min(MOST_STILLS, MOST_FRAMES // max(1, videos)))


def _chat_message(message: Message, reader: Reader, *, frames: int, again: bool = False) -> ChatMessage:
    files = [reader.attachment(row.media, stills=frames, again=again) for row in message.attachment_rows.all()]
    return ChatMessage(role_of(message), message.content, tuple(files))


def _completed(progress: Progress, graph: Graph) -> list[str]:
    steps = filter(None, map(graph.find, progress.completed_steps))
    titles = ", ".join(f"“{step.title}”" for step in steps)
    return [f"Steps completed in this project: {titles}"] if titles else []


def _facts(project: Project, progress: Progress) -> dict[str, str | int]:
    return {
        "title": project.title,
        "description": project.description,
        "genre": project.get_genre_display(),
        "episode_count": project.episode_count,
        "target_audience": project.get_target_audience_display(),
        "aspect_ratio": project.get_aspect_ratio_display(),
        "episode_duration": project.episode_duration,
        "quality_tier": project.get_quality_tier_display(),
        "progress": progress.overall_progress,
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
