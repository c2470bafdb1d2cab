"""Who keeps something open for long, and whether they may still."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from cms.realtime import send_hint

from .models import AccessToken, User


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who signed in: by a token, which ends at `expires_at`, or by a cookie."""

    user_id: int
    token_id: int | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, user: User, token: AccessToken | None) -> "Caller":
        return cls(user.pk, token.pk, token.expires_at) if token else cls(user.pk)

    @property
    def group(self) -> str:
        """The channel group that is told when the answer of `user` may have changed."""
        return _group(self.user_id)

    @property
    def seconds_left(self) -> float:
        """Until the token expires."""
        if self.expires_at is None:
            return float("inf")
        return (self.expires_at - timezone.now()).total_seconds()

    def user(self) -> User | None:
        """The person as they are now, with the rights that the token has now.

        None where they are no longer active, or the token has ended.
        """
        if self.token_id is None:
            return User.objects.filter(pk=self.user_id, is_active=True).first()
        tokens = AccessToken.objects.select_related("user").filter(user=self.user_id, user__is_active=True)
        token = tokens.filter(pk=self.token_id, expires_at__gt=timezone.now()).first()
        return token.bearer() if token else None


def _group(user_id: int) -> str:
    return f"user.{user_id}"


def person_changed(instance: User, **_: Any) -> None:
    """After a person was saved: those who serve them look again."""
    _hint(instance.pk)


def token_changed(instance: Any, **_: Any) -> None:
    """After a token was saved or deleted, or its projects were changed."""
    if isinstance(instance, AccessToken):
        _hint(instance.user_id)


def _hint(user_id: int) -> None:
    group = _group(user_id)
    transaction.on_commit(lambda: send_hint(group, {"type": group}))
