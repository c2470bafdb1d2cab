"""graphql-transport-ws, message by message: PROTOCOL.md of enisdenjo/graphql-ws."""

import asyncio
import json
from typing import Any

import pytest
from channels.layers import get_channel_layer

from cms.accounts.models import User
from cms.api.websocket import GraphQLWebSocket
from cms.realtime import group_send
from cms.settings.realtime import channel_layers
from cms.views import graphql_websocket

from .sockets import (
    FOLLOW,
    HELLO,
    HOST,
    PROTOCOL,
    SCHEMA,
    SECONDS,
    FailingSchema,
    Headers,
    Query,
    Socket,
    StubbornSchema,
    events,
    opened,
    run,
    said,
)


@pytest.fixture(autouse=True)
def _in_process(settings: Any) -> None:
    """Each test has a loop of its own, and the layer on Redis works on until its loop ends."""
    settings.CHANNEL_LAYERS = channel_layers("")


def subscribe(**changes: Any) -> dict[str, Any]:
    return {"id": "1", "type": "subscribe", "payload": {"query": "{ hello }"} | changes}


INVALID = [
    *("", "{", "null", "5", "true", "[]", '"x"', "[{}]", "NaN", "{}{}", "[" * 100_000, "\ud800"),
    *({}, {"type": None}, {"type": 5}, {"type": ""}, {"type": "nothing"}, {"type": ["ping"]}, {"id": "1"}),
    *({"type": "connection_ack"}, {"type": "start", "id": "1", "payload": {"query": "{ hello }"}}),
    *({"type": "next", "id": "1", "payload": {}}, {"type": "error", "id": "1", "payload": []}),
    *({"type": type, "payload": payload} for type in ("ping", "pong") for payload in ("x", 5, [], False)),
    *({"type": "complete"}, *({"type": "complete", "id": id} for id in ("", 1, None, [], {}))),
    *({**subscribe(), "id": id} for id in ("", 1, 0, None, True, [], {}, "\ud800")),
    {"type": "subscribe", "payload": {"query": "{ hello }"}},
    *({"type": "subscribe", "id": "1"}, *({**subscribe(), "payload": payload} for payload in (None, "x", 5, []))),
    *({"type": "subscribe", "id": "1", "payload": {}}, subscribe(documentId=5, query=None)),
    *(subscribe(query=query) for query in (None, 5, [], {}, True)),
    *(subscribe(variables=variables) for variables in ("x", "{}", 5, [], [["a", 1]], True)),
    *(subscribe(operationName=name) for name in (5, [], {}, True)),
    *(subscribe(extensions=extensions) for extensions in ("x", 5, [], True)),
]


@pytest.mark.parametrize("frame", INVALID, ids=range(len(INVALID)))
def test_what_is_no_message_closes_the_socket(frame: object) -> None:
    async def close() -> None:
        async with opened() as socket:
            await socket.send(frame if isinstance(frame, str) else json.dumps(frame))
            code, reason = await socket.closing()
            assert code == 4400
            assert reason

    asyncio.run(close())


@pytest.mark.parametrize("payload", ["x", 5, [], False])
def test_a_greeting_whose_payload_is_no_object_closes_the_socket(payload: object) -> None:
    async def close() -> None:
        async with opened(greet=False) as socket:
            await socket.say({"type": "connection_init", "payload": payload})
            assert await socket.closing() == (4400, "connection_init.payload: Input should be an object")

    asyncio.run(close())


@run
async def test_a_binary_frame_closes_the_socket() -> None:
    async with opened() as socket:
        await socket.send_input({"type": "websocket.receive", "bytes": b'{"type": "ping"}'})
        assert await socket.closing() == (4400, "A message is a text frame")


@run
async def test_what_was_sent_behind_an_invalid_message_is_not_looked_at() -> None:
    async with opened() as socket:
        await socket.say({"type": "nothing"})
        await socket.subscribe("1", 'mutation { say(word: "too late") }')
        await socket.say({"type": "ping"})
        assert (await socket.closing())[0] == 4400
    assert said == []
    assert socket.output_queue.empty()


