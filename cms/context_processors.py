"""What every page's header needs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Whether to offer the admin door, and sign-up."""
    user = getattr(request, "user", None)
    return {
        "can_open_admin": bool(user and user.is_authenticated and user.has_perm("wagtailadmin.access_admin")),
        "sign_up_open": settings.SIGN_UP_OPEN,
    }
