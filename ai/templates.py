"""The frame of the prompts: words in `ai/prompts/*.md`, values put in once and strictly.

A value is never looked at again after it was put in, so nothing that a person writes can act as a placeholder.
A placeholder without a value, or a value without a placeholder, is an error: a prompt is never silently
incomplete.
"""

import json
import re
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from ai.text import clean, one_line

_FOLDER = Path(__file__).parent / "prompts"
# What opens or closes our own fences, a chat template's turns, or a tool call in the models that we speak to.
_MARKS = re.compile(r"<(?=\||/?(?:data|platform_note|tool_call|tool_response|tools)\b)", re.IGNORECASE)


class TemplateError(Exception):
    """The prompt's file and the code that fills it disagree."""


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.md").read_text(encoding="utf-8"))


def render(name: str, /, **values: str) -> str:
    """The text of `prompts/<name>.md` with its placeholders filled. Raises TemplateError."""
    template = _template(name)
    if not template.is_valid():
        raise TemplateError(f"prompts/{name}.md has a stray '$'.")
    wanted, given = set(template.get_identifiers()), set(values)
    if wanted != given:
        raise TemplateError(f"prompts/{name}.md wants {sorted(wanted)} and was given {sorted(given)}.")
    return template.substitute(values).strip()


def disarm(text: str) -> str:
    """The text, unable to end a fence or to pose as a part of the chat's own markup."""
    return _MARKS.sub("‹", clean(text))


def fence(label: str, text: str) -> str:
    """The text between marks that the frame declares to be data and never orders."""
    name = disarm(one_line(label)).replace('"', "'")
    return f'<data name="{name}">\n{disarm(text)}\n</data>'


def fence_json(label: str, value: Any) -> str:
    return fence(label, json.dumps(value, ensure_ascii=False, default=str))
