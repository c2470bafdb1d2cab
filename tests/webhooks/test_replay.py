"""Events sent again, from any point, under the ids that they had."""

import pytest
from django.utils import timezone

from content.projects.services import create_project, update_project
from tests.conftest import gid

from .conftest import SESSION_QUERY


@pytest.fixture
def past(producer, project, rename):
    """Three events from before there was a webhook; answers the seq before them."""
    before = project.events.count()
    for title in ("One", "Two", "Three"):
        rename(title)
    return before


def test_a_log_is_sent_from_any_point_in_order(producer, project, past, register, rename, deliver):
    webhook = register(producer)
    assert deliver() == []
    answer = webhook.run("ReplayWebhook", logId=gid(project), after=past + 1).value
    assert (answer["count"], answer["errors"]) == (2, [])
    rename("Four")
    received = deliver()
    assert [request.json["data"]["projectEvents"]["seq"] for request in received] == [past + 2, past + 3, past + 4]
    webhook.run("ReplayWebhook", logId=gid(project), after=past + 1)
    assert [request.id for request in deliver()] == [request.id for request in received]
    assert len(webhook.shown()["deliveries"]) == 3


def test_one_delivery_is_sent_again(producer, register, rename, deliver):
    webhook = register(producer)
    rename("Once")
    rename("Twice")
    first, _ = deliver()
    delivery = webhook.shown()["deliveries"][0]
    assert webhook.run("ReplayWebhook", deliveryId=delivery["id"]).value["count"] == 1
    (again,) = deliver()
    assert again.id == first.id
    assert again.json["data"]["projectEvents"]["seq"] == first.json["data"]["projectEvents"]["seq"]


def test_everything_since_a_moment_is_sent_again(producer, project, past, register, deliver):
    moment = timezone.now()
    other = create_project(user=producer, title="Another", genre="drama")
    for home in (project, other):
        update_project(user=producer, project_id=home.pk, changes={"title": "Since"})
    webhook, narrow = register(producer), register(producer, projectId=gid(other))
    assert webhook.run("ReplayWebhook", since=moment.isoformat()).value["count"] >= 2
    titles = [request.json["data"]["projectEvents"]["project"]["title"] for request in deliver()]
    assert set(titles) == {"Since"}
    assert len(titles) == webhook.run("ReplayWebhook", since=moment.isoformat()).value["count"]
    deliver()
    assert narrow.run("ReplayWebhook", since=moment.isoformat()).value["count"] < len(titles)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"after": 0},
        {"logId": "log"},
        {"since": "2026-01-01T00:00:00Z", "logId": "log", "after": 0},
    ],
)
def test_exactly_one_point_is_named(asked, producer, project, register):
    asked = {name: gid(project) if value == "log" else value for name, value in asked.items()}
    assert register(producer).run("ReplayWebhook", **asked).error["code"] == "INVALID"


def test_a_log_that_the_webhook_does_not_follow_is_not_found(producer, project, session, register):
    of_projects, of_sessions = register(producer), register(producer, query=SESSION_QUERY)
    assert of_projects.run("ReplayWebhook", logId=gid(session), after=0).error["field"] == ["logId"]
    assert of_sessions.run("ReplayWebhook", logId=gid(project), after=0).error["field"] == ["logId"]
    assert of_sessions.run("ReplayWebhook", logId="x", after=0).error["field"] == ["logId"]
    assert of_sessions.run("ReplayWebhook", logId=gid(session), after=-1).error["field"] == ["after"]
    assert of_sessions.run("ReplayWebhook", logId=gid(session), after=0).codes == []


def test_what_is_switched_off_replays_nothing(producer, project, past, register, deliver):
    webhook = register(producer, active=False)
    assert webhook.run("ReplayWebhook", logId=gid(project), after=0).error["code"] == "CONFLICT"
    assert deliver() == []


def test_a_replay_of_too_much_is_refused(producer, project, past, register, monkeypatch):
    monkeypatch.setattr("webhooks.replay.MOST_REPLAYED", 2)
    error = register(producer).run("ReplayWebhook", logId=gid(project), after=0).error
    assert (error["code"], error["limit"]) == ("LIMIT_EXCEEDED", 2)


def test_tests_and_replays_are_limited(producer, register, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "webhooks": "1/minute"}
    webhook = register(producer)
    assert webhook.run("TestWebhook").codes == []
    assert webhook.run("TestWebhook").error["code"] == "RATE_LIMITED"
