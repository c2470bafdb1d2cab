"""The OpenAI chat completions format: our prompt as a request, and a chunk of the answer as plain values."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai.config import ModelConfig
from ai.contract import ChatMessage, Picture, Prompt, Usage
from ai.templates import render
from ai.tokens import is_count
from ai.tool import TOOL_NAME

_EXAMPLE = {
    "next_step": None,
    "choices": [{"slug": "a_short_name", "title": "…", "description": "…", "recommended": True}],
    "action": None,
}


@dataclass(frozen=True, slots=True)
class ToolPiece:
    """A part of a function call; `index` says of which call."""

    index: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Chunk:
    text: str = ""
    # Never shown; it is paid for like the text.
    reasoning: str = ""
    pieces: tuple[ToolPiece, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""

    @property
    def is_progress(self) -> bool:
        """Any sign of work, reasoning included: from here on a failed request is not sent again."""
        return bool(self.text or self.reasoning or self.pieces)


def request_body(prompt: Prompt, config: ModelConfig, *, tools: bool) -> dict[str, Any]:
    """The JSON to post. Without `tools` the system message asks for a fenced block instead."""
    body: dict[str, Any] = {
        "model": config.model,
        "messages": _messages(prompt, tools=tools),
        "max_tokens": prompt.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools and prompt.tool is not None:
        body["tools"] = [prompt.tool]
        # There is but one function; llama.cpp does not know the form that names it.
        body["tool_choice"] = "required" if prompt.must_call else "auto"
    if config.temperature is not None:
        body["temperature"] = config.temperature
    if config.enable_thinking is not None:
        body["enable_thinking"] = config.enable_thinking
    return {**body, **config.extra_body}


def _messages(prompt: Prompt, *, tools: bool) -> list[dict[str, Any]]:
    first, *rest = prompt.messages
    system = first.text
    if prompt.tool is not None and not tools:
        system = f"{system}\n\n{_fallback(prompt.tool)}"
    return [{"role": "system", "content": system}, *map(_message, rest)]


def _fallback(tool: Mapping[str, Any]) -> str:
    schema = json.dumps(tool["function"]["parameters"], ensure_ascii=False)
    return render("fallback", example=json.dumps(_EXAMPLE, ensure_ascii=False), schema=schema)


def _message(message: ChatMessage) -> dict[str, Any]:
    if message.role == "system":
        # Chat templates take one system message, at the start: a later one is told within the conversation.
        return {"role": "user", "content": f"<platform_note>\n{message.text}\n</platform_note>"}
    if not message.pictures:
        return {"role": message.role, "content": message.text}
    parts = [part for picture in message.pictures for part in _picture(picture)]
    if message.text:
        parts.append(_text(message.text))
    return {"role": message.role, "content": parts}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(picture: Picture) -> list[dict[str, Any]]:
    """A data URI and never an address: our files are private, and a server would fetch from inside its own
    network. A video's stills are single pictures too: every endpoint takes those, and few take videos.
    """
    encoded = base64.b64encode(picture.still.data).decode("ascii")
    part = {"type": "image_url", "image_url": {"url": f"data:{picture.still.mime_type};base64,{encoded}"}}
    return [_text(f"[{picture.caption}]"), part] if picture.caption else [part]


def is_error(value: Mapping[str, Any]) -> bool:
    """Whether an event tells of a failure: `{"error": …}`, and `{"message": …}` in the place of choices."""
    return bool(value.get("error")) or ("choices" not in value and isinstance(value.get("message"), str))


def read_chunk(value: Mapping[str, Any]) -> Chunk:
    """A chunk of a stream, or a whole answer from a server that does not stream. Odd shapes are read as absent."""
    choice = _first_choice(value.get("choices"))
    delta = choice.get("delta") or choice.get("message") or {}
    if not isinstance(delta, Mapping):
        delta = {}
    finish = choice.get("finish_reason")
    return Chunk(
        text=_text_of(delta.get("content")),
        reasoning=_text_of(delta.get("reasoning_content") or delta.get("reasoning")),
        pieces=_pieces(delta.get("tool_calls")),
        finish_reason=finish if isinstance(finish, str) and finish else None,
        usage=_usage(value.get("usage")),
        model=_string(value.get("model"))[:200],
    )


def _first_choice(choices: object) -> Mapping[str, Any]:
    """The candidate of number 0, or the one without a number: we ask for no second."""
    each = choices if isinstance(choices, list) else []
    return next((one for one in each if isinstance(one, Mapping) and one.get("index", 0) in (0, None)), {})


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text_of(content: object) -> str:
    """Text, or the texts of a list of parts, as some servers send them."""
    if isinstance(content, list):
        return "".join(_string(part.get("text")) for part in content if isinstance(part, Mapping))
    return _string(content)


def _pieces(calls: object) -> tuple[ToolPiece, ...]:
    if not isinstance(calls, list):
        return ()
    return tuple(_piece(call, place) for place, call in enumerate(calls) if isinstance(call, Mapping))


def _piece(call: Mapping[str, Any], place: int) -> ToolPiece:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = json.dumps(arguments)
    index = call.get("index")
    return ToolPiece(index if isinstance(index, int) else place, _string(function.get("name")), _string(arguments))


def _usage(value: object) -> Usage | None:
    if not isinstance(value, Mapping):
        return None
    given, written = value.get("prompt_tokens"), value.get("completion_tokens")
    return Usage(given, written) if is_count(given) and is_count(written) else None


def arguments_of(pieces: Sequence[ToolPiece]) -> str | None:
    """The arguments of the first call of `direct`; calls of anything else do not count."""
    calls: dict[int, tuple[str, str]] = {}
    for piece in pieces:
        name, arguments = calls.get(piece.index, ("", ""))
        calls[piece.index] = (name or piece.name, arguments + piece.arguments)
    return next((arguments for name, arguments in calls.values() if name == TOOL_NAME), None)
