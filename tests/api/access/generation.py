"""Generation tasks: one of a private session, one that failed."""

from content.generation.models import GenerationTask, TaskResult

from .subjects import Case, Every, Subject
from .worlds import World


def fill(world: World) -> None:
    task = _task(world, "task", session=world.rows["private_session"], error_code="", error_message="")
    world.add(TaskResult, task=task, media=world.rows["image"], attempt=1)
    image = world.rows["image"]
    type(image)._base_manager.filter(pk=image.pk).update(task=task)
    _task(world, "failed_task", task_type="storyboard_panel", status="failed", error_code="PROVIDER_FAILED")
    if world.member is not None:
        _task(world, "members_task", session=world.rows["members_session"], created_by=world.member)


def _task(world: World, name: str, **values: object) -> GenerationTask:
    return world.add(
        GenerationTask,
        name,
        **{"project": world.rows["project"], "created_by": world.owner, "error_code": "TIMED_OUT", **values},
    )


STORYBOARD = {"taskType": "storyboard_panel", "input": {"scene": "The sea"}}
SUBJECT = Subject(
    fill=fill,
    hidden={
        GenerationTask: "attempts_allowed idempotency_key idempotency_digest lease_token lease_expires_at queued_at",
        TaskResult: "position",
    },
    roots={
        "task": [{"id": Every((GenerationTask,))}],
        "node": [{"id": Every((GenerationTask,))}],
    },
    never=dict.fromkeys(("UserError.limit", "UserError.remaining"), "of LIMIT_EXCEEDED alone"),
    unmarked={"GenerationTask.progress": "a percentage", "UserError.field": "the name of an input's field"},
    mutations={
        "submitTask": Case({"projectId": "project", "sessionId": "shared_session"}, STORYBOARD),
        "cancelTask": Case({"id": "task"}),
        "retryTask": Case({"id": "failed_task"}),
    },
)
