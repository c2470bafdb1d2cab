"""An outside system that registers webhooks and receives them."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from content.projects.services import update_project
from tests.conftest import Api, gid
from webhooks.models import Webhook
from webhooks.sender import work

from .receiver import Receiver, receiving

PROJECT_QUERY = """subscription Told($projectId: ID!) { projectEvents(projectId: $projectId) {
  __typename seq ... on ProjectUpdatedEvent { project { id title } } ... on MediaUpdatedEvent { media { title } } } }"""
SESSION_QUERY = """subscription ($sessionId: ID!) { sessionEvents(sessionId: $sessionId) {
  __typename seq ... on MessageAddedEvent { message { content } } ... on TurnUpdatedEvent { turn { status } } } }"""
AT_ONCE = [0.0] * 9


@pytest.fixture(autouse=True)
def _own_endpoint(settings: Any) -> None:
    """The endpoint is on this machine, and what fails is tried again at once."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    settings.WEBHOOK_RETRY_SECONDS = AT_ONCE


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@dataclass(frozen=True)
class Registered:
    """A webhook as its owner knows it."""

    caller: Api
    id: str
    secret: str

    @property
    def row(self) -> Webhook:
        return Webhook.objects.select_related("owner").get(pk=self._pk)

    @property
    def _pk(self) -> int:
        (pk,) = [row.pk for row in Webhook.objects.all() if gid(row) == self.id]
        return pk

    def shown(self, **variables: Any) -> dict[str, Any]:
        """The webhook with its deliveries, oldest first, as the API has it."""
        webhook = self.caller("WebhookDeliveries", id=self.id, **variables).value
        webhook["deliveries"] = [edge["node"] for edge in reversed(webhook["deliveries"]["edges"])]
        return webhook

    def run(self, operation: str, **values: Any) -> Any:
        """One of the mutations on it."""
        return self.caller(operation, input={"id": self.id, **values})


@pytest.fixture
def register(receiver: Receiver, api: Callable[..., Api]) -> Callable[..., Registered]:
    """Register a webhook through the API, as a person or with their token."""

    def made(user: Any = None, token: str | None = None, query: str = PROJECT_QUERY, **values: Any) -> Registered:
        caller = api(token=token) if token else api(user)
        given = {"name": "Outside", "url": receiver.url, "query": query, **values}
        answer = caller("CreateWebhook", input=given).value
        assert answer["errors"] == []
        return Registered(caller, answer["webhook"]["id"], answer["secret"])

    return made


@pytest.fixture
def rename(producer: Any, project: Any) -> Callable[[str], None]:
    """Have something happen in the project's log."""

    def renamed(title: str) -> None:
        update_project(user=producer, project_id=project.pk, changes={"title": title})

    return renamed


@pytest.fixture
def deliver(db: None, receiver: Receiver) -> Callable[[], list[Any]]:
    """Send what is due, as a worker does when it is told; answers what came."""

    def sent() -> list[Any]:
        work()
        return receiver.got()

    return sent


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names resolve to; each look-up takes the next answer of its name."""
    answers: dict[str, list[str]] = {}
    resolve = asyncio.BaseEventLoop.getaddrinfo

    async def looked_up(loop: Any, host: str, port: int, **options: Any) -> list[Any]:
        if host in answers:
            host = answers[host].pop(0)
        return [place for each in host.split() for place in await resolve(loop, each, port, **options)]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", looked_up)
    return answers
