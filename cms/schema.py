"""The one GraphQL schema: merges the subjects' Query, Mutation and Subscription."""

import dataclasses
import secrets
from collections.abc import Iterator
from typing import Annotated, Any

import strawberry
from django.utils import timezone
from graphql import GraphQLError
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from cms.accounts.models import AccessToken, User
from cms.accounts.schema import AccountsMutation, AccountsQuery
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
from conversation.event_types import EVENT_TYPES
from conversation.schema import ConversationMutation, ConversationQuery, ConversationSubscription


@strawberry.type(description="What can be read.")
class Query(
    AccountsQuery, ProjectsQuery, ConversationQuery, WorkflowQuery, MediaQuery, MediaSearchQuery, GenerationQuery
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
    AccountsMutation, ProjectsMutation, ConversationMutation, MediaMutation, MediaBulkMutation, GenerationMutation
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
    user = context.user and User.objects.filter(pk=context.user.pk, is_active=True).first()
    token = context.token
    if token is not None and not AccessToken.objects.filter(pk=token.pk, expires_at__gt=timezone.now()).exists():
        user = None
    return dataclasses.replace(context, user=user, request_id=secrets.token_hex(8), cache={})


class Schema(strawberry.Schema):
    """Strawberry's schema, whose errors all carry a code and whose resolvers never block the event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        run_resolvers_in_threads(self._schema)

    async def stream(self, *args: Any, **options: Any) -> Any:
        """Run what came over a WebSocket: each operation asks anew who is calling, and keeps nothing for the next."""
        options["context_value"] = await in_thread(as_of_now, options["context_value"])
        return await super().stream(*args, **options)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Give each error its public form, in place: the same list is answered."""
        context = execution_context.context if execution_context else None
        request_id = context.request_id if isinstance(context, Context) else "unknown"
        errors[:] = [public_error(error, request_id) for error in errors]


schema = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[*EVENT_TYPES, ProjectUpdatedEvent, MediaUpdatedEvent, ProjectTaskUpdatedEvent],
    config=StrawberryConfig(scalar_map=SCALARS),
    extensions=[ParserCache, ValidationCache, StorableArguments, NothingKept],
)
