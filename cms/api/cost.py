"""What an operation asks for at most: measured in one pass over its document, each fragment once.

An operation's cost is about the number of objects that it can answer with. A field that answers an object costs 1, of a
mutation 10; a list multiplies what is selected of its items, a connection by the page that is asked for. Plain values
are free: how often one can be asked for is limited by aliases and tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_non_null_type,
)

from .connections import DEFAULT_PAGE, MAX_PAGE

# Objects that a list without pages is taken to hold.
LIST_SIZE = 10
MUTATION_COST = 10
# The whole schema is read for it, whatever is selected of it.
INTROSPECTION_COST = 1_000
# Selections in selections, fragments included: what can be walked without running out of stack.
MAX_NESTING = 100
# Sums stop here, so that no number grows with the exponent that a document can hold.
MOST = 10**9


class TooDeepError(Exception):
    """The document's selections are nested more than MAX_NESTING deep."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a selection asks for at most. `fields` are those of its first level."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0

    def __add__(self, other: "Measure") -> "Measure":
        return Measure(
            depth=max(self.depth, other.depth),
            fields=min(self.fields + other.fields, MOST),
            aliases=min(self.aliases + other.aliases, MOST),
            directives=min(self.directives + other.directives, MOST),
            cost=min(self.cost + other.cost, MOST),
        )


NOTHING = Measure()


def measure(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> tuple[Measure, frozenset[str]]:
    """What an operation asks for, and the names of the variables that this depends on. Raises TooDeepError."""
    walk = _Walk(schema, document, operation, variables)
    found = walk.selections(operation.selection_set, schema.get_root_type(operation.operation), 0)
    return found + Measure(directives=len(operation.directives)), frozenset(walk.page_variables)


def _is_list(type_: Any) -> bool:
    return is_list_type(type_.of_type if is_non_null_type(type_) else type_)


class _Walk:
    """One pass over an operation and the fragments that it reaches."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self.schema = schema
        self.fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self.defaults = {
            definition.variable.name.value: definition.default_value for definition in operation.variable_definitions
        }
        self.variables = variables
        self.page_variables: set[str] = set()
        self.measured: dict[str, Measure] = {}

    def selections(self, node: SelectionSetNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        if level > MAX_NESTING:
            raise TooDeepError
        return sum((self._selection(selection, parent, level) for selection in node.selections), NOTHING)

    def _selection(self, node: SelectionNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        if isinstance(node, FieldNode):
            found = self._field(node, parent, level)
        elif isinstance(node, FragmentSpreadNode):
            found = self._fragment(node.name.value, level)
        else:
            assert isinstance(node, InlineFragmentNode)
            on = self.schema.get_type(node.type_condition.name.value) if node.type_condition else parent
            found = self.selections(node.selection_set, on, level + 1)
        return found + Measure(directives=len(node.directives)) if node.directives else found

    def _fragment(self, name: str, level: int) -> Measure:
        found = self.measured.get(name)
        if found is None:
            # Within itself it counts nothing: validation refuses such a document.
            self.measured[name] = NOTHING
            fragment = self.fragments.get(name)
            if fragment is None:
                return NOTHING
            on = self.schema.get_type(fragment.type_condition.name.value)
            found = self.measured[name] = self.selections(fragment.selection_set, on, level + 1)
        return found

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, level: int) -> Measure:
        aliases = 1 if node.alias else 0
        if node.selection_set is None:
            return Measure(depth=1, fields=1, aliases=aliases)
        field: GraphQLField | None = getattr(parent, "fields", {}).get(node.name.value)
        inner = self.selections(node.selection_set, get_named_type(field.type) if field else None, level + 1)
        return Measure(
            depth=inner.depth + 1,
            fields=1,
            aliases=inner.aliases + aliases,
            directives=inner.directives,
            cost=min(self._cost(node, field, parent, inner.cost), MOST),
        )

    def _cost(self, node: FieldNode, field: GraphQLField | None, parent: GraphQLNamedType | None, inner: int) -> int:
        if field is None:
            # Introspection; or validation refuses it.
            return inner + (INTROSPECTION_COST if node.name.value in ("__schema", "__type") else 1)
        if parent is self.schema.mutation_type:
            return MUTATION_COST + inner
        if parent is not None and parent.name.endswith("Connection"):
            # `edges` and `pageInfo`: the connection's own field has multiplied them.
            return inner
        if "first" in field.args and "last" in field.args:
            return 1 + (self._asked(node, "first", "last") or DEFAULT_PAGE) * inner
        if not _is_list(field.type):
            return 1 + inner
        limit = field.args.get("limit")
        size = (self._asked(node, "limit") or limit.default_value) if limit else LIST_SIZE
        return int(size) * (1 + inner)

    def _asked(self, node: FieldNode, *names: str) -> int | None:
        """The largest number that the arguments of these names hold, if any, as far as resolvers take it."""
        numbers = [self._number(argument.value) for argument in node.arguments if argument.name.value in names]
        asked = max((number for number in numbers if number is not None), default=None)
        return asked if asked is None else max(1, min(asked, MAX_PAGE))

    def _number(self, value: Any) -> int | None:
        if isinstance(value, VariableNode):
            name = value.name.value
            self.page_variables.add(name)
            if name in self.variables:
                given = self.variables[name]
                return given if type(given) is int else None
            value = self.defaults.get(name)
        # Python reads no endless digits.
        return int(value.value[:10]) if isinstance(value, IntValueNode) else None
