"""The log of who came in, who was refused, and which tokens were made and ended.

Everything is in the logger `cms.accounts.audit`. People are named by their key, and addresses by what the limits count;
what somebody typed into a form is never in it, as it may be a password.
"""

import logging
from typing import Any

from allauth.core.internal.ratelimit import get_ip
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

from .models import AccessToken, User

logger = logging.getLogger(__name__)


def client_address(request: HttpRequest) -> str:
    """The address that limits count, as django-allauth finds it; of IPv6 the network. "unknown" where there is none."""
    try:
        return str(get_ip(request))
    except (ImproperlyConfigured, PermissionDenied):
        return "unknown"


def signed_in(user: User, request: HttpRequest, door: str) -> None:
    """Somebody signed in, their second factor included."""
    logger.info("login ok: user=%s address=%s door=%s", user.pk, client_address(request), door)


def sign_in_failed(email: str, request: HttpRequest, reason: str) -> None:
    """A wrong password or code, or too many of them."""
    user = User.objects.filter(email=email).values_list("pk", flat=True).first()
    logger.warning("login %s: user=%s address=%s", reason, user, client_address(request))


def code_failed(request: HttpRequest | None, user: User, **_: Any) -> None:
    """A wrong second factor, through any door."""
    logger.warning("login failed: user=%s address=%s reason=code", user.pk, client_address(request or HttpRequest()))


def token_created(row: AccessToken, by: User) -> None:
    """A token was created; its secret is not told."""
    projects = list(row.projects.values_list("pk", flat=True)) if row.is_limited else "all"
    logger.info(
        "token created: token=%s user=%s scopes=%s projects=%s expires=%s by=%s",
        row.pk, row.user_id, ",".join(row.scopes), projects, row.expires_at.isoformat(timespec="seconds"), by.pk,
    )  # fmt: skip


def token_revoked(row: AccessToken, by: User) -> None:
    """A token was ended before its time."""
    logger.info("token revoked: token=%s user=%s by=%s", row.pk, row.user_id, by.pk)
