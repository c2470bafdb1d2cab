"""A summary without a model: what was said first in each message, in its own words."""

from ai.contract import ChatMessage, Passage
from ai.text import is_blank, one_line, shorten

HEADING = "Extracts from the conversation, chosen without understanding it:"
LONGEST_EXTRACT = 3_000
LONGEST_LINE = 160
# Of a conversation's beginning, which says what it is about.
KEPT_FROM_THE_START = 4
_SPEAKERS = {"user": "Producer", "assistant": "Director", "system": "Platform"}


def extract(passage: Passage) -> str:
    """The lines of the earlier extract and one for each message; the oldest after the beginning go where there is no
    room for all.
    """
    earlier = [line for line in passage.summary.splitlines() if line.startswith("- ")]
    lines = [*earlier, *(_line(message) for message in passage.messages if not is_blank(message.text))]
    while len(lines) > KEPT_FROM_THE_START and sum(map(len, lines)) + len(lines) > LONGEST_EXTRACT - len(HEADING):
        del lines[KEPT_FROM_THE_START]
    return "\n".join([HEADING, *lines])


def _line(message: ChatMessage) -> str:
    return f"- {_SPEAKERS[message.role]}: {shorten(one_line(message.text), LONGEST_LINE)}"
