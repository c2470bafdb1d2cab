"""A session's title from its first exchange, as long as no person has given it one."""

import re
import unicodedata

from content.media.values import plain_words

from . import events
from .choices import MessageRole, TurnStatus
from .models import Message, Session, Turn
from .rendering import MARKDOWN

# Characters of a title that is derived; a person's own may be longer.
MAX_DERIVED = 60
# A text's beginning is enough to name it.
READ = 2_000
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")
_JOINERS = "\u200d\ufe0e\ufe0f"


def name_after(session: Session, turn: Turn, reply: str) -> None:
    """Name a locked session after its first exchange, once its first turn completes with `reply`.

    By the person's first words; where they only took a choice or sent files, by the reply's first heading or sentence.
    A title that a person gave stays.
    """
    if session.has_own_title or _has_been_answered(session, turn):
        return
    title = derived_title(_own_words(session), reply)
    if title:
        session.title = title
        session.save(update_fields=["title", "updated_at"])
        events.session_updated(session)


def _has_been_answered(session: Session, turn: Turn) -> bool:
    return session.turns.filter(status=TurnStatus.COMPLETED).exclude(pk=turn.pk).exists()


def _own_words(session: Session) -> str:
    first = _first_message(session)
    if first is None:
        return ""
    chosen = first.selected_choice
    if chosen is None or chosen.is_manual_override:
        return first.content
    return first.content.removeprefix(chosen.title)


def _first_message(session: Session) -> Message | None:
    said = session.messages.filter(role=MessageRole.USER, on_active_path=True)
    return said.select_related("selected_choice").order_by("seq").first()


def derived_title(said: str, replied: str) -> str:
    """At most 60 characters of plain text on one line, whole words; "" where neither text holds any."""
    return shortened(_first_block(said)) or shortened(_first_heading(replied) or _first_sentence(replied))


def _blocks(markdown: str) -> list[tuple[bool, str]]:
    """The plain text of each block, and whether it is a heading."""
    tokens = MARKDOWN.parse(markdown[:READ])
    found = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type in {"inline", "fence", "code_block"}:
            children = token.children or [token]
            text = "".join(_plain(child.type, child.content) for child in children)
            found.append((before is not None and before.type == "heading_open", plain_words(text)))
    return [(is_heading, text) for is_heading, text in found if text]


def _plain(type: str, content: str) -> str:
    return " " if type in {"softbreak", "hardbreak"} else content


def _first_block(markdown: str) -> str:
    return next((text for _, text in _blocks(markdown)), "")


def _first_heading(markdown: str) -> str:
    return next((text for is_heading, text in _blocks(markdown) if is_heading), "")


def _first_sentence(markdown: str) -> str:
    return _SENTENCE_END.split(_first_block(markdown), maxsplit=1)[0]


def shortened(text: str) -> str:
    """`text` on one line if it fits, else its first whole words and "…"."""
    text = plain_words(text)
    if len(text) <= MAX_DERIVED:
        return text
    words = text[:MAX_DERIVED].rpartition(" ")[0]
    return words.rstrip(" ,;:.–—-") + "…" if words else text[: _letter_end(text, MAX_DERIVED - 1)] + "…"


def _letter_end(text: str, end: int) -> int:
    """The last place up to `end` that does not part a letter from its marks."""
    while end > 1 and (unicodedata.combining(text[end]) or text[end] in _JOINERS or text[end - 1] == _JOINERS[0]):
        end -= 1
    return end
