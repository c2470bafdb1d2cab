"""What people do at the site's doors."""

import re
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client

PASSWORD = "a good password"
HOME, AWAY = "198.51.100.7", "203.0.113.9"


def browser(address: str = HOME) -> Client:
    """A browser at a network address."""
    return Client(REMOTE_ADDR=address)


def sign_in(client: Client, email: str, password: str = PASSWORD) -> bool:
    """Use the sign-in page; whether it let one in."""
    client.post("/accounts/login/", {"login": email, "password": password})
    return "_auth_user_id" in client.session


def codes(secret: str) -> list[str]:
    """The codes that an authenticator app shows now, and those before and after, which count as well."""
    return [format_hotp_value(hotp_value(secret, counter)) for counter in yield_hotp_counters_from_time()]


def add_second_factor(client: Client) -> tuple[str, list[str]]:
    """Use the pages to switch on an authenticator app; answers its secret and the recovery codes."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/2fa/totp/activate/")
    secret: str = client.session["mfa.totp.secret"]
    answer = client.post("/accounts/2fa/totp/activate/", {"code": codes(secret)[0]})
    assert answer.status_code == 302, answer.content
    page = client.get("/accounts/2fa/recovery-codes/")
    return secret, re.findall(r"\b\d{8}\b", page.content.decode())


def link_in_mail(path: str) -> str:
    """The path of the link below `path` in the newest mail."""
    (link,) = re.findall(rf"https?://\S*?({path}\S+)", str(mail.outbox[-1].body))
    return link


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """How many passwords were hashed, which is what signing in takes its time for."""
    counted: list[str] = []
    encode = MD5PasswordHasher.encode

    def counting(self: MD5PasswordHasher, password: str, salt: str) -> str:
        counted.append(salt)
        return str(encode(self, password, salt))

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)

    def of(work: Callable[[], object]) -> int:
        counted.clear()
        work()
        return len(counted)

    return of
