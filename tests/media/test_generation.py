"""Generation tasks: asked for, run, stopped, taken over, and what they leave behind."""

import io
import os
import threading
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from content.generation import registry, runner, types_shipped
from content.generation.models import GenerationTask
from content.generation.storyboard import SIZES
from content.generation.tasks import run_task, sweep_tasks
from content.media.models import Media
from content.projects.models import ProjectEvent
from content.projects.services import archive_project, create_project

from .conftest import FIELDS, Api, after_commit, gid

SCENE = "EXT. LISBON ROOFTOPS - NIGHT\nMara and Tiago crouch above the square while the guards change below."
TASK = f"""
  id taskType status progress message attempts input error {{ code message }} results {{ {FIELDS} }}
  createdBy {{ name }} project {{ id }} session {{ id }} startedAt finishedAt
"""


def submit(api: Api, project, task_type: str = "storyboard_panel", **values):
    values = {"input": {"scene": SCENE}} | values
    return api.do(
        "submitTask",
        "SubmitTaskInput",
        f"task {{ {TASK} }}",
        projectId=gid(project),
        taskType=task_type,
        **values,
    )


def read(api: Api, task: dict):
    return api.data(f"query($id: ID!) {{ task(id: $id) {{ {TASK} }} }}", id=task["id"])["task"]


def run() -> GenerationTask:
    """Run the one task, as a worker would."""
    run_task(GenerationTask.objects.get().pk)
    after_commit()
    return GenerationTask.objects.get()


def stored_files() -> list[str]:
    return [name for _, _, names in os.walk(django_settings.MEDIA_ROOT) for name in names]


@pytest.fixture
def broken(monkeypatch):
    """A kind of task whose work the test decides."""
    done: list = []

    def work(context, given):
        return done[0](context, given)

    kind = registry.TaskType("broken", "Broken", "", types_shipped.StoryboardPanelInput, work)
    monkeypatch.setitem(registry._types, "broken", kind)
    return done


def test_a_storyboard_panel_becomes_media_with_full_metadata(owner, project):
    task = submit(owner, project, input={"scene": SCENE, "shot": "wide", "episodeNumber": 2, "sceneKey": "2-04"})[
        "task"
    ]
    assert (task["status"], task["attempts"], task["results"], task["startedAt"]) == ("QUEUED", 0, [], None)
    run()
    task = read(owner, task)
    assert (task["status"], task["progress"], task["attempts"], task["error"]) == ("SUCCEEDED", 100, 1, None)
    assert task["startedAt"]
    assert task["finishedAt"]
    [media] = task["results"]
    assert (media["kind"], media["type"], media["status"]) == ("IMAGE", "STORYBOARD", "ACTIVE")
    assert media["agentGenerated"] is True
    assert media["generation"]["agentId"] == "draft-renderer"
    assert media["generation"]["promptUsed"] == SCENE
    assert media["generation"]["modelVersion"]
    assert media["generation"]["generationTime"]
    assert media["generation"]["taskId"] == task["id"]
    assert media["relatedElements"]["episodeNumber"] == 2
    assert media["relatedElements"]["sceneKey"] == "2-04"
    assert media["uploadedBy"]["name"] == "Olga"
    response = owner.client.get(media["url"])
    with Image.open(io.BytesIO(b"".join(response.streaming_content))) as panel:
        panel.load()
        assert (panel.format, panel.size) == ("PNG", (1280, 720))
        assert len(panel.convert("RGB").getcolors(maxcolors=2**24)) > 500


@pytest.mark.parametrize(
    ("ratio", "wanted"), [("16:9", 16 / 9), ("4:3", 4 / 3), ("21:9", 21 / 9), ("9:16", 9 / 16), ("1:1", 1)]
)
def test_the_panel_has_the_projects_ratio(owner, make_user, ratio, wanted):
    project = create_project(user=owner.user, title="Shape", genre="drama", aspect_ratio=ratio)
    submit(owner, project)
    run()
    media = Media.objects.get()
    assert media.width / media.height == pytest.approx(wanted)
    assert set(SIZES) == {"16:9", "4:3", "21:9", "9:16", "1:1"}


def test_the_same_words_give_the_same_panel_and_others_another(owner, project):
    for scene in (SCENE, SCENE, "INT. KITCHEN - DAY\nAna stares at the letter."):
        submit(owner, project, input={"scene": scene})
    for task_id in GenerationTask.objects.order_by("pk").values_list("pk", flat=True):
        run_task(task_id)
    first, second, other = Media.objects.order_by("pk").values_list("sha256", flat=True)
    assert first == second != other


def test_running_a_task_again_makes_nothing_twice(owner, project):
    submit(owner, project)
    run()
    run()
    run()
    assert Media.objects.count() == 1
    assert len(stored_files()) == 1
    assert GenerationTask.objects.get().attempts == 1


