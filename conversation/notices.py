"""What the server says in a chat by itself."""

from collections.abc import Sequence

from ai.contract import LeftOut
from ai.text import one_line, sentence, shorten

LONGEST_NAME = 120
HEADING = "Not everything that is attached could be given to the director:"


def notice_text(left_out: Sequence[LeftOut]) -> str:
    """Markdown that tells people what of their files a director was not given; "" where it was given all."""
    if not left_out:
        return ""
    lines = (f"- {_name(item.name)}: {_plain(sentence(one_line(item.reason)))}" for item in left_out)
    return "\n".join([HEADING, "", *lines])


def _name(name: str) -> str:
    """In a code span, where nothing of a stranger's file name has an effect."""
    return f"`{shorten(one_line(name), LONGEST_NAME).replace('`', chr(39)) or 'a file'}`"


def _plain(text: str) -> str:
    """Reasons may quote a file: no Markdown in them counts."""
    return "".join(f"\\{sign}" if sign in _MARKS else sign for sign in text)


_MARKS = frozenset("\\`*_[]<>#|~")
