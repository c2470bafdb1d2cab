"""What a shipped step is made of, and the choices that several of them share.

The director's instructions of a step are in `<slug>.md` beside this file.
"""

from dataclasses import dataclass

from content.workflow.choices import Phase

PANEL = "storyboard_panel"


@dataclass(frozen=True, slots=True)
class DefaultChoice:
    """A choice of a shipped step, with the effect that choosing it has."""

    slug: str
    title: str
    description: str
    icon: str
    leads_to: str | None = None
    submits: str = ""
    finishes: bool = False


@dataclass(frozen=True, slots=True)
class DefaultStep:
    """A shipped step. The first of its choices is the recommended one; its place in `STEPS` is its order."""

    slug: str
    title: str
    phase: Phase
    description: str
    next_steps: tuple[str, ...]
    choices: tuple[DefaultChoice, ...]
    required: bool = True
    task_types: tuple[str, ...] = ()


CONTINUE = DefaultChoice(
    "continue_current", "Continue Current Step", "Keep working on what we have just looked at.", "▶️"
)
REVIEW = DefaultChoice(
    "review_progress", "Review Progress", "See what is settled, what is open and what needs work.", "📊"
)
DRAW_PANEL = DefaultChoice(
    "draw_panel",
    "Draw a Storyboard Panel",
    "Draft a panel of the moment we are talking about.",
    "🖼️",
    submits=PANEL,
)
CREATE_VOICES = DefaultChoice(
    "create_voices",
    "Create Character Voices",
    "Develop a voice profile for everyone who speaks.",
    "🎤",
    leads_to="voice_casting",
)
MORE_CHARACTERS = DefaultChoice(
    "add_more_characters", "Add More Characters", "Create further supporting or background characters.", "👤"
)
