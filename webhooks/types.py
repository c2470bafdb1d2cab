"""Webhooks in the API."""

import datetime
from typing import Annotated, Any, cast

import strawberry

from cms.accounts.types import User
from cms.api.connections import After, Before, Connection, First, Last, paginate
from cms.api.context import Context, require_user, viewer
from cms.api.enums import graphql_enum
from cms.api.errors import UserError, error_list
from cms.api.ids import global_id
from cms.api.loading import related, siblings, together
from cms.api.node import Node
from content.projects.policy import ProjectPolicy
from content.projects.types import Project

from . import choices, models, queries
from .choices import EventLog, WebhookDeliveryStatus, WebhookPauseReason, WebhookState
from .policy import WebhookPolicy

Info = strawberry.Info[Context, Any]
LazyWebhook = Annotated["Webhook", strawberry.lazy("webhooks.types")]

graphql_enum(
    WebhookState,
    "Whether a webhook is sent events.",
    {
        "ACTIVE": "Events are sent as they happen.",
        "INACTIVE": "Its owner has switched it off.",
        "PAUSED": "The server has stopped sending: `pauseReason` says why. updateWebhook with active: true goes on.",
    },
)
graphql_enum(
    WebhookPauseReason,
    "Why the server has paused a webhook.",
    {
        "TOKEN_ENDED": "The access token whose rights it has expired or was revoked: update it with another one.",
        "OWNER_INACTIVE": "Its owner is no longer active.",
        "ENDPOINT_GONE": "The endpoint answered 410 Gone.",
        "ENDPOINT_FAILING": "No delivery succeeded for days.",
    },
)
graphql_enum(
    WebhookDeliveryStatus,
    "What became of a delivery.",
    {
        "PENDING": "It waits for its first or next attempt.",
        "DELIVERED": "The endpoint answered 2xx.",
        "FAILED": "No attempt succeeded, or it could not be made: `error` says why. replayWebhook sends it again.",
        "SKIPPED": "The event is gone, or the webhook's owner may not see it any more: nothing was sent.",
    },
)


def _owner(root: strawberry.Parent[models.Webhook]) -> User:
    return cast("User", related(root, "owner"))


def _project(root: strawberry.Parent[models.Webhook], info: Info) -> Project | None:
    if root.project_id is None:
        return None
    known: dict[int, Any] = info.context.cache.setdefault("webhook_projects", {})
    if root.project_id not in known:
        asked = {webhook.project_id for webhook in siblings(root) if webhook.project_id is not None}
        visible = together(ProjectPolicy(viewer(info)).visible().filter(pk__in=asked))
        known.update(dict.fromkeys(asked) | {project.pk: project for project in visible})
    return cast("Project | None", known[root.project_id])


def _state(root: strawberry.Parent[models.Webhook]) -> WebhookState:
    return root.state


def _pause_reason(root: strawberry.Parent[models.Webhook]) -> WebhookPauseReason | None:
    return WebhookPauseReason(root.pause_reason) if root.pause_reason else None


def _query_error(root: strawberry.Parent[models.Webhook]) -> str | None:
    return queries.flaw(root.query) or None


def _event_types(root: strawberry.Parent[models.Webhook]) -> list[str]:
    return [kind.replace("_", ".") for kind in root.event_types]


