"""How many tokens something costs, estimated before it is sent.

Text: one token for each 3.5 bytes of UTF-8. English really takes about 4.3 characters a token with Qwen's
vocabulary and Chinese about 1.5 characters (4.5 bytes), so the estimate errs on the side of too many. Pictures:
one token for each square of 32 x 32 pixels, as Qwen3-VL counts. A message and a picture each cost a few marks
of their own.
"""

from collections.abc import Iterable, Mapping
from json import dumps
from math import ceil
from typing import Any

from ai.contract import ChatMessage
from ai.pictures import size_of

BYTES_A_TOKEN = 3.5
SQUARE = 32
MESSAGE_MARKS = 5
PICTURE_MARKS = 2


def text_tokens(text: str) -> int:
    return ceil(len(text.encode("utf-8", "replace")) / BYTES_A_TOKEN)


def picture_tokens(width: int, height: int) -> int:
    """`width` and `height` in pixels."""
    return ceil(width / SQUARE) * ceil(height / SQUARE) + PICTURE_MARKS


def schema_tokens(tool: Mapping[str, Any]) -> int:
    return text_tokens(dumps(tool, ensure_ascii=False))


def message_tokens(message: ChatMessage) -> int:
    """The cost of a prepared message: its pictures are counted at the size in which they will be sent."""
    pictures = sum(picture_tokens(*size_of(item.data)) for item in message.attachments if item.is_picture)
    return MESSAGE_MARKS + text_tokens(message.text) + pictures


def prompt_tokens(messages: Iterable[ChatMessage], tool: Mapping[str, Any]) -> int:
    return schema_tokens(tool) + sum(message_tokens(message) for message in messages)
