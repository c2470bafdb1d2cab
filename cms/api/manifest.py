"""The manifest of trusted documents: what GraphQL Code Generator's `persistedDocuments` writes for the same files.

A document holds one operation and its fragments, sorted by name, each run of white space one blank; SHA-256 → text.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    Visitor,
    parse,
    print_ast,
    visit,
)


def build_manifest(folder: Path) -> dict[str, str]:
    """The manifest of a folder's *.graphql files, in the order of the operations' names."""
    definitions = [node for path in sorted(folder.glob("*.graphql")) for node in parse(path.read_text()).definitions]
    for definition in definitions:
        visit(definition, _Sort())
    fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
    operations = {
        node.name.value: node for node in definitions if isinstance(node, OperationDefinitionNode) and node.name
    }
    texts = [_text(operation, fragments) for _, operation in sorted(operations.items())]
    return {digest(text): text for text in texts}


def digest(text: str) -> str:
    """A document's SHA-256, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _text(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> str:
    used = sorted(_used(operation, fragments))
    document = DocumentNode(definitions=(*(fragments[name] for name in used), operation))
    return re.sub(r"\s+", " ", print_ast(document)).strip()


def _used(node: ExecutableDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> set[str]:
    spreads = _Spreads()
    waiting: list[ExecutableDefinitionNode] = [node]
    seen: set[str] = set()
    while waiting:
        visit(waiting.pop(), spreads)
        waiting += [fragments[name] for name in spreads.names - seen]
        seen |= spreads.names
    return seen


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.add(node.name.value)


class _Sort(Visitor):
    """Sorts in place what means the same in any order. A mutation's own fields run in theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.ordered: SelectionSetNode | None = None

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        node.variable_definitions = _sorted(node.variable_definitions, lambda each: each.variable.name.value)
        if node.operation is OperationType.MUTATION:
            self.ordered = node.selection_set

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> None:
        if node is not self.ordered:
            node.selections = _sorted(node.selections, _place)


def _sorted(nodes: Iterable[Any], key: Any) -> tuple[Any, ...]:
    return tuple(sorted(nodes, key=key))


def _place(node: SelectionNode) -> tuple[int, str]:
    """Fields first, then spreads, then inline fragments; each by its name."""
    if isinstance(node, FieldNode):
        return 0, node.name.value
    if isinstance(node, FragmentSpreadNode):
        return 1, node.name.value
    assert isinstance(node, InlineFragmentNode)
    return 2, node.type_condition.name.value if node.type_condition else ""
