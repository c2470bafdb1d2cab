"""What callers are told of the schema and of our failures."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.live import LiveClient, LiveServer

READ = "{ me { name activeProjects { id } } }"
WRITE = 'mutation { updateMe(input: {name: "x"}) { user { id } errors { code message } } }'
INTROSPECTION = ["{ __schema { queryType { name } } }", '{ me { id } __type(name: "User") { name } }']
MISSPELT = [
    ("{ mee { id } }", {}),
    ("{ me { nam } }", {}),
    ("{ projects(frist: 1) { edges { cursor } } }", {}),
    ("{ me { ... on Usr { id } } }", {}),
    ("{ projects(filters: {genres: [DRAM]}) { edges { cursor } } }", {}),
    ("query ($f: ProjectFilter) { projects(filters: $f) { edges { cursor } } }", {"f": {"genrs": ["DRAMA"]}}),
    ("query ($f: ProjectFilter) { projects(filters: $f) { edges { cursor } } }", {"f": {"genres": ["DRAM"]}}),
]


class Failing(LiveServer):
    """A server with an application in which something fails."""

    def commands(self) -> list[list[str]]:
        serve = [sys.executable, "manage.py", "serve", "--port", str(self.port)]
        return [[*serve, "--application", "tests.failing:application"]]


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(kind=Failing)


@pytest.fixture(scope="module")
def client(server: LiveServer) -> LiveClient:
    return server.sign_in("producer")


def over_http(client: LiveClient, query: str) -> dict[str, Any]:
    response = httpx.post(f"{client.url}/graphql/", json={"query": query}, headers=client.headers, timeout=30)
    payload: dict[str, Any] = response.json()
    return payload | {"id": response.headers["X-Request-ID"]}


def over_socket(client: LiveClient, query: str) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with client.socket() as socket:
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
            frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
            assert frame["type"] == "next"
            return frame["payload"]  # type: ignore[no-any-return]

    return asyncio.run(ask())


@pytest.mark.parametrize("ask", [over_http, over_socket])
@pytest.mark.parametrize("query", [READ, WRITE])
def test_a_failure_of_ours_says_an_id_and_nothing_else_and_the_log_has_the_rest(
    server: LiveServer, client: LiveClient, ask: Callable[..., dict[str, Any]], query: str
) -> None:
    payload = ask(client, query)

    told = json.dumps(payload)
    assert "secret" not in told
    assert "RuntimeError" not in told
    if query == READ:
        (error,) = payload["errors"]
        code, number = error["extensions"]["code"], error["extensions"]["requestId"]
    else:
        (error,) = payload["data"]["updateMe"]["errors"]
        code, number = error["code"], error["message"].rstrip(".").split()[-1]
    assert code == "INTERNAL"
    assert number in error["message"]
    assert payload.get("id", number) == number
    logged = server.log.read_text().partition(number)[2]
    assert "RuntimeError: a secret" in logged.partition("Request ")[0]


@pytest.mark.parametrize("query", INTROSPECTION)
def test_the_schema_is_read_by_who_is_signed_in(api: Any, producer: Any, settings: Any, query: str) -> None:
    assert api(producer)(query).data
    refused = api()(query)
    assert refused.data is None
    assert refused.top_codes == ["INVALID"] * len(refused.errors)
    assert "introspection" in refused.errors[0]["message"]
    assert api()("{ __typename }").value == "Query"

    settings.DEBUG = True

    assert api()(query).data


@pytest.mark.parametrize(("query", "variables"), MISSPELT)
def test_names_are_suggested_to_who_is_signed_in(
    api: Any, producer: Any, settings: Any, query: str, variables: Any
) -> None:
    known, stranger = (api(user)(query, **variables).errors[0]["message"] for user in (producer, None))

    assert "Did you mean" in known
    assert known.startswith(stranger)
    assert "Did you mean" not in stranger

    settings.DEBUG = True

    assert api()(query, **variables).errors[0]["message"] == known
