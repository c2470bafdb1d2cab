"""The API's doors to webhooks."""

import datetime
from typing import Annotated, cast

import strawberry

from cms.api import trusted
from cms.api.connections import After, Before, Connection, First, Last, paginate
from cms.api.context import require_user
from cms.api.errors import answers
from cms.api.ids import parse_id, split_id
from cms.api.node import register_node
from cms.api.values import Input, given, or_none
from cms.errors import DomainError, invalid

from . import models, replay, services
from .choices import EventLog
from .policy import WebhookPolicy
from .types import (
    DeleteWebhookPayload,
    Info,
    ReplayWebhookPayload,
    Webhook,
    WebhookDelivery,
    WebhookDeliveryPayload,
    WebhookPayload,
    WebhookSecretPayload,
)

register_node("Webhook", lambda user, pk: WebhookPolicy(user).visible().filter(pk=pk).first())
register_node("WebhookDelivery", lambda user, pk: WebhookPolicy(user).deliveries().filter(pk=pk).first())

_LOGS = {"Project": EventLog.PROJECT, "Session": EventLog.SESSION}


@strawberry.input(description="Register a webhook with the rights of this call: its token's, or the person's.")
class CreateWebhookInput:
    name: str = strawberry.field(description="1 to 100 characters, for people.")
    url: str = strawberry.field(description="A public https address, where events are posted to.")
    query: str = strawberry.field(
        description="One subscription operation: `subscription ($projectId: ID!) { projectEvents(projectId: "
        "$projectId) { … } }`, or the same with `sessionEvents` and `$sessionId`. The variable is filled for each "
        "event. Where it has fragments on event types, only those events are sent."
    )
    project_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only this project and its sessions; left out: all that one may see."
    )
    active: bool | None = strawberry.field(default=True, description="Whether to begin at once.")


@strawberry.input(
    description="Change a webhook, which has the rights of this call from then on. An absent field stays as it is."
)
class UpdateWebhookInput:
    id: strawberry.ID = strawberry.field(description="The webhook.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="1 to 100 characters.")
    url: str | None = strawberry.field(default=strawberry.UNSET, description="A public https address.")
    query: str | None = strawberry.field(default=strawberry.UNSET, description="As for `createWebhook`.")
    project_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only this project and its sessions; null: all."
    )
    active: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Switches it on or off. On: a pause ends too, and what was queued before is sent.",
    )


@strawberry.input(description="Delete a webhook and its deliveries.")
class DeleteWebhookInput:
    id: strawberry.ID = strawberry.field(description="The webhook.")


@strawberry.input(description="Give a webhook another secret.")
class RotateWebhookSecretInput:
    id: strawberry.ID = strawberry.field(description="The webhook.")


@strawberry.input(description="Try a webhook's address.")
class TestWebhookInput:
    id: strawberry.ID = strawberry.field(description="The webhook, in any state.")


@strawberry.input(
    description="Send again one delivery (`deliveryId`), one log from a point on (`logId` and `after`), or everything "
    "since a moment (`since`): exactly one of the three."
)
class ReplayWebhookInput:
    id: strawberry.ID = strawberry.field(description="The webhook.")
    delivery_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="A delivery of this webhook."
    )
    log_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The project or session whose log it is."
    )
    after: int | None = strawberry.field(
        default=strawberry.UNSET, description="With `logId`: only events after this seq; 0 for all."
    )
    since: datetime.datetime | None = strawberry.field(
        default=strawberry.UNSET, description="Events since then, of all logs that the webhook follows."
    )


@strawberry.type
class WebhooksQuery:
    @strawberry.field(description="A webhook by id; null where there is none that the caller may see.")
    def webhook(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The webhook.")]
    ) -> Webhook | None:
        user = require_user(info)
        try:
            return cast("Webhook", WebhookPolicy(user).get(parse_id(id, "Webhook")))
        except DomainError:
            return None

    @strawberry.field(description="The caller's webhooks, newest first; for admins everybody's.")
    def webhooks(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Webhook]:
        rows = WebhookPolicy(require_user(info)).visible()
        return paginate(rows, order=("-id",), first=first, after=after, last=last, before=before)


