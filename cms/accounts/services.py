"""What is done with people."""

import json
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from cms.errors import DomainError, ErrorCode, invalid

from .choices import UserRole
from .models import AccessToken, User
from .tokens import issue_token

PRODUCERS = "Producers"
EDITORS = "Editors"
MAX_PREFERENCES_BYTES = 16_384


def apply_role(user: User) -> None:
    """Give the rights that go with `user.role`, and take those that do not. Does not save the user."""
    user.is_superuser = user.is_staff = user.role == UserRole.ADMIN


@transaction.atomic
def save_with_role(user: User) -> User:
    """Save a user with the rights of their role: admin = everything, producer = the group Producers."""
    apply_role(user)
    user.save()
    producers, _ = Group.objects.get_or_create(name=PRODUCERS)
    if user.role == UserRole.PRODUCER:
        user.groups.add(producers)
    else:
        user.groups.remove(producers)
    return user


# Seconds. django-allauth forgets failed attempts at one address after this time.
LOGIN_WAIT = 300


def login(*, email: str, password: str, request: HttpRequest) -> tuple[str, AccessToken]:
    """A new Bearer token and its row.

    Raises INVALID without a field for a wrong e-mail or password: which of the two is not told. Raises RATE_LIMITED
    after too many of them, counted together with those of the sign-in page.
    """
    try:
        user = get_adapter(request).authenticate(request, email=email.strip().lower(), password=password)
    except ValidationError as error:
        raise DomainError(
            ErrorCode.RATE_LIMITED, "Too many failed attempts. Wait a few minutes.", retry_after=LOGIN_WAIT
        ) from error
    # django-allauth's backend knows inactive people too.
    if not isinstance(user, User) or not user.is_active:
        raise DomainError(ErrorCode.INVALID, "That e-mail and password do not fit together.")
    return issue_token(user)


def logout(*, user: User, token: AccessToken | None, everywhere: bool) -> None:
    """End the token used, or all of the user's tokens."""
    if everywhere:
        user.access_tokens.all().delete()
    elif token is not None:
        token.delete()


@transaction.atomic
def update_me(*, user: User, changes: dict[str, Any]) -> User:
    """Change one's own name and preferences.

    Preferences are merged by top-level key, and null removes one. Raises INVALID.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if "name" in changes:
        name = (changes["name"] or "").strip()
        if not name or len(name) > 150:
            raise invalid("Give a name of 1 to 150 characters.", "name")
        user.name = name
    if "preferences" in changes:
        user.preferences = _merged(user.preferences, changes["preferences"])
    user.save(update_fields=["name", "preferences"])
    return user


def _merged(present: dict[str, Any], changes: Any) -> dict[str, Any]:
    if not isinstance(changes, dict):
        raise invalid("Preferences are an object of keys and values.", "preferences")
    merged = {key: value for key, value in {**present, **changes}.items() if value is not None}
    if len(json.dumps(merged)) > MAX_PREFERENCES_BYTES:
        raise invalid(f"Preferences may hold at most {MAX_PREFERENCES_BYTES:,} bytes.", "preferences")
    return merged
