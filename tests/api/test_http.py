"""GraphQL over HTTP: what is answered to what, in which form. npm's own audits are in `make test-api`."""

import asyncio
import gzip
import json
from urllib.parse import quote

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import Client

from cms.accounts.tokens import issue_token

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
QUERY = '{"query": "{ __typename }"}'
DEEP = "[" * 50_000


@pytest.fixture
def ask(collaborator):
    """Send bytes to the endpoint, signed in by a Bearer token."""
    token = issue_token(collaborator)[0]

    def send(body=QUERY, method="POST", path="/graphql/", content_type=JSON, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type} | headers
        return Client().generic(method, path, body, content_type=content_type, headers=headers)

    return send


def get(ask, query="", **headers):
    return ask("", "GET", f"/graphql/?{query}", content_type="", **headers)


def refusal(response):
    """The code of the one error of what was not executed; its form is the same for all of them."""
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    assert error["message"]
    return error["extensions"]["code"]


# ---- negotiation ----


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (RESPONSE, RESPONSE),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("", JSON),
        (f"{JSON}, {RESPONSE}", RESPONSE),
        (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.8, {JSON}", JSON),
        (f"{RESPONSE};q=0.5, */*", JSON),
        (f"{RESPONSE}; charset=utf-8, {JSON}; charset=UTF-8", RESPONSE),
        (f"{RESPONSE};q=0, {JSON}", JSON),
        ("multipart/mixed;deferSpec=20220824, application/json", JSON),
        ("APPLICATION/JSON", JSON),
    ],
)
def test_the_answer_is_of_the_type_that_the_caller_prefers(ask, accept, media_type):
    response = ask(Accept=accept)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response.json()["data"] == {"__typename": "Query"}


def test_without_accept_it_is_plain_json(ask):
    assert ask().headers["Content-Type"] == f"{JSON}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/html", "image/png", "text/event-stream", f"{JSON};q=0"])
def test_a_type_that_the_endpoint_has_not_is_not_acceptable(ask, accept):
    response = ask(Accept=accept)

    assert (response.status_code, refusal(response)) == (406, "INVALID")
    assert response.headers["Content-Type"] == f"{JSON}; charset=utf-8"


# ---- requests that are well-formed and cannot be executed ----

UNEXECUTABLE = {
    "no document": {"query": "{"},
    "an unknown field": {"query": "{ nothing }"},
    "an unknown operation": {"query": "query One { __typename }", "operationName": "Two"},
    "a variable that does not fit": {"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": None}},
    "a missing variable": {"query": "query ($id: ID!) { node(id: $id) { id } }"},
    "fragments alone": {"query": "fragment F on Query { __typename }"},
    "no one of two": {"query": "query One { __typename } query Two { __typename }"},
}


@pytest.mark.parametrize(("media_type", "status"), [(RESPONSE, 400), (JSON, 200)])
@pytest.mark.parametrize("body", UNEXECUTABLE.values(), ids=UNEXECUTABLE)
def test_what_cannot_be_executed_has_no_data(ask, body, media_type, status):
    response = ask(json.dumps(body), Accept=media_type)

    assert response.status_code == status
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert "data" not in response.json()
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"INVALID"}


@pytest.mark.parametrize("media_type", [RESPONSE, JSON])
def test_what_fails_while_it_is_executed_has_data(db, media_type):
    body = {"query": "{ projects { edges { cursor } } }"}

    response = Client().post("/graphql/", body, content_type=JSON, headers={"Accept": media_type})

    assert response.status_code == 200
    assert response.json()["data"] is None
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(("media_type", "status"), [(RESPONSE, 429), (JSON, 200)])
def test_who_asks_too_much_is_told_when_to_come_back(ask, settings, media_type, status):
    settings.COST_LIMITS = settings.COST_LIMITS | {"token": "1/minute"}
    assert ask().json()["data"] == {"__typename": "Query"}

    response = ask(Accept=media_type)

    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (status, "RATE_LIMITED")
    assert response.headers["Retry-After"] == str(error["extensions"]["retryAfter"])


# ---- requests that are none ----

