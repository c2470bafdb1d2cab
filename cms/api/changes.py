"""What a schema changes for clients of the last release, and what the changelog says of it."""

import re
from dataclasses import dataclass

from graphql import BreakingChangeType, build_schema, find_breaking_changes, find_dangerous_changes

# Where graphql-core's sentences name what is changed, and how its schema coordinate is written
# (https://spec.graphql.org/draft/#sec-Schema-Coordinates). A union's and a directive's parts have none: their owner's.
_COORDINATES = {
    BreakingChangeType.TYPE_REMOVED: (r"(?:Standard scalar )?(\w+) was removed", r"\1"),
    BreakingChangeType.TYPE_CHANGED_KIND: (r"(\w+) changed from", r"\1"),
    BreakingChangeType.TYPE_REMOVED_FROM_UNION: (r"\w+ was removed from union type (\w+)", r"\1"),
    BreakingChangeType.VALUE_REMOVED_FROM_ENUM: (r"(\w+) was removed from enum type (\w+)", r"\2.\1"),
    BreakingChangeType.REQUIRED_INPUT_FIELD_ADDED: (r"A required field (\w+) on input type (\w+)", r"\2.\1"),
    BreakingChangeType.IMPLEMENTED_INTERFACE_REMOVED: (r"(\w+) no longer implements", r"\1"),
    BreakingChangeType.FIELD_REMOVED: (r"(\w+\.\w+) was removed", r"\1"),
    BreakingChangeType.FIELD_CHANGED_KIND: (r"(\w+\.\w+) changed type", r"\1"),
    BreakingChangeType.REQUIRED_ARG_ADDED: (r"A required arg (\w+) on (\w+\.\w+)", r"\2(\1:)"),
    BreakingChangeType.ARG_REMOVED: (r"(\w+\.\w+) arg (\w+)", r"\1(\2:)"),
    BreakingChangeType.ARG_CHANGED_KIND: (r"(\w+\.\w+) arg (\w+)", r"\1(\2:)"),
    BreakingChangeType.DIRECTIVE_REMOVED: (r"(\w+) was removed", r"@\1"),
    BreakingChangeType.DIRECTIVE_ARG_REMOVED: (r"(\w+) was removed from (\w+)", r"@\2(\1:)"),
    BreakingChangeType.REQUIRED_DIRECTIVE_ARG_ADDED: (r"A required arg (\w+) on directive (\w+)", r"@\2(\1:)"),
    BreakingChangeType.DIRECTIVE_REPEATABLE_REMOVED: (r".* was removed from (\w+)", r"@\1"),
    BreakingChangeType.DIRECTIVE_LOCATION_REMOVED: (r"\w+ was removed from (\w+)", r"@\1"),
}


@dataclass(frozen=True, slots=True)
class Breaking:
    """A change on which an operation of a client may fail. `coordinate` is what is changed, such as "Session.title"."""

    coordinate: str
    description: str


def breaking_changes(released: str, current: str) -> list[Breaking]:
    """What breaks for clients of the released schema; both are schema documents."""
    found = find_breaking_changes(build_schema(released), build_schema(current))
    return [Breaking(_coordinate(change.type, change.description), change.description) for change in found]


def dangerous_changes(released: str, current: str) -> list[str]:
    """What may surprise clients of the released schema, such as an enum's new value: one sentence each."""
    return [change.description for change in find_dangerous_changes(build_schema(released), build_schema(current))]


def unnamed(changes: list[Breaking], changelog: str) -> list[Breaking]:
    """Those whose coordinate the changelog's section Unreleased does not name, between backticks."""
    section = re.search(r"^## Unreleased$(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`([^`\s]+)`", section[1])) if section else set()
    return [change for change in changes if change.coordinate not in named]


def _coordinate(kind: BreakingChangeType, description: str) -> str:
    pattern, template = _COORDINATES[kind]
    match = re.match(pattern, description)
    # A sentence of a later graphql-core that is not known here stands for itself: it is refused all the same.
    return match.expand(template) if match else description
