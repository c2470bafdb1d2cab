"""Subscription queries: what a webhook may register, and what such a query says of one event.

A query is one `subscription` operation of the API's schema on one of the ordered logs, whose id is the operation's
only variable: `subscription ($projectId: ID!) { projectEvents(projectId: $projectId) { … } }`. The same document runs
over a WebSocket, where the client gives the id; here every log that the webhook follows takes its turn.
"""

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    execute,
    get_operation_ast,
    visit,
)

from cms.accounts.models import User
from cms.api import documents, limits
from cms.api.context import Context
from cms.api.errors import public_error
from cms.api.ids import global_id
from cms.errors import DomainError, invalid
from content.projects.models import ProjectEvent
from conversation.models import SessionEvent

from . import hooks
from .choices import EventLog
from .models import MAX_QUERY

Event = ProjectEvent | SessionEvent


@dataclass(frozen=True, slots=True)
class _Source:
    """A field of Subscription that a webhook may follow: its argument, and the stored types behind its event types."""

    log: EventLog
    argument: str
    type_name: str
    types: dict[str, str]


_SOURCES = {
    "projectEvents": _Source(
        EventLog.PROJECT,
        "projectId",
        "Project",
        {
            "ProjectUpdatedEvent": ProjectEvent.Type.PROJECT_UPDATED,
            "MediaUpdatedEvent": ProjectEvent.Type.MEDIA_UPDATED,
            "ProjectTaskUpdatedEvent": ProjectEvent.Type.TASK_UPDATED,
        },
    ),
    "sessionEvents": _Source(
        EventLog.SESSION,
        "sessionId",
        "Session",
        {
            "MessageAddedEvent": SessionEvent.Type.MESSAGE_ADDED,
            "TurnUpdatedEvent": SessionEvent.Type.TURN_UPDATED,
            "ChoicesOfferedEvent": SessionEvent.Type.CHOICES_OFFERED,
            "StepChangedEvent": SessionEvent.Type.STEP_CHANGED,
            "SessionUpdatedEvent": SessionEvent.Type.SESSION_UPDATED,
            "TaskUpdatedEvent": SessionEvent.Type.TASK_UPDATED,
            "PathChangedEvent": SessionEvent.Type.PATH_CHANGED,
        },
    ),
}


@dataclass(frozen=True, slots=True)
class SubscriptionQuery:
    """A query that was checked. `event_types` are the stored types of its log's events that it asks for."""

    document: DocumentNode
    log: EventLog
    event_types: tuple[str, ...]
    variable: str

    def result(self, event: Event, log_id: int, context: Context) -> ExecutionResult:
        """What a subscriber would be sent of an event; its errors are in their public form."""
        source = next(source for source in _SOURCES.values() if source.log == self.log)
        result = execute(
            _schema(),
            self.document,
            root_value=event,
            context_value=context,
            variable_values={self.variable: global_id(source.type_name, log_id)},
        )
        assert isinstance(result, ExecutionResult)
        if result.errors:
            result.errors = [public_error(error, context.request_id, hints=True) for error in result.errors]
        return result


def checked(text: str) -> SubscriptionQuery:
    """The query behind a text.

    Raises INVALID or LIMIT_EXCEEDED, naming `query`, with the reason: it is checked against the schema and the limits
    of every operation, and may follow one log alone.
    """
    if not text.strip() or len(text) > MAX_QUERY:
        raise invalid(f"Give a subscription query of 1 to {MAX_QUERY:,} characters.", "query")
    try:
        return _checked(text)
    except GraphQLError as error:
        raise invalid(f"The query is not valid: {error.message}", "query") from error
    except DomainError as error:
        raise DomainError(error.code, error.message, field=["query"], limit=error.limit) from error


def flaw(text: str) -> str:
    """Why a registered query is no longer valid, as after a change of the schema; "" where it is."""
    try:
        checked(text)
    except DomainError as error:
        return error.message
    return ""


def _checked(text: str) -> SubscriptionQuery:
    document = documents.find(text)
    if errors := document.errors(_schema(), introspection=False):
        raise errors[0]
    operation = get_operation_ast(document.node)
    if document.operations != 1 or operation is None or operation.operation is not OperationType.SUBSCRIPTION:
        raise GraphQLError("It must be one `subscription` operation.")
    limits.check(document.measure(_schema(), None, {}))
    source, variable = _followed(operation)
    return SubscriptionQuery(document.node, source.log, _event_types(document.node, source), variable)


def _followed(operation: OperationDefinitionNode) -> tuple[_Source, str]:
    """What the operation's only field follows, and the variable that names the log. Raises GraphQLError."""
    (field, *_) = operation.selection_set.selections
    source = _SOURCES.get(field.name.value) if isinstance(field, FieldNode) else None
    if source is None or not isinstance(field, FieldNode):
        raise GraphQLError(f"Its only field must be one of {', '.join(_SOURCES)}.")
    values = [argument.value for argument in field.arguments]
    if len(values) != 1 or not isinstance(values[0], VariableNode) or len(operation.variable_definitions) != 1:
        raise GraphQLError(
            f"`{field.name.value}` takes one argument here, a variable that is filled for each event: "
            f"subscription (${source.argument}: ID!) {{ {field.name.value}({source.argument}: ${source.argument}) … }}."
        )
    if field.directives or operation.directives:
        raise GraphQLError("The operation and its field take no directives here.")
    return source, values[0].name.value


def _event_types(document: DocumentNode, source: _Source) -> tuple[str, ...]:
    """The types that the query has fragments on; all where it has none. Raises GraphQLError where none is stored."""
    names = _Fragments()
    visit(document, names)
    events = _schema().get_possible_types(_schema().type_map[f"{source.type_name}Event"])  # type: ignore[arg-type]
    asked = names.found & {event.name for event in events}
    chosen = tuple(str(kind) for name, kind in source.types.items() if name in asked or not asked)
    if not chosen:
        raise GraphQLError(f"{', '.join(sorted(asked))}: such events are not stored, and can be followed live alone.")
    return chosen


class _Fragments(Visitor):
    """The types on which a document has fragments."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> None:
        if node.type_condition is not None:
            self.found.add(node.type_condition.name.value)

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> None:
        self.found.add(node.type_condition.name.value)


def _schema() -> GraphQLSchema:
    return hooks.schema()._schema


def context_of(user: User) -> Context:
    """As whom a query is run: the webhook's bearer. Addresses in its result are those of PUBLIC_URL."""
    place = urlsplit(settings.WAGTAILADMIN_BASE_URL)
    request = HttpRequest()
    request.META |= {"HTTP_HOST": place.netloc, "HTTP_X_FORWARDED_PROTO": place.scheme}
    return Context(user=user, token=user.token, request=request, request_id=secrets.token_hex(8))
