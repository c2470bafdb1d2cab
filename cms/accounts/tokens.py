"""Bearer tokens, and who a request comes from."""

import hashlib
import logging
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from .choices import TokenScope
from .models import AccessToken, User

logger = logging.getLogger(__name__)

# By which secret scanners know one: `automovie_` and 40 hexadecimal digits.
PREFIX = "automovie_"
SIGN_IN = "Sign-in"
# What a full sign-in may do. Running any document is a right that admins give to a token of its own.
FULL = (TokenScope.READ, TokenScope.WRITE, TokenScope.MANAGE_TOKENS)
# How exactly the last use is known: one write in that time, however many requests there are.
USE_SHOWN = timedelta(minutes=1)


class InvalidTokenError(Exception):
    """A Bearer token that is unknown, expired, or whose user is no longer active."""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(
    *, user: User, name: str, scopes: Collection[TokenScope], expires_at: datetime, **fields: object
) -> tuple[str, AccessToken]:
    """A new token for `user` and its row; the token itself is nowhere stored. Expired ones of theirs are forgotten."""
    now = timezone.now()
    user.access_tokens.filter(expires_at__lte=now).delete()
    token = PREFIX + secrets.token_hex(20)
    row = AccessToken.objects.create(
        user=user,
        digest=_digest(token),
        name=name,
        scopes=[scope.value for scope in TokenScope if scope in scopes],
        expires_at=expires_at,
        **fields,
    )
    return token, row


def issue_token(user: User) -> tuple[str, AccessToken]:
    """The token of a full sign-in, which lives for ACCESS_TOKEN_HOURS, and its row."""
    now = timezone.now()
    expires_at = now + timedelta(hours=settings.ACCESS_TOKEN_HOURS)
    return new_token(user=user, name=SIGN_IN, scopes=FULL, expires_at=expires_at, is_sign_in=True, last_used_at=now)


def find_token(authorization: str) -> AccessToken:
    """The row of an `Authorization` header's Bearer token, with its bearer as `user`. Raises InvalidTokenError."""
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError
    row = AccessToken.objects.select_related("user").filter(digest=_digest(token.strip())).first()
    if row is None or row.expires_at <= timezone.now() or not row.user.is_active:
        raise InvalidTokenError
    row.bearer()
    _note_use(row)
    return row


def _note_use(row: AccessToken) -> None:
    now = timezone.now()
    if row.last_used_at is not None and row.last_used_at > now - USE_SHOWN:
        return
    unnoted = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_SHOWN)
    try:
        AccessToken.objects.filter(unnoted, pk=row.pk).update(last_used_at=now)
    except DatabaseError:
        # Such as SQLite's only writer at work: the next request notes it.
        logger.debug("The use of token %s was not noted.", row.pk, exc_info=True)


def request_user(request: HttpRequest) -> User | None:
    """Who a request comes from: its Bearer token if it has one, else its session. Raises InvalidTokenError."""
    if authorization := request.headers.get("Authorization"):
        return find_token(authorization).user
    user = request.user
    return user if isinstance(user, User) and user.is_active else None
