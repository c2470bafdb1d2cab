"""Fills a task's input from its JSON schema and what is known, without a language model.

Covers what Pydantic writes for input models: objects, strings, numbers, booleans, arrays, enums, constants,
`anyOf`/`allOf` and `$ref` into `$defs`. Values meet type, enum, length and bounds; a `pattern` or `format` is
beyond it, and the task's own model has the last word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from ai.text import shorten

_SHORT_NAMES = ("title", "name", "caption", "label", "character", "location", "subject")
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Known:
    """`text` answers long string fields, `title` short ones; `facts` answer fields of the same name exactly."""

    text: str
    title: str
    facts: Mapping[str, Any]


def fill_input(schema: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """The required properties, and those optional ones that a fact answers."""
    return _Filler(schema, known).object(schema, 0)


class _Filler:
    def __init__(self, root: Mapping[str, Any], known: Known) -> None:
        self._root = root
        self._known = known

    def object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        values = {}
        for name, raw in schema.get("properties", {}).items():
            field = self._resolved(raw)
            fact = self._known.facts.get(name)
            if fact is not None and _accepts(field, fact):
                values[name] = fact
            elif name in required:
                values[name] = self._value(name, field, depth)
        return values

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema behind references; of alternatives the first that is not null."""
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                schema = self._target(str(schema["$ref"]))
            elif options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
                schema = next((item for item in options if item.get("type") != "null"), {})
            else:
                break
        return schema

    def _target(self, reference: str) -> Mapping[str, Any]:
        found: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        return found if isinstance(found, Mapping) else {}

    def _value(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:
        if "default" in schema:
            return schema["default"]
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        match schema.get("type"):
            case "string":
                return self._string(name, schema)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return False
            case "array":
                return self._array(name, schema, depth)
            case "object" if depth < _DEEPEST:
                return self.object(schema, depth + 1)
        return None

    def _string(self, name: str, schema: Mapping[str, Any]) -> str:
        is_short = any(word in name.lower() for word in _SHORT_NAMES)
        text = (self._known.title if is_short else self._known.text) or self._known.title or "Untitled"
        text = text.ljust(int(schema.get("minLength", 0)), ".")
        return shorten(text, int(schema.get("maxLength", 2_000)))

    def _array(self, name: str, schema: Mapping[str, Any], depth: int) -> list[Any]:
        item = self._resolved(schema.get("items", {}))
        return [self._value(name, item, depth + 1) for _ in range(min(int(schema.get("minItems", 0)), 20))]


def _number(schema: Mapping[str, Any]) -> int | float:
    if "minimum" in schema:
        low = schema["minimum"]
    elif "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + 1
    else:
        low = min(1, schema.get("maximum", 1))
    return ceil(low) if schema.get("type") == "integer" else float(low)


def _accepts(schema: Mapping[str, Any], fact: object) -> bool:
    if "enum" in schema:
        return fact in schema["enum"]
    kind = schema.get("type")
    if isinstance(fact, str):
        return kind == "string" and schema.get("minLength", 0) <= len(fact) <= schema.get("maxLength", len(fact))
    if isinstance(fact, bool) or not isinstance(fact, (int, float)):
        return kind == "boolean" and isinstance(fact, bool)
    fits = kind == "number" or (kind == "integer" and isinstance(fact, int))
    return fits and bool(schema.get("minimum", fact) <= fact <= schema.get("maximum", fact))