def test_changes_of_state_are_told_to_the_project(owner, project):
    submit(owner, project)
    run()
    kinds = list(ProjectEvent.objects.filter(project=project).order_by("seq").values_list("type", flat=True))
    assert kinds[-4:] == ["task_updated", "task_updated", "media_updated", "task_updated"]


@pytest.mark.parametrize(
    ("task_type", "given", "field"),
    [
        ("hologram", {"scene": SCENE}, ["taskType"]),
        ("storyboard_panel", {}, ["input", "scene"]),
        ("storyboard_panel", None, ["input", "scene"]),
        ("storyboard_panel", [], ["input"]),
        ("storyboard_panel", {"scene": ""}, ["input", "scene"]),
        ("storyboard_panel", {"scene": "   "}, ["input", "scene"]),
        ("storyboard_panel", {"scene": "x" * 2_001}, ["input", "scene"]),
        ("storyboard_panel", {"scene": SCENE, "shot": "sideways"}, ["input", "shot"]),
        ("storyboard_panel", {"scene": SCENE, "path": "/etc/passwd"}, ["input", "path"]),
        ("storyboard_panel", {"scene": SCENE, "episodeNumber": 0}, ["input", "episodeNumber"]),
        ("storyboard_panel", {"scene": SCENE, "episodeNumber": 7}, ["episodeNumber"]),
    ],
)
def test_bad_tasks_are_refused_with_their_field(owner, project, task_type, given, field):
    payload = submit(owner, project, task_type, input=given)
    assert payload["task"] is None
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [("INVALID", field)]
    assert not GenerationTask.objects.exists()


def test_the_same_key_is_the_same_task(owner, collaborator, project):
    first = submit(owner, project, idempotencyKey="k")["task"]
    assert submit(owner, project, idempotencyKey="k")["task"]["id"] == first["id"]
    other = submit(owner, project, idempotencyKey="k", input={"scene": "Another"})["errors"][0]
    assert (other["code"], other["field"]) == ("CONFLICT", ["idempotencyKey"])
    assert submit(collaborator, project, idempotencyKey="k")["task"]["id"] != first["id"]
    assert submit(owner, project, idempotencyKey="")["errors"][0]["code"] == "INVALID"
    assert submit(owner, project, idempotencyKey="x" * 101)["errors"][0]["code"] == "INVALID"


def test_a_dead_runners_task_is_taken_over_once_and_its_work_is_not_counted(owner, project):
    submit(owner, project)
    task_id = GenerationTask.objects.get().pk
    dead = runner.claim(task_id)
    assert dead is not None
    assert runner.claim(task_id) is None, "the lease is still held"
    GenerationTask.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    heir = runner.claim(task_id)
    assert heir is not None
    assert heir.attempts == 2
    assert runner.claim(task_id) is None, "it was taken over already"
    kind = registry.get("storyboard_panel")
    files = kind.run(runner.TaskRun(heir), registry.parse_input(kind, heir.input))
    with pytest.raises(runner.TaskStopped):
        runner.complete(runner.TaskRun(dead), files)
    assert stored_files() == []
    runner.complete(runner.TaskRun(heir), files)
    assert Media.objects.count() == 1
    assert GenerationTask.objects.get().result_rows.get().attempt == 2


def test_the_lease_is_renewed_while_one_long_step_runs(owner, project, broken, settings, monkeypatch):
    settings.TASK_LEASE_SECONDS = 0.03
    renewed = threading.Event()
    monkeypatch.setattr(runner.TaskRun, "renew", lambda attempt, **values: renewed.set())

    def work(context, given):
        assert renewed.wait(10)
        return []

    broken.append(work)
    task = submit(owner, project, "broken")["task"]
    run()
    assert read(owner, task)["status"] == "SUCCEEDED"


def test_a_task_that_never_ends_is_given_up_after_its_attempts(owner, project):
    task = submit(owner, project)["task"]
    for _ in range(3):
        assert runner.claim(GenerationTask.objects.get().pk)
        GenerationTask.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    run()
    task = read(owner, task)
    assert (task["status"], task["error"]["code"], task["attempts"]) == ("FAILED", "TIMED_OUT", 3)


def test_the_sweep_sends_again_what_was_lost(owner, project, monkeypatch):
    sent: list[int] = []
    monkeypatch.setattr("content.generation.tasks.run_task.delay", sent.append)
    submit(owner, project)
    task = GenerationTask.objects.get()
    assert sent == [task.pk]
    sweep_tasks()
    assert sent == [task.pk], "it was queued a moment ago"
    GenerationTask.objects.update(queued_at=timezone.now() - timedelta(minutes=1))
    sweep_tasks()
    assert sent == [task.pk] * 2
    runner.claim(task.pk)
    sweep_tasks()
    assert sent == [task.pk] * 2, "a runner has it"
    GenerationTask.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    sweep_tasks()
    assert sent == [task.pk] * 3


