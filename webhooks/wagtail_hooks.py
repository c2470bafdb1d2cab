"""Webhooks in the admin: listed, read with their deliveries, and sent again. They are written through the API alone."""

import json
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from wagtail import hooks
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.admin.widgets.button import Button, HeaderButton

from cms.api.ids import global_id
from cms.scoped_admin import ScopedActionView, ScopedIndexView, ScopedInspectView, ScopedViewSet

from . import queries, replay
from .choices import EventLog, WebhookDeliveryStatus
from .models import Webhook, WebhookDelivery
from .policy import WebhookPolicy

NEWEST = 20


def _webhooks(request: HttpRequest | None) -> QuerySet[Webhook]:
    user: Any = request.user if request else None
    return WebhookPolicy(user).visible()


class WebhookIndexView(ScopedIndexView):
    """The listing."""

    def get_base_queryset(self) -> QuerySet[Webhook]:
        return super().get_base_queryset().select_related("owner")


class WebhookInspectView(ScopedInspectView):
    """A webhook with its newest deliveries."""

    template_name = "webhooks/admin/webhook.html"

    def get_object(self, queryset: Any = None) -> Webhook:
        return get_object_or_404(Webhook.objects.select_related("owner", "project", "token"), pk=self.pk)

    def get_fields(self) -> list[str]:
        return []

    @property
    def header_buttons(self) -> list[HeaderButton]:
        address = f"{reverse('webhook_deliveries:index')}?webhook={self.object.pk}"
        return [HeaderButton("All deliveries", url=address, icon_name="list-ul")]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        webhook = self.object
        return {
            **super().get_context_data(**kwargs),
            "query_error": queries.flaw(webhook.query),
            "event_types": [kind.replace("_", ".") for kind in webhook.event_types],
            "deliveries": webhook.deliveries.defer("payload", "response_body")[:NEWEST],
        }


class WebhookViewSet(ScopedViewSet):
    """One's own webhooks, all for admins."""

    model = Webhook
    name = "webhooks"
    url_prefix = "webhooks"
    icon = "link-external"
    menu_label = "Webhooks"
    menu_order = 230
    add_to_admin_menu = True
    actions = ("view",)
    views = ("index", "index_results", "inspect")
    index_view_class = WebhookIndexView
    inspect_view_class = WebhookInspectView
    list_filter = ("is_active", "pause_reason", "log")
    search_fields = ("name", "url")
    ordering = ("-pk",)
    list_per_page = 50
    list_display = (
        "name",
        Column("owner", label="Owner", accessor="owner", sort_key="owner__name"),
        Column("url", label="Address", accessor="url", sort_key="url"),
        Column("state", label="State", accessor=lambda webhook: webhook.state.label),
        DateColumn("last_delivered_at", label="Last delivery", sort_key="last_delivered_at"),
        Column("failures", label="Failures in a row", accessor="failures", sort_key="failures"),
        DateColumn("failing_since", label="Failing since", sort_key="failing_since"),
    )
    form_fields = ()

    def visible(self, user: Any) -> QuerySet[Webhook]:
        return WebhookPolicy(user).visible()


class DeliveryFilterSet(WagtailFilterSet):
    """Filters of the listing; what they offer comes from the webhooks that the person may see."""

    webhook = django_filters.ModelChoiceFilter(queryset=_webhooks)

    class Meta:
        model = WebhookDelivery
        fields = ("webhook", "status", "event_type")


class DeliveryIndexView(ScopedIndexView):
    """The listing."""

    def get_base_queryset(self) -> QuerySet[WebhookDelivery]:
        return super().get_base_queryset().select_related("webhook").defer("payload", "response_body")


class DeliveryInspectView(ScopedInspectView):
    """A delivery: what was sent last, and what came back. Its signature and the secret are not shown."""

    template_name = "webhooks/admin/delivery.html"

    def get_object(self, queryset: Any = None) -> WebhookDelivery:
        return get_object_or_404(WebhookDelivery.objects.select_related("webhook"), pk=self.pk)

    def get_fields(self) -> list[str]:
        return []

    @property
    def header_more_buttons(self) -> list[Button]:
        if not self.user_has_permission("change"):
            return []
        address = reverse("webhook_deliveries:resend", args=[self.object.pk])
        return [Button("Send again", url=address, icon_name="rotate", priority=10)]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        delivery = self.object
        kind = "Session" if delivery.log == EventLog.SESSION else "Project"
        return {
            **super().get_context_data(**kwargs),
            "payload": json.dumps(json.loads(delivery.payload), indent=2, ensure_ascii=False)
            if delivery.payload
            else "",
            "log_id": None if delivery.log == EventLog.TEST else global_id(kind, delivery.log_id),
            "is_pending": delivery.status == WebhookDeliveryStatus.PENDING,
        }


class DeliveryResendView(ScopedActionView):
    """Sending a delivery once more."""

    model = WebhookDelivery
    template_name = "webhooks/admin/confirm.html"
    header_icon = "rotate"
    page_title = "Send again"
    question = "The event is sent once more under the same id, as it is now and as the webhook's owner may see it now."
    confirm_label = "Send again"

    def act(self) -> str:
        user: Any = self.request.user
        replay.replay(user=user, webhook_id=self.object.webhook_id, delivery_id=self.object.pk)
        return "The delivery is sent again."

    def get_done_url(self) -> str:
        return reverse("webhook_deliveries:inspect", args=[self.object.pk])


class WebhookDeliveryViewSet(ScopedViewSet):
    """The deliveries of the webhooks that the person may see."""

    model = WebhookDelivery
    name = "webhook_deliveries"
    url_prefix = "webhook-deliveries"
    icon = "link-external"
    menu_label = "Webhook deliveries"
    actions = ("view", "change")
    views = ("index", "index_results", "inspect")
    index_view_class = DeliveryIndexView
    inspect_view_class = DeliveryInspectView
    filterset_class = DeliveryFilterSet
    search_fields = ("event_type",)
    ordering = ("-pk",)
    list_per_page = 50
    list_display = (
        "type",
        Column("webhook", label="Webhook", accessor="webhook", sort_key="webhook__name"),
        Column("status", label="Status", accessor="get_status_display", sort_key="status"),
        Column("attempts", label="Attempts", accessor="attempts", sort_key="attempts"),
        Column("response_status", label="Answer", accessor="response_status", sort_key="response_status"),
        DateColumn("created_at", label="Queued", sort_key="created_at"),
        DateColumn("attempted_at", label="Sent", sort_key="attempted_at"),
    )
    form_fields = ()

    def visible(self, user: Any) -> QuerySet[WebhookDelivery]:
        return WebhookPolicy(user).deliveries()

    def get_urlpatterns(self) -> list[URLPattern]:
        resend = path("resend/<int:pk>/", self.construct_view(DeliveryResendView), name="resend")
        return [*super().get_urlpatterns(), resend]


@hooks.register("register_admin_viewset")
def register_webhook_viewsets() -> list[ScopedViewSet]:
    """Webhooks in the admin's menu, and their deliveries behind them."""
    return [WebhookViewSet(), WebhookDeliveryViewSet()]
