"""The short way through the execution of small fields says what the long way says."""

import asyncio
import enum

import pytest
import strawberry

from cms.api.execution import LeanExecutionContext, make_lean


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"


class Row:
    """What stands for a `Thing`: some of its values are not what the schema says."""

    title, count, share, colour, wrong_colour, nothing, missing_text = "Tide", 3, 0.5, "red", "blue", None, None

    def __init__(self) -> None:
        self.child = None

    @property
    def broken(self) -> str:
        raise ValueError("The row is broken.")


def _doubled(root: strawberry.Parent[Row]) -> int:
    return root.count * 2


def _named(root: strawberry.Parent[Row], info: strawberry.Info) -> str:
    return f"{root.title} {info.field_name} {info.context['who']}"


async def _later(root: strawberry.Parent[Row]) -> str:
    await asyncio.sleep(0)
    return root.title


def _failing(root: strawberry.Parent[Row]) -> str:
    raise PermissionError("No.")


@strawberry.type
class Thing:
    title: str
    count: int
    share: float
    colour: Colour
    wrong_colour: Colour | None
    nothing: str | None
    missing_text: str
    broken: str | None
    child: "Thing | None"
    doubled: int = strawberry.field(resolver=_doubled)
    named: str = strawberry.field(resolver=_named)
    later: str = strawberry.field(resolver=_later)
    failing: str | None = strawberry.field(resolver=_failing)

    @classmethod
    def is_type_of(cls, obj: object, info: object) -> bool:
        return isinstance(obj, Row)


@strawberry.type
class Query:
    @strawberry.field
    def thing(self) -> Thing | None:
        return Row()  # type: ignore[return-value]


STANDARD = strawberry.Schema(Query)
LEAN = strawberry.Schema(Query, execution_context_class=LeanExecutionContext)
make_lean(LEAN._schema, LEAN.config)

SELECTIONS = [
    "title count share colour doubled named",
    "nothing child { title }",
    "again: title count @skip(if: true) ... on Thing { share } __typename",
    "wrongColour title",
    "broken title",
    "failing title",
    "title missingText",
]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_both_ways_answer_the_same(selection: str) -> None:
    document = f"{{ thing {{ {selection} }} }}"
    long, short = (schema.execute_sync(document, context_value={"who": "Mira"}) for schema in (STANDARD, LEAN))
    assert short.data == long.data
    assert [error.formatted for error in short.errors or []] == [error.formatted for error in long.errors or []]


@pytest.mark.parametrize("selection", [*SELECTIONS, "later title doubled"])
def test_both_ways_answer_the_same_on_an_event_loop(selection: str) -> None:
    document = f"{{ thing {{ {selection} }} }}"

    async def both() -> list[object]:
        return [await schema.execute(document, context_value={"who": "Mira"}) for schema in (STANDARD, LEAN)]

    long, short = asyncio.run(both())
    assert short.data == long.data
    assert [error.formatted for error in short.errors or []] == [error.formatted for error in long.errors or []]


def test_the_short_way_is_taken() -> None:
    marked = {name for name, field in LEAN._schema.type_map["Thing"].fields.items() if "lean" in field.extensions}
    assert {"title", "count", "colour", "nothing", "doubled"} <= marked
    assert marked.isdisjoint({"child", "named", "later"})
