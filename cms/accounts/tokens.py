"""Bearer tokens, and who a request comes from."""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from .models import AccessToken, User


class InvalidTokenError(Exception):
    """A Bearer token that is unknown, expired, or whose user is no longer active."""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def issue_token(user: User) -> tuple[str, AccessToken]:
    """A new token for `user` and its row; the token itself is nowhere stored."""
    token = secrets.token_urlsafe(32)
    row = AccessToken.objects.create(
        user=user,
        digest=_digest(token),
        expires_at=timezone.now() + timedelta(hours=settings.ACCESS_TOKEN_HOURS),
    )
    return token, row


def find_token(authorization: str) -> AccessToken:
    """The row of an `Authorization` header's Bearer token, with its user. Raises InvalidTokenError."""
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError
    row = AccessToken.objects.select_related("user").filter(digest=_digest(token.strip())).first()
    if row is None or row.expires_at <= timezone.now() or not row.user.is_active:
        raise InvalidTokenError
    return row


def request_user(request: HttpRequest) -> User | None:
    """Who a request comes from: its Bearer token if it has one, else its session. Raises InvalidTokenError."""
    if authorization := request.headers.get("Authorization"):
        return find_token(authorization).user
    user = request.user
    return user if isinstance(user, User) and user.is_active else None