@run
async def test_what_the_protocol_leaves_open_is_allowed() -> None:
    for payload in ({}, {"payload": None}, {"payload": {"theme": "dark"}}):
        async with opened(greet=False) as socket:
            await socket.say({"type": "connection_init", **payload, "since": 2020})
            assert await socket.hear() == {"type": "connection_ack"}
            await socket.say({"type": "pong"})
            await socket.say({"type": "pong", "payload": {"load": 1}})
            await socket.say({"type": "complete", "id": "never seen"})
            await socket.subscribe("1", "{ hello }", variables=None, operationName=None, extensions=None, more=1)
            assert await socket.hear() == {"id": "1", "type": "next", "payload": HELLO}


@run
async def test_a_ping_is_answered_at_any_time_with_its_payload() -> None:
    async with opened(greet=False) as socket:
        for greeted in (False, True):
            if greeted:
                await socket.say({"type": "connection_init"})
                assert await socket.hear() == {"type": "connection_ack"}
            for payload in ({"payload": {"at": 1, "deep": [{"a": None}]}}, {"payload": {}}, {}):
                await socket.say({"type": "ping", **payload})
                assert await socket.hear() == {"type": "pong", **payload}
            await socket.say({"type": "ping", "payload": None})
            assert await socket.hear() == {"type": "pong"}


@run
async def test_an_operation_before_the_acknowledgement_closes_the_socket() -> None:
    async with opened(greet=False) as socket:
        await socket.subscribe("1", 'mutation { say(word: "unasked") }')
        assert await socket.closing() == (4401, "Unauthorized")
    async with opened(greet=False) as socket:
        await socket.say({"type": "connection_init"})
        await socket.subscribe("1", 'mutation { say(word: "unasked") }')
        assert await socket.closing() == (4401, "Unauthorized")
    assert said == []


@run
async def test_a_second_greeting_closes_the_socket() -> None:
    async with opened() as socket:
        await socket.subscribe("1")
        await socket.hear()
        await socket.say({"type": "connection_init"})
        assert await socket.closing() == (4429, "Too many initialisation requests")
        await asyncio.wait_for(events["ended"].wait(), SECONDS)
    async with opened(greet=False) as socket:
        await socket.say({"type": "connection_init"})
        await socket.say({"type": "connection_init"})
        assert (await socket.closing())[0] == 4429


@pytest.mark.parametrize("authorization", [5, ["Bearer x"], {"token": "x"}, True])
def test_credentials_that_are_no_text_are_refused(authorization: object) -> None:
    async def refused() -> None:
        async with opened(greet=False) as socket:
            await socket.say({"type": "connection_init", "payload": {"authorization": authorization}})
            assert await socket.closing() == (4403, "Forbidden")

    asyncio.run(refused())


@pytest.mark.parametrize("subprotocols", [(), ("graphql-ws",), ("graphql-ws", "soap"), ("GRAPHQL-TRANSPORT-WS",)])
def test_no_other_protocol_is_spoken(subprotocols: tuple[str, ...]) -> None:
    async def refused() -> None:
        async with opened(greet=False, subprotocols=subprotocols) as socket:
            assert (await socket.closing())[0] == 4406
            await socket.say({"type": "connection_init"})
            await socket.subscribe("1", 'mutation { say(word: "legacy") }')
            await socket.say({"id": "1", "type": "start", "payload": {"query": 'mutation { say(word: "legacy") }'}})
        assert socket.output_queue.empty()
        assert said == []

    asyncio.run(refused())


@run
async def test_of_several_protocols_ours_is_taken() -> None:
    socket = Socket(GraphQLWebSocket(SCHEMA), [HOST], ["graphql-ws", PROTOCOL])
    assert (await socket.connect())["subprotocol"] == PROTOCOL
    await socket.leave()


@pytest.mark.parametrize(
    "headers",
    [
        [HOST, (b"origin", b"https://elsewhere.example")],
        [HOST, (b"origin", b"null")],
        [(b"host", b"elsewhere.example"), (b"origin", b"http://elsewhere.example")],
        [(b"host", b"elsewhere.example")],
    ],
    ids=range(4),
)
def test_other_sites_and_other_hosts_open_nothing(headers: Headers) -> None:
    answer = asyncio.run(Socket(GraphQLWebSocket(SCHEMA), headers, [PROTOCOL]).connect())
    assert answer["type"] == "websocket.close"


