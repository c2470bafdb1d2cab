"""How many tokens something costs, estimated before it is sent.

Text: one token for each 3.5 bytes of UTF-8. English really takes about 4.3 characters a token with Qwen's
vocabulary and Chinese about 1.5 characters (4.5 bytes), so the estimate errs on the side of too many. Pictures:
one token for each square of 32 x 32 pixels, as Qwen3-VL counts. A message and a picture each cost a few marks
of their own.
"""

from collections.abc import Iterable, Mapping
from json import dumps
from math import ceil
from typing import Any, TypeGuard

from ai.contract import ChatMessage, Picture

BYTES_A_TOKEN = 3.5
# No context is as large: a count above it is a mistake.
MOST_TOKENS = 10_000_000
SQUARE = 32
MESSAGE_MARKS = 5
PICTURE_MARKS = 2
# Captions are mostly numbers and marks, which are tokens of their own (measured with SmolLM2's vocabulary).
CAPTION_BYTES_A_TOKEN = 2


def is_count(value: object) -> TypeGuard[int]:
    """Whether somebody else's value can be believed as a number of tokens."""
    return type(value) is int and 0 <= value <= MOST_TOKENS


def byte_length(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def tokens_of_bytes(length: int) -> int:
    return ceil(length / BYTES_A_TOKEN)


def text_tokens(text: str) -> int:
    return tokens_of_bytes(byte_length(text))


def picture_tokens(width: int, height: int) -> int:
    """`width` and `height` in pixels."""
    return ceil(width / SQUARE) * ceil(height / SQUARE) + PICTURE_MARKS


def schema_tokens(tool: Mapping[str, Any] | None) -> int:
    return text_tokens(dumps(tool, ensure_ascii=False)) if tool else 0


def shown_tokens(picture: Picture) -> int:
    """The cost of a picture at the size in which it is sent, with its caption."""
    caption = ceil(byte_length(picture.caption) / CAPTION_BYTES_A_TOKEN)
    return picture_tokens(picture.still.width, picture.still.height) + caption


def message_tokens(message: ChatMessage) -> int:
    """The cost of a prepared message."""
    return MESSAGE_MARKS + text_tokens(message.text) + sum(map(shown_tokens, message.pictures))


def prompt_tokens(messages: Iterable[ChatMessage], tool: Mapping[str, Any] | None) -> int:
    return schema_tokens(tool) + sum(message_tokens(message) for message in messages)
