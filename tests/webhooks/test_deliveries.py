"""What an endpoint gets: signed, in order, once more after a failure, and under one id."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from content.projects.models import ProjectEvent
from content.projects.services import create_project, update_project
from conversation import turns
from conversation.models import SessionEvent
from tests.conftest import gid
from webhooks.models import Webhook, WebhookDelivery

from .conftest import SESSION_QUERY
from .receiver import status


def seqs(received):
    """The places in the log of what was received."""
    return [next(iter(request.json["data"].values()))["seq"] for request in received]


def test_an_event_is_posted_as_the_query_says_it_and_signed(producer, project, register, rename, deliver):
    webhook = register(producer)
    rename("The Iron Tide")
    (request,) = deliver()
    event = ProjectEvent.objects.get(project=project, seq=project.events.count())
    assert request.verified_by(webhook.secret) == {
        "type": "project.updated",
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "projectEvents": {
                "__typename": "ProjectUpdatedEvent",
                "seq": event.seq,
                "project": {"id": gid(project), "title": "The Iron Tide"},
            }
        },
    }
    assert request.headers["content-type"] == "application/json"
    assert abs(int(request.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    with pytest.raises(WebhookVerificationError):
        request.verified_by("whsec_" + "A" * 43 + "=")
    (delivery,) = webhook.shown()["deliveries"]
    assert (delivery["status"], delivery["attempts"], delivery["responseStatus"]) == ("DELIVERED", 1, 204)
    assert delivery["messageId"] == request.id
    assert deliver() == []


def test_a_turn_is_told_in_the_order_of_the_log(producer, session, register, finish, deliver):
    register(producer, query=SESSION_QUERY)
    finish(turns.send_message(user=producer, session_id=session.pk, text="Who keeps the lighthouse?"))
    received = deliver()
    told = SessionEvent.objects.filter(session=session, type__in=["message_added", "turn_updated"], seq__gt=1)
    assert seqs(received) == list(told.order_by("seq").values_list("seq", flat=True))
    assert [request.json["type"] for request in received] == [
        "message.added", "turn.updated", "turn.updated", "message.added", "turn.updated",
    ]  # fmt: skip
    assert received[0].json["data"]["sessionEvents"]["message"]["content"] == "Who keeps the lighthouse?"


def test_only_the_types_that_the_query_names_are_sent(producer, register, rename, deliver):
    query = (
        "subscription ($projectId: ID!) { projectEvents(projectId: $projectId) { ... on MediaUpdatedEvent { seq } } }"
    )
    webhook = register(producer, query=query)
    rename("Nobody asks for this")
    assert deliver() == []
    assert webhook.shown()["eventTypes"] == ["media.updated"]


def test_without_fragments_every_event_is_sent(producer, register, rename, deliver):
    everything = "subscription ($projectId: ID!) { projectEvents(projectId: $projectId) { seq at } }"
    webhook = register(producer, query=everything)
    assert webhook.shown()["eventTypes"] == ["project.updated", "media.updated", "task.updated"]
    rename("Anything")
    assert len(deliver()) == 1


@pytest.mark.parametrize("failure", [500, 404, 301])
def test_a_failure_is_tried_again_under_the_same_id_and_holds_back_what_follows(
    failure, producer, register, rename, receiver, deliver, settings
):
    settings.WEBHOOK_RETRY_SECONDS = [60]
    webhook = register(producer)
    receiver.answers = [status(failure, b"no", Location=receiver.url)]
    rename("First")
    rename("Second")
    (refused,) = deliver()
    first, second = webhook.shown()["deliveries"]
    assert (first["status"], first["responseStatus"], first["responseBody"]) == ("PENDING", failure, "no")
    assert first["error"].startswith(f"The endpoint answered {failure}.")
    assert (second["status"], second["attempts"]) == ("PENDING", 0)
    wait = datetime.fromisoformat(first["nextAttemptAt"]) - datetime.fromisoformat(first["attemptedAt"])
    assert timedelta(seconds=54) <= wait <= timedelta(seconds=67)
    _let_the_endpoint_rest()
    assert deliver() == []
    _let_time_pass()
    again, following = deliver()
    assert (again.id, again.body) == (refused.id, refused.body)
    assert seqs([again, following]) == [seqs([again])[0], seqs([again])[0] + 1]
    assert webhook.shown()["failingSince"] is None


def _let_time_pass():
    WebhookDelivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())
    _let_the_endpoint_rest()


def _let_the_endpoint_rest():
    Webhook.objects.update(not_before=None)


def test_a_failure_in_one_log_does_not_hold_back_another(producer, register, rename, receiver, deliver, settings):
    settings.WEBHOOK_RETRY_SECONDS = [60]
    other = create_project(user=producer, title="Other", genre="drama")
    register(producer)
    receiver.answers = [status(500)]
    rename("Refused")
    update_project(user=producer, project_id=other.pk, changes={"title": "Not held back"})
    assert len(deliver()) == 1
    assert deliver() == []
    _let_the_endpoint_rest()
    (request,) = deliver()
    assert request.json["data"]["projectEvents"]["project"]["title"] == "Not held back"


def test_an_endpoint_that_does_not_answer_is_left_after_the_time_out(
    producer, register, rename, receiver, deliver, settings
):
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.2
    settings.WEBHOOK_RETRY_SECONDS = [60]
    webhook = register(producer)
    receiver.answers = [receiver.hold]
    rename("Slow")
    (unanswered,) = deliver()
    (delivery,) = webhook.shown()["deliveries"]
    assert (delivery["status"], delivery["responseStatus"]) == ("PENDING", None)
    assert delivery["error"] == "No answer within 0.2 seconds."
    _let_time_pass()
    assert [request.id for request in deliver()] == [unanswered.id]


def test_an_answer_that_drips_is_left_as_well(producer, register, rename, receiver, deliver, settings):
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.3
    settings.WEBHOOK_RETRY_SECONDS = [60]
    webhook = register(producer)

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not receiver.released.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    receiver.answers = [drip]
    rename("Dripping")
    deliver()
    assert webhook.shown()["deliveries"][0]["error"] == "No answer within 0.3 seconds."


def test_of_a_long_answer_the_beginning_is_kept(producer, register, rename, receiver, deliver):
    webhook = register(producer)
    receiver.answers = [status(200, b"a\x00" * 500_000)]
    rename("Long")
    deliver()
    (delivery,) = webhook.shown()["deliveries"]
    assert delivery["status"] == "DELIVERED"
    assert len(delivery["responseBody"]) == 2_000


def test_retry_after_is_kept_to_by_the_whole_webhook(producer, session, register, finish, receiver, deliver):
    webhook = register(producer, query=SESSION_QUERY)
    receiver.answers = [status(429, Retry_After="120")]
    finish(turns.send_message(user=producer, session_id=session.pk, text="Hello"))
    assert len(deliver()) == 1
    first = webhook.shown()["deliveries"][0]
    wait = datetime.fromisoformat(first["nextAttemptAt"]) - timezone.now()
    assert timedelta(seconds=110) < wait <= timedelta(seconds=120)
    WebhookDelivery.objects.update(next_attempt_at=timezone.now())
    assert deliver() == []
    _let_time_pass()
    assert len(deliver()) == 5


def test_the_last_attempt_ends_in_failed_and_the_log_goes_on(producer, register, rename, receiver, deliver, settings):
    settings.WEBHOOK_RETRY_SECONDS = [0.0, 0.0]
    webhook = register(producer)
    receiver.answers = [status(500)] * 3
    rename("Never taken")
    rename("Taken")
    received = deliver()
    assert len({request.id for request in received[:3]}) == 1
    assert [each["status"] for each in webhook.shown()["deliveries"]] == ["FAILED", "DELIVERED"]
    assert [each["attempts"] for each in webhook.shown(statuses=["FAILED"])["deliveries"]] == [3]


def test_gone_pauses_the_webhook_and_its_owner_is_told(
    producer, register, rename, receiver, deliver, mailoutbox, django_capture_on_commit_callbacks
):
    webhook = register(producer)
    receiver.answers = [status(410)]
    rename("Gone")
    with django_capture_on_commit_callbacks(execute=True):
        deliver()
    assert (webhook.shown()["state"], webhook.shown()["pauseReason"]) == ("PAUSED", "ENDPOINT_GONE")
    (mail,) = mailoutbox
    assert mail.to == [producer.email]
    assert "410 Gone" in mail.body
    rename("Unheard")
    assert deliver() == []
    assert webhook.run("UpdateWebhook", active=True).value["webhook"]["state"] == "ACTIVE"
    assert len(deliver()) == 1


def test_days_of_failure_pause_the_webhook(producer, register, rename, receiver, deliver, settings):
    settings.WEBHOOK_RETRY_SECONDS = [60]
    webhook = register(producer)
    receiver.answers = [status(500), status(500)]
    rename("Failing")
    deliver()
    assert webhook.shown()["state"] == "ACTIVE"
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=settings.WEBHOOK_FAILING_DAYS))
    _let_time_pass()
    deliver()
    assert webhook.shown()["pauseReason"] == "ENDPOINT_FAILING"


def test_a_query_that_is_no_longer_valid_fails_with_the_reason(producer, register, rename, deliver):
    webhook = register(producer)
    old = webhook.shown()["query"].replace("title", "headline")
    Webhook.objects.update(query=old)
    rename("Unsayable")
    assert deliver() == []
    assert "Cannot query field 'headline' on type 'Project'" in webhook.shown()["queryError"]
    (delivery,) = webhook.shown()["deliveries"]
    assert delivery["status"] == "FAILED"
    assert "headline" in delivery["error"]


def test_a_rotated_secret_signs_beside_the_one_before_it_for_a_day(producer, register, rename, deliver):
    webhook = register(producer)
    rotated = webhook.run("RotateWebhookSecret").value["secret"]
    assert rotated != webhook.secret
    rename("Twice signed")
    (request,) = deliver()
    assert request.verified_by(rotated) == request.verified_by(webhook.secret)
    Webhook.objects.update(former_secret_expires_at=timezone.now())
    rename("Once signed")
    (request,) = deliver()
    assert request.verified_by(rotated)
    with pytest.raises(WebhookVerificationError):
        request.verified_by(webhook.secret)


def test_a_test_is_sent_whatever_the_state(producer, register, deliver):
    webhook = register(producer, active=False)
    queued = webhook.run("TestWebhook").value["delivery"]
    assert (queued["status"], queued["type"], queued["logId"]) == ("PENDING", "webhook.test", None)
    (request,) = deliver()
    assert request.verified_by(webhook.secret)["data"] == {}
    assert request.id == queued["messageId"]
    assert webhook.shown()["deliveries"][0]["status"] == "DELIVERED"


def test_a_webhook_that_is_switched_off_gets_nothing(producer, register, rename, deliver):
    webhook = register(producer)
    webhook.run("UpdateWebhook", active=False)
    rename("Unheard")
    webhook.run("UpdateWebhook", active=True)
    assert deliver() == []
