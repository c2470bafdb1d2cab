"""The WebSocket door of a served project: who is asked for at every operation, and what is too large."""

import asyncio
import json

import pytest
import websockets

from tests.live import PASSWORD, LiveClient

ME = "{ me { name } }"
LOGOUT = "mutation { logout(input: {everywhere: false}) { errors { code } } }"
PROTOCOL = "graphql-transport-ws"


@pytest.fixture(scope="module")
def server(embedded):
    return embedded()


@pytest.fixture
def client(server) -> LiveClient:
    return server.sign_in("producer")


def connect(server, protocol=PROTOCOL, **headers):
    address = server.url.replace("http", "ws") + "/graphql/"
    # Uncompressed and read whole: large messages are large on the wire too.
    return websockets.connect(
        address, subprotocols=[protocol], additional_headers=headers, compression=None, max_size=None
    )


async def ask(socket, number, query, **variables):
    """Run an operation to its end and answer its payload."""
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"id": str(number), "type": "subscribe", "payload": payload}))
    frame = json.loads(await asyncio.wait_for(socket.recv(), 20))
    if frame["type"] == "next":
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["type"] == "complete"
    return frame["payload"]


async def greet(socket, payload=None):
    await socket.send(json.dumps({"type": "connection_init", "payload": payload or {}}))
    return json.loads(await asyncio.wait_for(socket.recv(), 20))


def test_the_token_may_come_as_a_header_or_with_the_greeting(server, client):
    async def named(headers, payload):
        async with connect(server, **headers) as socket:
            assert (await greet(socket, payload))["type"] == "connection_ack"
            return await ask(socket, 1, ME)

    token = f"Bearer {client.token}"
    for headers, payload in (
        ({"Authorization": token}, {}),
        ({}, {"authorization": token}),
        ({}, {"Authorization": token}),
    ):
        assert asyncio.run(named(headers, payload))["data"] == {"me": {"name": "Priya Producer"}}
    assert asyncio.run(named({}, {}))["data"] == {"me": None}


@pytest.mark.parametrize("where", ["header", "greeting"])
def test_a_bad_token_opens_nothing(server, where):
    async def refused():
        headers = {"Authorization": "Bearer no-such-token"} if where == "header" else {}
        async with connect(server, **headers) as socket:
            await greet(socket, {} if headers else {"authorization": "Bearer no-such-token"})

    with pytest.raises(websockets.ConnectionClosedError) as closed:
        asyncio.run(refused())

    assert closed.value.rcvd.code == 4403


def test_a_token_that_ends_ends_what_an_open_socket_may_do(server, client):
    async def both():
        async with connect(server) as socket:
            await greet(socket, {"authorization": f"Bearer {client.token}"})
            before = await ask(socket, 1, "{ projects { edges { cursor } } }")
            await asyncio.to_thread(client.run, LOGOUT)
            return before, await ask(socket, 2, "{ projects { edges { cursor } } }"), await ask(socket, 3, ME)

    before, after, me = asyncio.run(both())
    assert "errors" not in before
    assert [error["extensions"]["code"] for error in after["errors"]] == ["UNAUTHENTICATED"]
    assert me["data"] == {"me": None}


def test_an_open_socket_sees_things_as_they_are_now(server, client):
    """What one operation was told is not kept for the next."""
    person = server.sign_in("user")
    user = person.run("{ me { id } }")["me"]["id"]
    project = client.run(
        'mutation { createProject(input: {title: "Shared for a while", genre: DRAMA}) { project { id } } }'
    )["createProject"]["project"]["id"]
    add = """mutation ($id: ID!) {
      addCollaborator(input: {projectId: $id, email: "user@example.com"}) { errors { code } } }"""
    remove = """mutation ($id: ID!, $user: ID!) {
      removeCollaborator(input: {projectId: $id, userId: $user}) { errors { code } } }"""
    mine = "{ me { activeProjects { title } } projects { edges { node { title createdBy { email } } } } }"

    async def thrice():
        async with connect(server) as socket:
            await greet(socket, {"authorization": f"Bearer {person.token}"})
            answers = [await ask(socket, 1, mine)]
            await asyncio.to_thread(client.run, add, id=project)
            answers.append(await ask(socket, 2, mine))
            await asyncio.to_thread(client.run, remove, id=project, user=user)
            return [*answers, await ask(socket, 3, mine)]

    before, member, after = asyncio.run(thrice())
    assert "Shared for a while" not in json.dumps(before)
    assert member["data"]["me"]["activeProjects"] == [{"title": "Shared for a while"}]
    assert "producer@example.com" in json.dumps(member)
    assert after["data"] == before["data"]


def test_one_may_sign_in_over_an_open_socket(server):
    login = """mutation ($password: String!) {
      login(input: {email: "producer@example.com", password: $password}) { token user { name } errors { code } } }"""

    async def sign_in():
        async with connect(server) as socket:
            await greet(socket)
            return [await ask(socket, number, login, password=word) for number, word in enumerate(("wrong", PASSWORD))]

    wrong, right = (payload["data"]["login"] for payload in asyncio.run(sign_in()))
    assert wrong == {"token": None, "user": None, "errors": [{"code": "INVALID"}]}
    assert right["errors"] == []
    assert right["user"] == {"name": "Priya Producer"}
    assert right["token"]


@pytest.mark.parametrize("fragments", [1, 200])
def test_a_message_over_a_mebibyte_closes_the_socket_and_the_client_reads_why(server, fragments):
    """Also where more is on its way when the server closes, which must not reset the connection."""
    size = 20 * 2**20

    async def parts():
        for _ in range(fragments):
            yield "a" * (size // fragments)

    async def send():
        socket = await connect(server)
        await greet(socket)
        await socket.send(json.dumps({"type": "ping", "payload": {"filler": "a" * (2**20 - 50)}}))
        assert json.loads(await asyncio.wait_for(socket.recv(), 20))["type"] == "pong"
        await socket.send(parts() if fragments > 1 else "a" * size)
        await asyncio.wait_for(socket.recv(), 20)

    with pytest.raises(websockets.ConnectionClosedError) as closed:
        asyncio.run(send())

    assert closed.value.rcvd.code == 1009
