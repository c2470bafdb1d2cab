"""The one function that a director may call, `direct`: how it reports structure beside its prose."""

from collections.abc import Mapping
from typing import Any

from ai.contract import Step

TOOL_NAME = "direct"
MOST_CHOICES = 4
TITLE_LENGTH = 80
DESCRIPTION_LENGTH = 300


def direct_tool(step: Step) -> Mapping[str, Any]:
    """The function in OpenAI's form; its enums hold only what the workflow allows at this step."""
    properties: dict[str, Any] = {"choices": _choices(step)}
    if step.next_steps:
        slugs = [item.slug for item in step.next_steps]
        properties["next_step"] = {
            "type": ["string", "null"],
            "enum": [*slugs, None],
            "description": "The step to move to, or null to stay.",
        }
    if step.task_types:
        properties["action"] = _action(step)
    return {
        "type": "function",
        "function": {
            "name": TOOL_NAME,
            "description": "Report the next step, the choices to offer, or a generation task to start.",
            "parameters": {"type": "object", "properties": properties, "additionalProperties": False},
        },
    }


def _choices(step: Step) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "slug": {"type": "string", "description": "A short name in snake_case."},
        "title": {"type": "string", "maxLength": TITLE_LENGTH},
        "description": {"type": "string", "maxLength": DESCRIPTION_LENGTH},
        "recommended": {"type": "boolean"},
    }
    if step.next_steps:
        properties["leads_to"] = {
            "type": "string",
            "enum": [item.slug for item in step.next_steps],
            "description": "Only where taking this choice moves the session to that step.",
        }
    if step.task_types:
        properties["submits"] = {
            "type": "string",
            "enum": [item.slug for item in step.task_types],
            "description": "Only where taking this choice starts that task.",
        }
    return {
        "type": "array",
        "maxItems": MOST_CHOICES,
        "items": {
            "type": "object",
            "properties": properties,
            "required": ["slug", "title", "description"],
            "additionalProperties": False,
        },
    }


def _action(step: Step) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "task_type": {"type": "string", "enum": [item.slug for item in step.task_types]},
            "input": {"type": "object", "description": "Fits the task type's schema."},
        },
        "required": ["task_type", "input"],
        "additionalProperties": False,
    }
