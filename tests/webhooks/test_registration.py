"""What may be registered, by whom, and who sees it."""

import json

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import gid
from webhooks.models import Webhook, WebhookDelivery

from .conftest import PROJECT_QUERY, SESSION_QUERY

ON_PROJECT = "subscription ($projectId: ID!) { projectEvents(projectId: $projectId) { seq } }"
DEEP = "media { edges { node { project { " * 4 + "id" + " } } } }" * 4
BAD_QUERIES = {
    "": "1 to 10,000 characters",
    "x" * 10_001: "1 to 10,000 characters",
    "subscription {": "Syntax Error",
    "{ me { id } }": "It must be one `subscription` operation.",
    f"{ON_PROJECT} query Other {{ me {{ id }} }}": "operation",
    "subscription ($projectId: ID!) { projectEvents(projectId: $projectId) { headline } }": "headline",
    'subscription { projectEvents(projectId: "x") { seq } }': "takes one argument here, a variable",
    "subscription ($projectId: ID!) { projectEvents(projectId: $projectId, after: 1) { seq } }": "takes one argument",
    "subscription ($projectId: ID!, $more: Int) { projectEvents(projectId: $projectId, after: $more) { seq } }": "one",
    "subscription ($projectId: ID!) { projectEvents(projectId: $projectId) @skip(if: false) { seq } }": "directives",
    "subscription ($sessionId: ID!) { sessionEvents(sessionId: $sessionId) { ... on TurnDeltaEvent { text } } }": (
        "TurnDeltaEvent: such events are not stored"
    ),
    ON_PROJECT.replace("seq", " ".join(f"a{number}: seq" for number in range(100))): "aliases",
    ON_PROJECT.replace("seq", f"... on ProjectUpdatedEvent {{ project {{ {DEEP} }} }}"): "levels deep",
}


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_query_that_is_not_one_subscription_on_a_log_is_refused_with_the_reason(query, producer, api, settings):
    settings.OPERATION_LIMITS = {**settings.OPERATION_LIMITS, "aliases": 30, "depth": 16}
    given = {"name": "Outside", "url": "https://example.com/hook", "query": query}
    answer = api(producer)("CreateWebhook", input=given)
    assert answer.error["code"] in {"INVALID", "LIMIT_EXCEEDED"}
    assert answer.error["field"] == ["query"]
    assert BAD_QUERIES[query] in answer.error["message"]
    assert answer.value["webhook"] is None
    assert answer.value["secret"] is None
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "http://example.com/hook",
        "https://user:password@example.com",
        "https://example.com/#part",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.0.0.7/hook",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:192.168.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://example.com:99999/",
        "https://" + "x" * 2_000,
    ],
)
def test_an_address_that_is_not_public_https_is_refused(url, producer, api, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    given = {"name": "Outside", "url": url, "query": PROJECT_QUERY}
    answer = api(producer)("CreateWebhook", input=given)
    assert (answer.error["code"], answer.error["field"]) == ("INVALID", ["url"])


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_name_is_needed(name, producer, api):
    given = {"name": name, "url": "https://example.com/hook", "query": PROJECT_QUERY}
    assert api(producer)("CreateWebhook", input=given).error["field"] == ["name"]


def test_a_plan_has_so_many_webhooks(producer, register, settings):
    settings.WEBHOOKS_PER_PLAN = {"ENTERPRISE": 2}
    register(producer)
    second = register(producer)
    given = {"name": "Third", "url": "https://example.com/hook", "query": PROJECT_QUERY}
    error = second.caller("CreateWebhook", input=given).error
    assert (error["code"], error["limit"], error["remaining"]) == ("LIMIT_EXCEEDED", 2, 0)
    assert second.run("DeleteWebhook").value == {"deletedId": second.id, "errors": []}
    register(producer)


def test_a_webhook_of_a_foreign_project_is_refused(stranger, project, api):
    given = {"name": "Outside", "url": "https://example.com/", "query": PROJECT_QUERY, "projectId": gid(project)}
    error = api(stranger)("CreateWebhook", input=given).error
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["projectId"])