MALFORMED = {
    "nothing": b"",
    "half an object": b'{"query": ',
    "null": b"null",
    "a number": b"5",
    "true": b"true",
    "a string": b'"{ __typename }"',
    "an array": b"[]",
    "a batch": f"[{QUERY}]".encode(),
    "no query": b"{}",
    "a null query": b'{"query": null}',
    "an empty query": b'{"query": ""}',
    "a number as query": b'{"query": 5}',
    "a list as name": b'{"query": "{ __typename }", "operationName": []}',
    "a list as variables": b'{"query": "{ __typename }", "variables": []}',
    "a string as extensions": b'{"query": "{ __typename }", "extensions": "x"}',
    "bytes that are no UTF-8": b'{"query": "{ __typename } # \xff"}',
    "UTF-16": QUERY.encode("utf-16"),
    "NaN": b'{"query": "{ __typename }", "variables": {"a": NaN}}',
    "a number of 5,000 digits": b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
    "nesting without end": DEEP.encode(),
    "variables without end": b'{"query": "{ __typename }", "variables": {"a": ' + DEEP.encode() + b"}}",
}


@pytest.mark.parametrize("media_type", [RESPONSE, JSON])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_no_request_is_refused(ask, body, media_type):
    response = ask(body, Accept=media_type)

    assert (response.status_code, refusal(response)) == (400, "INVALID")
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json, text/plain",
        "application/jsonp",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "application/json; charset=no-such",
    ],
)
def test_what_is_not_said_to_be_json_in_utf_8_is_refused(ask, content_type):
    response = ask(content_type=content_type)

    assert (response.status_code, refusal(response)) == (415, "INVALID")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON; Charset="UTF-8"'])
def test_what_is_said_to_be_utf_8_is_taken(ask, content_type):
    response = ask('{"query": "{ __type(name: \\"Run🏃\\") { name } }"}', content_type=content_type)

    assert response.json()["data"] == {"__type": None}


def test_a_compressed_body_is_not_unpacked(ask):
    response = ask(gzip.compress(QUERY.encode()), Content_Encoding="gzip")

    assert (response.status_code, refusal(response)) == (415, "INVALID")
    assert response.headers["Accept-Encoding"] == "identity"


def test_half_a_surrogate_pair_is_answered_as_it_came(ask):
    response = ask('{"query": "{ __typename }", "operationName": "\\ud800"}')

    assert response.status_code == 200
    assert "\ud800" in response.json()["errors"][0]["message"]


# ---- sizes ----


@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (1_001, 413)])
def test_a_body_may_be_as_large_as_the_setting_says(ask, settings, size, status):
    settings.GRAPHQL_MAX_BODY_BYTES = 1_000

    response = ask(QUERY.ljust(size))

    assert response.status_code == status
    if status == 413:
        assert refusal(response) == "LIMIT_EXCEEDED"


def test_djangos_own_limit_is_one_too(ask, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    assert ask().status_code == 413


def test_a_body_without_a_length_is_not_read_to_its_end(settings):
    settings.GRAPHQL_MAX_BODY_BYTES = 1_000

    status, body = asyncio.run(served([b" " * 600] * 3))

    assert status == 413
    assert body["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize("charset", ["hex", "undefined", "utf-16", "no-such"])
def test_no_codec_of_a_callers_choice_is_used(charset):
    status, body = asyncio.run(served([b"{}"], f"{JSON}; charset={charset}"))

    assert status == 415
    assert body["errors"][0]["extensions"]["code"] == "INVALID"


async def served(parts, content_type=JSON):
    """What the ASGI application answers; several parts are of a body that does not come to its end."""
    from cms.asgi import application

    headers = [(b"host", b"testserver"), (b"content-type", content_type.encode())]
    scope = {"type": "http", "method": "POST", "path": "/graphql/", "query_string": b"", "headers": headers}
    caller = ApplicationCommunicator(application, scope)
    for part in parts:
        await caller.send_input({"type": "http.request", "body": part, "more_body": len(parts) > 1})
    start, body = await caller.receive_output(10), await caller.receive_output(10)
    await caller.send_input({"type": "http.disconnect"})
    await caller.wait(10)
    return start["status"], json.loads(body["body"])


def test_an_address_may_not_be_endless(ask, settings):
    settings.GRAPHQL_MAX_QUERY_STRING_BYTES = 100
    fitting = "query=" + quote("{ __typename }").ljust(94, "+")

    assert get(ask, fitting).json()["data"] == {"__typename": "Query"}
    response = get(ask, fitting + "+")
    assert (response.status_code, refusal(response)) == (414, "LIMIT_EXCEEDED")


# ---- GET and other methods ----


def test_a_query_comes_by_get_with_all_its_parameters(ask):
    document = quote("query One { __typename } query Two($name: String!) { __type(name: $name) { name } }")
    variables = quote('{"name": "Project"}')

    response = get(ask, f"query={document}&operationName=Two&variables={variables}&extensions={{}}")

    assert response.json()["data"] == {"__type": {"name": "Project"}}


def test_an_empty_parameter_of_an_address_is_none(ask):
    response = get(ask, f"query={quote('query One { __typename }')}&operationName=&variables=&extensions=")

    assert response.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "query=",
        "variables={}",
        f"query={quote('{ __typename }')}&variables=%7B",
        f"query={quote('{ __typename }')}&variables=5",
        f"query={quote('{ __typename }')}&variables=[]",
        f"query={quote('{ __typename }')}&variables={'[' * 15_000}",
        f"query={quote('{ __typename }')}&extensions=5",
        f"query={quote('{ __typename } # ')}%ff",
        "&".join(f"p{number}" for number in range(1_001)),
        f"query={quote('subscription { projectEvents(projectId: 1) { seq } }')}",
    ],
)
def test_an_address_that_is_no_request_is_refused(ask, query):
    response = get(ask, query, Accept=RESPONSE)

    assert response.status_code == 400
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"INVALID"}


