"""Hints that are dropped, doubled and out of order: every page shows what is stored, without a gap, nothing twice."""

import asyncio
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.ai.fault_scenarios import SCENARIOS
from tests.ai.fault_server import fault_server
from tests.ai.fault_talk import Talk
from tests.live import LiveClient, LiveServer, ServicesServer, free_port

from .following import Follower, send, start_session

# With letters of two UTF-16 units each.
TEXT = " ".join(f"{number}𝒜🎬é🧜🏽‍♀️漢" for number in range(240))


HALF = TEXT[: TEXT.index(" 120")]


class Teller:
    """A provider that says one half at once in small pieces, and the other when it is told to go on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.may_go_on = threading.Event()

    def tell(self, talk: Talk) -> None:
        talk.say(HALF, pause=0.01)
        while not self.may_go_on.is_set():
            talk.pause(0.05)
        talk.say(TEXT.removeprefix(HALF + " "), pause=0.01)
        talk.end()


@pytest.fixture(scope="module")
def teller() -> Iterator[Teller]:
    with pytest.MonkeyPatch.context() as patch, fault_server() as server:
        made = Teller(server.url)
        patch.setitem(SCENARIOS, "tell", made.tell)
        yield made


@pytest.fixture
def lossy(teller: Teller) -> dict[str, str]:
    """The environment of servers whose layer loses hints."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests.lossy",
        "QWEN3VL_BASE_URL": teller.url,
        "QWEN3VL_MODEL": "tell",
        "QWEN3VL_API_KEY": "sk-test",
        "TURN_LEASE_SECONDS": "2",
        "SWEEP_SECONDS": "0.5",
    }


async def everybody(
    teller: Teller, clients: list[LiveClient], session: dict[str, Any], in_the_middle: Callable[[], None]
) -> list[Follower]:
    """A turn that is followed from the start, from the middle, with and without `after`, and by who keeps coming
    back; something happens in the middle. Answers the followers, all of which have seen the end.
    """
    teller.may_go_on.clear()
    turn = ""

    def has(units: int) -> Callable[[Follower], bool]:
        return lambda page: page.is_over or page.length(turn) >= units

    last, server = session["lastEventSeq"], itertools.cycle(clients)
    pages = [Follower(next(server), session["id"], after) for after in (last, last, last, None, None)]
    first, restless, *late = pages
    async with asyncio.timeout(150):
        watching = [asyncio.create_task(first.follow(lambda page: page.is_over))]
        turn = await send(clients[0], session["id"])
        for part in range(1, 5):
            await restless.follow(has(part * length(HALF) // 5))
        watching += [asyncio.create_task(page.follow(lambda page: page.is_over)) for page in late]
        while not all(has(length(HALF))(page) for page in (first, *late)):
            await asyncio.sleep(0.02)
        await asyncio.to_thread(in_the_middle)
        teller.may_go_on.set()
        for part in range(6, 10):
            await restless.follow(has(part * length(TEXT) // 10))
        await restless.follow(lambda page: page.is_over)
        await asyncio.gather(*watching)
    for page in pages:
        assert page.ended == {turn: "COMPLETED"}
        assert page.reply(turn) == TEXT
    for page in (first, *late):
        assert str(page.shown[turn]) == TEXT
    return [first, *late]


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_every_page_shows_what_is_stored_in_one_process(
    embedded: Callable[..., LiveServer], teller: Teller, lossy: dict[str, str]
) -> None:
    client = embedded(**lossy).sign_in("producer")
    _, *late = asyncio.run(everybody(teller, [client], start_session(client), lambda: None))
    # Who joins in mid-reply gets the text so far at once.
    assert all(len(page.joined_with or "") > 50 for page in late)


def test_a_reply_that_begins_anew_is_shown_anew_after_a_crash(
    embedded: Callable[..., LiveServer], teller: Teller, lossy: dict[str, str]
) -> None:
    server = embedded(**lossy)

    def crash() -> None:
        server.kill()
        server.start()

    client = server.sign_in("producer")
    first, *_ = asyncio.run(everybody(teller, [client], start_session(client), crash))
    assert set(first.attempts) == {1, 2}


class TwoServers(ServicesServer):
    """Two web processes beside the worker and beat."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.other = free_port()

    def commands(self) -> list[list[str]]:
        return [*super().commands(), [sys.executable, "manage.py", "serve", "--port", str(self.other)]]

    def start(self) -> "TwoServers":
        super().start()
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{self.other}/healthz", timeout=2).status_code == 200:
                    return self
            except httpx.TransportError:
                assert self.processes[3].poll() is None, self.log.read_text()

    def sign_in_there(self, name: str) -> LiveClient:
        """A client of the other process."""
        client = LiveClient(f"http://127.0.0.1:{self.other}")
        client.token = self.sign_in(name).token
        return client


@pytest.mark.services
def test_every_page_of_two_servers_shows_what_is_stored_whatever_becomes_of_the_worker(
    production_like: Callable[..., ServicesServer], teller: Teller, lossy: dict[str, str]
) -> None:
    server = production_like(TwoServers, **lossy)
    assert isinstance(server, TwoServers)
    clients = [server.sign_in("producer"), server.sign_in_there("producer")]

    def replace_worker() -> None:
        server.kill_worker()
        server.start_worker()

    pages = asyncio.run(everybody(teller, clients, start_session(clients[0]), replace_worker))
    # The same connections see both attempts.
    assert all(page.attempts == sorted(page.attempts) and set(page.attempts) == {1, 2} for page in pages)
    server.stop()
