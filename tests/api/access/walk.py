"""Documents that reach every field by every path, made from a schema."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
)

from cms.api import limits
from cms.api.documents import Document
from cms.errors import DomainError

Edge = tuple[str, str]
Visit = Callable[[Edge, Any], None]


@dataclass
class Selection:
    """What is selected of a type: all its plain fields, and some of the others. Of an abstract type its fragments."""

    type: GraphQLNamedType
    leaves: tuple[str, ...] = ()
    children: dict[str, "Selection"] = field(default_factory=dict)
    fragments: dict[str, "Selection"] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.leaves or self.children or self.fragments)

    def parts(self) -> list["Selection"]:
        """The same in smaller ones: the plain fields, and each of the others alone."""
        plain = [Selection(self.type, self.leaves)] if self.leaves else []
        inner = [
            Selection(self.type, children={name: child}, arguments=self.arguments)
            for name, child in self.children.items()
        ]
        of_members = [Selection(self.type, fragments={name: child}) for name, child in self.fragments.items()]
        return plain + inner + of_members

    def with_all_of(self, other: "Selection") -> "Selection":
        """Two selections of one type as one."""
        return Selection(
            self.type,
            self.leaves or other.leaves,
            {**self.children, **other.children},
            {**self.fragments, **other.fragments},
            {**self.arguments, **other.arguments},
        )

    def text(self, leaves: dict[str, tuple[str, ...]]) -> str:
        """Between braces. The plain fields are a fragment for each type, which `leaves` collects."""
        words = []
        if self.leaves:
            leaves[self.type.name] = self.leaves
            words.append(f"...{self.type.name}_")
        for name, child in self.children.items():
            words.append(f"{name}{self.arguments.get(name, '')} {{ {child.text(leaves)} }}")
        if self.fragments:
            words.append("__typename")
        words += [f"... on {name} {{ {child.text(leaves)} }}" for name, child in self.fragments.items()]
        return " ".join(words)

    def read(self, data: Any, visit: Visit) -> None:
        """Call `visit` with each field that an answer has of it, as (type, field), and its value."""
        if isinstance(data, list):
            for item in data:
                self.read(item, visit)
        elif data is not None and self.fragments:
            if (member := self.fragments.get(data["__typename"])) is not None:
                member.read(data, visit)
        elif data is not None:
            for name in self.leaves:
                visit((self.type.name, name), data[name])
            for name, child in self.children.items():
                visit((self.type.name, name), data[name])
                child.read(data[name], visit)


@dataclass(frozen=True)
class Walk:
    """Selections of a schema. A step leads to an object with an id; what has none belongs to the object before it."""

    schema: GraphQLSchema
    page: int = 3

    def is_node(self, type_: GraphQLNamedType) -> bool:
        return isinstance(type_, GraphQLObjectType) and any(each.name == "Node" for each in type_.interfaces)

    def members(self, type_: GraphQLNamedType) -> list[GraphQLObjectType]:
        """The object types that a type stands for."""
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            return list(self.schema.get_possible_types(type_))
        return [type_]  # type: ignore[list-item]

    def selection(self, type_: Any, steps: int, path: tuple[str, ...] = ()) -> Selection:
        """All fields, as far as `steps` lead, through no type more than twice on a path."""
        named = get_named_type(type_)
        if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
            members = {each.name: self.selection(each, steps, path) for each in self.members(named)}
            return Selection(named, fragments=members)
        made, here = Selection(named), (*path, named.name)
        if not is_composite_type(named):
            return made
        for name, each in named.fields.items():
            inner = get_named_type(each.type)
            if not is_composite_type(inner):
                made.leaves += (name,)
                continue
            left = steps - self.is_node(inner)
            if left >= 0 and here.count(inner.name) < 2 and (child := self.selection(inner, left, here)):
                made.children[name] = child
                if "first" in each.args:
                    made.arguments[name] = f"(first: {self.page})"
        return made

    def documents(self, wrap: Callable[[Selection], str], selection: Selection) -> Iterator[tuple[str, Selection]]:
        """Documents of a selection in which `wrap` puts it, each within the limits of one operation."""
        if fits(self.schema, text := wrap(selection)):
            yield text, selection
            return
        parts = selection.parts()
        if len(parts) == 1:
            yield from self._deeper(wrap, parts[0])
            return
        together: Selection | None = None
        for part in parts:
            more = part if together is None else together.with_all_of(part)
            if fits(self.schema, wrap(more)):
                together = more
                continue
            if together is not None:
                yield wrap(together), together
            together = part if fits(self.schema, wrap(part)) else None
            if together is None:
                yield from self.documents(wrap, part)
        if together is not None:
            yield wrap(together), together

    def _deeper(self, wrap: Callable[[Selection], str], only: Selection) -> Iterator[tuple[str, Selection]]:
        kind = "children" if only.children else "fragments"
        ((name, inner),) = getattr(only, kind).items()

        def around(part: Selection) -> Selection:
            return Selection(only.type, arguments=only.arguments, **{kind: {name: part}})

        for text, part in self.documents(lambda part: wrap(around(part)), inner):
            yield text, around(part)


def fits(schema: GraphQLSchema, text: str) -> bool:
    """Whether a document is within the limits of one operation."""
    try:
        limits.check(Document(text).measure(schema, None, {}))
    except DomainError:
        return False
    except GraphQLError as error:
        if error.original_error is None:
            raise
        return False
    return True


def operation(
    kind: str, name: str, definition: GraphQLField, used: Mapping[str, Any], selection: Selection | None
) -> str:
    """A document that calls one root field with a variable for each of the arguments that are `used`."""
    variables = ", ".join(f"${key}: {definition.args[key].type}" for key in used)
    arguments = ", ".join(f"{key}: ${key}" for key in used)
    leaves: dict[str, tuple[str, ...]] = {}
    inner = f" {{ {selection.text(leaves)} }}" if selection else ""
    call = f"{name}({arguments})" if arguments else name
    head = f"{kind} ({variables})" if variables else kind
    return f"{head} {{ {call}{inner} }} {fragments(leaves)}"


def fragments(leaves: Mapping[str, tuple[str, ...]]) -> str:
    """The fragments of plain fields that `Selection.text` spreads."""
    return " ".join(f"fragment {name}_ on {name} {{ {' '.join(fields)} }}" for name, fields in leaves.items())
