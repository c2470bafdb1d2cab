"""What may be published, unpublished and deleted, through the model that every door uses."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from content.workflow.models import StepChoice, StepTransition, WorkflowStep
from content.workflow.services import published_graph
from content.workflow.task_types import register_task_type

from .conftest import step

pytestmark = pytest.mark.django_db


def new_step(**fields):
    """A draft between storyboarding and the voices."""
    made = WorkflowStep(
        slug="table_read",
        title="Table Read",
        description="Hear the episode once.",
        phase="audio_design",
        order=85,
        instructions="Read $title aloud.",
        live=False,
        **fields,
    )
    made.transitions = [StepTransition(to_step=step("voice_casting"))]
    made.choices = [
        StepChoice(
            slug="cast_now",
            title="Cast Now",
            description="Go on.",
            is_recommended=True,
            leads_to=step("voice_casting"),
        )
    ]
    made.save()
    return made


def test_a_draft_that_breaks_the_workflow_can_be_saved_and_changes_nothing():
    before = published_graph()
    draft = step("visual_design")
    draft.title = "Look"
    draft.transitions = []
    draft.save_revision()

    assert published_graph() == before
    assert step("visual_design").get_latest_revision_as_object().title == "Look"


def test_publishing_a_broken_draft_is_refused_with_the_reasons():
    before = published_graph()
    draft = step("visual_design")
    draft.transitions = []

    with pytest.raises(ValidationError) as refusal:
        draft.save_revision().publish()

    assert "visual_design: “Visual Design” is a dead end" in " ".join(refusal.value.messages)
    assert published_graph() == before


def test_publishing_a_draft_with_an_unknown_placeholder_is_refused():
    draft = step("visual_design")
    draft.instructions = "Spend $budget."

    with pytest.raises(ValidationError, match=r"\$budget"):
        draft.save_revision(clean=False).publish()
    assert "$budget" not in step("visual_design").instructions


def test_publishing_a_sound_draft_changes_the_graph():
    draft = step("visual_design")
    draft.title = "The Look"
    draft.transitions.add(StepTransition(to_step=step("audio_design")))

    draft.save_revision().publish()

    found = published_graph().step("visual_design")
    assert (found.title, "audio_design" in found.next_steps) == ("The Look", True)


def test_a_new_step_is_brought_in_from_its_neighbour():
    made = new_step()
    with pytest.raises(ValidationError, match="Nobody can reach “Table Read”"):
        made.save_revision().publish()

    neighbour = step("storyboarding")
    neighbour.transitions.add(StepTransition(to_step=made))
    neighbour.save_revision().publish()
    assert "table_read" not in published_graph().step("storyboarding").next_steps, "it waits for the draft"

    made.get_latest_revision().publish()
    assert published_graph().allows("storyboarding", "table_read")


def test_a_choice_may_not_lead_to_a_draft():
    made = new_step()
    neighbour = step("storyboarding")
    neighbour.transitions.add(StepTransition(to_step=made))
    neighbour.choices.remove(neighbour.choices.last())
    neighbour.choices.add(StepChoice(slug="read", title="Read", description="Read it.", leads_to=made, sort_order=9))

    with pytest.raises(ValidationError, match="leads to “table_read”"):
        neighbour.save_revision().publish()


def test_a_renamed_step_keeps_its_neighbours():
    draft = step("visual_design")
    draft.slug = "look"

    draft.save_revision().publish()

    assert published_graph().allows("character_visuals", "look")
    assert "look" in {choice.leads_to for choice in published_graph().step("initial_concept").choices}


def test_unpublishing_a_step_that_is_needed_is_refused():
    with pytest.raises(ValidationError, match="leads to “storyboarding”"):
        step("storyboarding").unpublish()
    assert step("storyboarding").live


def test_deleting_steps_that_are_needed_is_refused_one_by_one_and_together():
    with pytest.raises(ValidationError):
        step("storyboarding").delete()
    with pytest.raises(ValidationError, match="no start"):
        WorkflowStep.objects.all().delete()
    assert step("storyboarding").live


def test_a_step_that_nothing_needs_any_more_can_be_unpublished_and_deleted():
    story = step("story_development")
    StepChoice.objects.filter(leads_to__slug="world_building").update(leads_to=None)
    story.save_revision().publish()

    step("world_building").unpublish()
    assert published_graph().find("world_building") is None

    step("world_building").delete()
    assert not WorkflowStep.objects.filter(slug="world_building").exists()


def test_a_draft_can_be_deleted_whatever_the_workflow_looks_like():
    new_step().delete()

    assert not WorkflowStep.objects.filter(slug="table_read").exists()


def test_a_task_type_that_no_app_registered_is_refused_by_name():
    draft = step("visual_design")
    draft.task_types = ["storyboard_panel", "hologram"]
    with pytest.raises(ValidationError, match="hologram"):
        draft.full_clean()

    register_task_type("hologram", "Hologram")
    draft.full_clean()


@pytest.mark.parametrize(
    "make",
    [
        lambda: StepTransition.objects.create(step=step("audio_design"), to_step=step("audio_design")),
        lambda: StepTransition.objects.create(step=step("audio_design"), to_step=step("shot_planning")),
        lambda: StepChoice.objects.create(step=step("audio_design"), slug="manual_override", title="X"),
        lambda: StepChoice.objects.create(step=step("audio_design"), slug="lock_sound_plan", title="X"),
        lambda: StepChoice.objects.filter(slug="finish_series").update(leads_to=step("audio_design")),
        lambda: WorkflowStep.objects.filter(slug="audio_design").update(order=10),
        lambda: WorkflowStep.objects.filter(slug="audio_design").update(slug="initial_concept"),
        lambda: WorkflowStep.objects.filter(slug="audio_design").update(phase="distribution"),
    ],
    ids=["itself", "twice", "override", "choice twice", "finishes and leads", "order", "slug", "phase"],
)
def test_the_database_refuses_it_too(make):
    with pytest.raises(IntegrityError), transaction.atomic():
        make()
