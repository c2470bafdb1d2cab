"""What is asked, in the chat page's own words where it asks the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    Node,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

SHIPPED = Path(__file__).resolve().parents[1] / "graphql" / "operations"

SESSION = """
query BenchSession($id: ID!) {
  session(id: $id) {
    ...SessionFields
    choices { ...ChoiceFields }
    messages(last: 20) {
      edges { node { ...BenchMessageFields } }
      pageInfo { ...PageFields }
    }
  }
}

# MessageFields without `html`, whose rendering costs either side the same and would flatter the ratio.
fragment BenchMessageFields on Message {
  id
  seq
  role
  content
  idempotencyKey
  interrupted
  createdAt
  author { id name }
  attachments { ...AttachmentFields }
  choices { ...ChoiceFields }
  selectedChoice { id slug title }
  turn { id status attempts error { ...UserErrorFields } }
}
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that is measured: as GraphQL, and as a plain JSON view of the same rows."""

    name: str
    title: str
    document: str
    plain: str
    ids: str
    writes: bool = False

    def variables(self, id_: str) -> dict[str, Any]:
        """The variables for one id of `ids`."""
        if self.writes:
            return {"input": {"sessionId": id_, "text": "Let the clock in the hall strike thirteen."}}
        return {"first": 20} if self.name == "projects" else {"id": id_}


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.append(node.name.value)


def _spreads(node: Node) -> list[str]:
    visitor = _Spreads()
    visit(node, visitor)
    return visitor.names


def _document(name: str) -> str:
    """The operation of that name with the fragments that it needs, as a client sends it."""
    text = "\n".join([SESSION, *(path.read_text() for path in sorted(SHIPPED.glob("*.graphql")))])
    definitions = parse(text).definitions
    fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
    (operation,) = (
        node
        for node in definitions
        if isinstance(node, OperationDefinitionNode) and node.name and node.name.value == name
    )
    needed: dict[str, FragmentDefinitionNode] = {}
    waiting = _spreads(operation)
    while waiting:
        spread = waiting.pop()
        if spread not in needed:
            needed[spread] = fragments[spread]
            waiting += _spreads(fragments[spread])
    return print_ast(DocumentNode(definitions=(operation, *needed.values())))


def operations() -> list[Operation]:
    """Everything that is measured, in the report's order."""
    return [
        Operation("project", "one project by id", _document("Project"), "/bench/project", "projects"),
        Operation(
            "projects",
            "20 projects with creator, three collaborators and style references",
            _document("Projects"),
            "/bench/projects",
            "projects",
        ),
        Operation(
            "session",
            "a session with 20 messages (author, attachments, choices)",
            _document("BenchSession"),
            "/bench/session",
            "sessions",
        ),
        Operation(
            "send",
            "sending a message",
            _document("SendMessage"),
            "/bench/send",
            "empty_sessions",
            writes=True,
        ),
    ]