def test_a_task_is_kept_where_the_queue_is_down(owner, project, monkeypatch):
    def down(task_id):
        raise ConnectionError("no broker")

    monkeypatch.setattr("content.generation.tasks.run_task.delay", down)
    assert submit(owner, project)["task"]["status"] == "QUEUED"


def test_a_cancelled_task_throws_away_what_it_makes(owner, project):
    task = submit(owner, project)["task"]
    held = runner.claim(GenerationTask.objects.get().pk)
    cancel = ("cancelTask", "CancelTaskInput", "task { status finishedAt }")
    for _ in range(2):
        assert owner.do(*cancel, id=task["id"])["task"]["status"] == "CANCELLED"
    attempt = runner.TaskRun(held)
    with pytest.raises(runner.TaskStopped):
        attempt.progress(50, "Drawing")
    runner.fail(attempt, runner.ErrorCode.INTERNAL, "late")
    assert read(owner, task)["status"] == "CANCELLED"
    assert not Media.objects.exists()


def test_retrying_is_for_what_failed_or_was_cancelled(owner, project):
    task = submit(owner, project)["task"]
    retry = ("retryTask", "RetryTaskInput", "task { status progress }")
    assert owner.do(*retry, id=task["id"])["errors"][0]["code"] == "CONFLICT"
    owner.do("cancelTask", "CancelTaskInput", "task { id }", id=task["id"])
    assert owner.do(*retry, id=task["id"])["task"] == {"status": "QUEUED", "progress": 0}
    run()
    assert read(owner, task)["status"] == "SUCCEEDED"
    assert owner.do(*retry, id=task["id"])["errors"][0]["code"] == "CONFLICT"
    assert owner.do("cancelTask", "CancelTaskInput", "task { id }", id=task["id"])["errors"][0]["code"] == "CONFLICT"


def test_a_failure_of_ours_says_no_more_than_it_should_and_can_be_retried(owner, project, broken):
    def fail(context, given):
        raise RuntimeError("secret path")

    broken.append(fail)
    task = submit(owner, project, "broken")["task"]
    run()
    failed = read(owner, task)
    assert (failed["status"], failed["error"]["code"]) == ("FAILED", "INTERNAL")
    assert "secret" not in failed["error"]["message"]
    broken[0] = types_shipped.run_storyboard_panel
    owner.do("retryTask", "RetryTaskInput", "task { id }", id=task["id"])
    run()
    done = read(owner, task)
    assert (done["status"], done["attempts"], done["error"], len(done["results"])) == (
        "SUCCEEDED",
        2,
        None,
        1,
    )


def test_a_project_archived_meanwhile_fails_the_task_and_keeps_nothing(owner, project, broken):
    def work(context, given):
        files = types_shipped.run_storyboard_panel(context, given)
        archive_project(user=owner.user, project_id=project.pk)
        return files

    broken.append(work)
    task = submit(owner, project, "broken")["task"]
    run()
    failed = read(owner, task)
    assert (failed["status"], failed["error"]["code"]) == ("FAILED", "CONFLICT")
    assert stored_files() == []
    assert submit(owner, project)["errors"][0]["code"] == "CONFLICT"


def test_a_strangers_task_does_not_exist(owner, stranger, anonymous, project):
    task = submit(owner, project)["task"]
    assert read(stranger, task) is None
    assert stranger.data("query($id: ID!) { node(id: $id) { id } }", id=task["id"])["node"] is None
    assert submit(stranger, project)["errors"][0]["code"] == "NOT_FOUND"
    for name, kind in (("cancelTask", "CancelTaskInput"), ("retryTask", "RetryTaskInput")):
        assert stranger.do(name, kind, "task { id }", id=task["id"])["errors"][0]["code"] == "NOT_FOUND"
    query = "query($id: ID!) { task(id: $id) { id } }"
    assert anonymous.ask(query, id=task["id"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert owner.data(query, id="garbage")["task"] is None


def test_a_projects_tasks_cost_the_same_queries_for_one_and_for_many(owner, project):
    query = f"query($id: ID!) {{ project(id: $id) {{ tasks {{ edges {{ node {{ {TASK} }} }} }} }} }}"

    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            edges = owner.data(query, id=gid(project))["project"]["tasks"]["edges"]
        assert len(edges) == count
        assert all(edge["node"]["results"] for edge in edges)
        return len(captured)

    def make() -> None:
        task = submit(owner, project)["task"]
        run_task(GenerationTask.objects.latest("pk").pk)
        assert read(owner, task)["status"] == "SUCCEEDED"

    make()
    one = queries(1)
    for _ in range(4):
        make()
    assert queries(5) == one
