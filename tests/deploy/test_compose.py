"""docker-compose.yml and Dockerfile: their shape, and what they start."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.live import ROOT, LiveClient, environment, manage

from .compose import (
    GIVEN,
    PROCESSES,
    SEND,
    VARIABLE,
    ComposeServer,
    compose,
    compose_server,
    environment_of,
    new_project,
    new_session,
)

# Read by the database's own image, and by Django when it is told where its settings are.
NOT_OURS = {"POSTGRES_USER", "POSTGRES_DB"}


def documented() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))


def test_the_services_are_those_of_the_design() -> None:
    services = compose()["services"]
    assert set(services) == {"web", "worker", "beat", "migrate", "postgres", "redis"}
    assert services["postgres"]["image"] == "postgres:16"
    assert services["redis"]["image"] == "redis:7"
    assert services["web"]["ports"] == ["${PORT:-8000}:8000"]


def test_ours_share_one_image_one_environment_and_the_media() -> None:
    services = compose()["services"]
    ours = [services[name] for name in (*PROCESSES, "migrate")]
    for key in ("image", "build", "environment", "volumes", "env_file"):
        assert all(service[key] == ours[0][key] for service in ours), key
    assert ours[0]["volumes"] == [f"media:{ours[0]['environment']['MEDIA_ROOT']}"]
    assert set(compose()["volumes"]) == {"database", "media"}


def test_what_they_need_comes_first() -> None:
    services = compose()["services"]
    for name in PROCESSES:
        conditions = {other: needs["condition"] for other, needs in services[name]["depends_on"].items()}
        assert conditions == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }
    assert services["postgres"]["healthcheck"]["test"]
    assert services["redis"]["healthcheck"]["test"]


def test_every_variable_is_documented() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    named = {name for service in compose()["services"].values() for name in service.get("environment", {})}
    named |= {match["name"] for match in VARIABLE.finditer(text)}
    assert named - NOT_OURS - documented() == set()


def test_secrets_have_no_default() -> None:
    for name in ("SECRET_KEY", "POSTGRES_PASSWORD"):
        with pytest.raises(KeyError, match=name):
            environment_of("web", GIVEN | {name: ""})


def test_every_image_is_named_without_a_registry() -> None:
    images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    images += [service["image"] for service in compose()["services"].values()]
    assert images
    assert not [image for image in images if "/" in image]


def test_the_image_holds_all_that_the_site_imports() -> None:
    copied = set(
        re.findall(r"^COPY (?:--from=\S+ )?\S* ?(\S+)/$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    )
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}
    assert packages | {"templates", "frontend/static", "frontend/dist"} <= copied
    kept = (ROOT / ".dockerignore").read_text().split()
    assert "*" in kept
    assert {f"!{name}" for name in packages} <= set(kept)


def test_the_image_serves_as_nobody_special_and_says_how_it_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in text
    assert "collectstatic" in text
    assert text.index("USER app") < text.index("\nCMD ")
    assert re.search(r'^HEALTHCHECK .*CMD \["python", "bin/healthcheck"\]$', text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeServer]:
    """The web process alone; the test starts the others."""
    folder = tmp_path_factory.mktemp("compose")
    # What the image's build does.
    env = environment(folder, **environment_of("web", GIVEN), STATIC_ROOT=str(folder / "static"))
    manage(env, "collectstatic", "--noinput")
    with compose_server(folder) as server:
        yield server


EVENTS = """subscription ($id: ID!) {
  sessionEvents(sessionId: $id, after: 0) {
    __typename
    ... on TurnUpdatedEvent { turn { status attempts reply { content } } }
  }
}"""


async def status_within(client: LiveClient, session: str, status: str, seconds: float) -> dict | None:
    """The session's turn as soon as it has the status; None where that takes longer."""

    def wanted(event: dict) -> bool:
        return event["__typename"] == "TurnUpdatedEvent" and event["turn"]["status"] == status

    async with client.subscribe(EVENTS, id=session) as events:
        try:
            return (await events.until(wanted, timeout=seconds))[-1]["turn"]
        except TimeoutError:
            return None


@pytest.mark.services
def test_the_commands_serve_and_the_worker_alone_answers(started: ComposeServer) -> None:
    # Given the web process by itself, under production settings
    client = started.sign_in("admin")
    session = new_session(client, new_project(client))
    # When a message is sent
    sent = client.run(SEND, input={"sessionId": session, "text": "A lighthouse, one hour missing."})["sendMessage"]
    # Then it waits: web runs no turns
    assert sent["errors"] == []
    assert sent["turn"]["status"] == "QUEUED"
    assert asyncio.run(status_within(client, session, "RUNNING", 3)) is None
    # When worker and beat start
    started.start_others()
    # Then the reply comes to web's subscriber
    turn = asyncio.run(status_within(client, session, "COMPLETED", 60))
    assert turn is not None, started.log.read_text()[-3000:]
    assert turn["attempts"] == 1
    assert turn["reply"]["content"]
    # And all three go on running
    assert [process.poll() for process in started.processes] == [None, None, None]


@pytest.mark.services
def test_the_health_check_of_the_image_passes_on_the_names_of_the_site(started: ComposeServer, tmp_path: Path) -> None:
    text = (ROOT / "bin" / "healthcheck").read_text()
    script = tmp_path / "healthcheck"
    script.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{started.port}"))

    def check(hosts: str) -> int:
        env = {**os.environ, "ALLOWED_HOSTS": hosts}
        return subprocess.run([sys.executable, str(script)], env=env, check=False, capture_output=True).returncode

    assert check("localhost,127.0.0.1") == 0
    assert check("*") == 0
    # A name that the server does not have is refused, as by a proxy that passes the wrong one.
    assert check("elsewhere.example.com") != 0


@pytest.mark.services
def test_pages_find_their_files_by_their_contents_names(started: ComposeServer) -> None:
    page = httpx.get(f"{started.url}/accounts/login/")
    assert page.status_code == 200
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', page.text)
    assert addresses
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.", address), address
        answer = httpx.get(f"{started.url}{address}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
