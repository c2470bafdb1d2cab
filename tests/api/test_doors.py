"""Who comes in through /graphql/, and with what."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from cms.accounts.models import AccessToken
from cms.accounts.tokens import issue_token
from tests.conftest import gid

from .documents import SCHEMA, call

PUBLIC = {"login", "me", "node"}
ME = "{ me { name } }"
RENAME = "mutation ($name: String) { updateMe(input: {name: $name}) { user { name } errors { code } } }"
LOGIN = """mutation ($email: String!, $password: String!) {
  login(input: {email: $email, password: $password}) { token expiresAt user { name email } errors { code field } } }"""
LOGOUT = "mutation ($everywhere: Boolean) { logout(input: {everywhere: $everywhere}) { errors { code } } }"


def doors(kind):
    return sorted(set(kind.fields) - PUBLIC)


@pytest.mark.parametrize("name", doors(SCHEMA.query_type))
def test_a_query_needs_somebody_signed_in(api, name):
    answer = api()("{ " + call(name, SCHEMA.query_type.fields[name]) + " }")

    assert answer.top_codes == ["UNAUTHENTICATED"]
    assert not (answer.data or {}).get(name)


@pytest.mark.parametrize("ids", [{}, dict.fromkeys(("id", "projectId", "userId", "sessionId", "choiceId"), "no-id")])
@pytest.mark.parametrize("name", doors(SCHEMA.mutation_type))
def test_a_mutation_needs_somebody_signed_in(api, name, ids):
    # Who is asked for first: even an id that cannot be says nothing to a stranger.
    answer = api()("mutation { " + call(name, SCHEMA.mutation_type.fields[name], ids) + " }")

    assert answer.top_codes == ["UNAUTHENTICATED"]
    assert answer.data is None


def test_me_and_node_are_null_without_a_caller(api, project, producer):
    nobody = api()

    assert nobody(ME).value is None
    assert nobody("query ($id: ID!) { node(id: $id) { id } }", id=gid(project)).value is None
    assert nobody("query ($id: ID!) { node(id: $id) { id } }", id=gid(producer)).value is None


def test_a_token_signs_in_until_it_is_ended(api, collaborator):
    # given
    answer = api()(LOGIN, email="Collaborator@Example.COM", password="a good password").value
    first, second = api(token=answer["token"]), api(token=issue_token(collaborator)[0])
    assert answer["user"] == {"name": "Collaborator", "email": "collaborator@example.com"}
    assert answer["expiresAt"] > timezone.now().isoformat()
    assert first(ME).value == second(ME).value == {"name": "Collaborator"}
    # when
    assert first(LOGOUT).codes == []
    # then
    assert first(ME).status == 401
    assert second(ME).value == {"name": "Collaborator"}


def test_logging_out_everywhere_ends_every_token_of_the_caller_alone(api, collaborator, stranger):
    # given
    mine = [api(token=issue_token(collaborator)[0]) for _ in range(3)]
    theirs = api(token=issue_token(stranger)[0])
    # when
    assert mine[0](LOGOUT, everywhere=True).codes == []
    # then
    assert [caller(ME).status for caller in mine] == [401, 401, 401]
    assert theirs(ME).value == {"name": "Stranger"}


def test_logging_out_with_a_cookie_ends_its_session(api, collaborator):
    caller = api(collaborator)

    assert caller(LOGOUT).codes == []

    assert caller(ME).value is None


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("collaborator@example.com", "a wrong password"),
        ("nobody@example.com", "a good password"),
        ("", ""),
        ("a\x00b", "c"),
        ("x" * 500, "y" * 5_000),
    ],
)
def test_a_wrong_sign_in_does_not_tell_what_was_wrong(api, collaborator, email, password):
    answer = api()(LOGIN, email=email, password=password)

    assert answer.value["token"] is None
    assert answer.value["user"] is None
    assert answer.error["code"] == "INVALID"
    assert answer.error["field"] is None or "\x00" in email


def test_who_is_no_longer_active_is_nobody(api, collaborator):
    # given
    by_cookie, by_token = api(collaborator), api(token=issue_token(collaborator)[0])
    # when
    collaborator.is_active = False
    collaborator.save()
    # then
    assert by_cookie(ME).value is None
    assert by_cookie(RENAME, name="Me").top_codes == ["UNAUTHENTICATED"]
    assert by_token(ME).status == 401
    assert api()(LOGIN, email=collaborator.email, password="a good password").codes == ["INVALID"]


@pytest.mark.parametrize(
    "value", ["Bearer no-such-token", "Bearer ", "Basic dXNlcjpwYXNz", "no-such-token", "Bearer \u00e9"]
)
def test_a_bad_token_is_refused_whatever_is_asked_and_whoever_the_cookie_names(api, collaborator, value):
    client = api(collaborator).client
    for query in (
        ME,
        "{ projects { edges { cursor } } }",
        'mutation { login(input: {email: "a", password: "b"}) { token } }',
    ):
        response = client.post(
            "/graphql/", {"query": query}, content_type="application/json", headers={"Authorization": value}
        )

        assert response.status_code == 401
        assert "data" not in response.json()
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert [error["extensions"]["code"] for error in response.json()["errors"]] == ["UNAUTHENTICATED"]


def test_an_expired_token_is_a_bad_one(api, collaborator):
    # given
    token, row = issue_token(collaborator)
    # when
    AccessToken.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    # then
    answer = api(token=token)(ME)
    assert (answer.status, answer.data, answer.top_codes) == (401, None, ["UNAUTHENTICATED"])


def test_the_token_itself_is_not_stored(collaborator):
    token, row = issue_token(collaborator)

    assert token not in json.dumps(AccessToken.objects.filter(pk=row.pk).values()[0], default=str)


# ---- browsers of other sites ----

FOREIGN = ["https://evil.example", "null", "http://testserver.evil.example", "http://["]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_site_cannot_use_the_cookie(api, collaborator, origin):
    client = api(collaborator).client
    body = {"query": RENAME, "variables": {"name": "Mallory"}}

    response = client.post("/graphql/", body, content_type="application/json", headers={"Origin": origin})

    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "Access-Control-Allow-Origin" not in response.headers
    collaborator.refresh_from_db()
    assert collaborator.name == "Collaborator"


def test_our_own_pages_and_allowed_origins_are_answered(api, collaborator, settings):
    # given
    settings.ALLOWED_ORIGINS = settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]
    client = api(collaborator).client

    def ask(origin):
        return client.post("/graphql/", {"query": ME}, content_type="application/json", headers={"Origin": origin})

    # when
    own, allowed, foreign = ask("http://testserver"), ask("https://front.example"), ask("https://other.example")
    # then
    assert own.json()["data"] == allowed.json()["data"] == {"me": {"name": "Collaborator"}}
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://front.example"
    assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
    assert foreign.status_code == 403


def test_a_browser_may_ask_first_from_an_allowed_origin_alone(db, settings):
    settings.ALLOWED_ORIGINS = settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]

    def preflight(origin):
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        return Client().options("/graphql/", headers=headers)

    allowed, foreign = preflight("https://front.example"), preflight("https://other.example")

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://front.example"
    assert {"authorization", "content-type"} <= set(allowed.headers["Access-Control-Allow-Headers"].split(", "))
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert not [name for name in foreign.headers if name.startswith("Access-Control-Allow")]


def test_a_script_of_an_allowed_origin_uses_a_token_and_reads_the_requests_id(api, collaborator, settings):
    settings.ALLOWED_ORIGINS = settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]
    headers = {"Origin": "https://front.example", "Authorization": f"Bearer {issue_token(collaborator)[0]}"}

    for body, status in (({"query": ME}, 200), ({"query": 5}, 400)):
        response = Client().post("/graphql/", body, content_type="application/json", headers=headers)

        # Refusals too: without these headers a browser shows its script nothing at all.
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == "https://front.example"
        assert "X-Request-ID" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_what_a_form_can_send_is_refused(api, collaborator, content_type):
    # A page of another site sends such a request without asking first.
    body = json.dumps({"query": RENAME, "variables": {"name": "Mallory"}})

    response = api(collaborator).client.generic("POST", "/graphql/", body, content_type=content_type)

    assert response.status_code == 415
    collaborator.refresh_from_db()
    assert collaborator.name == "Collaborator"


def test_json_in_the_parameter_of_another_content_type_is_refused(api, collaborator):
    body = json.dumps({"query": RENAME, "variables": {"name": "Mallory"}})

    response = api(collaborator).client.generic(
        "POST", "/graphql/", body, content_type="text/plain; x=application/json"
    )

    assert response.status_code == 415
    collaborator.refresh_from_db()
    assert collaborator.name == "Collaborator"


def test_get_reads_and_does_not_write(api, collaborator):
    client = api(collaborator).client

    read = client.get("/graphql/", {"query": ME})
    written = client.get("/graphql/", {"query": RENAME, "variables": '{"name": "Mallory"}'})

    assert read.json()["data"] == {"me": {"name": "Collaborator"}}
    assert (written.status_code, written.headers["Allow"]) == (405, "POST")
    collaborator.refresh_from_db()
    assert collaborator.name == "Collaborator"


def test_a_browser_that_opens_the_address_gets_graphiql_served_by_us(db):
    response = Client().get("/graphql/", headers={"Accept": "text/html"})

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"http://" not in response.content
    assert b"https://" not in response.content
    assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]
