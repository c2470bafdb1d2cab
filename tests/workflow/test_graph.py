"""The pure graph: allowed moves, progress, and every reason not to publish."""

from dataclasses import replace

import pytest

from ai.graph import (
    Graph,
    GraphChoice,
    GraphStep,
    UnknownStepError,
    current_phase,
    find_problems,
    first_open_step,
    overall_progress,
    recommended_path,
)


def onward(target, **fields):
    return GraphChoice(f"to_{target}", f"To {target}", leads_to=target, is_recommended=True, **fields)


FINISH = GraphChoice("finish", "Finish", finishes=True, is_recommended=True)
STAY = GraphChoice("stay", "Stay")
DRAW = GraphChoice("draw", "Draw", submits="storyboard_panel")

IDEA = GraphStep("idea", "Idea", "story_development", 10, next_steps=("story",), choices=(onward("story"), STAY))
STORY = GraphStep(
    "story",
    "Story",
    "story_development",
    20,
    next_steps=("world", "cut", "idea"),
    choices=(onward("cut"), STAY),
)
WORLD = GraphStep("world", "World", "visual_design", 30, required=False, next_steps=("cut",), choices=(onward("cut"),))
CUT = GraphStep(
    "cut",
    "Cut",
    "post_production",
    40,
    next_steps=("story",),
    choices=(FINISH, DRAW),
    task_types=("storyboard_panel",),
)
SOUND = Graph((IDEA, STORY, WORLD, CUT))


def changed(step, **fields):
    """The sound graph with one step changed."""
    return Graph(tuple(replace(s, **fields) if s.slug == step.slug else s for s in SOUND.steps))


def test_a_sound_graph_has_no_problem():
    assert find_problems(SOUND) == []


BROKEN = {
    "no step at all": (Graph(()), None, None, "no start"),
    "a slug twice": (Graph((*SOUND.steps, replace(STORY, order=35))), "story", "slug", "another slug"),
    "an order twice": (changed(WORLD, order=20), "world", "order", "has the order 20 as well"),
    "nothing required": (
        Graph(tuple(replace(step, required=False) for step in SOUND.steps)),
        None,
        "required",
        "require at least one",
    ),
    "a step nobody can reach": (
        changed(STORY, next_steps=("cut", "idea")),
        "world",
        None,
        "Nobody can reach “World”",
    ),
    "a dead end": (changed(WORLD, next_steps=(), choices=(STAY,)), "world", "next_steps", "dead end"),
    "a transition to nothing": (
        changed(WORLD, next_steps=("cut", "nowhere")),
        "world",
        "next_steps",
        "“nowhere” is not a published step",
    ),
    "a transition to itself": (
        changed(WORLD, next_steps=("cut", "world")),
        "world",
        "next_steps",
        "cannot lead to itself",
    ),
    "an end that never finishes": (
        changed(CUT, choices=(replace(STAY, is_recommended=True),)),
        "cut",
        "choices",
        "is the last step: give it a choice that finishes",
    ),
    "finishing too early": (
        changed(WORLD, choices=(onward("cut"), replace(FINISH, is_recommended=False))),
        "world",
        "choices",
        "Only the last step",
    ),
    "a choice that leads where its step does not": (
        changed(WORLD, choices=(onward("cut"), replace(onward("story"), is_recommended=False))),
        "world",
        "choices",
        "“To story” leads to “story”",
    ),
    "a choice that starts what its step does not allow": (
        changed(CUT, task_types=("animatic",)),
        "cut",
        "choices",
        "“storyboard_panel”, which this step does not allow",
    ),
    "a choice that finishes and leads on": (
        changed(CUT, choices=(replace(FINISH, leads_to="story"),)),
        "cut",
        "choices",
        "cannot both finish",
    ),
    "five choices": (
        changed(WORLD, choices=(onward("cut"), *(GraphChoice(f"c{n}", "C") for n in range(4)))),
        "world",
        "choices",
        "at most 4 choices: remove 1",
    ),
    "a choice twice": (
        changed(WORLD, choices=(onward("cut"), STAY, STAY)),
        "world",
        "choices",
        "called “stay”",
    ),
    "nothing recommended": (
        changed(WORLD, choices=(replace(onward("cut"), is_recommended=False),)),
        "world",
        "choices",
        "recommend one",
    ),
    "two recommended": (
        changed(WORLD, choices=(onward("cut"), replace(STAY, is_recommended=True))),
        "world",
        "choices",
        "not several",
    ),
    "the reserved slug": (
        changed(WORLD, choices=(onward("cut"), GraphChoice("manual_override", "Mine"))),
        "world",
        "choices",
        "give “Mine” another slug",
    ),
    "choices that never reach the end": (
        changed(STORY, choices=(replace(STAY, is_recommended=True),)),
        None,
        "choices",
        "Nobody gets from “Idea” to “Cut”",
    ),
}


@pytest.mark.parametrize(("graph", "step", "field", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_each_fault_is_named_with_its_place(graph, step, field, words):
    found = [problem for problem in find_problems(graph) if words in problem.message]

    assert [(problem.step_slug, problem.field) for problem in found] == [(step, field)]


def test_steps_stand_in_their_order_whatever_order_they_came_in():
    graph = Graph((CUT, WORLD, STORY, IDEA))

    assert [step.slug for step in graph.steps] == ["idea", "story", "world", "cut"]
    assert (graph.start, graph.last) == (IDEA, CUT)


def test_only_listed_moves_between_published_steps_are_allowed():
    assert SOUND.allows("idea", "story")
    assert SOUND.allows("cut", "story")
    assert not SOUND.allows("idea", "cut")
    assert not SOUND.allows("gone", "story")
    assert not changed(IDEA, next_steps=("gone",)).allows("idea", "gone")


def test_a_move_is_forward_to_a_higher_order_only():
    assert SOUND.is_forward("story", "cut")
    assert not SOUND.is_forward("cut", "story")


def test_an_unknown_step_and_an_empty_graph_raise():
    with pytest.raises(UnknownStepError):
        SOUND.step("gone")
    with pytest.raises(UnknownStepError):
        _ = Graph(()).start


@pytest.mark.parametrize(
    ("completed", "progress", "phase", "step"),
    [
        (set(), 0, "story_development", "idea"),
        ({"idea"}, 33, "story_development", "story"),
        ({"idea", "world", "gone"}, 33, "story_development", "story"),
        ({"story"}, 33, "story_development", "idea"),
        ({"idea", "story"}, 66, "post_production", "cut"),
        ({"idea", "story", "cut"}, 100, "post_production", "cut"),
    ],
)
def test_progress_counts_required_steps_only(completed, progress, phase, step):
    assert overall_progress(completed, SOUND) == progress
    assert current_phase(completed, SOUND) == phase
    assert first_open_step(completed, SOUND).slug == step


def test_the_recommended_path_ends_where_it_finishes_stays_or_turns_back():
    assert recommended_path(SOUND) == ("idea", "story", "cut")
    assert recommended_path(changed(STORY, choices=(replace(STAY, is_recommended=True),))) == (
        "idea",
        "story",
    )
    assert recommended_path(changed(STORY, choices=(onward("idea"),))) == ("idea", "story")
