"""Which operations are run: those within the limits and the caller's budget, and only then looked at any closer."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from cms.errors import DomainError
from cms.rate_limits import Budget, spend

from . import deadline, documents, limits, trusted
from .context import Context
from .threads import in_thread


def text_to_run(query: str | None, context: Context) -> str | None:
    """The text of the document that is asked for, which can be parsed.

    Raises GraphQLError for one that is not: it is not trusted, not there, no GraphQL, or too long.
    """
    if not query:
        return query
    try:
        text = trusted.text_of(query, context)
        documents.find(text)
    except GraphQLError:
        try:
            spend(documents.reading_cost(query), limits.spenders(context))
        except DomainError as error:
            raise refusal(error, context) from None
        raise
    return text


def refusal(error: DomainError, context: Context) -> GraphQLError:
    """A domain error as a top-level one; over HTTP the header Retry-After too."""
    if error.retry_after is not None and context.response is not None:
        context.response.headers["Retry-After"] = str(error.retry_after)
    return GraphQLError(error.message, original_error=error)


class Admission(SchemaExtension):
    """Measures an operation, charges the caller for it, validates it, and gives it its time."""

    cost: int | None = None
    budget: Budget | None = None

    def on_parse(self) -> Iterator[None]:
        asked = self.execution_context
        if asked.query:
            asked.graphql_document = documents.find(asked.query).node
        yield

    def on_validate(self) -> Any:
        self._admit()
        yield

    def on_execute(self) -> Iterator[None]:
        context: Context = self.execution_context.context
        # A subscription is there to last.
        if self.execution_context.operation_type is not OperationType.SUBSCRIPTION:
            context.deadline = time.monotonic() + settings.OPERATION_SECONDS
        with self._enforced(context):
            yield

    def _enforced(self, context: Context) -> Any:
        return deadline.enforced(context.deadline)

    def _admit(self) -> None:
        asked = self.execution_context
        context: Context = asked.context
        document = documents.find(asked.query or "")
        # Strawberry would run the first.
        if document.operations > 1 and asked._provided_operation_name is None:
            error = GraphQLError("The document has several operations: name one in `operationName`.")
            asked.pre_execution_errors = [error]
            return
        try:
            self._charge(document, context)
        except DomainError as error:
            asked.pre_execution_errors = [refusal(error, context)]
        else:
            introspection = settings.DEBUG or context.user is not None
            asked.pre_execution_errors = document.errors(asked.schema._schema, introspection=introspection)

    def _charge(self, document: documents.Document, context: Context) -> None:
        asked = self.execution_context
        try:
            limits.check_document(document.operations)
            measure = document.measure(asked.schema._schema, asked.operation_name, asked.variables or {})
            self.cost = max(document.reading_cost, measure.cost)
            limits.check(measure)
        except DomainError:
            # Nothing is run, but reading it is not free.
            spend(document.reading_cost, limits.spenders(context))
            raise
        self.budget = spend(self.cost, limits.spenders(context))

    def get_results(self) -> dict[str, Any]:
        """`extensions.cost` of an answer; of a subscription's first alone, as it is charged once."""
        if self.cost is None:
            return {}
        cost: dict[str, Any] = {
            "requestedQueryCost": self.cost,
            "maximumQueryCost": settings.OPERATION_LIMITS["cost"],
        }
        if self.budget is not None:
            cost["throttleStatus"] = {
                "maximumAvailable": self.budget.limit,
                "currentlyAvailable": self.budget.remaining,
            }
        if self.execution_context.operation_type is OperationType.SUBSCRIPTION:
            self.cost = None
        return {"cost": cost}


class SocketAdmission(Admission):
    """The same on the event loop, which must not wait for any of it."""

    async def on_validate(self) -> AsyncIterator[None]:
        await in_thread(self._admit)
        yield

    def _enforced(self, context: Context) -> Any:
        # Each resolver has a thread of its own, which keeps the time (cms.api.threads).
        return nullcontext()