def test_who_does_not_greet_is_closed(settings: Any) -> None:
    settings.WEBSOCKET_INIT_SECONDS = 0.05

    async def wait() -> None:
        async with opened(greet=False) as silent:
            await silent.say({"type": "ping"})
            assert await silent.hear() == {"type": "pong"}
            assert await silent.closing() == (4408, "Connection initialisation timeout")
        async with opened() as greeted:
            await greeted.subscribe("1", "{ slow }")
            # Later than the other's end.
            asyncio.get_running_loop().call_later(0.1, events["let_go"].set)
            assert (await greeted.hear())["payload"] == {"data": {"slow": "at last"}}

    asyncio.run(wait())


@run
async def test_results_come_in_order_and_then_complete() -> None:
    async with opened() as socket:
        await socket.subscribe("q", "query Ask { hello }", operationName="Ask")
        await socket.subscribe("m", "mutation ($word: String!) { say(word: $word) }", variables={"word": "tide"})
        await socket.subscribe("s", "subscription { count(to: 50) }")
        frames: dict[str, list[Any]] = {"q": [], "m": [], "s": []}
        while sum(bool(told) and told[-1] == "complete" for told in frames.values()) < 3:
            frame = await socket.hear()
            frames[frame["id"]].append(frame["payload"]["data"] if frame["type"] == "next" else frame["type"])
        assert frames["q"] == [{"hello": "world"}, "complete"]
        assert frames["m"] == [{"say": "tide"}, "complete"]
        assert frames["s"] == [*({"count": number} for number in range(50)), "complete"]
        assert await socket.rest() == []


@pytest.mark.parametrize(
    "request_",
    [
        {"query": ""},
        {"query": "  # nothing"},
        {"query": "{ __typename"},
        {"query": '{ node(id: "\ud800") { id } }'},
        {"query": "{ nothing }"},
        {"query": "fragment Lonely on Query { __typename }"},
        {"query": "query A { __typename }", "operationName": "B"},
        {"query": "query A { __typename } query B { __typename }"},
        {"query": "query A { __typename }", "operationName": ""},
        {"query": "subscription ($id: ID!) { sessionEvents(sessionId: $id) { seq } }"},
        {"query": 'subscription { sessionEvents(sessionId: "x") { seq } }'},
        {"query": "subscription { a: __typename b: __typename }"},
    ],
    ids=range(12),
)
def test_what_cannot_be_run_is_an_error_of_its_own_and_the_socket_stays(request_: dict[str, Any]) -> None:
    async def ask() -> None:
        async with opened(app=graphql_websocket) as socket:
            await socket.say({"id": "1", "type": "subscribe", "payload": request_})
            (error,) = await until_last(socket)
            assert (error["id"], error["type"]) == ("1", "error")
            assert error["payload"]
            for each in error["payload"]:
                assert each["message"]
                assert each["extensions"]["code"] in ("INVALID", "UNAUTHENTICATED")
            # No `complete` follows, and the id is free.
            assert await socket.rest() == []
            await socket.subscribe("1", "{ __typename }")
            told = await until_last(socket)
            assert [frame["type"] for frame in told] == ["next", "complete"]
            assert told[0]["payload"]["data"] == {"__typename": "Query"}

    asyncio.run(ask())


async def until_last(socket: Socket) -> list[dict[str, Any]]:
    frames = [await socket.hear()]
    while frames[-1]["type"] == "next":
        frames.append(await socket.hear())
    return frames


@run
async def test_a_query_whose_variables_are_wrong_has_no_data() -> None:
    async with opened() as socket:
        await socket.subscribe("1", "query ($on: Boolean!) { hello @include(if: $on) }", variables={"on": "x"})
        result, end = await socket.hear(), await socket.hear()
        assert (result["type"], end) == ("next", {"id": "1", "type": "complete"})
        assert list(result["payload"]) == ["errors"]


@run
async def test_an_id_in_use_closes_the_socket() -> None:
    for query in ("{ hello }", FOLLOW):
        async with opened() as socket:
            await socket.subscribe("twice")
            await socket.hear()
            await socket.subscribe("twice", query)
            assert await socket.closing() == (4409, "Subscriber for twice already exists")
            await asyncio.wait_for(events["ended"].wait(), SECONDS)