def test_nobody_is_told_without_signing_in(api):
    given = {"name": "Outside", "url": "https://example.com/", "query": PROJECT_QUERY}
    assert api()("CreateWebhook", input=given).top_codes == ["UNAUTHENTICATED"]
    assert api()("Webhooks").top_codes == ["UNAUTHENTICATED"]


def test_a_webhook_is_changed_where_it_was_asked_to_be(producer, project, register):
    webhook = register(producer, projectId=gid(project))
    changed = webhook.run("UpdateWebhook", query=SESSION_QUERY, name="Other", projectId=None).value["webhook"]
    assert changed["eventTypes"] == ["message.added", "turn.updated"]
    assert (changed["name"], changed["project"]) == ("Other", None)
    before = webhook.shown()
    refused = webhook.run("UpdateWebhook", name="Half", query="subscription {")
    assert refused.error["field"] == ["query"]
    assert webhook.run("UpdateWebhook", url=None).error["field"] == ["url"]
    assert webhook.run("UpdateWebhook", active=None).error["field"] == ["active"]
    assert webhook.shown() == before


def test_what_is_anothers_does_not_exist(producer, stranger, project, register, api, deliver):
    webhook = register(producer)
    webhook.run("TestWebhook")
    (delivery,) = webhook.shown()["deliveries"]
    asking = api(stranger)
    assert asking("Webhooks").value["edges"] == []
    assert asking("WebhookDeliveries", id=webhook.id).value is None
    for id in (webhook.id, delivery["id"]):
        assert asking("query ($id: ID!) { node(id: $id) { id } }", id=id).value is None
    for operation in ("UpdateWebhook", "DeleteWebhook", "RotateWebhookSecret", "TestWebhook"):
        assert asking(operation, input={"id": webhook.id}).error["code"] == "NOT_FOUND"
    asked = {"id": webhook.id, "deliveryId": delivery["id"]}
    assert asking("ReplayWebhook", input=asked).error["code"] == "NOT_FOUND"
    own = register(stranger)
    asked = {"id": own.id, "deliveryId": delivery["id"]}
    assert asking("ReplayWebhook", input=asked).error["field"] == ["deliveryId"]
    asked = {"id": own.id, "logId": gid(project), "after": 0}
    assert asking("ReplayWebhook", input=asked).error["code"] == "NOT_FOUND"


def test_an_admin_sees_and_deletes_all_but_speaks_for_nobody(producer, admin, register, api):
    webhook = register(producer)
    asking = api(admin)
    assert [edge["node"]["owner"]["name"] for edge in asking("Webhooks").value["edges"]] == ["Producer"]
    for operation in ("UpdateWebhook", "RotateWebhookSecret"):
        assert asking(operation, input={"id": webhook.id}).error["code"] == "FORBIDDEN"
    assert asking("DeleteWebhook", input={"id": webhook.id}).codes == []


def test_the_secret_is_shown_once_and_stored_nowhere(producer, register, capsys):
    webhook = register(producer)
    assert webhook.secret.startswith("whsec_")
    assert webhook.secret not in json.dumps(webhook.shown())
    call_command("dumpdata", "webhooks")
    assert webhook.secret.removeprefix("whsec_") not in capsys.readouterr().out
    assert register(producer).secret != webhook.secret


def test_lists_cost_the_same_for_one_as_for_twenty(producer, project, register, api):
    asking = api(producer)
    lists = {
        "Webhooks": {},
        "WebhookDeliveries": {"id": register(producer, projectId=gid(project)).id},
    }
    made = Webhook.objects.get()

    def cost(operation):
        with CaptureQueriesContext(connection) as queries:
            assert asking(operation, **lists[operation]).errors == []
        return len(queries)

    def deliveries(numbers):
        rows = [
            WebhookDelivery(webhook=made, log="project", log_id=project.pk, seq=number, event_type="media_updated")
            for number in numbers
        ]
        WebhookDelivery.objects.bulk_create(rows)

    deliveries([1])
    before = {operation: cost(operation) for operation in lists}
    for _ in range(19):
        made.pk = None
        made.save()
    deliveries(range(2, 21))
    assert {operation: cost(operation) for operation in lists} == before
    # The session, the user, the webhooks, their owners and their projects; and for one the deliveries.
    assert before["Webhooks"] <= 5
    assert before["WebhookDeliveries"] <= 6
