"""Projects, their members and their log."""

from content.projects.models import (
    Membership,
    Project,
    ProjectEvent,
    StepCompletion,
    StyleReference,
)

from .markers import NOBODY
from .subjects import Case, Column, Every, Subject
from .worlds import World


def fill(world: World) -> None:
    for name in ("archived_project", "project"):
        _project(world, name)


def _project(world: World, name: str) -> None:
    markers, values = world.all.markers, {}
    budget = markers.number("a part of Project.token_budget", NOBODY)
    markers.sum([budget] * 9, "Project.token_budget", world.everyone)
    if name == "project":
        values["archived_at"] = None
    project = world.add(
        Project,
        name,
        # Shown as what is used of the creator's plan.
        to={"media_bytes": world.owners},
        created_by=world.owner,
        genre="drama",
        token_budget=budget * 9,
        episode_duration=30,
        **({"media_bytes": 0} if name != "project" else {}),
        **values,
    )
    people = [(world.owner, "owner"), (world.member, "collaborator")]
    for person, role in people:
        if person is not None:
            world.add(Membership, project=project, user=person, role=role, project_updated_at=project.updated_at)


def fill_later(world: World) -> None:
    """What names rows of other subjects."""
    project, image, task = world.rows["project"], world.rows["image"], world.rows["task"]
    world.add(StyleReference, project=project, media=image)
    turn = world.rows["completed_turn"]
    world.add(StepCompletion, project=project, step=turn.session.current_step, turn=turn)
    kinds = {
        ProjectEvent.Type.PROJECT_UPDATED: project,
        ProjectEvent.Type.MEDIA_UPDATED: image,
        ProjectEvent.Type.TASK_UPDATED: task,
    }
    for kind, row in kinds.items():
        world.add(ProjectEvent, project=project, type=kind, object_id=row.pk)


FORBIDDEN = {"collaborator": "FORBIDDEN"}
SUBJECT = Subject(
    fill=fill,
    hidden={
        Project: "idempotency_key idempotency_digest",
        Membership: "created_at",
        StyleReference: "position",
        StepCompletion: "created_at",
        ProjectEvent: "",
    },
    roots={
        "project": [{"id": Every((Project,))}],
        "projects": [{"first": 20}, {"first": 20, "filters": {"archived": True}}],
        "node": [{"id": Every((Project,))}],
    },
    subscriptions={"projectEvents": [{"projectId": Every((Project,)), "after": 0}]},
    arguments={"ProjectFilter.search": [Column(Project, "title"), Column(Project, "description")]},
    unmarked={
        "ProjectSettings.episodeDuration": "at most 600",
        "ProjectProgress.completedSteps": "slugs of the workflow, which is everyone's",
        "ProjectProgress.overallProgress": "a percentage",
    },
    mutations={
        "createProject": Case(values={"title": "Another", "genre": "DRAMA"}),
        "updateProject": Case({"id": "project", "styleReferenceIds": ("image",)}, {"title": "Better"}),
        "archiveProject": Case({"id": "project"}, refused=FORBIDDEN),
        "restoreProject": Case({"id": "archived_project"}, refused=FORBIDDEN),
        "addCollaborator": Case(
            {"projectId": "project"},
            {"email": lambda people: people["stranger"].email},
            refused=FORBIDDEN,
        ),
        "removeCollaborator": Case({"projectId": "project", "userId": "member"}, refused=FORBIDDEN),
    },
)
