"""The project's facts in a step's instructions: `$title`, `${genre}`, and `$$` for a dollar sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from django.core.exceptions import ValidationError


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What a placeholder stands for, and an example of it."""

    meaning: str
    sample: str


PLACEHOLDERS = {
    "title": Placeholder("the series' title", "The Lighthouse Keepers"),
    "description": Placeholder("its description", "Two sisters inherit a lighthouse that guides more than ships."),
    "genre": Placeholder("its genre", "Drama"),
    "episode_count": Placeholder("how many episodes are planned", "8"),
    "episode_duration": Placeholder("minutes of an episode", "22"),
    "target_audience": Placeholder("whom it is for, with the rating", "Family (PG)"),
    "aspect_ratio": Placeholder("the shape of the picture", "16:9 (Widescreen)"),
    "quality_tier": Placeholder("how much care generation takes", "Standard"),
}
SAMPLE_FACTS = {name: placeholder.sample for name, placeholder in PLACEHOLDERS.items()}


class MissingFactError(LookupError):
    """The instructions name a fact that was not given, or hold a stray dollar sign."""


def validate_instructions(text: str) -> None:
    """Raise ValidationError naming every placeholder that is unknown, or a stray dollar sign."""
    template = Template(text)
    if not template.is_valid():
        raise ValidationError("There is a stray dollar sign: write $$ where you mean the character.", code="stray")
    unknown = [name for name in template.get_identifiers() if name not in PLACEHOLDERS]
    if unknown:
        names = ", ".join(f"${name}" for name in unknown)
        known = ", ".join(f"${name}" for name in PLACEHOLDERS)
        raise ValidationError(
            f"Unknown placeholder: {names}. Use one of {known}, or write $$ for a dollar sign.",
            code="placeholder",
        )


def render(text: str, facts: Mapping[str, str | int]) -> str:
    """The text with its placeholders filled once: a value is never looked at for placeholders again.

    A value is put on one line, so that what a person wrote cannot pose as a heading of the instructions.
    Raises MissingFactError.
    """
    lines = {name: " ".join(str(value).split()) for name, value in facts.items()}
    try:
        return Template(text).substitute(lines)
    except KeyError as error:
        raise MissingFactError(f"The instructions need the fact {error}, which was not given.") from None
    except ValueError:
        raise MissingFactError("The instructions hold a stray dollar sign.") from None