@run
async def test_a_reason_is_cut_between_letters() -> None:
    async with opened() as socket:
        id = "a" + "é" * 200
        await socket.subscribe(id)
        await socket.hear()
        await socket.subscribe(id)
        code, reason = await socket.closing()
        assert code == 4409
        assert f"Subscriber for {id}".startswith(reason)
        assert len(reason.encode()) == 122


@run
async def test_an_id_is_free_again_after_either_side_has_completed_it() -> None:
    async with opened() as socket:
        for _ in range(3):
            await socket.subscribe("again", "{ hello }")
            assert [frame["type"] for frame in await until_last(socket)] == ["next", "complete"]
            await socket.subscribe("again")
            assert (await socket.hear())["payload"] == {"data": {"follow": "listening"}}
            await socket.say({"id": "again", "type": "complete"})
        assert await socket.rest() == []


@run
async def test_a_client_that_completes_hears_no_more() -> None:
    async with opened() as socket:
        await socket.subscribe("1")
        await socket.hear()
        await group_send("news", {"word": "first"})
        await socket.say({"id": "1", "type": "complete"})
        await asyncio.wait_for(events["ended"].wait(), SECONDS)
        await group_send("news", {"word": "second"})
        assert await socket.rest() == []
        await socket.subscribe("2", "{ slow }")
        assert await socket.rest() == []
        events["ended"].clear()
        await socket.say({"id": "2", "type": "complete"})
        await asyncio.wait_for(events["ended"].wait(), SECONDS)
        events["let_go"].set()
        assert await socket.rest() == []


@run
async def test_a_client_that_completes_hears_no_more_even_of_what_will_not_end() -> None:
    async with opened(app=GraphQLWebSocket(StubbornSchema(query=Query))) as socket:
        await socket.subscribe("1", "{ hello }")
        assert await socket.rest() == []
        await socket.say({"id": "1", "type": "complete"})
        await asyncio.wait_for(events["ended"].wait(), SECONDS)
        assert await socket.rest() == []


@run
async def test_a_socket_that_ends_leaves_nothing() -> None:
    layer = get_channel_layer()
    async with opened() as socket:
        before = len(asyncio.all_tasks())
        for number in range(20):
            await socket.subscribe(str(number))
            await socket.hear()
        await socket.subscribe("slow", "{ slow }")
        await socket.rest()
        assert len(asyncio.all_tasks()) > before + 20
        if hasattr(layer, "groups"):
            assert len(layer.groups["news"]) == 20
    await asyncio.wait_for(events["ended"].wait(), SECONDS)
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
    assert not getattr(layer, "groups", {}).get("news")


def test_one_operation_too_many_is_refused_alone(settings: Any) -> None:
    settings.WEBSOCKET_MAX_OPERATIONS = 2

    async def ask() -> None:
        async with opened() as socket:
            for id in ("1", "2"):
                await socket.subscribe(id)
                await socket.hear()
            await socket.subscribe("3", "{ hello }")
            refusal = await socket.hear()
            assert (refusal["id"], refusal["type"]) == ("3", "error")
            assert refusal["payload"][0]["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": 2}
            await socket.say({"id": "1", "type": "complete"})
            await socket.subscribe("3", "{ hello }")
            assert (await socket.hear())["payload"] == HELLO

    asyncio.run(ask())


def test_a_person_has_so_many_sockets_and_no_more(settings: Any) -> None:
    settings.WEBSOCKET_MAX_PER_USER = 1
    one, other = User(pk=1, name="One"), User(pk=2, name="Other")

    async def open_some() -> None:
        for _ in range(2):
            async with opened(user=one), opened(user=other), opened(), opened(user=one, greet=False) as second:
                await second.say({"type": "connection_init"})
                assert (await second.closing())[0] == 1013

    asyncio.run(open_some())


@run
async def test_a_failure_of_ours_is_an_error_without_our_insides() -> None:
    async with opened(app=GraphQLWebSocket(FailingSchema(query=Query))) as socket:
        await socket.subscribe("1", "{ hello }")
        error = await socket.hear()
        assert (error["id"], error["type"]) == ("1", "error")
        assert error["payload"][0]["extensions"]["code"] == "INTERNAL"
        assert error["payload"][0]["extensions"]["requestId"] in error["payload"][0]["message"]
        assert "secret" not in json.dumps(error)
        assert await socket.rest() == []
