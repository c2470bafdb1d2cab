"""What every page's header needs."""

from typing import Any

from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Whether to offer the admin door."""
    user = getattr(request, "user", None)
    return {"can_open_admin": bool(user and user.is_authenticated and user.has_perm("wagtailadmin.access_admin"))}
