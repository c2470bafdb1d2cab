"""A webhook has the rights of its token or owner, at every delivery anew."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cms.accounts.choices import TokenScope
from cms.accounts.tokens import issue_token, new_token
from content.projects.services import add_collaborator, create_project, remove_collaborator, update_project
from conversation import sessions, turns
from tests.conftest import gid
from webhooks.models import WebhookDelivery
from webhooks.tasks import sweep_webhooks

from .conftest import SESSION_QUERY


def test_who_loses_access_gets_nothing_more_of_what_waits_either(
    producer, collaborator, project, register, rename, deliver
):
    webhook = register(collaborator)
    rename("Seen")
    assert len(deliver()) == 1
    rename("Queued, and not for them any more")
    remove_collaborator(user=producer, project_id=project.pk, user_id=collaborator.pk)
    rename("After they left")
    assert deliver() == []
    assert [each["status"] for each in webhook.shown()["deliveries"]][-1] == "SKIPPED"
    queued = WebhookDelivery.objects.count()
    add_collaborator(user=producer, project_id=project.pk, email=collaborator.email)
    rename("Back again")
    assert WebhookDelivery.objects.count() > queued
    assert [request.json["data"]["projectEvents"]["project"]["title"] for request in deliver()][-1] == "Back again"


def test_a_private_session_is_not_even_mentioned(producer, collaborator, session, register, deliver):
    webhook = register(collaborator, query=SESSION_QUERY)
    turns.send_message(user=producer, session_id=session.pk, text="A secret")
    assert deliver() == []
    assert webhook.shown()["deliveries"] == []
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    turns.cancel_turn(user=producer, turn_id=session.turns.get().pk)
    assert {request.json["type"] for request in deliver()} == {"turn.updated"}


def test_a_stranger_hears_nothing_and_an_admin_everything(stranger, admin, register, rename, deliver):
    theirs, all_of_it = register(stranger), register(admin)
    rename("Whose business is it?")
    (request,) = deliver()
    assert request.verified_by(all_of_it.secret)
    assert theirs.shown()["deliveries"] == []


def test_a_webhook_of_one_project_hears_of_no_other(admin, project, session, register, rename, deliver):
    other = create_project(user=admin, title="Other", genre="drama")
    register(admin, projectId=gid(other))
    rename("Not followed")
    update_project(user=admin, project_id=other.pk, changes={"title": "Followed"})
    assert [request.json["data"]["projectEvents"]["project"]["title"] for request in deliver()] == ["Followed"]


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_token_that_ends_pauses_its_webhook_for_good(
    end, producer, register, rename, deliver, api, mailoutbox, django_capture_on_commit_callbacks
):
    text, token = issue_token(producer)
    webhook = register(token=text)
    rename("While it was good")
    assert len(deliver()) == 1
    rename("Waits")
    if end == "revoked":
        api(token=text)("Logout")
    else:
        token.expires_at = timezone.now()
        token.save()
    assert deliver() == []
    shown = api(producer)("WebhookDeliveries", id=webhook.id).value
    assert (shown["state"], shown["pauseReason"]) == ("PAUSED", "TOKEN_ENDED")
    rename("Unheard")
    assert deliver() == []
    # Another token, or the person, takes it on.
    taken_on = api(producer)("UpdateWebhook", input={"id": webhook.id, "active": True}).value["webhook"]
    assert (taken_on["state"], taken_on["pauseReason"]) == ("ACTIVE", None)
    assert [request.json["data"]["projectEvents"]["project"]["title"] for request in deliver()] == ["Unheard"]


def test_an_update_by_a_token_gives_the_webhook_that_tokens_rights(producer, register, rename, deliver, api):
    webhook = register(producer)
    text, token = issue_token(producer)
    assert api(token=text)("UpdateWebhook", input={"id": webhook.id, "name": "Renamed"}).codes == []
    token.delete()
    rename("Whose rights?")
    assert deliver() == []
    sweep_webhooks()
    assert webhook.shown()["pauseReason"] == "TOKEN_ENDED"


def test_the_sweep_shows_ended_rights_before_anything_happens(
    producer, collaborator, register, api, admin, mailoutbox, django_capture_on_commit_callbacks
):
    text, token = issue_token(producer)
    with_token, of_person = register(token=text), register(collaborator)
    sweep_webhooks()
    assert with_token.shown()["state"] == "ACTIVE"
    token.expires_at = timezone.now() - timedelta(seconds=1)
    token.save()
    collaborator.is_active = False
    collaborator.save()
    with django_capture_on_commit_callbacks(execute=True):
        sweep_webhooks()
    asking = api(admin)
    reasons = {
        webhook.id: asking("WebhookDeliveries", id=webhook.id).value["pauseReason"]
        for webhook in (with_token, of_person)
    }
    assert reasons == {with_token.id: "TOKEN_ENDED", of_person.id: "OWNER_INACTIVE"}
    assert [mail.to for mail in mailoutbox] == [[producer.email]]


def test_who_is_deactivated_gets_nothing(collaborator, register, rename, deliver):
    register(collaborator)
    rename("Queued")
    collaborator.is_active = False
    collaborator.save()
    rename("Not queued")
    assert deliver() == []


@pytest.fixture
def limited(producer):
    """A token that may read and write in one project alone; answers it by project."""

    def made(project, *scopes):
        text, token = new_token(
            user=producer,
            name="Outside",
            scopes=scopes or (TokenScope.READ, TokenScope.WRITE),
            expires_at=timezone.now() + timedelta(days=1),
            is_limited=True,
        )
        token.projects.add(project)
        return text

    return made


def test_a_token_of_one_project_hears_of_no_other(producer, project, limited, register, rename, deliver):
    other = create_project(user=producer, title="Other", genre="drama")
    webhook = register(token=limited(other))
    rename("Not reached")
    assert deliver() == []
    update_project(user=producer, project_id=other.pk, changes={"title": "Reached"})
    assert [request.json["data"]["projectEvents"]["project"]["title"] for request in deliver()] == ["Reached"]
    assert webhook.run("ReplayWebhook", logId=gid(project), after=0).error["field"] == ["logId"]
    since = webhook.run("ReplayWebhook", since="2026-01-01T00:00:00Z").value
    assert since["count"] == other.events.filter(type="project_updated").count()


def test_a_token_of_one_project_knows_nothing_of_the_other_webhooks(producer, project, limited, register, api):
    other = create_project(user=producer, title="Other", genre="drama")
    everywhere, there = register(producer), register(producer, projectId=gid(project))
    asking = api(token=limited(other))
    assert asking("Webhooks").value["edges"] == []
    for webhook in (everywhere, there):
        for operation in ("UpdateWebhook", "RotateWebhookSecret", "TestWebhook", "DeleteWebhook"):
            assert asking(operation, input={"id": webhook.id}).error["code"] == "NOT_FOUND"
    assert [edge["node"]["id"] for edge in api(token=limited(project))("Webhooks").value["edges"]] == [there.id]


def test_a_token_that_may_not_read_registers_nothing(project, limited, api):
    given = {"name": "Outside", "url": "https://example.com/", "query": SESSION_QUERY}
    answer = api(token=limited(project, TokenScope.WRITE))("CreateWebhook", input=given)
    assert "FORBIDDEN" in {*answer.top_codes, *(answer.codes if answer.data else [])}
