"""Webhooks and their deliveries, which are their owner's and the admins'."""

from webhooks.models import Webhook, WebhookDelivery

from .markers import NOBODY
from .subjects import Case, Every, Subject
from .worlds import ADMIN, World

QUERY = "subscription ($projectId: ID!) { projectEvents(projectId: $projectId) { seq } }"


def fill(world: World) -> None:
    project = world.rows["project"]
    _webhook(world, "webhook", world.owner, world.owner_name, project, world.rows["private_session"])
    if world.member is not None:
        _webhook(world, "members_webhook", world.member, world.member_name, project, world.rows["members_session"])


def _webhook(world, name, owner, owner_name, project, session) -> None:
    seen_by = frozenset({owner_name, ADMIN})
    webhook = world.add(
        Webhook, name, seen_by=seen_by, owner=owner, project=project, log="session", event_types=["message_added"],
        pause_reason="" if name == "webhook" else "endpoint_gone",
    )  # fmt: skip
    for status in ("failed", "pending"):
        world.add(
            WebhookDelivery,
            f"{name}_{status}_delivery",
            seen_by=seen_by,
            to={} if status == "pending" else {"next_attempt_at": NOBODY},
            webhook=webhook,
            log="session",
            log_id=session.pk,
            status=status,
            event_type=world.all.markers.word("WebhookDelivery.event_type", seen_by),
        )


OWNERS = {ADMIN: "FORBIDDEN"}
ADDRESS = "https://93.184.215.14/hook"
SUBJECT = Subject(
    fill=fill,
    hidden={
        Webhook: "failures not_before secret_salt former_secret_salt lease_token lease_expires_at",
        WebhookDelivery: "payload",
    },
    roots={
        "webhook": [{"id": Every((Webhook,))}],
        "webhooks": [{"first": 20}],
        "node": [{"id": Every((Webhook, WebhookDelivery))}],
    },
    unmarked={
        "Webhook.eventTypes": "names of types of events",
        "WebhookDelivery.messageId": "made of what the delivery is of",
        "WebhookSecretPayload.secret": "the new one",
        "ReplayWebhookPayload.count": "a count",
    },
    mutations={
        "createWebhook": Case({"projectId": "project"}, {"name": "Hook", "url": ADDRESS, "query": QUERY}),
        "updateWebhook": Case({"id": "webhook", "projectId": "project"}, {"name": "Hook"}, refused=OWNERS),
        "deleteWebhook": Case({"id": "webhook"}),
        "rotateWebhookSecret": Case({"id": "webhook"}, refused=OWNERS),
        "testWebhook": Case({"id": "webhook"}),
        "replayWebhook": (
            Case({"id": "webhook", "deliveryId": "webhook_failed_delivery"}),
            Case({"id": "webhook", "logId": "private_session"}, {"after": 0}),
        ),
    },
)
