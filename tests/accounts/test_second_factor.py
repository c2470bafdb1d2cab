"""A second factor holds for every door."""

import pytest
from allauth.mfa.models import Authenticator

from .people import AWAY, HOME, PASSWORD, add_second_factor, browser, codes, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def factor(producer):
    """The producer's authenticator app and recovery codes."""
    client = browser(HOME)
    assert sign_in(client, producer.email)
    return add_second_factor(client)


@pytest.fixture
def login(api, producer):
    """Use `login`, with a code or without."""

    def use(code=None, password=PASSWORD):
        fields = {} if code is None else {"code": code}
        return api()("Login", input={"email": producer.email, "password": password, **fields})

    return use


def test_login_asks_for_the_code_and_takes_each_once(login, factor, api):
    secret, _ = factor
    missing = login().error
    assert (missing["code"], missing["field"]) == ("SECOND_FACTOR_REQUIRED", ["code"])
    wrong = login("000000").error
    assert (wrong["code"], wrong["field"]) == ("INVALID", ["code"])
    # the first of the three was used to switch the app on
    code = codes(secret)[1]
    token = login(code).value["token"]
    assert api(token=token)("Me").value["name"] == "Producer"
    assert login(code).error["field"] == ["code"]


def test_a_recovery_code_does_too(login, factor):
    _, recovery = factor
    assert len(recovery) == 10
    assert login(recovery[0]).codes == []
    assert login(recovery[0]).error["field"] == ["code"]


def test_without_the_password_nobody_learns_that_there_is_a_second_factor(login, factor, api, collaborator):
    guessed = login(password="guessed").error
    other = api()("Login", input={"email": collaborator.email, "password": "guessed"}).error
    assert guessed == other
    assert guessed["code"] == "INVALID"


def test_codes_are_not_guessed(login, factor):
    answers = [login(f"{number:06}").error["code"] for number in range(6)]
    assert answers == ["INVALID"] * 5 + ["RATE_LIMITED"]


def test_the_pages_and_the_admin_ask_for_it(factor, producer):
    secret, _ = factor
    client = browser(AWAY)
    answer = client.post("/accounts/login/?next=/admin/", {"login": producer.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/accounts/2fa/authenticate/").status_code == 200
    assert "_auth_user_id" not in client.session
    assert client.get("/admin/").status_code == 302
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert client.get("/admin/").status_code == 302

    client.post("/accounts/2fa/authenticate/", {"code": codes(secret)[1]})

    assert client.get("/admin/").status_code == 200


def test_a_place_is_known_only_once_the_second_factor_was_right(factor, producer):
    client = browser(AWAY)
    client.post("/accounts/login/", {"login": producer.email, "password": PASSWORD})
    assert producer.known_addresses.count() == 1, "that of the fixture"


def test_its_secret_is_of_no_use_in_a_copy_of_the_database(factor):
    secret, _ = factor
    stored = str(list(Authenticator.objects.values()))
    assert secret not in stored
    assert Authenticator.objects.count() == 2
