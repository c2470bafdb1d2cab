"""The address of a ticket, as a raw client meets it on a served project."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.live import LiveClient, LiveServer
from tests.media import samples

from .conftest import fill_in_sign_in
from .filing import complete, new_project, put, strays, ticket, upload

FRONT_END, ELSEWHERE = "https://app.example", "https://evil.example"
MEGABYTE = 1024**2
LARGE = 150 * MEGABYTE


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded(ALLOWED_ORIGINS=FRONT_END)


@pytest.fixture(scope="module")
def client(server: LiveServer) -> LiveClient:
    return server.sign_in("producer")


@pytest.fixture(scope="module")
def project(client: LiveClient) -> str:
    return new_project(client, "Raw")["id"]


def connect(url: str, length: int) -> socket.socket:
    """A connection on which a PUT has been announced, and no byte of its body sent."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = socket.create_connection((parts.hostname, parts.port or 80), timeout=20)
    head = f"PUT {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """The status and the JSON that come back."""
    response = b""
    while b"\r\n\r\n" not in response or b"}" not in response:
        piece = connection.recv(65_536)
        assert piece, response
        response += piece
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])


@pytest.mark.parametrize(("more", "code"), [(LARGE, "LIMIT_EXCEEDED"), (-1, "INVALID")])
def test_a_length_that_is_not_the_tickets_is_refused_before_a_byte_is_sent(
    server: LiveServer, client: LiveClient, project: str, more: int, code: str
) -> None:
    content = samples.png()
    sent = ticket(client, project, "a.png", "image/png", len(content))
    with connect(sent["url"], len(content) + more) as connection:
        status, body = answer(connection)
    assert 400 <= status < 500
    assert code in json.dumps(body)
    # The ticket is as good as before.
    assert put(sent, content).status_code < 300
    assert complete(client, sent)["fileSize"] == len(content)
    assert strays(server) == []


def test_a_sender_who_breaks_off_leaves_nothing_and_may_send_again(
    server: LiveServer, client: LiveClient, project: str
) -> None:
    content = samples.wav(seconds=60)
    sent = ticket(client, project, "a.wav", "audio/wav", len(content))
    before = stored(server)
    with connect(sent["url"], len(content)) as connection:
        connection.sendall(content[: 3 * MEGABYTE])
        until(lambda: stored(server) - before)
    until(lambda: stored(server) == before)
    assert put(sent, content).status_code < 300
    assert complete(client, sent)["status"] in {"PROCESSING", "ACTIVE"}


def stored(server: LiveServer) -> frozenset[Path]:
    """The files on the server's disk that a sender may have sent."""
    return frozenset(path for path in (server.folder / "media" / "uploads").rglob("*") if path.is_file())


def until(condition: Callable[[], object]) -> None:
    """Look at the disk until it is so; the test's own time limit ends a wait in vain."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.02)


def test_two_senders_at_once_never_make_one_file_of_two(server: LiveServer, client: LiveClient, project: str) -> None:
    first, second = samples.wav(seconds=20), samples.wav(seconds=20, rate=48_000)[::-1]
    sent = ticket(client, project, "a.wav", "audio/wav", len(first))
    half, before = len(first) // 2, stored(server)
    with connect(sent["url"], len(first)) as one, connect(sent["url"], len(second)) as other:
        other.sendall(second[:half])
        one.sendall(first[:half])
        until(lambda: len(stored(server) - before) == 2)
        one.sendall(first[half:])
        assert int(one.recv(65_536).split()[1]) < 300
        other.sendall(second[half:])
        assert int(other.recv(65_536).split()[1]) == 409
    media = complete(client, sent)
    assert httpx.get(media["url"], headers=client.headers).content == first


def test_a_large_file_costs_the_server_no_memory(server: LiveServer, client: LiveClient, project: str) -> None:
    warm = samples.png()
    assert upload(client, project, "warm.png", "image/png", warm)["fileSize"] == len(warm)
    sent = ticket(client, project, "large.mp4", "video/mp4", LARGE)
    before = peak(server)

    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE // MEGABYTE):
            yield bytes(MEGABYTE)

    length = {"Content-Length": str(LARGE)}
    assert httpx.put(sent["url"], content=pieces(), headers=length, timeout=60).status_code < 300
    assert peak(server) - before < 40 * MEGABYTE


def peak(server: LiveServer) -> int:
    """The most memory in bytes that the server has had at any time."""
    status = Path(f"/proc/{server.processes[0].pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def preflight(url: str, origin: str, method: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    return httpx.options(url, headers=headers)


def test_front_ends_of_allowed_origins_may_send_and_others_may_not(client: LiveClient, project: str) -> None:
    content = samples.png()
    sent = ticket(client, project, "a.png", "image/png", len(content))
    graphql = f"{client.url}/graphql/"
    for url, method in ((sent["url"], "PUT"), (graphql, "POST")):
        allowed = preflight(url, FRONT_END, method).headers
        assert allowed["Access-Control-Allow-Origin"] == FRONT_END
        assert method in allowed["Access-Control-Allow-Methods"]
        assert "content-type" in allowed["Access-Control-Allow-Headers"]
        assert cors_headers(preflight(url, ELSEWHERE, method)) == []
    asked = {"query": "{ me { id } }"}
    for origin in (ELSEWHERE, FRONT_END):
        headers = {"Origin": origin}
        answers = [
            httpx.put(sent["url"], content=content, headers=headers),
            httpx.post(graphql, json=asked, headers=client.headers | headers),
        ]
        if origin == ELSEWHERE:
            assert [cors_headers(answered) for answered in answers] == [[], []]
        else:
            assert [answered.status_code < 300 for answered in answers] == [True, True]
            assert {answered.headers["Access-Control-Allow-Origin"] for answered in answers} == {origin}


def cors_headers(response: httpx.Response) -> list[str]:
    """The headers by which a browser lets a page of another origin read the answer."""
    return [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.browser
def test_a_browser_opens_files_by_their_addresses_and_runs_nothing_of_them(
    server: LiveServer, client: LiveClient, open_page: Callable[..., Page]
) -> None:
    project = new_project(client, "Opened")["id"]
    script = b"# Notes\n\n<script>document.title = 'ran'</script>\n"
    picture = upload(client, project, "a.png", "image/png", samples.png(320, 180))
    film = upload(client, project, "a.mp4", "video/mp4", samples.mp4(seconds=4))
    notes = upload(client, project, "a.md", "text/markdown", script)
    page = open_page(server.url)
    answers: list[tuple[str, int]] = []
    page.on("response", lambda response: answers.append((response.url, response.status)))
    # What is routed is asked of the server: a browser's cache knows how to answer a range by itself.
    page.route("**/media/**", lambda route: route.continue_())
    page.goto("/")
    fill_in_sign_in(page, "producer")
    expect(page).to_have_url(re.compile("/projects/"))

    page.goto(picture["url"])
    assert page.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 320
    page.goto(film["url"])
    # No script of the page's runs, so its events are not heard: its state is looked at.
    video = page.locator("video")
    expect(video).to_have_js_property("readyState", 4)
    video.evaluate("(video) => { video.pause(); video.currentTime = 3 }")
    expect(video).to_have_js_property("currentTime", 3)
    expect(video).to_have_js_property("seeking", False)
    expect(video).to_have_js_property("error", None)
    assert (film["url"], 206) in answers
    page.goto(notes["url"])
    expect(page.locator("body")).to_contain_text("<script>")
    assert page.title() != "ran"
