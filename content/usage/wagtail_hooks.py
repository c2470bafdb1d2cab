"""Usage in the admin: the report, and the prices that editors own."""

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.admin.panels import FieldPanel, HelpPanel, ObjectList
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.snippets.models import register_snippet
from wagtail.snippets.views.snippets import SnippetViewSet

from .admin_report import UsageReportView
from .models import ModelPrice


class ModelPriceViewSet(SnippetViewSet):
    """What models cost."""

    model = ModelPrice
    icon = "tag"
    menu_label = "Model prices"
    menu_name = "model-prices"
    menu_order = 310
    add_to_admin_menu = True
    list_display = [
        "model",
        Column("input_price", label="A million input tokens", sort_key="input_price"),
        Column("output_price", label="A million output tokens", sort_key="output_price"),
        DateColumn("valid_from", label="Valid from", sort_key="valid_from"),
    ]
    list_per_page = 50
    search_fields = ["model"]
    search_backend_name = None
    edit_handler = ObjectList(
        [
            HelpPanel(
                f"Prices are in {settings.USAGE_CURRENCY}. A change counts for what is used from then on; what was "
                "entered before keeps its cost. When a price changes, add another one with the moment it is valid from."
            ),
            FieldPanel("model"),
            FieldPanel("input_price"),
            FieldPanel("output_price"),
            FieldPanel("valid_from"),
        ]
    )


register_snippet(ModelPriceViewSet)


@hooks.register("register_admin_urls")
def report_addresses() -> list[URLPattern]:
    """The report, and its rows alone, which the page's script loads."""
    return [
        path("usage/", UsageReportView.as_view(), name="usage_report"),
        path("usage/results/", UsageReportView.as_view(results_only=True), name="usage_report_results"),
    ]


class _ReportMenuItem(MenuItem):
    def is_shown(self, request: HttpRequest) -> bool:
        return request.user.has_perm("projects.view_project")


@hooks.register("register_admin_menu_item")
def report_in_menu() -> MenuItem:
    """Beside the projects: Wagtail's own reports are for admins alone."""
    return _ReportMenuItem("Usage", reverse("usage_report"), name="usage", icon_name="tasks", order=220)