def _deliveries(
    root: strawberry.Parent[models.Webhook],
    info: Info,
    statuses: Annotated[
        list[WebhookDeliveryStatus] | None, strawberry.argument(description="Any of these; left out: all.")
    ] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> "Connection[WebhookDelivery]":
    rows = WebhookPolicy(require_user(info)).deliveries().filter(webhook=root.pk)
    if statuses is not None:
        rows = rows.filter(status__in=statuses)
    return paginate(rows, order=("-id",), first=first, after=after, last=last, before=before)


def _log_id(root: strawberry.Parent[models.WebhookDelivery]) -> strawberry.ID | None:
    if root.log == EventLog.TEST:
        return None
    return strawberry.ID(global_id("Session" if root.log == EventLog.SESSION else "Project", root.log_id))


def _error(root: strawberry.Parent[models.WebhookDelivery]) -> str | None:
    return root.error or None


def _next_attempt_at(root: strawberry.Parent[models.WebhookDelivery]) -> datetime.datetime | None:
    return root.next_attempt_at if root.status == choices.WebhookDeliveryStatus.PENDING else None


def _webhook(root: strawberry.Parent[models.WebhookDelivery]) -> LazyWebhook:
    return cast("LazyWebhook", related(root, "webhook"))


@strawberry.type(description="One event for one webhook: its attempts, and the endpoint's latest answer.")
class WebhookDelivery(Node):
    model = models.WebhookDelivery

    webhook: LazyWebhook = strawberry.field(resolver=_webhook, description="The webhook that it is of.")
    message_id: str = strawberry.field(
        description="The header webhook-id: the same at every attempt and replay of this event, so that receivers can "
        "tell what they have had."
    )
    type: str = strawberry.field(description="The event's type as in the body, such as media.updated.")
    log_id: strawberry.ID | None = strawberry.field(
        resolver=_log_id, description="The project or session in whose log the event is; null for a test."
    )
    seq: int = strawberry.field(description="The event's place in that log; for a test, its number.")
    status: WebhookDeliveryStatus = strawberry.field(description="What became of it.")
    attempts: int = strawberry.field(description="How often it was sent since it was queued or replayed.")
    response_status: int | None = strawberry.field(
        description="The HTTP status of the latest answer; null where there was none."
    )
    response_body: str = strawberry.field(description="The latest answer's first 2,000 characters.")
    error: str | None = strawberry.field(resolver=_error, description="What went wrong last, for people.")
    duration_ms: int | None = strawberry.field(description="Milliseconds that the latest attempt took.")
    created_at: datetime.datetime = strawberry.field(description="When it was first queued.")
    attempted_at: datetime.datetime | None = strawberry.field(description="When it was last sent.")
    next_attempt_at: datetime.datetime | None = strawberry.field(
        resolver=_next_attempt_at, description="Not before then is it sent again; null where it is not pending."
    )
    delivered_at: datetime.datetime | None = strawberry.field(description="When the endpoint took it.")


@strawberry.type(
    description="A subscription query whose events are posted to an address, signed by the Standard Webhooks "
    "specification, with the rights of the token or person that registered it."
)
class Webhook(Node):
    model = models.Webhook

    name: str = strawberry.field(description="For people.")
    url: str = strawberry.field(description="Where events are posted to.")
    query: str = strawberry.field(description="What a delivery says of its event.")
    query_error: str | None = strawberry.field(
        resolver=_query_error,
        description="Why the query is no longer valid, as after a change of the schema: deliveries fail then. Null "
        "where it is.",
    )
    event_types: list[str] = strawberry.field(
        resolver=_event_types, description="The types of events that the query asks for, as in deliveries."
    )
    project: Project | None = strawberry.field(
        resolver=_project, description="The only project that it follows; null: all that its owner may see."
    )
    owner: User = strawberry.field(resolver=_owner, description="Who registered it.")
    state: WebhookState = strawberry.field(resolver=_state, description="Whether it is sent events.")
    pause_reason: WebhookPauseReason | None = strawberry.field(
        resolver=_pause_reason, description="Why it is PAUSED; null otherwise."
    )
    failing_since: datetime.datetime | None = strawberry.field(
        description="Since when every attempt has failed; null while they succeed."
    )
    last_delivered_at: datetime.datetime | None = strawberry.field(description="When the endpoint last took one.")
    former_secret_expires_at: datetime.datetime | None = strawberry.field(
        description="Until when deliveries carry a signature of the secret before the latest rotation too."
    )
    created_at: datetime.datetime = strawberry.field(description="When it was registered.")
    updated_at: datetime.datetime = strawberry.field(description="When it was last changed.")
    deliveries: Connection[WebhookDelivery] = strawberry.field(
        resolver=_deliveries, description="Its deliveries, newest first; ended ones are kept for some weeks."
    )


@strawberry.type(description="Answer of the mutations on webhooks.")
class WebhookPayload:
    webhook: Webhook | None = strawberry.field(default=None, description="As stored; null when refused.")
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of the mutations that make a secret.")
class WebhookSecretPayload:
    webhook: Webhook | None = strawberry.field(default=None, description="As stored; null when refused.")
    secret: str | None = strawberry.field(
        default=None, description="`whsec_…`, which signs deliveries. Keep it: it is never shown again."
    )
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of `deleteWebhook`.")
class DeleteWebhookPayload:
    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id that it had; null when refused."
    )
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of `testWebhook`.")
class WebhookDeliveryPayload:
    delivery: WebhookDelivery | None = strawberry.field(
        default=None, description="As queued: read it again for what became of it. Null when refused."
    )
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of `replayWebhook`.")
class ReplayWebhookPayload:
    webhook: Webhook | None = strawberry.field(default=None, description="The webhook; null when refused.")
    count: int | None = strawberry.field(default=None, description="How many events are sent again; null when refused.")
    errors: list[UserError] = error_list()
