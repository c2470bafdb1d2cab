"""What one operation may ask for, and what one caller may spend."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from graphql import get_introspection_query

from cms.accounts.tokens import issue_token
from cms.api import documents
from cms.api.manifest import build_manifest
from cms.settings import api as defaults
from cms.settings.env import BASE_DIR
from content.projects.policy import ProjectPolicy
from tests.conftest import gid

IN_PROJECT = "{ node(id: 1) { ... on Project { %s } } }"


def fragments(count: int, on: str, inner: str, last: str) -> str:
    """Fragments in a chain: each has `inner`, where @ is a spread of the next."""
    chain = [f"fragment F{n} on {on} {{ {inner.replace('@', f'...F{n + 1}')} }}" for n in range(count)]
    return " ".join([*chain, f"fragment F{count} on {on} {{ {last} }}"])


TOO_MUCH = {
    "levels deep": (IN_PROJECT % ("createdBy { activeProjects { " * 8 + "id" + " } }" * 8), 18, 16),
    "aliases": ("{ " + " ".join(f"me {{ a{n}: id }}" for n in range(15)) + IN_PROJECT[1:-1] % " ".join(
        f"b{n}: id" for n in range(16)) + "}", 31, 30),
    "fields at its root": ("{ " + "me { id } " * 21 + "}", 21, 20),
    "directives": ("{ me { " + "id @include(if: true) " * 21 + "} }", 21, 20),
    "operations": (" ".join(f"query Q{n} {{ me {{ id }} }}" for n in range(11)), 11, 10),
    "tokens": ("{ me { " + "id " * 2_000 + "} }", None, 2_000),
    "characters": ("{ me { id } } #" + "x" * 100_000, 100_015, 100_000),
    "costs": ("{ projects(first: 100) { edges { node { sessions(first: 99) { edges { node { id } } } } } } }",
              1 + 100 * (1 + 1 + 99), 10_000),
    "selections in one another": ("{ " + "... { " * 110 + "me { id }" + " }" * 110 + " }", None, 100),
}  # fmt: skip


@pytest.fixture(autouse=True)
def real_limits(settings: Any) -> Any:
    """The limits as they are where nothing is set."""
    settings.OPERATION_LIMITS = defaults.OPERATION_LIMITS
    settings.COST_LIMITS = defaults.COST_LIMITS
    documents.forget()
    yield settings
    documents.forget()


def post(caller: Any, query: str, **body: Any) -> Any:
    return caller.client.post("/graphql/", {"query": query, **body}, content_type="application/json")


@pytest.mark.parametrize("what", TOO_MUCH)
def test_too_much_is_refused_with_what_was_asked_and_the_limit(
    api: Any, producer: Any, what: str, django_assert_num_queries: Any
) -> None:
    query, asked, limit = TOO_MUCH[what]
    caller = api(producer)

    with django_assert_num_queries(2):  # who is asking: nothing is executed
        payload = post(caller, query, operationName="Q1" if what == "operations" else None).json()

    (error,) = payload["errors"]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": limit}
    assert what in error["message"]
    numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", error["message"])]
    assert numbers == [asked or limit, limit]
    assert not payload.get("data")


@pytest.mark.parametrize(
    "query",
    [
        "{ ...F0 } " + fragments(25, "Query", "@ @", "me { id }"),
        IN_PROJECT % "...F0" + fragments(25, "Project", "createdBy { activeProjects { @ } } sessions { edges { node "
                                         "{ project { @ } } } }", "id"),
        "{ ...F0 } " + fragments(150, "Query", "@ ...F0 ...F5", "...F0"),
        "{ me { id } } " + fragments(150, "Query", "@ @", "...F0"),
        IN_PROJECT % ("createdBy { id } " * 390),
        "{ me { id } } fragment F on Project { " + "createdBy { id } " * 390 + "}",
        IN_PROJECT % ("sessions(first: 1) { edges { cursor } } " * 110),
        IN_PROJECT % ("id " * 1_800),
        IN_PROJECT % " ".join(f"...F{n}" for n in range(140)) + fragments(140, "Project", "createdBy { id }", "id"),
        "{ " + " ".join(f"projecs{n}" for n in range(1_900)) + " }",
        "query (" + " ".join(f"$v{n}: Int" for n in range(450)) + ") { me { id } }",
        "{ projects(filters: {search: " + "[" * 190 + "]" * 190 + "}) { edges { cursor } } }",
    ],
    ids=["nested", "nested-nodes", "cycle", "unused-cycle", "same-field", "same-field-unused", "same-arguments",
         "same-leaf", "many-fragments", "unknown", "variables", "lists"],
)  # fmt: skip
def test_no_document_keeps_a_process_busy(api: Any, producer: Any, query: str) -> None:
    caller = api(producer)
    post(caller, "{ me { id } }")
    begun = time.thread_time()

    answer = post(caller, query)

    # Strawberry's limiters take 20 s for the first, graphql-core's validation more than one for the same fields.
    assert time.thread_time() - begun < 0.6
    assert answer.json()["errors"][0]["extensions"]["code"] in ("LIMIT_EXCEEDED", "INVALID")


@pytest.mark.parametrize(
    "text",
    [
        *build_manifest(Path(BASE_DIR, "graphql/operations")).values(),
        get_introspection_query(),
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
            input_object_one_of=True,
        ),
    ],
    ids=lambda text: re.findall(r"(?:query|mutation|subscription) (\w+)", text)[-1],
)
def test_our_own_operations_and_introspection_fit_even_with_the_largest_pages(
    api: Any, producer: Any, text: str
) -> None:
    answer = post(api(producer), text, variables={"first": 100})

    codes = {error["extensions"]["code"] for error in answer.json().get("errors", [])}
    assert "LIMIT_EXCEEDED" not in codes
    assert "Validation aborted." not in answer.text


COSTS = [
    ("{ me { id name email } }", {}, 1),
    ("{ __typename }", {}, 1),
    ("{ me { activeProjects { id } } }", {}, 11),
    ("{ projects { edges { node { id } } pageInfo { hasNextPage } } }", {}, 21),
    ("{ projects(first: 7) { edges { node { id } } } }", {}, 8),
    ("{ projects(last: 7) { edges { cursor node { id createdBy { id } } } } }", {}, 15),
    ("query ($n: Int) { projects(first: $n) { edges { node { id } } } }", {"n": 9}, 10),
    ("query ($n: Int) { projects(first: $n) { edges { node { id } } } }", {"n": 5}, 6),
    ("query ($n: Int) { projects(first: $n) { edges { node { id } } } }", {"n": None}, 21),
    ("query ($n: Int) { projects(first: $n) { edges { node { id } } } }", {}, 21),
    ("query ($n: Int = 3) { projects(first: $n) { edges { node { id } } } }", {}, 4),
    ("query ($n: Int = 3) { projects(first: $n) { edges { node { id } } } }", {"n": 5}, 6),
    ("{ projects(first: 3) { ...P } } fragment P on ProjectConnection { edges { node { tasks(first: 2) "
     "{ edges { node { id } } } } } }", {}, 1 + 3 * (1 + 1 + 2)),
    ("{ projects(first: 101) { edges { node { id } } } }", {}, 101),
    ('mutation { updateMe(input: {name: "Ann"}) { user { id } errors { code } } }', {}, 10 + 1 + 10),
    ("{ __schema { queryType { name } } }", {}, 1_001),
    ("{ __typename } #" + "x" * 984, {}, 10),
]  # fmt: skip


@pytest.mark.parametrize(("query", "variables", "cost"), COSTS)
def test_every_answer_tells_the_cost_and_what_is_left(
    api: Any, producer: Any, query: str, variables: Any, cost: int
) -> None:
    caller = api(producer)

    first, second = (post(caller, query, variables=variables).json()["extensions"]["cost"] for _ in range(2))

    assert first["requestedQueryCost"] == second["requestedQueryCost"] == cost
    assert first["maximumQueryCost"] == 10_000
    assert first["throttleStatus"] == {"maximumAvailable": 200_000, "currentlyAvailable": 200_000 - cost}
    assert second["throttleStatus"]["currentlyAvailable"] == 200_000 - 2 * cost


def test_what_is_spent_comes_back_when_the_answer_says(
    api: Any, producer: Any, settings: Any, monkeypatch: Any
) -> None:
    settings.COST_LIMITS = {"user": "100/minute", "token": "100/minute", "address": "100/minute"}
    caller, clock = api(producer), time.time()
    if settings.REDIS_URL:
        pytest.skip("Redis has a clock of its own")
    monkeypatch.setattr("time.time", lambda: clock)
    ask = "{ projects(first: 59) { edges { node { id } } } }"
    assert post(caller, ask).json()["data"]

    refused = post(caller, ask)

    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    wait = error["extensions"]["retryAfter"]
    assert refused.headers["Retry-After"] == str(wait)
    assert 1 < wait <= 120
    assert f"{wait} seconds" in error["message"]
    assert post(caller, "{ me { id } }").json()["data"], (
        "what is refused is not charged, and something small still fits"
    )
    clock += wait - 2
    assert post(caller, ask).json()["errors"]
    clock += 4
    assert post(caller, ask).json()["data"]


def test_each_caller_has_a_budget_of_their_own(api: Any, producer: Any, collaborator: Any, settings: Any) -> None:
    settings.COST_LIMITS = {"user": "50/minute", "token": "30/minute", "address": "10/minute"}
    first, second = (api(token=issue_token(producer)[0]) for _ in range(2))

    def spend(caller: Any, cost: int) -> list[str]:
        return caller(f"{{ projects(first: {cost - 1}) {{ edges {{ node {{ id }} }} }} }}").top_codes

    assert spend(first, 25) == []
    assert spend(first, 25) == ["RATE_LIMITED"], "the token's"
    assert spend(second, 20) == []
    assert spend(second, 10) == ["RATE_LIMITED"], "the person's, of all their tokens"
    assert spend(api(producer), 10) == ["RATE_LIMITED"], "and cookies"
    assert spend(api(collaborator), 25) == []
    assert spend(api(), 10) == ["UNAUTHENTICATED"]
    assert spend(api(), 10) == ["RATE_LIMITED"], "the address's, of those who are not signed in"
    assert api()("{ me { id } }").top_codes == ["RATE_LIMITED"]


def test_an_address_behind_our_proxies_is_the_one_that_they_saw(api: Any, settings: Any) -> None:
    settings.COST_LIMITS = {**settings.COST_LIMITS, "address": "1/minute"}
    body = {"query": "{ me { id } }"}

    def codes(forwarded: str) -> list[str]:
        return api().post(body, HTTP_X_FORWARDED_FOR=forwarded).top_codes

    assert codes("1.1.1.1") == []
    assert codes("2.2.2.2") == ["RATE_LIMITED"], "anybody can write that header where no proxy of ours does"
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert codes("2.2.2.2, 3.3.3.3") == []
    assert codes("4.4.4.4, 3.3.3.3") == ["RATE_LIMITED"]
    assert codes("3.3.3.3, 4.4.4.4") == []


def test_what_is_not_even_run_is_charged_for_its_length(api: Any, settings: Any) -> None:
    settings.COST_LIMITS = {**settings.COST_LIMITS, "address": "30/minute"}
    long = "#" + "x" * 1_500

    for query in ("{ broken " + long, "{ nothing } " + long):
        assert post(api(), query).json()["errors"][0]["extensions"]["code"] == "INVALID"

    assert post(api(), "{ broken " + long).json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


def test_an_operation_that_takes_too_long_is_ended(
    api: Any, producer: Any, project: Any, settings: Any, monkeypatch: Any
) -> None:
    """A statement that would go on for minutes is ended by the database, and the operation says TIMED_OUT."""
    endless = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "postgresql": "SELECT pg_sleep(600)",
    }[connection.vendor]
    real = ProjectPolicy.visible

    def slow(self: Any, *args: Any, **options: Any) -> Any:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(endless)
        return real(self, *args, **options)

    caller, ask = api(producer), f'{{ project(id: "{gid(project)}") {{ id }} }}'
    with monkeypatch.context() as patched:
        patched.setattr(ProjectPolicy, "visible", slow)
        settings.OPERATION_SECONDS = 0.3
        begun = time.monotonic()
        answer = caller(ask)

    assert answer.top_codes == ["TIMED_OUT"]
    assert "0.3 seconds" in answer.errors[0]["message"]
    assert time.monotonic() - begun < 10
    settings.OPERATION_SECONDS = 30
    assert caller(ask).value == {"id": gid(project)}
