"""Checking what people say about media: each function answers the value to store, or raises INVALID."""

import math
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from cms.errors import invalid
from content.projects.models import Project

from .choices import EDITABLE_STATUSES, MediaStatus
from .models import (
    MAX_CHARACTER_KEYS,
    MAX_DESCRIPTION_LENGTH,
    MAX_KEY_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
)

MAX_FILENAME_LENGTH = 255


# Marks that turn the direction of what follows: a name with them can show another ending than it has (UTR 36).
DIRECTIONS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def plain_words(text: str) -> str:
    """One line without control characters and marks of direction, runs of white space made one space."""
    straight = text.translate(DIRECTIONS)
    visible = "".join(" " if unicodedata.category(letter) in {"Cc", "Cs"} else letter for letter in straight)
    return " ".join(visible.split())


def check_filename(filename: str) -> str:
    """The bare name of a file, whatever path was before it."""
    name = plain_words(PurePosixPath(filename.replace("\\", "/")).name)
    if not name or name in {".", ".."}:
        raise invalid("Give the file a name.", "filename")
    if len(name) > MAX_FILENAME_LENGTH:
        raise invalid(f"A file's name has at most {MAX_FILENAME_LENGTH} characters.", "filename")
    return name


def check_field(name: str, value: Any, project: Project) -> Any:
    """The value to store for a field of Media. Null clears where the value may be empty."""
    return _CHECKS[name](value, project)


def _title(value: Any, project: Project) -> str:
    title = plain_words(value or "")
    if not 1 <= len(title) <= MAX_TITLE_LENGTH:
        raise invalid(f"A title has 1 to {MAX_TITLE_LENGTH} characters.", "title")
    return title


def _description(value: Any, project: Project) -> str:
    description = (value or "").replace("\0", "").strip()
    if len(description) > MAX_DESCRIPTION_LENGTH:
        raise invalid(f"A description has at most {MAX_DESCRIPTION_LENGTH:,} characters.", "description")
    return str(description)


def _media_type(value: Any, project: Project) -> str:
    if value is None:
        raise invalid("Media always have a type.", "type")
    return str(value)


def _status(value: Any, project: Project) -> str:
    if value not in EDITABLE_STATUSES:
        raise invalid("People may set the status to ACTIVE, DRAFT or ARCHIVED.", "status")
    return MediaStatus(value).value


def _episode_number(value: Any, project: Project) -> int | None:
    if value is not None and not 1 <= value <= project.episode_count:
        raise invalid(f"The series has the episodes 1 to {project.episode_count}.", "episode_number")
    return None if value is None else int(value)


def _scene_key(value: Any, project: Project) -> str:
    key = plain_words(value or "")
    if len(key) > MAX_KEY_LENGTH:
        raise invalid(f"A scene's key has at most {MAX_KEY_LENGTH} characters.", "scene_key")
    return key


def _timestamp(value: Any, project: Project) -> float | None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise invalid("A time stamp is a number of seconds from 0 upwards.", "timestamp")
    return None if value is None else float(value)


def _tags(value: Any, project: Project) -> list[str]:
    tags = _distinct(value or (), "tags", MAX_TAG_LENGTH, ignore_case=True)
    if len(tags) > MAX_TAGS:
        raise invalid(f"A media item has at most {MAX_TAGS} tags.", "tags")
    return tags


def _character_keys(value: Any, project: Project) -> list[str]:
    keys = _distinct(value or (), "character_keys", MAX_KEY_LENGTH, ignore_case=False)
    if len(keys) > MAX_CHARACTER_KEYS:
        raise invalid(f"A media item has at most {MAX_CHARACTER_KEYS} characters.", "character_keys")
    return keys


def _distinct(words: Iterable[str], field: str, longest: int, *, ignore_case: bool) -> list[str]:
    found: dict[str, str] = {}
    for number, raw in enumerate(words):
        word = plain_words(raw)
        if not 1 <= len(word) <= longest:
            raise invalid(f"Each of them has 1 to {longest} characters.", field, str(number))
        found.setdefault(word.casefold() if ignore_case else word, word)
    return list(found.values())


_CHECKS = {
    "title": _title,
    "description": _description,
    "media_type": _media_type,
    "status": _status,
    "episode_number": _episode_number,
    "scene_key": _scene_key,
    "timestamp": _timestamp,
    "tags": _tags,
    "character_keys": _character_keys,
}
