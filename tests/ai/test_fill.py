from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from ai.fill import Known, fill_input

KNOWN = Known(
    text="Ana waits on the pier at dawn.",
    title="Harbour Lights",
    facts={"aspect_ratio": "16:9", "episode_count": 10},
)


class _Shot(BaseModel):
    size: Literal["wide", "close"]
    seconds: Annotated[float, Field(gt=0, le=30)]


class _Everything(BaseModel):
    scene: Annotated[str, Field(min_length=1, max_length=20)]
    panel_title: str
    number: Annotated[int, Field(ge=1, le=9)]
    shots: Annotated[list[_Shot], Field(min_length=2)]
    loud: bool
    mood: str | None
    aspect_ratio: Literal["16:9", "4:3"] = "4:3"
    episode_count: Annotated[int, Field(le=5)] = 3
    note: str | None = None
    kind: Literal["panel"]


def test_the_input_that_pydantic_describes_is_one_that_it_takes() -> None:
    given = fill_input(_Everything.model_json_schema(), KNOWN)

    made = _Everything.model_validate(given)
    assert made.scene == "Ana waits on the…"
    assert made.panel_title == "Harbour Lights"
    assert made.aspect_ratio == "16:9"
    assert made.episode_count == 3
    assert len(made.shots) == 2
    assert "note" not in given


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"required": ["a"]}, {"properties": {"a": {"$ref": "#/x"}}}]
)
def test_an_odd_schema_gives_an_empty_input(schema: dict[str, Any]) -> None:
    assert fill_input(schema, KNOWN) == {}
