"""The workflow in the API."""

from typing import Any, cast

import strawberry
from django.db.models import Prefetch

from cms.api.context import Context
from cms.api.enums import graphql_enum
from cms.api.ids import global_id
from cms.api.loading import related, related_list, together
from cms.api.node import Node

from . import models
from .cards import Card, step_cards
from .choices import Phase as Phase  # with its GraphQL description, for other subjects

Info = strawberry.Info[Context, Any]

graphql_enum(
    Phase,
    "Where a production is on its way from idea to film.",
    {
        "STORY_DEVELOPMENT": "Concept, story, world and episodes.",
        "CHARACTER_CREATION": "Who the characters are, and what they look like.",
        "VISUAL_DESIGN": "The look, and the boards.",
        "AUDIO_DESIGN": "Voices, music and sound.",
        "SCENE_PRODUCTION": "Shots and takes.",
        "POST_PRODUCTION": "The cut, colour and the mix.",
        "FINAL_ASSEMBLY": "The finished series, checked and delivered.",
    },
)


def _choice_id(root: strawberry.Parent[Any]) -> strawberry.ID:
    # A stored choice is known by its key; a step's own choice carries its whole id.
    return strawberry.ID(root.id if isinstance(root.id, str) else global_id("Choice", root.id))


def _icon(root: strawberry.Parent[Any]) -> str | None:
    return root.icon or None


def _estimated_time(root: strawberry.Parent[Any]) -> str | None:
    return root.estimated_time or None


@strawberry.type(description="Something to do next, offered as a card.")
class Choice:
    """The source is any object with these attributes: a stored choice, or a `StepCard`."""

    id: strawberry.ID = strawberry.field(
        resolver=_choice_id, description="Unique to this offer: offered again, it has another id."
    )
    slug: str = strawberry.field(description="Stable: develop_story, manual_override …")
    title: str = strawberry.field(description="What the card says.")
    description: str = strawberry.field(description="What will be done.")
    icon: str | None = strawberry.field(resolver=_icon, description="An emoji.")
    estimated_time: str | None = strawberry.field(
        resolver=_estimated_time, description="How long it takes, where that was measured."
    )
    is_recommended: bool = strawberry.field(description="The way that the workflow suggests.")
    is_manual_override: bool = strawberry.field(
        description="Carries the user's own words instead of a prepared decision."
    )


class StepCard:
    """A step's own choice as the API shows it. Its id opens nothing: only a session's offer can be taken."""

    def __init__(self, step_pk: int, card: Card) -> None:
        self.id = global_id("StepChoice", f"{step_pk}.{card.slug}")
        self.slug, self.title, self.description = card.slug, card.title, card.description
        self.icon, self.estimated_time = card.icon, card.estimated_time
        self.is_recommended, self.is_manual_override = card.is_recommended, card.is_manual_override


def _next_steps(root: strawberry.Parent[models.WorkflowStep]) -> "list[WorkflowStep]":
    rows = models.StepTransition.objects.filter(to_step__live=True)
    transitions = related_list(root, Prefetch("transitions", rows, to_attr="_published_transitions"))
    steps = {step.pk: step for step in (related(transition, "to_step") for transition in transitions)}
    return cast("list[WorkflowStep]", list(steps.values()))


def _choices(root: strawberry.Parent[models.WorkflowStep]) -> list[Choice]:
    for row in related_list(root, "choices"):
        related(row, "leads_to")
    return cast("list[Choice]", [StepCard(root.pk, card) for card in step_cards(root)])


@strawberry.type(description="A stretch of a production, as the editors published it.")
class WorkflowStep(Node):
    model = models.WorkflowStep

    slug: str = strawberry.field(description="Stable: initial_concept, story_development …")
    title: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="What is settled in this step.")
    phase: Phase = strawberry.field(description="The phase that it belongs to.")
    order: int = strawberry.field(description="Its place: a move to a higher order completes the step it leaves.")
    required: bool = strawberry.field(description="Whether it counts towards a project's progress.")
    next_steps: "list[WorkflowStep]" = strawberry.field(
        resolver=_next_steps, description="Published steps that a session may move to from here."
    )
    choices: list[Choice] = strawberry.field(
        resolver=_choices, description="What it offers: at most 4, and then the manual override, always last."
    )


@strawberry.type(description="The published workflow.")
class Workflow:
    start: WorkflowStep = strawberry.field(description="The step of the lowest order.")
    steps: list[WorkflowStep] = strawberry.field(description="All published steps, in order.")


def api_workflow(steps: list[models.WorkflowStep]) -> Workflow:
    """The workflow of published steps, of which there must be one."""
    rows = cast("list[WorkflowStep]", together(steps))
    return Workflow(start=rows[0], steps=rows)
