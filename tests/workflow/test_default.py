"""The shipped workflow, as every new database holds it."""

from itertools import pairwise
from string import Template

import pytest
from django.apps import apps

from ai.graph import find_problems, first_open_step, overall_progress, recommended_path
from content.workflow.choices import Phase
from content.workflow.default import STEPS, load_default
from content.workflow.models import WorkflowStep
from content.workflow.placeholders import PLACEHOLDERS, SAMPLE_FACTS
from content.workflow.services import published_graph, published_steps, render_instructions

pytestmark = pytest.mark.django_db

SEED = {
    "initial_concept": ["develop_story", "create_characters", "define_style"],
    "story_development": ["episode_breakdown", "character_arcs", "world_building"],
    "character_creation": ["design_visuals", "create_voices", "add_more_characters"],
}


def test_a_migrated_database_holds_the_shipped_steps_published():
    assert [step.slug for step in published_steps()] == [step.slug for step in STEPS]


def test_it_has_no_problem():
    assert find_problems(published_graph()) == []


def test_the_recommended_choices_complete_every_required_step_and_end_the_series():
    graph = published_graph()
    completed, seen = set(), [0]

    path = recommended_path(graph)
    for here, there in pairwise(path):
        assert first_open_step(completed, graph).slug == here
        assert graph.is_forward(here, there)
        completed.add(here)
        seen.append(overall_progress(completed, graph))
    assert seen == sorted(set(seen)), "every recommended choice brings the project forward"
    assert path[0] == "initial_concept"
    assert path[-1] == graph.last.slug == "final_assembly"
    assert next(choice for choice in graph.last.choices if choice.is_recommended).finishes
    completed.add(path[-1])
    assert overall_progress(completed, graph) == 100
    assert [step.slug for step in graph.required] == list(path)


def test_every_phase_has_a_required_step_and_the_phases_come_in_their_order():
    phases = [step.phase for step in published_graph().required]

    assert list(dict.fromkeys(phases)) == Phase.values


def test_the_seed_choices_keep_their_slugs_and_the_generic_ones_serve_elsewhere():
    offered = {step.slug: [choice.slug for choice in step.choices] for step in published_graph().steps}

    assert {slug: offered[slug] for slug in SEED} == SEED
    elsewhere = {slug for step, slugs in offered.items() if step not in SEED for slug in slugs}
    assert {"continue_current", "review_progress"} <= elsewhere


def test_each_step_offers_three_or_four_choices_and_promises_no_time():
    for step in published_steps():
        choices = list(step.choices.all())
        assert len(choices) in (3, 4), step.slug
        assert all(choice.icon and choice.description for choice in choices), step.slug
        assert not any(choice.estimated_time for choice in choices), step.slug


def test_a_panel_can_be_drawn_where_pictures_are_decided():
    drawing = {
        step.slug
        for step in published_graph().steps
        if any(choice.submits == "storyboard_panel" for choice in step.choices)
    }

    assert drawing == {"visual_design", "storyboarding", "shot_planning", "scene_production"}


def test_every_row_passes_the_checks_that_an_editor_meets():
    for step in published_steps():
        step.full_clean()
        for row in (*step.choices.all(), *step.transitions.all()):
            row.full_clean()


@pytest.mark.parametrize("slug", [step.slug for step in STEPS])
def test_instructions_are_of_a_useful_length_and_can_be_filled(slug):
    step = WorkflowStep.objects.get(slug=slug)

    assert 150 <= len(step.instructions.split()) <= 350
    assert set(Template(step.instructions).get_identifiers()) <= set(PLACEHOLDERS)
    filled = render_instructions(step, SAMPLE_FACTS)
    assert "$" not in filled
    assert SAMPLE_FACTS["title"] in filled
    for part in ("Find out.", "Deliver.", "Quality bar.", "Moving on."):
        assert part in filled


def test_loading_it_again_changes_nothing():
    WorkflowStep.objects.filter(slug="initial_concept").update(title="Ours")

    assert load_default(apps) is False
    assert WorkflowStep.objects.get(slug="initial_concept").title == "Ours"
    assert WorkflowStep.objects.count() == len(STEPS)


def test_published_steps_and_graph_cost_three_queries_each(django_assert_num_queries):
    with django_assert_num_queries(3):
        for step in published_steps():
            assert [choice.leads_to and choice.leads_to.slug for choice in step.choices.all()]
            assert [transition.to_step.slug for transition in step.transitions.all()]
    with django_assert_num_queries(3):
        published_graph()