@pytest.mark.parametrize("media_type", [RESPONSE, JSON])
def test_get_is_for_queries(ask, media_type):
    response = get(ask, f"query={quote('mutation { logout(input: {}) { errors { code } } }')}", Accept=media_type)

    assert (response.status_code, response.headers["Allow"], refusal(response)) == (405, "POST", "INVALID")
    assert ask().status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
def test_other_methods_are_not_allowed(ask, method):
    response = ask(QUERY, method)

    assert (response.status_code, response.headers["Allow"], refusal(response)) == (405, "GET, POST", "INVALID")


def test_a_subscription_belongs_to_the_socket(ask):
    response = ask(json.dumps({"query": "subscription { projectEvents(projectId: 1) { __typename } }"}))

    assert (response.status_code, refusal(response)) == (400, "INVALID")
    assert "WebSocket" in response.json()["errors"][0]["message"]


def test_the_address_works_without_its_slash(ask):
    assert ask(path="/graphql").json()["data"] == {"__typename": "Query"}


def test_only_a_browser_that_asks_for_nothing_gets_graphiql(ask):
    page, script = get(ask, Accept="text/html,*/*;q=0.8"), get(ask, Accept="*/*")
    query = get(ask, "query={__typename}", Accept="text/html,*/*;q=0.8")

    assert page.headers["Content-Type"].startswith("text/html")
    assert (script.status_code, refusal(script)) == (400, "INVALID")
    assert query.json()["data"] == {"__typename": "Query"}


# ---- what every answer has ----


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Authorization": "Bearer no-such-token"}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Content-Encoding": "br"}, 415),
    ],
)
def test_no_answer_is_kept_or_guessed_at_and_each_has_an_id(ask, headers, status):
    first, second = ask(**headers), ask(**headers)

    assert first.status_code == status
    assert "no-store" in first.headers["Cache-Control"]
    assert {"Accept", "Authorization", "Cookie"} <= set(first.headers["Vary"].split(", "))
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]


def test_refusals_have_the_negotiated_type(ask):
    for headers in ({"Authorization": "Bearer no"}, {"Origin": "https://evil.example"}, {"Content-Encoding": "br"}):
        assert ask(Accept=RESPONSE, **headers).headers["Content-Type"] == f"{RESPONSE}; charset=utf-8"


def test_a_host_that_is_not_ours_is_refused(ask):
    response = ask(Host="evil.example", Accept=RESPONSE)

    assert (response.status_code, refusal(response)) == (400, "INVALID")
    assert response.headers["Content-Type"] == f"{RESPONSE}; charset=utf-8"


# ---- our own failures ----


@pytest.mark.parametrize("media_type", [RESPONSE, JSON])
def test_a_failure_before_anything_is_executed_is_masked(ask, monkeypatch, caplog, media_type):
    def broken(authorization):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("cms.api.http.find_token", broken)
    response = ask(Accept=media_type)

    request_id = response.headers["X-Request-ID"]
    assert (response.status_code, refusal(response)) == (500, "INTERNAL")
    assert response.json()["errors"][0]["extensions"]["requestId"] == request_id
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert "hunter2" not in response.text
    (record,) = [record for record in caplog.records if record.name == "cms.api.http"]
    assert request_id in record.getMessage()
    assert "hunter2" in record.exc_text


def test_a_failure_while_it_is_executed_is_masked_too(ask, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("cms.schema.load_node", broken)
    response = ask('{"query": "{ node(id: \\"x\\") { id } }"}', Accept=RESPONSE)

    request_id = response.headers["X-Request-ID"]
    (error,) = response.json()["errors"]
    assert response.status_code == 200
    assert error["extensions"] == {"code": "INTERNAL", "requestId": request_id}
    assert request_id in caplog.text
    assert "hunter2" not in response.text
