"""Wagtail's user management, with our views of users."""

from wagtail.users.apps import WagtailUsersAppConfig


class UsersAdminConfig(WagtailUsersAppConfig):
    """Stands in for "wagtail.users" in INSTALLED_APPS."""

    user_viewset = "cms.accounts.admin_views.UserViewSet"
