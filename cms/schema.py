"""The one GraphQL schema: merges the subjects' Query, Mutation and Subscription."""

import dataclasses
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import strawberry
from django.conf import settings
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError

from cms.accounts.callers import Caller
from cms.accounts.schema import AccountsMutation, AccountsQuery
from cms.api.admission import Admission, SocketAdmission, text_to_run
from cms.api.context import Context, viewer
from cms.api.errors import public_error
from cms.api.node import Node, load_node
from cms.api.scalars import SCALARS
from cms.api.text import StorableArguments
from cms.api.threads import in_thread, run_resolvers_in_threads
from content.generation.schema import GenerationMutation, GenerationQuery
from content.generation.types import ProjectTaskUpdatedEvent
from content.media.bulk_schema import MediaBulkMutation
from content.media.schema import MediaMutation, MediaQuery
from content.media.search_schema import MediaSearchQuery
from content.media.types import MediaUpdatedEvent
from content.projects.schema import ProjectsMutation, ProjectsQuery, ProjectsSubscription
from content.projects.types import ProjectUpdatedEvent
from content.workflow.schema import WorkflowQuery
from conversation.branch_schema import BranchMutation
from conversation.event_types import EVENT_TYPES
from conversation.presence_schema import PresenceMutation
from conversation.schema import ConversationMutation, ConversationQuery, ConversationSubscription
from conversation.search_schema import MessageSearchQuery
from webhooks.schema import WebhooksMutation, WebhooksQuery


@strawberry.type(description="What can be read.")
class Query(
    AccountsQuery,
    ProjectsQuery,
    ConversationQuery,
    MessageSearchQuery,
    WorkflowQuery,
    MediaQuery,
    MediaSearchQuery,
    GenerationQuery,
    WebhooksQuery,
):
    @strawberry.field(description="An object by its global id; null where there is none that the caller may see.")
    def node(
        self,
        info: strawberry.Info[Context, Any],
        id: Annotated[strawberry.ID, strawberry.argument(description="An `id` that the API gave.")],
    ) -> Node | None:
        return load_node(viewer(info), id)  # type: ignore[no-any-return]  # rows stand for API types


@strawberry.type(
    description="What can be done. A mutation has one input and answers with the object (null when refused) and "
    "`errors` (empty on success). Several in one request run in order, and each fails alone."
)
class Mutation(
    AccountsMutation,
    ProjectsMutation,
    ConversationMutation,
    BranchMutation,
    PresenceMutation,
    MediaMutation,
    MediaBulkMutation,
    GenerationMutation,
    WebhooksMutation,
):
    pass


@strawberry.type(description="What can be followed live, over graphql-transport-ws.")
class Subscription(ConversationSubscription, ProjectsSubscription):
    pass


class NothingKept(SchemaExtension):
    """Each event of a subscription reads the database anew."""

    def on_stream_result(self, result: Any) -> Iterator[None]:
        yield
        self.execution_context.context.cache.clear()


def as_of_now(context: Context) -> Context:
    """A socket's context for its next operation: signed in only while the person is active and the token is good."""
    user = Caller.of(context.user, context.token).user() if context.user else None
    token = user.token if user else context.token
    return dataclasses.replace(context, user=user, token=token, request_id=secrets.token_hex(8), cache={})


async def refused(error: GraphQLError) -> AsyncIterator[PreExecutionError]:
    """The only answer to an operation that is not run."""
    yield PreExecutionError(data=None, errors=[error])


class Schema(strawberry.Schema):
    """Strawberry's schema, whose errors all carry a code and whose resolvers never block the event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        run_resolvers_in_threads(self._schema)

    def get_extensions(self, sync: bool = False) -> list[SchemaExtension]:
        """What goes around an operation: over HTTP it is run in a thread, over a WebSocket on the event loop."""
        return [Admission() if sync else SocketAdmission(), *super().get_extensions(sync)]

    def execute_sync(self, query: str | None, *args: Any, **options: Any) -> ExecutionResult:
        """Run what came over HTTP."""
        context: Context = options["context_value"]
        try:
            return super().execute_sync(text_to_run(query, context), *args, **options)
        except GraphQLError as error:
            return ExecutionResult(data=None, errors=[_public(error, context)])

    async def stream(self, query: str | None, *args: Any, **options: Any) -> Any:
        """Run what came over a WebSocket: each operation asks anew who is calling, and keeps nothing for the next."""
        options["context_value"] = context = await in_thread(as_of_now, options["context_value"])
        try:
            return await super().stream(await in_thread(text_to_run, query, context), *args, **options)
        except GraphQLError as error:
            return refused(_public(error, context))

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Give each error its public form, in place: the same list is answered."""
        context = execution_context.context if execution_context else None
        errors[:] = [_public(error, context) for error in errors]


def _public(error: GraphQLError, context: Any) -> GraphQLError:
    """An error's public form; what the schema has is hinted at to who may read it."""
    known = context if isinstance(context, Context) else None
    hints = settings.DEBUG or (known is not None and known.user is not None)
    return public_error(error, known.request_id if known else "unknown", hints=hints)


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[*EVENT_TYPES, ProjectUpdatedEvent, MediaUpdatedEvent, ProjectTaskUpdatedEvent],
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[StorableArguments, NothingKept],
)
