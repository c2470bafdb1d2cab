"""Webhooks in the admin: what failed and why is seen, and sent again with a button."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from webhooks.models import Webhook, WebhookDelivery

from .receiver import status


@pytest.fixture
def browse():
    """A person's browser at an address of the admin; answers the page."""

    def page(user, name, *keys, post=None, **query):
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        address = reverse(name, args=keys)
        return client.get(address, query) if post is None else client.post(address, post, follow=True)

    return page


@pytest.fixture
def failed(producer, register, rename, receiver, deliver, settings):
    """A webhook whose only delivery failed for good."""
    settings.WEBHOOK_RETRY_SECONDS = []
    receiver.answers = [status(500, b"<b>disk full</b>")]
    webhook = register(producer)
    rename("Not taken")
    deliver()
    return webhook


def test_a_failure_is_seen_with_its_request_and_answer_and_without_the_secret(failed, producer, browse):
    (delivery,) = WebhookDelivery.objects.all()
    listing = browse(producer, "webhooks:index").content.decode()
    assert "Outside" in listing
    page = browse(producer, "webhooks:inspect", delivery.webhook_id).content.decode()
    assert "project.updated" in page
    assert "Failed" in page
    page = browse(producer, "webhook_deliveries:inspect", delivery.pk).content.decode()
    assert "&quot;title&quot;: &quot;Not taken&quot;" in page
    assert "&lt;b&gt;disk full&lt;/b&gt;" in page
    assert "The endpoint answered 500." in page
    assert delivery.message_id in page
    assert failed.secret not in page


def test_the_button_sends_it_again_under_its_id(failed, producer, browse, deliver):
    (delivery,) = WebhookDelivery.objects.all()
    page = browse(producer, "webhook_deliveries:resend", delivery.pk, post={})
    assert "The delivery is sent again." in page.content.decode()
    (request,) = deliver()
    assert request.id == delivery.message_id
    delivery.refresh_from_db()
    assert delivery.status == "delivered"


def test_a_paused_webhook_says_why_and_sends_nothing_again(failed, producer, browse, deliver):
    Webhook.objects.update(pause_reason="endpoint_gone")
    (delivery,) = WebhookDelivery.objects.all()
    assert "The endpoint answered 410 Gone" in browse(producer, "webhooks:inspect", failed.row.pk).content.decode()
    page = browse(producer, "webhook_deliveries:resend", delivery.pk, post={})
    assert "This webhook sends nothing now." in page.content.decode()
    assert deliver() == []


def test_a_query_that_is_no_longer_valid_is_shown(failed, producer, browse):
    Webhook.objects.update(query="subscription { nothing }")
    assert "Cannot query field" in browse(producer, "webhooks:inspect", failed.row.pk).content.decode()


def test_an_admin_sees_all_and_others_their_own(failed, producer, admin, stranger, browse):
    (delivery,) = WebhookDelivery.objects.all()
    assert b"Outside" in browse(admin, "webhooks:index").content
    for name in ("webhooks:index", "webhook_deliveries:index"):
        page = browse(stranger, name)
        assert page.status_code == 200
        assert b"Outside" not in page.content
    assert browse(stranger, "webhooks:inspect", failed.row.pk).status_code == 404
    assert browse(stranger, "webhook_deliveries:inspect", delivery.pk).status_code == 404
    assert browse(stranger, "webhook_deliveries:resend", delivery.pk, post={}).status_code == 404


def test_listings_cost_the_same_for_one_as_for_twenty(failed, producer, browse):
    def cost(name):
        with CaptureQueriesContext(connection) as queries:
            assert browse(producer, name).status_code == 200
        return len(queries)

    names = ("webhooks:index", "webhook_deliveries:index")
    for name in names:
        browse(producer, name)
    before = [cost(name) for name in names]
    (made,), (delivery,) = Webhook.objects.all(), WebhookDelivery.objects.all()
    for seq in range(100, 119):
        made.pk = None
        made.save()
        delivery.pk, delivery.webhook, delivery.seq = None, made, seq
        delivery.save()
    assert [cost(name) for name in names] == before
