"""What is believed of answers that models have really given, and of worse ones."""

import json
from typing import Any

import pytest

from ai.contract import Chosen, Completion, Scene, Usage
from ai.replies import Reply, parse_reply
from tests.ai.scenes import a_scene, a_step


def read(structure: Any, text: str = "Two acts.", *, scene: Scene | None = None, finish: str = "stop") -> Reply:
    raw = structure if structure is None or isinstance(structure, str) else json.dumps(structure)
    return parse_reply(Completion(text, raw, finish, Usage(1, 1), "a-model"), scene or a_scene())


def choice(title: str = "Write the pilot", **values: Any) -> dict[str, Any]:
    return {"slug": "write_pilot", "title": title, "description": "Scene by scene."} | values


def test_takes_what_is_allowed() -> None:
    structure = {
        "next_step": "story_development",
        "choices": [
            choice(leads_to="character_creation", recommended=True),
            choice(submits="storyboard_panel"),
        ],
        "action": {"task_type": "storyboard_panel", "input": {"scene_text": "A pier."}},
    }

    reply = read(structure)

    assert (reply.text, reply.next_step, reply.notes) == ("Two acts.", "story_development", ())
    assert [(c.slug, c.leads_to, c.submits, c.recommended) for c in reply.choices] == [
        ("write_pilot", "character_creation", None, True),
        ("write_pilot_2", None, "storyboard_panel", False),
    ]
    assert reply.action is not None
    assert reply.action.task_type == "storyboard_panel"
    assert reply.action.input == {"scene_text": "A pier."}


def test_takes_the_names_that_a_fenced_block_uses() -> None:
    structure = {
        "response": "Three acts.",
        "nextStep": "story_development",
        "actionRequired": "storyboard_panel",
        "taskData": {"scene_text": "A pier."},
        "choices": [{"id": "a", "title": "A", "description": "", "isRecommended": True, "leadsTo": None}],
    }

    reply = read(structure, text="")

    assert reply.text == "Three acts."
    assert reply.next_step == "story_development"
    assert reply.action is not None
    assert reply.action.input == {"scene_text": "A pier."}
    assert reply.choices[0].recommended


def test_a_response_beside_prose_is_added_once() -> None:
    assert read({"response": "Three acts."}, text="Two acts.").text == "Two acts.\n\nThree acts."
    assert read({"response": "Two acts."}, text="Two acts. Or not.").text == "Two acts. Or not."


@pytest.mark.parametrize("staying", [None, "", "null", "none", "initial_concept"])
def test_to_stay_is_no_proposal(staying: str | None) -> None:
    assert read({"next_step": staying}) == Reply("Two acts.")


@pytest.mark.parametrize(
    ("structure", "note"),
    [
        (
            {"next_step": "final_assembly"},
            "the step 'final_assembly', which the workflow does not allow here",
        ),
        ({"next_step": ["story_development"]}, "which the workflow does not allow here"),
        ({"next_step": {"slug": "x"}}, "which the workflow does not allow here"),
        (
            {"action": {"task_type": "rm_rf", "input": {}}},
            "the task 'rm_rf', which the workflow does not allow here",
        ),
        ({"actionRequired": "celery.control"}, "'celery.control'"),
        ({"action": {"task_type": "storyboard_panel", "input": "all"}}, "its input is not of the right kind"),
        ({"action": {"task_type": "storyboard_panel", "input": {"scene_text": "x" * 20_000}}}, "too large"),
        ({"action": 7}, "not of the right kind"),
        ({"choices": "write, draw"}, "choices could not be read"),
        ({"choices": [choice("x" * 81)]}, "its title is too long"),
        ({"choices": [{"slug": "a"}]}, "its title is missing"),
        ({"choices": [choice("   ")]}, "its title is missing"),
        ({"choices": [choice(7)]}, "its title is not of the right kind"),  # type: ignore[arg-type]  # on purpose
        ({"choices": [7, None, [choice()]]}, "not of the right kind"),
        ({"choices": [choice(leads_to="final_assembly")]}, "'final_assembly', which the workflow"),
        ({"choices": [choice(submits="celery.control")]}, "'celery.control', which the workflow"),
        ({"choices": [choice(slug="manual_override")]}, "manual override"),
        ({"choices": [choice("Manual override", slug="own_words")]}, "manual override"),
        ({"choices": [choice(isManualOverride=True)]}, "manual override"),
        ('{"next_step": "story_dev', "could not be read"),
        ("I would rather not.", "could not be read"),
        ("[1, 2]", "could not be read"),
        ('{"next_step": NaN}', "could not be read"),
        ("[" * 50_000, "could not be read"),
        ('{"a":' * 200 + "1" + "}" * 200, "could not be read"),
        ("x" * 70_000, "far too large"),
    ],
)
def test_what_cannot_be_believed_is_left_out_with_a_note(structure: Any, note: str) -> None:
    reply = read(structure)

    assert reply.text == "Two acts."
    assert (reply.next_step, reply.choices, reply.action) == (None, (), None)
    assert note in reply.notes[0]
    assert all(len(line) < 300 for line in reply.notes)


