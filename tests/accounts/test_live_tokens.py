"""Tokens on open sockets, and providers, of a served site."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

CREATE = """mutation ($input: CreateTokenInput!) {
  createToken(input: $input) { token { id } secret errors { code message } } }"""
REVOKE = "mutation ($id: ID!) { revokeToken(input: {id: $id}) { errors { code } } }"
PROJECTS = "{ projects { edges { node { id title } } } }"
EVENTS = "subscription ($id: ID!) { projectEvents(projectId: $id) { seq } }"
NEW = 'mutation { createProject(input: {title: "Other", genre: DRAMA}) { project { id } errors { code } } }'
RENAME = """mutation ($id: ID!) { updateProject(input: {id: $id, title: "Renamed"}) { errors { code } } }"""


@pytest.fixture(scope="module")
def server(embedded):
    return embedded(
        SOCIAL_PROVIDERS="github", SOCIAL_GITHUB_CLIENT_ID="our-id", SOCIAL_GITHUB_SECRET="our-secret", SIGN_UP_OPEN="1"
    )


@pytest.fixture
def owner(server):
    return server.sign_in("producer")


def client_of(server, owner, **fields):
    """A client with a new token of the owner's, and the token's id."""
    made = owner.run(CREATE, input={"name": "A script", "scopes": ["WRITE"], **fields})["createToken"]
    assert made["errors"] == []
    client = type(owner)(server.url)
    client.token = made["secret"]
    return client, made["token"]["id"]


def project_of(owner):
    return owner.run(PROJECTS)["projects"]["edges"][0]["node"]["id"]


async def end_of(stream, began):
    """The codes of the errors that end a subscription, and the seconds until it has ended."""
    codes = []
    while (frame := await stream.frame())["type"] != "complete":
        codes += [error["extensions"]["code"] for error in frame["payload"].get("errors", [])]
    return codes, time.monotonic() - began


def test_a_revoked_token_ends_what_is_open_within_a_second(server, owner):
    project = project_of(owner)

    async def follow():
        client, token = client_of(server, owner)
        async with client.subscribe(EVENTS, id=project) as stream:
            await asyncio.to_thread(owner.run, RENAME, id=project)
            await stream.event()
            began = time.monotonic()
            await asyncio.to_thread(owner.run, REVOKE, id=token)
            return await end_of(stream, began)

    codes, seconds = asyncio.run(follow())
    assert codes == ["UNAUTHENTICATED"]
    assert seconds < 1


def test_an_expired_token_ends_what_is_open(server, owner):
    project = project_of(owner)
    expires_at = datetime.now(UTC) + timedelta(seconds=3)

    async def follow():
        client, _ = client_of(server, owner, expiresAt=expires_at.isoformat())
        async with client.subscribe(EVENTS, id=project) as stream:
            return await end_of(stream, 0)

    codes, _ = asyncio.run(follow())
    assert codes == ["UNAUTHENTICATED"]
    assert 0 <= (datetime.now(UTC) - expires_at).total_seconds() < 1


def test_over_a_socket_a_limited_token_sees_its_projects_alone(server, owner):
    project, other = project_of(owner), owner.run(NEW)["createProject"]["project"]["id"]
    client, _ = client_of(server, owner, projectIds=[other])

    async def first(id):
        async with client.subscribe(EVENTS, id=id) as stream:
            await asyncio.to_thread(owner.run, RENAME, id=other)
            return await stream.frame()

    assert [edge["node"]["id"] for edge in client.run(PROJECTS)["projects"]["edges"]] == [other]
    assert asyncio.run(first(other))["type"] == "next"
    refused = asyncio.run(first(project))
    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_provider_that_is_named_is_offered_and_leads_there(server):
    with httpx.Client(base_url=server.url) as browser:
        assert "/accounts/github/login/" in browser.get("/accounts/login/").text
        page = browser.get("/accounts/github/login/")
        assert "form-action 'self' https:" in page.headers["Content-Security-Policy"]
        answer = browser.post("/accounts/github/login/", data={"csrfmiddlewaretoken": browser.cookies["csrftoken"]})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://github.com/login/oauth/authorize?client_id=our-id")


def test_without_a_setting_no_provider_is_there(client, db):
    assert client.get("/accounts/github/login/").status_code == 404
    assert "github" not in client.get("/accounts/login/").content.decode()
