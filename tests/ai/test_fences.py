import pytest

from ai.fences import ProseFilter

HELD = '{"nextStep": "story_development"}'
BLOCK = '```json\n{"nextStep": "story_development"}\n```'


def filtered(text: str, size: int) -> tuple[str, str, str | None]:
    """What is shown while the text comes in pieces of `size`, what the end adds, and what was held."""
    prose = ProseFilter()
    shown = "".join(prose.feed(text[start : start + size]) for start in range(0, len(text), size))
    return shown, prose.finish(), prose.arguments


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "prose", "held"),
    [
        ("Plain words, `code` and a < b.", "Plain words, `code` and a < b.", None),
        (f"Two acts.\n\n{BLOCK}", "Two acts.\n\n", HELD),
        (f"Two acts.\n{BLOCK}\nAnd on.", "Two acts.\nAnd on.", HELD),
        (BLOCK, "", HELD),
        ("Yes.\n```JSON\n{\"choices\": []}\n```\n", "Yes.\n", '{"choices": []}'),
        ('Yes.\n``` json {"choices": []}\n```', "Yes.\n", '{"choices": []}'),
        ('Yes.\n```\n{"choices": []}\n```', "Yes.\n", '{"choices": []}'),
        # Cut off by the token limit.
        ('Yes.\n```json\n{"choices": [{"tit', "Yes.\n", '{"choices": [{"tit'),
        # An example in the prose is prose.
        ('See:\n```json\n{"lens": 35}\n```\nDone.', 'See:\n```json\n{"lens": 35}\n```\nDone.', None),
        ("```python\nx = 1\n```\nDone.", "```python\nx = 1\n```\nDone.", None),
        (f"```fountain\nINT.\n```\nSo.\n{BLOCK}", "```fountain\nINT.\n```\nSo.\n", HELD),
        ("```\nINT. SHIP - DAY\n```\nSo.", "```\nINT. SHIP - DAY\n```\nSo.", None),
        ("A ```code``` word\n```a``` b\nc", "A ```code``` word\n```a``` b\nc", None),
        # A server without a tool parser.
        (
            'Go.\n<tool_call>\n{"name": "direct", "arguments": {"next_step": "x"}}\n</tool_call>',
            "Go.\n",
            '{"next_step": "x"}',
        ),
        ("<think>They want\na plan.</think>Two acts.", "Two acts.", None),
        # Nothing but JSON.
        ('{"response": "Hi", "nextStep": null}', "", '{"response": "Hi", "nextStep": null}'),
        ("{laughs} Hello.", "{laughs} Hello.", None),
    ],
)  # fmt: skip
def test_only_prose_is_shown(text: str, prose: str, held: str | None, size: int) -> None:
    shown, rest, arguments = filtered(text, size)

    assert shown + rest == prose
    assert arguments == held


def test_prose_is_not_held_back_longer_than_it_must() -> None:
    prose = ProseFilter()

    assert prose.feed("Two acts, ") == "Two acts, "
    assert prose.feed("or three?\n") == "or three?\n"
    assert prose.feed("``") == ""
    assert prose.feed("no fence``\n") == "``no fence``\n"


def test_the_second_block_is_prose() -> None:
    shown, rest, arguments = filtered(f"{BLOCK}\nand\n{BLOCK}", 5)

    assert arguments == HELD
    assert shown + rest == f"and\n{BLOCK}"