@pytest.mark.parametrize(
    "raw",
    [
        '```json\n{"next_step": "story_development"}\n```',
        'Sure! {"next_step": "story_development",} Anything else?',
        '{"next_step": "story_development", "choices": [],}',
        json.dumps('{"next_step": "story_development"}'),
    ],
)
def test_small_damage_is_repaired(raw: str) -> None:
    assert read(raw) == Reply("Two acts.", "story_development")


def test_four_choices_at_most_and_one_recommended() -> None:
    reply = read({"choices": [choice(f"Choice {n}", slug=f"c{n}", recommended=True) for n in range(6)]})

    assert [c.slug for c in reply.choices] == ["c0", "c1", "c2", "c3"]
    assert [c.recommended for c in reply.choices] == [True, False, False, False]
    assert "more than 4 choices" in reply.notes[0]


def test_slugs_are_made_where_they_are_missing_or_odd() -> None:
    structure = {"choices": ["Écrire le pilote!", {"slug": "../../etc", "title": "Two"}, {"title": "試播集"}]}

    assert [c.slug for c in read(structure).choices] == ["ecrire_le_pilote", "etc", "choice_3"]


def test_a_long_description_is_shortened_with_a_note() -> None:
    reply = read({"choices": [choice(description="word " * 100)]})

    assert len(reply.choices[0].description) <= 300
    assert "shortened" in reply.notes[0]


def test_invented_values_of_a_choice_are_ignored() -> None:
    reply = read({"choices": [choice(estimatedTime="5 minutes", icon="<script>")]})

    assert not hasattr(reply.choices[0], "estimated_time")
    assert reply.notes == ()


def test_no_text_holds_what_a_database_refuses() -> None:
    raw = '{"choices": [{"title": "A\\u0000B \\ud800", "description": "\\u0007"}], "action": {"task_type": "storyboard_panel", "input": {"k\\u0000": ["\\ud800"]}}}'  # noqa: E501

    reply = read(raw, text="A\x00B\ud800")

    assert reply.text == "AB�"
    assert reply.choices[0].title == "AB �"
    assert reply.action is not None
    assert reply.action.input == {"k": ["�"]}


def test_a_text_without_end_is_cut() -> None:
    reply = read(None, text="word " * 10_000)

    assert len(reply.text) <= 20_000
    assert "was cut" in reply.notes[0]


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ({"choices": [choice()]}, "- **Write the pilot**: Scene by scene."),
        ({"next_step": "story_development"}, "Let us go on to **Story development**."),
        ({"action": {"task_type": "storyboard_panel"}}, "as a task: **Storyboard panel**."),
        (None, "Tell me in a sentence or two"),
    ],
)
def test_an_empty_text_is_replaced_by_a_short_one(structure: Any, words: str) -> None:
    assert words in read(structure, text=" \n").text


def test_a_reply_at_its_limit_says_so() -> None:
    assert "longest permitted length" in read(None, finish="length").notes[0]


@pytest.mark.parametrize(
    "chosen",
    [
        Chosen("characters", "Characters", leads_to="character_creation"),
        Chosen("finish", "Finish", finishes=True),
    ],
)
def test_the_effect_of_the_choice_taken_stands(chosen: Chosen) -> None:
    reply = read({"next_step": "story_development"}, scene=a_scene(chosen=chosen))

    assert reply.next_step is None
    assert "the choice taken decides this" in reply.notes[0]


def test_no_choice_leads_to_where_the_turn_goes_anyway() -> None:
    chosen = Chosen("characters", "Characters", leads_to="character_creation")

    reply = read({"choices": [choice(leads_to="character_creation")]}, scene=a_scene(chosen=chosen))

    assert reply.choices[0].leads_to is None


def test_the_task_of_the_choice_taken_stands() -> None:
    chosen = Chosen("draw", "Draw it", submits="storyboard_panel")
    other = a_step().task_types[0].__class__("animatic", "Animatic", {})
    scene = a_scene(chosen=chosen, step=a_step(task_types=(*a_step().task_types, other)))

    assert read({"action": {"task_type": "animatic"}}, scene=scene).action is None
    taken = read({"action": {"task_type": "storyboard_panel", "input": {"scene_text": "A pier."}}}, scene=scene).action
    assert taken is not None
    assert taken.input == {"scene_text": "A pier."}


def test_at_the_last_step_nothing_follows() -> None:
    scene = a_scene(step=a_step(next_steps=(), task_types=(), is_last=True))

    reply = read({"next_step": "story_development", "choices": [choice()]}, scene=scene)

    assert reply.next_step is None
    assert len(reply.choices) == 1
