"""Signing in: guessing is stopped, nobody else is, and nobody is told who has an account."""

import functools
import logging
import time

import pytest

from cms.accounts.sign_in import COOKIE

from .people import AWAY, HOME, PASSWORD, browser, hashes, sign_in

__all__ = ["hashes"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def login(api):
    """Use the API's `login` from a network address; answers the error's code, or None."""

    def use(email, password=PASSWORD, address=AWAY):
        caller = api()
        caller.client.defaults["REMOTE_ADDR"] = address
        answer = caller("Login", input={"email": email, "password": password})
        return answer.error["code"] if answer.codes else None

    return use


@pytest.fixture
def attack(login):
    """Guess somebody's password from many addresses, until that is refused."""

    def run(email):
        answers = [login(email, "guessed", f"203.0.113.{number}") for number in range(20, 26)]
        assert answers == ["INVALID"] * 5 + ["RATE_LIMITED"]

    return run


def test_strangers_who_guess_keep_nobody_out_who_comes_from_where_they_were_before(login, attack, collaborator):
    assert login(collaborator.email, address=HOME) is None
    attack(collaborator.email)

    assert login(collaborator.email, address=AWAY) == "RATE_LIMITED"
    assert login(collaborator.email, address=HOME) is None
    assert sign_in(browser(HOME), collaborator.email)


def test_nor_who_has_the_cookie_of_a_browser_they_signed_in_with(attack, collaborator, login):
    known = browser(HOME)
    assert sign_in(known, collaborator.email)
    known.post("/accounts/logout/")
    attack(collaborator.email)
    for _ in range(6):
        login(collaborator.email, "guessed", HOME)
    assert login(collaborator.email, address=HOME) == "RATE_LIMITED", "somebody guessed at the known address too"

    known.defaults["REMOTE_ADDR"] = AWAY
    assert sign_in(known, collaborator.email)


def test_the_cookie_of_another_or_a_forged_one_helps_nobody(attack, collaborator, stranger):
    theirs = browser(AWAY)
    assert sign_in(theirs, stranger.email)
    assert theirs.cookies[COOKIE]["httponly"]
    theirs.post("/accounts/logout/")
    attack(collaborator.email)

    assert not sign_in(theirs, collaborator.email)
    value = theirs.cookies[COOKIE].value
    for forged in ("1:2", value[:-1], value.replace(value.split(":")[0], "0" * 64)):
        theirs.cookies[COOKIE] = forged
        assert not sign_in(theirs, collaborator.email)


def test_guessing_is_stopped_at_a_known_place_too(collaborator, login):
    assert login(collaborator.email, address=HOME) is None

    answers = [login(collaborator.email, "guessed", HOME) for _ in range(6)]

    assert answers == ["INVALID"] * 5 + ["RATE_LIMITED"]
    assert login(collaborator.email, address=HOME) == "RATE_LIMITED"


def test_one_address_may_not_try_account_after_account(login, collaborator):
    answers = [login(f"person{number}@example.com", "guessed") for number in range(11)]

    assert answers == ["INVALID"] * 10 + ["RATE_LIMITED"]
    assert login(collaborator.email, address=HOME) is None


def test_success_is_not_counted(login, collaborator, person):
    people = [person(f"colleague{number}") for number in range(12)]

    assert [login(each.email) for each in people] == [None] * 12


def test_page_and_api_count_together(login, collaborator):
    for _ in range(3):
        assert not sign_in(browser(AWAY), collaborator.email, "guessed")
    for number in range(2):
        assert login(collaborator.email, "guessed", f"203.0.113.{number}") == "INVALID"

    assert login(collaborator.email, address="203.0.113.77") == "RATE_LIMITED"
    assert not sign_in(browser("203.0.113.78"), collaborator.email)


def test_who_has_an_account_is_told_neither_by_words_nor_by_time(api, person, hashes):
    person("here")
    person("inactive", is_active=False)
    answers, costs = [], []
    for number, name in enumerate(("here", "inactive", "nobody")):
        caller = api()
        caller.client.defaults["REMOTE_ADDR"] = f"203.0.113.{number}"
        guess = functools.partial(caller, "Login", input={"email": f"{name}@example.com", "password": "guessed"})
        costs += [hashes(lambda guess=guess: answers.append(guess().value)) for _ in range(5)]
        answers.append(guess().error["code"])

    third = len(answers) // 3
    assert answers[:third] == answers[third : 2 * third] == answers[2 * third :]
    assert answers[third - 1] == "RATE_LIMITED"
    assert len(set(costs)) == 1


def test_the_page_says_the_same_of_who_is_here_and_who_is_not(person):
    person("here")

    def shown(email):
        page = browser(AWAY).post("/accounts/login/", {"login": email, "password": "guessed"})
        return page.status_code, page.context["form"].non_field_errors()

    assert shown("here@example.com") == shown("nobody@example.com")


def test_the_log_says_who_came_in_and_who_was_refused_and_holds_nothing_that_was_typed(login, caplog, collaborator):
    with caplog.at_level(logging.INFO, "cms.accounts.audit"):
        login(collaborator.email)
        sign_in(browser(HOME), collaborator.email)
        for _ in range(6):
            login("my secret password", "another secret", "203.0.113.50")
        login(collaborator.email, "guessed")

    mine = f"user={collaborator.pk} address"
    assert [record.getMessage() for record in caplog.records] == [
        f"login ok: {mine}={AWAY} door=login",
        f"login ok: {mine}={HOME} door=pages",
        *["login failed: user=None address=203.0.113.50"] * 5,
        "login throttled: user=None address=203.0.113.50",
        f"login failed: {mine}={AWAY}",
    ]
    assert "secret" not in caplog.text


def test_an_address_counts_as_known_for_one_person_alone_and_old_ones_are_forgotten(login, collaborator, stranger):
    for number in range(22):
        assert login(collaborator.email, address=f"192.0.2.{number}") is None

    assert collaborator.known_addresses.count() == 20
    assert not stranger.known_addresses.exists()
    assert "192.0.2" not in str(list(collaborator.known_addresses.values()))


def test_retry_after_is_true(login, api, collaborator, monkeypatch):
    for _ in range(5):
        login(collaborator.email, "guessed", "203.0.113.5")
    caller = api()
    error = caller("Login", input={"email": collaborator.email, "password": PASSWORD}).error
    later = time.time() + error["retryAfter"] + 1
    monkeypatch.setattr("allauth.core.internal.ratelimit.time.time", lambda: later)

    assert login(collaborator.email, address="203.0.113.6") is None
