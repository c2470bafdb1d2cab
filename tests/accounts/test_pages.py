"""The pages of django-allauth: sign-up, verification, a forgotten password, and that each of them opens."""

import functools
import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.urls import get_resolver

from cms.accounts.models import User
from cms.accounts.tokens import issue_token

from .people import HOME, PASSWORD, add_second_factor, browser, hashes, link_in_mail, sign_in

__all__ = ["hashes"]

pytestmark = pytest.mark.django_db
FORM = {"name": "Nora New", "email": "New@Example.com", "password1": PASSWORD, "password2": PASSWORD}
FORGED = {"role": "admin", "tier": "enterprise", "is_superuser": "on", "is_staff": "on", "max_projects_override": "9"}


@pytest.fixture
def is_open(settings):
    settings.SIGN_UP_OPEN = True


def test_who_signs_up_is_a_user_on_the_free_plan_whatever_they_send(is_open, api):
    page = browser().post("/accounts/signup/", FORM | FORGED)

    assert page["Location"] == "/accounts/confirm-email/"
    new = User.objects.get()
    assert (new.email, new.name, new.role, new.tier) == ("new@example.com", "Nora New", "user", "free")
    assert (new.is_superuser, new.is_staff, new.max_projects_override) == (False, False, None)
    assert not new.groups.exists()


def test_nobody_comes_in_before_their_address_is_verified(is_open, api):
    client = browser()
    client.post("/accounts/signup/", FORM)
    credentials = {"email": "new@example.com", "password": PASSWORD}
    assert api()("Login", input=credentials).codes == ["FORBIDDEN"]
    assert not sign_in(client, "new@example.com")

    confirm = link_in_mail("/accounts/confirm-email/")
    assert client.get(confirm).status_code == 200
    client.post(confirm)

    assert api()("Login", input=credentials).value["user"]["name"] == "Nora New"
    assert sign_in(client, "new@example.com")


def test_signing_up_tells_nobody_who_is_here_already(is_open, person, hashes):
    person("here")
    answers = []

    def sign_up(email):
        page = browser().post("/accounts/signup/", FORM | {"email": email})
        answers.append((page.status_code, page["Location"], len(mail.outbox)))
        mail.outbox.clear()

    costs = [hashes(functools.partial(sign_up, email)) for email in ("here@example.com", "new@example.com")]

    assert answers[0] == answers[1] == (302, "/accounts/confirm-email/", 1)
    assert costs[0] == costs[1] > 0
    assert User.objects.count() == 2
    assert User.objects.get(email="here@example.com").check_password(PASSWORD)


def test_sign_up_is_closed_unless_it_is_opened(settings):
    assert settings.SIGN_UP_OPEN is False
    assert "Sign-up is closed" in browser().get("/accounts/signup/").content.decode()
    browser().post("/accounts/signup/", FORM)
    assert not User.objects.exists()


def test_a_forgotten_password_is_replaced_and_ends_tokens(api, producer):
    token, _ = issue_token(producer)
    client = browser()
    client.post("/accounts/password/reset/", {"email": producer.email})
    page = client.get(link_in_mail("/accounts/password/reset/key/"), follow=True)
    form = {"password1": "an even better one", "password2": "an even better one"}
    client.post(page.redirect_chain[-1][0], form)

    assert not sign_in(browser(), producer.email)
    assert sign_in(browser(), producer.email, "an even better one")
    assert api(token=token)("Me").status == 401


def test_asking_for_a_new_password_tells_nobody_who_is_here(producer):
    answers = []
    for email in (producer.email, "nobody@example.com"):
        page = browser().post("/accounts/password/reset/", {"email": email})
        answers.append((page.status_code, page["Location"], len(mail.outbox)))
        mail.outbox.clear()

    assert answers[0] == answers[1]
    assert answers[0][2] == 1


def test_who_an_admin_adds_needs_no_mail_and_keeps_one_address(producer):
    producer.email = "moved@example.com"
    producer.save()
    producer.trust_address()

    address = EmailAddress.objects.get(user=producer)
    assert (address.email, address.verified, address.primary) == ("moved@example.com", True, True)
    assert sign_in(browser(), "moved@example.com")
    assert mail.outbox == []


def addresses():
    """Every page of ours below /accounts/ that takes no argument."""
    (accounts,) = [each for each in get_resolver().url_patterns if str(each.pattern) == "accounts/"]

    def walk(patterns, prefix):
        for each in patterns:
            path = prefix + str(each.pattern)
            if hasattr(each, "url_patterns"):
                yield from walk(each.url_patterns, path)
            elif not re.search(r"[<(\\^]", path):
                yield "/" + path

    return sorted(set(walk(accounts.url_patterns, "accounts/")))


@pytest.mark.parametrize("who", ["a person with a second factor", "nobody"])
def test_every_page_opens_or_leads_on_and_runs_nothing_inline(who, producer, is_open):
    client = browser(HOME)
    if who != "nobody":
        assert sign_in(client, producer.email)
        add_second_factor(client)
    paths = [path for path in addresses() if path != "/accounts/logout/"]
    assert {"/accounts/signup/", "/accounts/2fa/", "/accounts/2fa/webauthn/add/", "/accounts/3rdparty/"} <= {*paths}

    for path in paths:
        page = client.get(path)
        expected = {401} if path == "/accounts/3rdparty/login/error/" else {200, 301, 302}
        assert page.status_code in expected, (path, page.status_code)
        for script in re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page.content.decode()):
            assert 'type="application/json"' in script, path
