"""Signing in: how often it may fail, and what goes with success. One rule for the site's pages and for the API.

Failures are counted by address and by account. Who comes from an address that the account was used from before, or with
the cookie that such a browser keeps, is counted apart, so that strangers who guess somebody's password keep only
themselves out (docs/adr/0015-tokens.md).
"""

import secrets
from typing import Any

from allauth.account.utils import has_verified_email
from allauth.core.context import request_context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import salted_hmac

from cms.errors import DomainError, ErrorCode, invalid

from . import audit
from .models import KnownAddress, User

COOKIE = "known_browser"
# Seconds that the cookie lives from the last sign-in on.
COOKIE_AGE = 365 * 86_400
MAX_ADDRESSES = 20
# Seconds after which django-allauth has forgotten failures, those of LOGIN_FAILURES in cms/settings/auth.py.
WAIT = 300


def known_place(request: HttpRequest, email: str) -> str | None:
    """What failures are counted by, in place of account and address, where the account was used from before.

    None where it was not. An account that is not there costs as much to look for.
    """
    cookie = request.get_signed_cookie(COOKIE, "", salt=COOKIE, max_age=COOKIE_AGE)
    account, _, browser = (cookie or "").partition(":")
    if browser and account == _hash("account", email):
        return f"browser:{account}:{browser}"
    address = _hash("address", audit.client_address(request))
    if KnownAddress.objects.filter(user__email=email, digest=address).exists():
        return f"address:{_hash('account', email)}:{address}"
    return None


def remember_address(request: HttpRequest, user: User) -> None:
    """From now on the person is known to come from here; the oldest of many addresses is forgotten."""
    digest = _hash("address", audit.client_address(request))
    user.known_addresses.update_or_create(digest=digest, defaults={"used_at": timezone.now()})
    newest = user.known_addresses.order_by("-used_at").values_list("pk", flat=True)[:MAX_ADDRESSES]
    user.known_addresses.exclude(pk__in=list(newest)).delete()


def remember_browser(response: HttpResponseBase, user: User) -> None:
    """Give the browser the cookie by which it is known when the person signs in again."""
    response.set_signed_cookie(
        COOKIE,
        f"{_hash('account', user.email)}:{secrets.token_hex(16)}",
        salt=COOKIE,
        max_age=COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _hash(kind: str, value: str) -> str:
    return salted_hmac(f"cms.accounts.sign_in.{kind}", value, algorithm="sha256").hexdigest()


def signed_in_on_page(request: HttpRequest, user: Any, **_: Any) -> None:
    """After every stage of a sign-in on the site's pages."""
    remember_address(request, user)
    audit.signed_in(user, request, "pages")


def too_many() -> DomainError:
    """Signing in has failed too often."""
    return DomainError(ErrorCode.RATE_LIMITED, "Too many failed attempts. Wait a few minutes.", retry_after=WAIT)


def require_verified_address(user: User) -> None:
    """Raises FORBIDDEN where nobody knows yet whether the address is the person's."""
    if not has_verified_email(user):
        raise DomainError(
            ErrorCode.FORBIDDEN,
            "Verify your e-mail address first: sign in on the site's own page, which sends you the link.",
        )


def require_second_factor(user: User, code: str | None, request: HttpRequest) -> None:
    """Check the code of a person who has a second factor; nothing is asked of others.

    Raises SECOND_FACTOR_REQUIRED without a code, INVALID for a wrong one, RATE_LIMITED after too many.
    """
    if not is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]):
        return
    if not code:
        raise DomainError(
            ErrorCode.SECOND_FACTOR_REQUIRED,
            "This account has a second factor: send the code of your authenticator app, or a recovery code.",
            field=["code"],
        )
    with request_context(request):
        form = AuthenticateForm({"code": code}, user=user)
        if form.is_valid():
            form.authenticator.record_usage()
            return
    if form.has_error("code", "too_many_login_attempts"):
        raise too_many()
    raise invalid("That code is wrong, was used already, or is too old.", "code")