@strawberry.type
class WebhooksMutation:
    @strawberry.mutation(description="Register a webhook; the answer holds its secret, which is never shown again.")
    @answers(WebhookSecretPayload)
    def create_webhook(self, info: Info, input: Input[CreateWebhookInput]) -> WebhookSecretPayload:
        webhook, secret = services.create_webhook(
            user=require_user(info),
            name=input.name,
            url=input.url,
            query=trusted.text_of(input.query, info.context),
            project_id=_project_key(input.project_id),
            is_active=input.active is not False,
        )
        return WebhookSecretPayload(webhook=_shown(webhook), secret=secret)

    @strawberry.mutation(description="Change, switch on or switch off a webhook; its owner only.")
    @answers(WebhookPayload)
    def update_webhook(self, info: Info, input: Input[UpdateWebhookInput]) -> WebhookPayload:
        changes = given(input, "name", "url", "query")
        if changes.get("query"):
            changes["query"] = trusted.text_of(changes["query"], info.context)
        if input.project_id is not strawberry.UNSET:
            changes["project_id"] = _project_key(input.project_id)
        if input.active is None:
            raise invalid("A webhook is active or not.", "active")
        if input.active is not strawberry.UNSET:
            changes["is_active"] = input.active
        webhook = services.update_webhook(
            user=require_user(info),
            webhook_id=parse_id(input.id, "Webhook"),
            changes=changes,
        )
        return WebhookPayload(webhook=_shown(webhook))

    @strawberry.mutation(description="Delete a webhook and its deliveries.")
    @answers(DeleteWebhookPayload)
    def delete_webhook(self, info: Info, input: Input[DeleteWebhookInput]) -> DeleteWebhookPayload:
        services.delete_webhook(user=require_user(info), webhook_id=parse_id(input.id, "Webhook"))
        return DeleteWebhookPayload(deleted_id=input.id)

    @strawberry.mutation(
        description="Give a webhook another secret; its owner only. For a day deliveries carry both signatures."
    )
    @answers(WebhookSecretPayload)
    def rotate_webhook_secret(self, info: Info, input: Input[RotateWebhookSecretInput]) -> WebhookSecretPayload:
        webhook, secret = services.rotate_secret(user=require_user(info), webhook_id=parse_id(input.id, "Webhook"))
        return WebhookSecretPayload(webhook=_shown(webhook), secret=secret)

    @strawberry.mutation(description="Send a test: a delivery of the type webhook.test with empty data.")
    @answers(WebhookDeliveryPayload)
    def test_webhook(self, info: Info, input: Input[TestWebhookInput]) -> WebhookDeliveryPayload:
        delivery = services.send_test(user=require_user(info), webhook_id=parse_id(input.id, "Webhook"))
        return WebhookDeliveryPayload(delivery=cast("WebhookDelivery", delivery))

    @strawberry.mutation(description="Send events again, each under the id that it had; at most 10,000.")
    @answers(ReplayWebhookPayload)
    def replay_webhook(self, info: Info, input: Input[ReplayWebhookInput]) -> ReplayWebhookPayload:
        user, webhook, delivery = require_user(info), parse_id(input.id, "Webhook"), or_none(input.delivery_id)
        count = replay.replay(
            user=user,
            webhook_id=webhook,
            delivery_id=delivery and parse_id(delivery, "WebhookDelivery", "delivery_id"),
            log=_log(or_none(input.log_id)),
            after=or_none(input.after),
            since=or_none(input.since),
        )
        return ReplayWebhookPayload(webhook=cast("Webhook", models.Webhook.objects.get(pk=webhook)), count=count)


def _log(value: strawberry.ID | None) -> tuple[str, int] | None:
    """The kind of log behind the id of a project or session, and its key. Raises NOT_FOUND."""
    if value is None:
        return None
    kind = (split_id(value) or ("Project", ""))[0]
    return _LOGS.get(kind, EventLog.TEST), parse_id(value, kind, "log_id")


def _project_key(value: strawberry.ID | None) -> int | None:
    project = or_none(value)
    return None if project is None else parse_id(project, "Project", "project_id")


def _shown(webhook: models.Webhook) -> Webhook:
    return cast("Webhook", models.Webhook.objects.get(pk=webhook.pk))
