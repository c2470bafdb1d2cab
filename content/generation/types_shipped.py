"""The kinds of generation that are shipped."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from content.media.choices import MediaType

from .registry import MadeFile, TaskContext, TaskInput, TaskType, register
from .storyboard import Panel, draw_panel

AGENT_ID = "draft-renderer"
MODEL_VERSION = "draft-renderer-1"
MAX_TITLE = 80


class StoryboardPanelInput(TaskInput):
    """What a storyboard panel shows."""

    scene: Annotated[
        str,
        Field(min_length=1, max_length=2_000, description="The scene as a script has it, or in plain words."),
    ]
    shot: Annotated[
        Literal["extreme-wide", "wide", "full", "medium", "close-up", "extreme-close-up"],
        Field(description="How near the camera is."),
    ] = "medium"
    caption: Annotated[
        str | None,
        Field(max_length=300, description="The line under the panel; the scene's words by default."),
    ] = None
    episode_number: Annotated[int | None, Field(ge=1, description="The episode that it belongs to.")] = None
    scene_key: Annotated[str | None, Field(max_length=100, description="The scene's identifier.")] = None


def run_storyboard_panel(context: TaskContext, given: StoryboardPanelInput) -> Sequence[MadeFile]:
    """Draw one draft panel in the project's aspect ratio."""
    context.progress(10, "Reading the scene")
    panel = Panel(
        scene=given.scene,
        shot=given.shot,
        caption=given.caption or "",
        aspect_ratio=context.project.aspect_ratio,
    )
    context.progress(30, "Drawing the panel")
    data = draw_panel(panel)
    context.progress(90, "Saving the panel")
    values = {
        "title": _title(panel.slug_line, given.shot),
        "media_type": MediaType.STORYBOARD.value,
        "description": given.scene,
        "tags": ["storyboard", given.shot],
        "episode_number": given.episode_number,
        "scene_key": given.scene_key or "",
    }
    return [
        MadeFile(
            data=data,
            mime_type="image/png",
            filename="storyboard-panel.png",
            agent_id=AGENT_ID,
            prompt_used=given.scene,
            model_version=MODEL_VERSION,
            values=values,
        )
    ]


def _title(slug_line: str, shot: str) -> str:
    words = slug_line if len(slug_line) <= MAX_TITLE else f"{slug_line[: MAX_TITLE - 1].rstrip()}…"
    return f"{words} ({shot})"


def register_all() -> None:
    """Add the shipped kinds to the registry."""
    register(
        TaskType(
            slug="storyboard_panel",
            title="Storyboard panel",
            description="Draws a draft panel of one shot from the scene's text.",
            input_model=StoryboardPanelInput,
            run=run_storyboard_panel,
        )
    )
