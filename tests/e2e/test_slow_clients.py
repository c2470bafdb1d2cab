"""Clients that do not read, and clients that are gone: the server keeps little of them, and nothing for long."""

import asyncio
import base64
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.live import LiveClient, LiveServer

from .test_workflow import EVENTS, SEND, START, assembled, first_project, is_end_of_turn

DEAD = 300
# A large answer that is easily made, for sockets that do not read it; so many of them fill every buffer on the way.
PARTS = " ".join(f"part{number}: content" for number in range(200))
LARGE = "query ($session: ID!) { session(id: $session) { messages(first: 1) { edges { node { PARTS } } } } }"
LARGE = LARGE.replace("PARTS", PARTS)
ENOUGH = 30
SCHEMA = "{ __schema { types { name description fields { name description args { name description } } } } }"
# A frame's opcodes.
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class RawSocket:
    """A WebSocket client by hand, which reads when it is told to and not before."""

    def __init__(self, client: LiveClient) -> None:
        host, port = client.url.removeprefix("http://").split(":")
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._socket.settimeout(60)
        self._socket.connect((host, int(port)))
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /graphql/ HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        self._file = self._socket.makefile("rb")
        while self._file.readline() != b"\r\n":
            pass
        self.send({"type": "connection_init", "payload": {"authorization": client.headers["Authorization"]}})
        frame = self.frame()
        while frame[0] == PING:
            frame = self.frame()
        assert json.loads(frame[1])["type"] == "connection_ack"

    def send(self, message: object) -> None:
        self.send_frame(TEXT, json.dumps(message).encode())

    def send_frame(self, opcode: int, data: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        length = struct.pack("!B", 0x80 | len(data)) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
        self._socket.sendall(struct.pack("!B", 0x80 | opcode) + length + mask + masked)

    def subscribe(self, number: int, query: str, **variables: object) -> None:
        self.send({"id": str(number), "type": "subscribe", "payload": {"query": query, "variables": variables}})

    def frame(self) -> tuple[int, bytes]:
        """The next frame's opcode and data."""
        first, second = self._file.read(2)
        length = second & 127
        if length == 126:
            (length,) = struct.unpack("!H", self._file.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._file.read(8))
        return first & 15, self._file.read(length)

    def die(self) -> None:
        """As a process that is killed, or a network that is gone: no goodbye."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self._socket.close()


class CountingServer(LiveServer):
    """Tells how many tasks it has."""

    def commands(self) -> list[list[str]]:
        return [[*super().commands()[0], "--application", "tests.counting:application"]]

    def tasks(self) -> int:
        return int(httpx.get(f"{self.url}/tasks").text)

    def until_few(self, tasks: int) -> None:
        deadline = time.monotonic() + 60
        while (found := self.tasks()) > tasks:
            assert time.monotonic() < deadline, f"{found} tasks instead of {tasks}"


@pytest.fixture
def server(embedded: Callable[..., LiveServer]) -> CountingServer:
    many = dict.fromkeys(("OPERATION_MAX_ALIASES", "OPERATION_MAX_COST", "OPERATION_MAX_TOKENS"), "1000000")
    server = embedded(CountingServer, SLOW_CLIENT_SECONDS="1", REHEARSAL_WORD_DELAY="0.002", **many)
    assert isinstance(server, CountingServer)
    return server


async def talk(client: LiveClient, session: dict[str, Any], text: str) -> None:
    """Say something and follow the reply to its end."""
    async with client.subscribe(EVENTS, session=session["id"], after=session["lastEventSeq"]) as events:
        await asyncio.to_thread(client.run, SEND, session=session["id"], text=text)
        seen = await events.until(is_end_of_turn)
    assert assembled(seen) == seen[-1]["turn"]["reply"]["content"]
    session["lastEventSeq"] = seen[-1]["seq"]


def stuck(client: LiveClient, session: dict[str, Any]) -> RawSocket:
    """A socket that follows a session and asks for more than it reads."""
    socket = RawSocket(client)
    socket.subscribe(0, EVENTS, session=session["id"])
    for number in range(1, ENOUGH):
        socket.subscribe(number, LARGE, session=session["id"])
    return socket


def test_a_client_that_reads_nothing_is_closed_as_too_slow_and_nobody_waits_for_it(server: CountingServer) -> None:
    client = server.sign_in("producer")
    session = client.run(START, project=first_project(client))["startSession"]["session"]
    asyncio.run(talk(client, session, "A lighthouse. " * 140))
    before = server.tasks()
    slow, silent = stuck(client, session), stuck(client, session)
    asyncio.run(talk(client, session, "Who keeps it?"))
    frames = [slow.frame()]
    while frames[-1][0] != CLOSE:
        frames.append(slow.frame())
    assert struct.unpack("!H", frames[-1][1][:2]) == (1013,)
    # What was under way has not come to an end that would look like one.
    assert {"id": "0", "type": "complete"} not in [json.loads(data) for opcode, data in frames if opcode == TEXT]
    # The other one never reads again.
    server.until_few(before)
    silent.die()


def test_three_hundred_sockets_that_are_killed_leave_no_tasks(server: CountingServer) -> None:
    client = server.sign_in("producer")
    session = client.run(START, project=first_project(client))["startSession"]["session"]
    before = server.tasks()
    for _ in range(3):
        sockets = [RawSocket(client) for _ in range(DEAD // 3)]
        for each in sockets:
            each.subscribe(1, EVENTS, session=session["id"], after=0)
        for each in sockets:
            assert each.frame()[0] == TEXT
        assert server.tasks() >= before + len(sockets)
        for each in sockets:
            each.die()
    server.until_few(before)
    until_nobody_is_here(client, session)


def until_nobody_is_here(client: LiveClient, session: dict[str, Any]) -> None:
    here = "query ($id: ID!) { session(id: $id) { participants { user { id } } } }"
    deadline = time.monotonic() + 60
    while client.run(here, id=session["id"])["session"]["participants"]:
        assert time.monotonic() < deadline


def test_an_idle_socket_is_pinged_and_one_that_does_not_answer_is_closed_as_dead(
    embedded: Callable[..., LiveServer],
) -> None:
    server = embedded(
        CountingServer, WEBSOCKET_PING_SECONDS="0.1", WEBSOCKET_PONG_SECONDS="3", SLOW_CLIENT_SECONDS="3600"
    )
    assert isinstance(server, CountingServer)
    client = server.sign_in("producer")
    session = client.run(START, project=first_project(client))["startSession"]["session"]
    before = server.tasks()
    dead, idle = RawSocket(client), RawSocket(client)
    for each in (dead, idle):
        each.subscribe(1, EVENTS, session=session["id"], after=0)
    for _ in range(5):
        frame = idle.frame()
        while frame[0] != PING:
            frame = idle.frame()
        idle.send_frame(PONG, frame[1])
    blocked = RawSocket(client)
    for number in range(60):
        blocked.subscribe(number, SCHEMA)
    frames = [dead.frame()]
    while frames[-1][0] != CLOSE:
        frames.append(dead.frame())
    # It had been subscribed, and its connection stood all the time.
    assert TEXT in [opcode for opcode, _ in frames]
    assert struct.unpack("!H", frames[-1][1][:2]) == (1011,)
    idle.die()
    # With the one that takes nothing more, whose connection stands as long as it likes.
    server.until_few(before)
    until_nobody_is_here(client, session)
    blocked.die()
