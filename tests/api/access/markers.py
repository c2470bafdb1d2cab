"""Values that are nowhere else, and who may be shown them.

Whatever an answer holds is looked through for them as bytes. Words look like canary00012x, numbers have nine digits or
more, dates lie in 2001 or 2091, and every row of every table has a key of its own: an id or a cursor is known by it.
"""

import base64
import binascii
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import models

Actors = frozenset[str]
NOBODY: Actors = frozenset()

_FOUND = re.compile(r"canary\d{5}x|(?<!\d)\d{9,11}(?!\d)|20[09]1-\d\d-\d\dT\d\d:\d\d:\d\d")
_ENCODED = re.compile(r"[A-Za-z0-9_-]{8,}")
_KEYS, _NUMBERS = 810_000_000, 910_000_000
# A revision that rises, and the key of a row that is added, are not yet another's.
_SPACE = 100
_PAST, _FUTURE = datetime(2001, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Marker:
    """A value as answers spell it, where it stands, and who is to be shown it."""

    text: str
    place: str
    seen_by: Actors

    def __str__(self) -> str:
        return f"{self.place} ({self.text})"


class Markers:
    """All that there are."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._known: dict[str, Marker] = {}

    def __iter__(self) -> Any:
        return iter(self._known.values())

    def word(self, place: str, seen_by: Actors) -> str:
        """A new word, which search finds as one."""
        return self._new(f"canary{next(self._numbers):05}x", place, seen_by)

    def number(self, place: str, seen_by: Actors) -> int:
        """A new number, which is below 2^31."""
        return int(self._new(str(_NUMBERS + _SPACE * next(self._numbers)), place, seen_by))

    def date(self, place: str, seen_by: Actors, *, ahead: bool = False) -> datetime:
        """A new moment, long ago or far ahead."""
        moment = (_FUTURE if ahead else _PAST) + timedelta(seconds=next(self._numbers))
        self._new(f"{moment:%Y-%m-%dT%H:%M:%S}", place, seen_by)
        return moment

    def key(self, place: str, seen_by: Actors) -> int:
        """A new primary key."""
        return int(self._new(str(_KEYS + _SPACE * next(self._numbers)), place, seen_by))

    def sum(self, numbers: Iterable[int], place: str, seen_by: Actors) -> None:
        """What is shown of several numbers together."""
        text = str(sum(numbers))
        if text not in self._known or self._known[text].seen_by != seen_by:
            self._new(text, place, seen_by)

    def _new(self, text: str, place: str, seen_by: Actors) -> str:
        assert text not in self._known, f"{place} has the value of {self._known[text]}"
        self._known[text] = Marker(text, place, seen_by)
        return text

    def of(self, value: object) -> Marker:
        """The marker that a row's value is."""
        (marker,) = self.found(value.isoformat() if isinstance(value, datetime) else str(value))
        return marker

    def found(self, text: str) -> set[Marker]:
        """The markers in an answer, in its ids and cursors too."""
        parts = [text, *filter(None, map(_decoded, set(_ENCODED.findall(text))))]
        words = {word for part in parts for word in _FOUND.findall(part)}
        return {self._known[word] for word in words if word in self._known}

    def value(self, field: models.Field, place: str, seen_by: Actors) -> Any:
        """A new value for a column; None where its type holds no marker, or people choose among few."""
        if field.choices or isinstance(field, models.PositiveSmallIntegerField):
            return None
        if isinstance(field, models.EmailField):
            return f"{self.word(place, seen_by)}@example.com"
        if isinstance(field, models.CharField | models.TextField) and not isinstance(field, models.FileField):
            return self.word(place, seen_by) if (field.max_length or 99) >= 12 else None
        if isinstance(field, models.JSONField):
            return {self.word(place, seen_by): self.word(place, seen_by)}
        if isinstance(field, models.DateTimeField):
            return self.date(place, seen_by)
        if isinstance(field, models.IntegerField):
            return self.number(place, seen_by)
        if isinstance(field, models.FloatField):
            return self.number(place, seen_by) + 0.5
        if isinstance(field, models.DecimalField) and field.max_digits - field.decimal_places >= 9:
            return Decimal(self.number(place, seen_by))
        return None


def _decoded(word: str) -> str:
    try:
        return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return ""
