"""What callers send to be run: each text is parsed and validated once, and measured once for its page sizes."""

import functools
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from cms.errors import DomainError

from .cost import MAX_NESTING, NOTHING, Measure, TooDeepError, measure
from .limits import exceeded
from .trusted import is_trusted

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
# Errors that one document is told of; the rest are mostly their consequences.
MAX_ERRORS = 20
# Comparisons of fields that may be the same one, which are quadratic: our own operations need less than 200; the
# default, 500,000, lets 5 KB take more than a second.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 5_000
# What a document costs at least, for reading it: 1 for so many characters.
CHARACTERS_PER_COST = 100
# Untrusted documents that a process keeps, and measures that it keeps of one document.
DOCUMENTS, MEASURES = 256, 64


class Document:
    """A text as it was parsed, with what is known of it."""

    def __init__(self, text: str) -> None:
        self.node = _parsed(text)
        self.reading_cost = reading_cost(text)
        self._errors: dict[bool, tuple[GraphQLError, ...]] = {}
        self._page_variables: frozenset[str] | None = None
        self._measures: dict[tuple[Any, ...], Measure] = {}

    @property
    def operations(self) -> int:
        """How many operations it holds, of which one is run."""
        return sum(isinstance(definition, OperationDefinitionNode) for definition in self.node.definitions)

    def errors(self, schema: GraphQLSchema, *, introspection: bool) -> list[GraphQLError]:
        """Why it is not valid; reading the schema is not where `introspection` is refused."""
        if introspection not in self._errors:
            rules = RULES if introspection else (*RULES, NoSchemaIntrospectionCustomRule)
            self._errors[introspection] = tuple(validate(schema, self.node, rules, max_errors=MAX_ERRORS))
        return list(self._errors[introspection])

    def measure(self, schema: GraphQLSchema, operation_name: str | None, variables: Mapping[str, Any]) -> Measure:
        """What an operation of it asks for. Raises LIMIT_EXCEEDED where it is nested too deeply to be measured."""
        operation = get_operation_ast(self.node, operation_name)
        if operation is None:
            return NOTHING
        if self._page_variables is not None:
            found = self._measures.get(self._sizes(operation_name, variables))
            if found is not None:
                return found
        try:
            found, names = measure(schema, self.node, operation, variables)
        except TooDeepError:
            raise exceeded("nesting", f"more than {MAX_NESTING:,}", MAX_NESTING) from None
        self._page_variables = names | (self._page_variables or frozenset())
        if len(self._measures) >= MEASURES:
            self._measures.clear()
        self._measures[self._sizes(operation_name, variables)] = found
        return found

    def _sizes(self, operation_name: str | None, variables: Mapping[str, Any]) -> tuple[Any, ...]:
        """The operation, and the numbers that its measure depends on."""
        names = sorted(self._page_variables or ())
        return operation_name, *(_number(variables[name]) if name in variables else "default" for name in names)


def reading_cost(text: str) -> int:
    """What a text costs at least, whatever is in it."""
    return max(1, len(text) // CHARACTERS_PER_COST)


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def _parsed(text: str) -> DocumentNode:
    limits = settings.OPERATION_LIMITS
    if len(text) > limits["characters"]:
        raise _refused(exceeded("characters", len(text), limits["characters"]))
    try:
        return parse(text, max_lexical_tokens=limits["tokens"], max_comments=limits["tokens"])
    except GraphQLSyntaxError as error:
        # graphql-core has no other sign of it; how many more there are nobody has counted.
        if not error.message.startswith("Syntax Error: Document contains more than"):
            raise
        raise _refused(exceeded("tokens", f"more than {limits['tokens']:,}", limits["tokens"])) from None


def _refused(error: DomainError) -> GraphQLError:
    return GraphQLError(error.message, original_error=error)


@functools.lru_cache(DOCUMENTS)
def _kept(text: str) -> Document:
    return Document(text)


@functools.cache
def _trusted(text: str) -> Document:
    return Document(text)


def find(text: str) -> Document:
    """The document of a text. Raises GraphQLError: a syntax error, or LIMIT_EXCEEDED."""
    return _trusted(text) if is_trusted(text) else _kept(text)


def forget() -> None:
    """Forget what callers sent (tests)."""
    _kept.cache_clear()
