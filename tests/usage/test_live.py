"""What is counted by served projects: at the edge of a budget, under death, and across processes."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from tests.ai.fault_server import FaultServer
from tests.live import LiveClient, LiveServer, ServicesServer

from .conftest import ANSWER, BUDGET, CALL

# How many send at once: 40 in every run; 200 with USAGE_STORM=200 and --timeout=900.
STORM = int(os.environ.get("USAGE_STORM", "40"))
# Of them so many fit into the project's budget, and one more into the person's.
PLACES = 7

START = """mutation ($project: ID!) { startSession(input: {projectId: $project}) { session { id } } }"""
SEND = """mutation ($session: ID!) { sendMessage(input: {sessionId: $session, text: "Go on."}) {
  turn { id } errors { code } } }"""
LEFT = """query ($project: ID!) { project(id: $project) { usage { limit used reserved } }
  me { usage { limit used reserved } } }"""


def first_project(client: LiveClient) -> str:
    found = client.run("{ projects(first: 1) { edges { node { id } } } }")
    return str(found["projects"]["edges"][0]["node"]["id"])


def start(client: LiveClient, project: str) -> str:
    return str(client.run(START, project=project)["startSession"]["session"]["id"])


def until(read: Callable[[], dict[str, Any]], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is read, as soon as it is what is wanted."""
    deadline = time.monotonic() + 60
    while not wanted(seen := read()):
        assert time.monotonic() < deadline, seen
    return seen


def send_at_once(servers: list[LiveServer], budget: int | None = None) -> tuple[int, Callable[[], dict[str, Any]]]:
    """Many send at once through all servers, each in a session of its own; answers how many got through, and how to
    read what is counted.
    """
    clients = [server.sign_in("producer") for server in servers]
    project = first_project(clients[0])
    assert clients[0].run(BUDGET, id=project, tokens=budget)["updateProject"]["errors"] == []
    talks = [start(clients[0], project) for _ in range(STORM)]

    def send(number: int) -> bool:
        client: LiveClient = clients[number % len(clients)]
        errors = client.run(SEND, session=talks[number])["sendMessage"]["errors"]
        assert [error["code"] for error in errors] in ([], ["LIMIT_EXCEEDED"])
        return not errors

    with ThreadPoolExecutor(STORM) as pool:
        accepted = sum(pool.map(send, range(STORM)))
    return accepted, lambda: clients[0].run(LEFT, project=project)


def hold(servers: list[LiveServer]) -> None:
    """The provider is silent: who got through holds their tokens, and there is room for so many exactly."""
    accepted, read = send_at_once(servers, budget=PLACES * CALL)
    assert accepted == PLACES
    told = read()
    assert told["me"]["usage"] == {"limit": (PLACES + 1) * CALL, "used": 0, "reserved": PLACES * CALL}
    assert told["project"]["usage"] == {"limit": PLACES * CALL, "used": 0, "reserved": PLACES * CALL}


def answer(servers: list[LiveServer]) -> None:
    """The provider answers meanwhile: what is freed may be taken by others, and never is more used than there is."""
    accepted, read = send_at_once(servers)
    usage = until(lambda: read()["me"]["usage"], lambda usage: usage["reserved"] == 0)
    assert usage["used"] == accepted * ANSWER
    assert usage["used"] <= usage["limit"]
    assert accepted > PLACES


def edge(provider: FaultServer, scenario: str) -> dict[str, str]:
    return {
        "QWEN3VL_BASE_URL": provider.url,
        "QWEN3VL_MODEL": scenario,
        "MODEL_INPUT_TOKENS": str(CALL - 1_000),
        "MODEL_OUTPUT_TOKENS": "1000",
        "MONTHLY_TOKENS_ENTERPRISE": str((PLACES + 1) * CALL),
    }


def test_however_many_send_at_once_a_budget_is_never_passed(
    embedded: Callable[..., LiveServer], provider: FaultServer
) -> None:
    first = embedded(**edge(provider, "hang-before"))
    # Not a way that it is run, but the hardest: two processes on one SQLite file.
    second = LiveServer(first.folder, first.env).start()
    try:
        hold([first, second])
    finally:
        second.stop()
        first.stop()
    answer([embedded(**edge(provider, "ok"))])


@pytest.mark.services
def test_the_same_holds_on_postgresql_with_several_servers_and_workers(
    production_like: Callable[..., ServicesServer], provider: FaultServer
) -> None:
    silent = [production_like(**edge(provider, "hang-before")) for _ in range(2)]
    hold([*silent])
    for server in silent:
        server.kill()


def test_a_reply_that_is_stopped_half_way_is_entered_as_estimated(
    embedded: Callable[..., LiveServer], provider: FaultServer
) -> None:
    # given a reply that has begun
    client = embedded(**edge(provider, "hang-midway")).sign_in("producer")
    project = first_project(client)
    turn = client.run(SEND, session=start(client, project))["sendMessage"]["turn"]["id"]
    query = "query ($id: ID!) { node(id: $id) { ... on Turn { text status } } }"
    until(lambda: client.run(query, id=turn)["node"], lambda turn: turn["text"] != "")
    # when
    cancelled = client.run("mutation ($id: ID!) { cancelTurn(input: {id: $id}) { turn { status } } }", id=turn)
    # then
    assert cancelled["cancelTurn"]["turn"]["status"] == "CANCELLED"
    counted = until(lambda: client.run(LEFT, project=project)["me"]["usage"], lambda usage: usage["reserved"] == 0)
    assert 500 < counted["used"] < CALL


def test_a_turn_keeps_what_it_reserved_when_the_server_dies(
    embedded: Callable[..., LiveServer], provider: FaultServer
) -> None:
    # given
    server = embedded(**edge(provider, "hang-before"), TURN_LEASE_SECONDS="2", SWEEP_SECONDS="1")
    client = server.sign_in("producer")
    project = first_project(client)
    asked = len(provider.asked)
    client.run(SEND, session=start(client, project))
    until(lambda: {"asked": len(provider.asked)}, lambda seen: seen["asked"] > asked)
    # when
    server.kill()
    server.env["QWEN3VL_MODEL"] = "ok"
    server.start()
    # then another runner uses it, and nothing is left of it afterwards
    usage = until(lambda: client.run(LEFT, project=project)["me"]["usage"], lambda usage: usage["reserved"] == 0)
    assert usage["used"] == ANSWER


@pytest.mark.services
def test_rates_are_those_of_all_servers_together(production_like: Callable[..., ServicesServer]) -> None:
    # given
    servers = [production_like(RATE_LIMIT_TURNS="3/minute") for _ in range(2)]
    counted = redis.Redis.from_url(servers[0].env["REDIS_URL"])
    counted.delete(*(list(counted.scan_iter("auto-movie:rate:*")) or ["none"]))
    clients = [server.sign_in("producer") for server in servers]
    project = first_project(clients[0])
    talks = [start(clients[0], project) for _ in range(8)]
    # when
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda each: clients[each[0] % 2].run(SEND, session=each[1]), enumerate(talks))
        codes = [[error["code"] for error in answer["sendMessage"]["errors"]] for answer in answers]
    # then
    assert sorted(codes) == [[]] * 3 + [["RATE_LIMITED"]] * 5
    for server in servers:
        server.stop()
