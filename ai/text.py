"""Small, total functions that make any text safe to store, show in one line, or name."""

import re
import unicodedata
from typing import Any

# Line feeds and tabs are text; every other control character is noise, and PostgreSQL refuses NUL. So are marks that
# turn the direction of what follows, and letters that nobody sees and a model reads (Unicode's tags).
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
# Letters and signs by their category, of which nothing is seen.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without control characters and lone surrogates, which no database or socket takes, and without what
    makes it look like another text.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("�", _CONTROL.sub("", text))


def clean_json(value: Any, *, depth: int = 32) -> Any:
    """`clean` for every string and key of a JSON value. Raises ValueError where it is nested deeper than `depth`."""
    if isinstance(value, (list, dict)) and depth == 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [clean_json(item, depth=depth - 1) for item in value]
    if isinstance(value, dict):
        return {clean(str(key)): clean_json(item, depth=depth - 1) for key, item in value.items()}
    return value


def one_line(text: str) -> str:
    return " ".join(clean(text).split())


def is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen."""
    return not any(_is_visible(letter) for letter in text)


def _is_visible(letter: str) -> bool:
    return letter not in _BLANK and unicodedata.category(letter)[0] not in "CZ"


def visible_line(text: str) -> str:
    """One line without what nobody sees; empty where nothing else is in it."""
    seen = "".join(letter for letter in one_line(text) if letter in _JOINERS or unicodedata.category(letter) != "Cf")
    return "" if is_blank(seen) else one_line(seen)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words where possible and then ended with an ellipsis."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    at_word = head.rsplit(None, 1)[0] if " " in head[limit // 2 :] else head
    return at_word.rstrip(" ,;:-") + "…"


def slugify(text: str, limit: int = 50) -> str:
    """Lower-case ASCII letters, digits and underscores; empty where nothing of the text can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:limit].rstrip("_")


def quoted(value: object, limit: int = 60) -> str:
    """A stranger's value, short and harmless enough to be named in a sentence."""
    return f"'{shorten(one_line(str(value)), limit)}'"


def seconds_in_words(seconds: float) -> str:
    """A place or a length in time: '4.2 s' below a minute, then '1:05' and '1:02:03'."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def sentence(text: str) -> str:
    """The text ended with one full stop."""
    return f"{text.rstrip(' .')}."
