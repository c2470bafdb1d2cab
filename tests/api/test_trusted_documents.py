"""Documents that are named by their hash, and a server that runs no others."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from cms.accounts.tokens import issue_token
from cms.api import trusted
from cms.api.manifest import build_manifest, digest
from cms.settings.env import BASE_DIR
from tests.live import PASSWORD, ROOT, LiveClient, LiveServer

MANIFEST = build_manifest(BASE_DIR / "graphql/operations")
HASHES = {text.rpartition(f"{kind} ")[2].split("(")[0].split(" ")[0]: hash_ for hash_, text in MANIFEST.items()
          for kind in ("query", "mutation", "subscription") if f"{kind} " in text}  # fmt: skip
ME = HASHES["Me"]
# `me` as nobody's front end asks for it.
OTHER = "{ me { createdAt } }"


@pytest.fixture
def only_trusted(settings: Any) -> None:
    settings.TRUSTED_DOCUMENTS_ONLY = True


def persisted(hash_: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_}}}


@pytest.mark.parametrize("body", [persisted(ME), {"documentId": f"sha256:{ME}"}, {"documentId": ME, "query": None},
                                  persisted(ME) | {"query": "", "operationName": "Me"}])  # fmt: skip
def test_a_document_may_be_named_by_its_hash(api: Any, producer: Any, body: dict[str, Any]) -> None:
    answer = api(producer).post(body)

    assert answer.value["email"] == producer.email


@pytest.mark.parametrize("parameters", [
    {"documentId": f"sha256:{ME}"},
    {"extensions": json.dumps(persisted(ME)["extensions"]), "operationName": "Me"},
])  # fmt: skip
def test_a_get_may_name_it_too(api: Any, producer: Any, parameters: dict[str, str]) -> None:
    response = api(producer).client.get("/graphql/", parameters)

    assert response.json()["data"]["me"]["email"] == producer.email


def test_a_get_runs_no_mutation_by_its_hash(api: Any, producer: Any) -> None:
    response = api(producer).client.get(
        "/graphql/", {"documentId": HASHES["UpdateMe"], "variables": '{"input": {"name": "Mallory"}}'}
    )

    assert 400 <= response.status_code < 500
    producer.refresh_from_db()
    assert producer.name == "Producer"


def test_variables_that_look_like_a_document_are_variables(api: Any, producer: Any) -> None:
    response = api(producer).client.get(
        "/graphql/", {"query": "{ me { email } }", "variables": json.dumps({"documentId": ME})}
    )

    assert response.json()["data"] == {"me": {"email": producer.email}}


@pytest.mark.parametrize("body", [persisted("0" * 64), {"documentId": "sha256:x"}, {"documentId": "x-other:1"}])
def test_an_unknown_hash_is_answered_as_clients_expect_it(api: Any, producer: Any, body: dict[str, Any]) -> None:
    answer = api(producer).post(body)

    assert [error["message"] for error in answer.errors] == ["PersistedQueryNotFound"]
    assert answer.top_codes == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize("body", [{"documentId": 5}, {"extensions": {"persistedQuery": "x"}}, {"extensions": {}},
                                  {"extensions": {"persistedQuery": {"sha256Hash": None}}}])  # fmt: skip
def test_what_names_no_document_is_no_request(api: Any, body: dict[str, Any]) -> None:
    assert api().client.post("/graphql/", body, content_type="application/json").status_code == 400


def test_where_only_trusted_documents_are_run_others_are_not(api: Any, producer: Any, only_trusted: None) -> None:
    caller = api(producer)

    assert caller.post(persisted(ME)).value["email"] == producer.email
    assert caller(MANIFEST[ME]).value["email"] == producer.email, "the very text has the very hash"
    for query in (OTHER, MANIFEST[ME] + " ", "{ __schema { queryType { name } } }", "{ broken"):
        assert caller(query).top_codes == ["FORBIDDEN"]
        assert caller.post({"query": query} | persisted(ME)).top_codes == ["FORBIDDEN"]
    assert caller(OTHER).data is None


def test_a_token_with_the_right_runs_any_document(api: Any, producer: Any, only_trusted: None) -> None:
    token, row = issue_token(producer)
    row.scopes = [*row.scopes, trusted.ANY_DOCUMENT]
    row.save()
    assert api(token=token)(OTHER).value

    row.scopes = [scope for scope in row.scopes if scope != trusted.ANY_DOCUMENT]
    row.save()

    assert api(token=token)(OTHER).top_codes == ["FORBIDDEN"]


def test_every_operation_of_ours_is_in_the_manifest_and_valid(api: Any, producer: Any, only_trusted: None) -> None:
    assert set(trusted.manifest().items()) == set(MANIFEST.items())
    assert all(digest(text) == hash_ for hash_, text in MANIFEST.items())
    for hash_ in MANIFEST:
        answer = api(producer).client.post(
            "/graphql/", {"documentId": hash_, "variables": {"id": "x"}}, content_type="application/json"
        )
        assert "Subscriptions" in answer.text or "FORBIDDEN" not in answer.text
        assert "Cannot query" not in answer.text


def test_a_stale_manifest_fails_the_check(monkeypatch: Any, tmp_path: Any) -> None:
    from cms.management.commands import export_schema

    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "me.graphql").write_text("query Me { me { name id } }")
    monkeypatch.setattr(export_schema, "FOLDER", tmp_path)
    call_command("export_schema")
    text = "query Me { me { id name } }"
    assert json.loads((tmp_path / "trusted-documents.json").read_text()) == {digest(text): text}

    (tmp_path / "operations" / "me.graphql").write_text("query Me { me { name } }")

    with pytest.raises(CommandError, match="trusted-documents"):
        call_command("export_schema", check=True)


def test_hashes_are_those_of_graphql_code_generator() -> None:
    """What the chat page sends; other front ends get the same with `persistedDocuments` and sha256."""
    generated = ROOT / "frontend" / "src" / "gql" / "persisted-documents.json"
    if not generated.exists():
        pytest.skip("the chat page is not built")
    newest = max(path.stat().st_mtime for path in (BASE_DIR / "graphql/operations").glob("*.graphql"))
    if generated.stat().st_mtime < newest:
        pytest.skip("the chat page is older than the operations")

    assert json.loads(generated.read_text()) == MANIFEST


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(TRUSTED_DOCUMENTS_ONLY="1", DEBUG="0")


@pytest.fixture(scope="module")
def client(server: LiveServer) -> LiveClient:
    client = LiveClient(server.url)
    login = {"input": {"email": "producer@example.com", "password": PASSWORD}}
    answer = httpx.post(f"{server.url}/graphql/", json=persisted(HASHES["Login"]) | {"variables": login})
    client.token = answer.json()["data"]["login"]["token"]
    return client


async def ask(socket: Any, **payload: Any) -> dict[str, Any]:
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 20))
    if frame["type"] == "next":
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["type"] == "complete"
    return frame


def test_over_a_socket_only_trusted_documents_are_run(client: LiveClient) -> None:
    async def talk() -> list[dict[str, Any]]:
        async with client.socket() as socket:
            return [
                await ask(socket, query="", **persisted(ME)),
                await ask(socket, query=OTHER),
                await ask(socket, query="", **persisted("0" * 64)),
                await ask(socket, query="{ broken"),
                await ask(socket, query=MANIFEST[ME]),
            ]

    by_hash, other, unknown, broken, by_text = asyncio.run(talk())
    for frame in (by_hash, by_text):
        assert frame["payload"]["data"]["me"]["email"] == "producer@example.com"
        assert frame["payload"]["extensions"]["cost"]["requestedQueryCost"] == 12
    assert [frame["type"] for frame in (other, unknown, broken)] == ["error"] * 3
    assert [frame["payload"][0]["extensions"]["code"] for frame in (other, unknown, broken)] == [
        "FORBIDDEN",
        "PERSISTED_QUERY_NOT_FOUND",
        "FORBIDDEN",
    ]


def test_a_subscription_by_its_hash_follows(server: LiveServer, client: LiveClient) -> None:
    def run(name: str, **variables: Any) -> Any:
        body = persisted(HASHES[name]) | {"variables": variables}
        payload = httpx.post(f"{server.url}/graphql/", json=body, headers=client.headers).json()
        assert "errors" not in payload, payload
        return payload["data"]

    async def follow() -> list[dict[str, Any]]:
        project = run("Projects", first=1)["projects"]["edges"][0]["node"]["id"]
        session = run("StartSession", input={"projectId": project})["startSession"]["session"]["id"]
        async with client.socket() as socket:
            payload = {
                "query": "",
                "variables": {"sessionId": session, "after": 0},
                **persisted(HASHES["SessionEvents"]),
            }
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            await asyncio.to_thread(run, "UpdateSession", input={"id": session, "title": "By its hash"})
            frames = []
            deadline = time.monotonic() + 20
            while "By its hash" not in json.dumps(frames):
                frames.append(json.loads(await asyncio.wait_for(socket.recv(), deadline - time.monotonic())))
            return frames

    frames = asyncio.run(follow())
    assert {frame["type"] for frame in frames} == {"next"}
    assert ["extensions" in frame["payload"] for frame in frames] == [True] + [False] * (len(frames) - 1)
