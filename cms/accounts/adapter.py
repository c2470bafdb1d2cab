"""How django-allauth behaves here."""

import base64
import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django.utils.encoding import force_bytes

from . import audit, sign_in
from .models import User


def _email(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email", "")).strip().lower()


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up by setting; failed sign-ins counted as cms.accounts.sign_in says; the rest is django-allauth's own."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGN_UP_OPEN)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        place = sign_in.known_place(request, _email(credentials))
        # What `authenticate` gives back on success.
        self._login_failed_rl_usage = ratelimit.consume(
            request,
            app="allauth.account",
            action="login_failed" if place is None else "login_failed_at_known_place",
            key=place or self._get_login_attempts_cache_key(request, **credentials),
        )
        if self._login_failed_rl_usage is None:
            audit.sign_in_failed(_email(credentials), request, "throttled")
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        audit.sign_in_failed(_email(credentials), request, "failed")

    def post_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **options)
        sign_in.remember_browser(response, user)
        return response

    def send_account_already_exists_mail(self, email: str) -> None:
        # Making an account hashes a password: that it is there already must not be told by the time it takes.
        User().set_password(secrets.token_hex(8))
        super().send_account_already_exists_mail(email)


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Whoever a provider names is a person with one name."""

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        both = " ".join(filter(None, (data.get("first_name"), data.get("last_name"))))
        name = data.get("name") or both or user.email.partition("@")[0]
        user.name = name[: User._meta.get_field("name").max_length]
        return user


def _fernet() -> MultiFernet:
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = (salted_hmac("cms.accounts.mfa", "", secret=key, algorithm="sha256").digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class MFAAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted with the site's key: a copy of the database makes no codes."""

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(force_bytes(text)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(force_bytes(encrypted_text)).decode()
