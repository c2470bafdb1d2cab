"""What is asked, in the chat page's own words where it asks the same."""

from collections.abc import Callable
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
    """One thing that is measured: as GraphQL, and, where `plain` names one, by a plain JSON view of the same rows.

    `ids` names the seeded ids that are asked for in turn, `variables` makes the document's variables of one.
    """

    name: str
    title: str
    document: str
    ids: str
    variables: Callable[[str], dict[str, Any]]
    plain: str = ""
    writes: bool = False


def _by_id(id_: str) -> dict[str, Any]:
    return {"id": id_}


def _in_project(id_: str) -> dict[str, Any]:
    return {"projectId": id_, "first": 20}


def _first(_: str) -> dict[str, Any]:
    return {"first": 20}


def _said(id_: str) -> dict[str, Any]:
    return {"input": {"sessionId": id_, "text": "Let the clock in the hall strike thirteen."}}


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
    """What is compared with the yardstick, in the report's order."""
    return [
        Operation("project", "one project by id", _document("Project"), "projects", _by_id, "/bench/project"),
        Operation(
            "projects",
            "20 projects with creator, three collaborators and style references",
            _document("Projects"),
            "projects",
            _first,
            "/bench/projects",
        ),
        Operation(
            "session",
            "a session with 20 messages (author, attachments, choices)",
            _document("BenchSession"),
            "sessions",
            _by_id,
            "/bench/session",
        ),
        Operation(
            "send",
            "sending a message",
            _document("SendMessage"),
            "empty_sessions",
            _said,
            "/bench/send",
            writes=True,
        ),
    ]


def lists() -> list[Operation]:
    """The API's other lists, which must cost the same however many projects there are."""
    return [
        Operation("Sessions", "`sessions`: all that I may see", _document("Sessions"), "projects", _first),
        Operation("Media", "`media`: all that I may see", _document("Media"), "projects", _first),
        Operation("Me", "`me` with `activeProjects`", _document("Me"), "projects", lambda _: {}),
        Operation(
            "ProjectSessions",
            "`project.sessions`",
            _document("ProjectSessions"),
            "projects",
            _in_project,
        ),
        Operation("ProjectMedia", "`project.media`", _document("ProjectMedia"), "projects", _in_project),
    ]
