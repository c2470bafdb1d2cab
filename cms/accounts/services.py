"""What is done with people and their access tokens."""

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from cms.errors import DomainError, ErrorCode, forbidden, invalid, not_found

from . import audit, hooks, sign_in
from .choices import TokenScope, UserRole
from .models import MAX_TOKEN_NAME, AccessToken, User
from .policy import TokenPolicy
from .tokens import issue_token, new_token

PRODUCERS = "Producers"
EDITORS = "Editors"
MAX_PREFERENCES_BYTES = 16_384
MAX_TOKENS_PER_PERSON = 100
TOKEN_LIFE = timedelta(days=90)


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
    user.trust_address()
    return user


def login(*, email: str, password: str, code: str | None, request: HttpRequest) -> tuple[str, AccessToken]:
    """A new Bearer token and its row.

    Raises INVALID without a field for a wrong e-mail or password: which of the two is not told. After the right ones
    raises FORBIDDEN for an address that is not verified, and for a second factor SECOND_FACTOR_REQUIRED or INVALID with
    the field code. Raises RATE_LIMITED after too many failures, counted together with those of the sign-in page.
    """
    try:
        user = get_adapter(request).authenticate(request, email=email.strip().lower(), password=password)
    except ValidationError as error:
        raise sign_in.too_many() from error
    # django-allauth's backend knows inactive people too.
    if not isinstance(user, User) or not user.is_active:
        raise DomainError(ErrorCode.INVALID, "That e-mail and password do not fit together.")
    sign_in.require_verified_address(user)
    sign_in.require_second_factor(user, code, request)
    sign_in.remember_address(request, user)
    audit.signed_in(user, request, "login")
    return issue_token(user)


def logout(*, user: User, token: AccessToken | None, everywhere: bool) -> None:
    """End the token used, or all of the user's tokens.

    Raises FORBIDDEN for all of them by a token that may not manage tokens.
    """
    if everywhere:
        TokenPolicy(user).require_management()
    ended = [*user.access_tokens.all()] if everywhere else [token] if token is not None else []
    for row in ended:
        audit.token_revoked(row, user)
    AccessToken.objects.filter(pk__in=[row.pk for row in ended]).delete()


@transaction.atomic
def create_token(
    *,
    user: User,
    name: str,
    scopes: Collection[TokenScope],
    project_ids: Collection[int] | None = None,
    expires_at: datetime | None = None,
) -> tuple[str, AccessToken]:
    """A new token, which nobody is told again, and its row. Every token may read; without `project_ids` it reaches all
    projects, without `expires_at` it lives for 90 days.

    By a token that is no full sign-in it gets no more rights than that one has, and ends with it. Raises FORBIDDEN,
    INVALID, NOT_FOUND (a project that the person is no member of), LIMIT_EXCEEDED.
    """
    TokenPolicy(user).require_management()
    # Two creations at once must not both take the last place.
    owner = User.objects.select_for_update().get(pk=user.pk)
    parent = user.token if user.token is not None and not user.token.is_sign_in else None
    wanted = {TokenScope.READ, *scopes}
    _require_rights(user, parent, wanted, project_ids)
    _require_token_left(owner)
    expires_at = _expiry(expires_at, parent)
    projects = [] if project_ids is None else _token_projects(user, project_ids)
    secret, row = new_token(
        user=owner,
        name=_token_name(name),
        scopes=wanted,
        expires_at=expires_at,
        is_limited=project_ids is not None,
        parent=parent,
    )
    row.projects.set(projects)
    audit.token_created(row, user)
    return secret, row


def _require_rights(
    user: User, parent: AccessToken | None, wanted: set[TokenScope], project_ids: Collection[int] | None
) -> None:
    if parent is not None:
        if missing := [scope.name for scope in TokenScope if scope in wanted and not parent.has_scope(scope)]:
            raise forbidden(f"This token cannot give rights that it has not: {', '.join(missing)}.")
        if parent.is_limited and project_ids is None:
            raise forbidden("This token is limited to projects: limit the new one to some of them.")
    elif TokenScope.ANY_DOCUMENT in wanted and not user.is_admin:
        raise forbidden("Only admins may create tokens with the scope ANY_DOCUMENT.")


def _require_token_left(owner: User) -> None:
    now = timezone.now()
    if owner.access_tokens.filter(is_sign_in=False, expires_at__gt=now).count() >= MAX_TOKENS_PER_PERSON:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"You have {MAX_TOKENS_PER_PERSON} tokens. Revoke one first.",
            limit=MAX_TOKENS_PER_PERSON,
            remaining=0,
        )


def _token_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_TOKEN_NAME:
        raise invalid(f"Give a name of 1 to {MAX_TOKEN_NAME} characters, to know the token again.", "name")
    return name


def _expiry(expires_at: datetime | None, parent: AccessToken | None) -> datetime:
    now = timezone.now()
    latest = now + timedelta(days=settings.ACCESS_TOKEN_MAX_DAYS)
    if parent is not None:
        latest = min(latest, parent.expires_at)
    if expires_at is None:
        return min(now + TOKEN_LIFE, latest)
    if timezone.is_naive(expires_at):
        expires_at = expires_at.replace(tzinfo=UTC)
    if not now < expires_at <= latest:
        raise invalid(f"The token's end must lie ahead, and no later than {latest:%Y-%m-%d %H:%M} UTC.", "expires_at")
    return expires_at


def _token_projects(user: User, project_ids: Collection[int]) -> list[Any]:
    if not project_ids:
        raise invalid("Name at least one project, or leave the list out for all.", "project_ids")
    projects = list(hooks.projects_of(user).filter(pk__in=project_ids))
    if len(projects) < len(set(project_ids)):
        raise not_found("A project that you are a member of", "project_ids")
    return projects


def revoke_token(*, user: User, token: AccessToken) -> None:
    """End a token, and with it those that it created: at once, in open sockets too."""
    audit.token_revoked(token, user)
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
