"""Who sees what of the admin's general parts."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.menu import MenuItem

from .admin_tokens import AccessTokenViewSet
from .models import User


@hooks.register("construct_reports_menu")
def reports_are_for_admins(request: HttpRequest, menu_items: list[MenuItem]) -> None:
    """The reports name rows of everybody; their addresses are closed as well (admin_views.admins_only)."""
    if not request.user.is_superuser:
        menu_items.clear()


@hooks.register("before_bulk_action")
def people_are_changed_one_by_one(
    request: HttpRequest, action_type: str, objects: Sequence[Any], action_class: Any
) -> HttpResponse | None:
    """Wagtail's bulk actions know nothing of roles, which the groups follow, nor of work that holds a person."""
    if not issubclass(action_class.model, User):
        return None
    messages.error(request, "People are changed one by one: open the person and change their role there.")
    return redirect("wagtailusers_users:index")


@hooks.register("register_admin_viewset")
def register_access_tokens() -> AccessTokenViewSet:
    """Access tokens in the admin's menu."""
    return AccessTokenViewSet()
