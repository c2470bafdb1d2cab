"""Keeps a reply's structured part out of the prose while it streams.

A model without tools reports structure in a fenced JSON block; a server without a tool parser lets
`<tool_call>` through as text; a model that was drilled on JSON answers with nothing else; a thinking model may
leak `<think>`. Whatever may be the beginning of one of these is held back until it is decided. A block that is
not ours (an example in the prose) is released unchanged.
"""

import json
import re
from enum import Enum, auto

FENCE = "```"
_TAGS = {"<tool_call>": "</tool_call>", "<think>": "</think>"}
_OURS = re.compile(
    r'"(?:response|next_?step|choices|action(?:_?required)?|task_?type)"\s*:|"name"\s*:\s*"direct"',
    re.IGNORECASE,
)


_CLOSING = re.compile(r"\n[ \t]*```[ \t]*\n")
# A block that begins with more white space than this is none of ours.
_LONGEST_BLANK = 1_000


class _Place(Enum):
    PROSE = auto()
    BARE_JSON = auto()  # the whole reply so far is one object
    JSON_BLOCK = auto()  # a fenced block that may be ours: held back
    OTHER_BLOCK = auto()  # a fenced block that is part of the prose
    TAG = auto()


class ProseFilter:
    """Feed it the text as it comes; it gives back what may be shown. After `finish`, `arguments` is the held
    block.
    """

    def __init__(self) -> None:
        self.arguments: str | None = None
        self._buffer = ""
        self._place = _Place.PROSE
        self._tag = ""
        self._at_line_start = True
        self._began = False
        # Where in the buffer an end may still begin: what is held back is looked through once, not with every piece.
        self._from = 0
        self._is_object = False

    def feed(self, text: str) -> str:
        self._buffer += text
        shown = []
        while (piece := self._step()) is not None:
            shown.append(piece)
        return "".join(shown)

    def finish(self) -> str:
        """What else may be shown, when no more text comes."""
        rest, self._buffer = self._buffer, ""
        if self._place is _Place.BARE_JSON:
            return self._bare_json(rest)
        if self._place is _Place.JSON_BLOCK or (self._place is _Place.TAG and self._tag == "<tool_call>"):
            return self._decided(rest)
        return "" if self._place is _Place.TAG else rest

    def _step(self) -> str | None:
        """One decision: text to show (perhaps none), or None where more must be seen first."""
        if not self._buffer:
            return None
        match self._place:
            case _Place.PROSE:
                return self._prose()
            case _Place.JSON_BLOCK:
                return self._json_block()
            case _Place.OTHER_BLOCK:
                return self._other_block()
            case _Place.TAG:
                return self._inside_tag()
            case _Place.BARE_JSON:
                return None

    def _prose(self) -> str | None:
        if not self._began:
            start = self._buffer.lstrip()
            if not start:
                return None
            self._began = True
            if start.startswith("{"):
                self._place = _Place.BARE_JSON
                return None
        if self._may_be_fence():
            return self._open_block() if "\n" in self._buffer else None
        line = self._buffer[: self._buffer.find("\n") + 1] or self._buffer
        for tag in _TAGS:
            at = line.lower().find(tag)
            if at >= 0:
                shown = self._take(at)
                self._place, self._tag = _Place.TAG, tag
                return shown
        return self._take(len(line) - _unfinished_tag(line)) or None

    def _may_be_fence(self) -> bool:
        """Whether the line that begins the buffer is a fence, or could become one."""
        if not self._at_line_start:
            return False
        line, end, _ = self._buffer.partition("\n")
        start = line.lstrip(" \t")
        return start.startswith(FENCE) or (not end and FENCE.startswith(start))

    def _open_block(self) -> str:
        line = self._buffer[: self._buffer.find("\n") + 1]
        if "`" in line.strip().lstrip("`"):
            return self._take(len(line))
        language = re.split(r"[\s{]", line.strip().lstrip("`").lower(), maxsplit=1)[0]
        if language in ("", "json", "json5", "jsonc"):
            self._place = _Place.JSON_BLOCK
            return ""
        self._place = _Place.OTHER_BLOCK
        return self._take(len(line))

    def _json_block(self) -> str | None:
        if not self._is_object:
            inner = _inner(self._buffer)
            if not inner.strip() and len(inner) <= _LONGEST_BLANK:
                return None
            if not inner.lstrip().startswith("{"):
                self._place = _Place.OTHER_BLOCK
                return self._take(self._buffer.find("\n") + 1)
            self._is_object = True
        closing = _CLOSING.search(self._buffer, self._from)
        if closing is None:
            self._from = max(0, self._buffer.rfind("\n"))
            return None
        self._place = _Place.PROSE
        return self._decided(self._cut(closing.end()))

    def _other_block(self) -> str | None:
        if self._may_be_fence():
            if "\n" not in self._buffer:
                return None
            self._place = _Place.PROSE
        return self._take(self._buffer.find("\n") + 1 or len(self._buffer))

    def _inside_tag(self) -> str | None:
        closer = _TAGS[self._tag]
        at = self._buffer[self._from :].lower().find(closer) + self._from
        if at < self._from:
            self._from = max(0, len(self._buffer) - len(closer))
            return None
        block = self._cut(at + len(closer))
        self._place = _Place.PROSE
        if self._tag == "<think>":
            self._began = False
            return ""
        return self._decided(block)

    def _bare_json(self, text: str) -> str:
        try:
            _, end = json.JSONDecoder().raw_decode(text.lstrip())
        except (ValueError, RecursionError):
            return self._decided(text)
        start = text.lstrip()
        return self._decided(start[:end]) + start[end:]

    def _decided(self, block: str) -> str:
        """The block itself where it is prose after all; nothing where it is the structured part."""
        if self.arguments is not None or not _OURS.search(block):
            return block
        self.arguments = _arguments(_inner(block))
        return ""

    def _take(self, length: int) -> str:
        shown = self._cut(length)
        if shown:
            self._at_line_start = shown.endswith("\n")
        return shown

    def _cut(self, length: int) -> str:
        piece, self._buffer = self._buffer[:length], self._buffer[length:]
        self._from, self._is_object = 0, False
        return piece


def _unfinished_tag(line: str) -> int:
    """How many characters at the line's end could be the beginning of one of the tags."""
    low = line.lower()
    longest = max(map(len, _TAGS)) - 1
    for length in range(min(longest, len(low)), 0, -1):
        if any(tag.startswith(low[-length:]) for tag in _TAGS):
            return length
    return 0


def _inner(block: str) -> str:
    """The block without its fences or tags; a language name is no part of it, an object on the fence's line is."""
    text = re.sub(r"^\s*(?:```[ \t]*[a-z0-9]*|<tool_call>)", "", block, count=1, flags=re.IGNORECASE)
    return re.sub(r"(?:\n[ \t]*```|</tool_call>)\s*$", "", text, count=1, flags=re.IGNORECASE)


def _arguments(text: str) -> str:
    """The arguments inside a Hermes call `{"name": "direct", "arguments": {…}}`, or the text as it is."""
    text = text.strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and value.get("name") == "direct" and "arguments" in value:
        inner = value["arguments"]
        return inner if isinstance(inner, str) else json.dumps(inner, ensure_ascii=False)
    return text
