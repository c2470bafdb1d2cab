"""People, a project, and the doors that tests come through."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client

from cms import rate_limits
from cms.accounts.choices import SubscriptionTier, UserRole
from cms.accounts.models import User
from cms.accounts.services import EDITORS, save_with_role
from cms.api.ids import global_id
from cms.settings.env import BASE_DIR
from content.media import vectors
from content.projects.models import Project
from content.projects.services import add_collaborator, create_project
from conversation import runner, sessions
from conversation.models import Session, Turn

from . import live
from .live import LiveServer, ServicesServer, embedded_server, services_server

OPERATIONS = "\n".join(path.read_text() for path in sorted((BASE_DIR / "graphql/operations").glob("*.graphql")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts servers of the embedded default: it need not run again on PostgreSQL."""
    for item in items:
        if "embedded" in getattr(item, "fixturenames", ()):
            item.add_marker("embedded")


@pytest.fixture(autouse=True)
def _forget_the_test_before() -> None:
    """Limits on signing in are counted in the cache, others beside it; vectors and rates are kept by keys, which the
    next test uses again.
    """
    cache.clear()
    rate_limits.forget()
    vectors.forget()


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """Make a person of a role and plan."""

    def make(name: str, role: str = UserRole.USER, tier: str = SubscriptionTier.FREE, **fields: Any) -> User:
        user = User(email=f"{name}@example.com", name=name.title(), role=role, tier=tier, **fields)
        user.set_password("a good password")
        return save_with_role(user)

    return make


@pytest.fixture
def admin(person: Callable[..., User]) -> User:
    return person("admin", UserRole.ADMIN, SubscriptionTier.ENTERPRISE)


@pytest.fixture
def producer(person: Callable[..., User]) -> User:
    return person("producer", UserRole.PRODUCER, SubscriptionTier.ENTERPRISE)


@pytest.fixture
def editor(person: Callable[..., User]) -> User:
    """In the group Editors, and a member of nothing."""
    user = person("editor")
    user.groups.add(Group.objects.get(name=EDITORS))
    return user


@pytest.fixture
def collaborator(person: Callable[..., User]) -> User:
    return person("collaborator", UserRole.USER, SubscriptionTier.PRO)


@pytest.fixture
def stranger(person: Callable[..., User]) -> User:
    return person("stranger", UserRole.PRODUCER, SubscriptionTier.PRO)


@pytest.fixture
def project(producer: User, collaborator: User) -> Project:
    """The producer's, with one collaborator."""
    made = create_project(user=producer, title="The Tide Clock", genre="sci-fi", description="An island out of time.")
    return add_collaborator(user=producer, project_id=made.pk, email=collaborator.email)


@pytest.fixture
def session(producer: User, project: Project) -> Session:
    """The producer's, at the workflow's start."""
    return sessions.start_session(user=producer, project_id=project.pk)


@dataclass(frozen=True)
class Answer:
    """What `/graphql/` answered. `value` is the one root field."""

    status: int
    data: dict[str, Any] | None
    errors: list[dict[str, Any]]

    @property
    def value(self) -> Any:
        assert self.data is not None, self.errors
        assert not self.errors, self.errors
        (value,) = self.data.values()
        return value

    @property
    def codes(self) -> list[str]:
        """The codes of a payload's errors."""
        return [error["code"] for error in self.value["errors"]]

    @property
    def error(self) -> dict[str, Any]:
        """The payload's only error."""
        (error,) = self.value["errors"]
        return error

    @property
    def top_codes(self) -> list[str]:
        """The codes of top-level errors."""
        return [error["extensions"]["code"] for error in self.errors]


class Api:
    """A caller of `/graphql/` over HTTP."""

    def __init__(self, user: User | None = None, token: str | None = None) -> None:
        self.client = Client()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if user is not None:
            self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def __call__(self, query: str, **variables: Any) -> Answer:
        """Run a document, or by its name an operation of graphql/operations/."""
        body: dict[str, Any] = {"query": query, "variables": variables}
        if query.isidentifier():
            body = {"query": OPERATIONS, "variables": variables, "operationName": query}
        return self.post(body)

    def post(self, body: Any, **extra: Any) -> Answer:
        response = self.client.post("/graphql/", body, content_type="application/json", headers=self._headers, **extra)
        payload = response.json()
        return Answer(response.status_code, payload.get("data"), payload.get("errors", []))


@pytest.fixture
def api(db: None) -> Callable[..., Api]:
    """`api(user)` is a caller signed in by cookie, `api()` a stranger, `api(token=…)` one with a Bearer token."""
    return Api


@pytest.fixture
def finish(db: None) -> Callable[[Turn | str], Turn]:
    """Run a turn to its end, as a worker would."""

    def run(turn: Turn) -> Turn:
        runner.run(turn.pk)
        turn.refresh_from_db()
        return turn

    return run


def gid(row: Any) -> str:
    """A row's global id."""
    return global_id(type(row).__name__, row.pk)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., LiveServer]]:
    """Start servers of the embedded default, each with a database of its own."""
    yield from embedded_server(tmp_path_factory)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder and an environment for `production_like`."""
    with live.services(tmp_path_factory) as made:
        yield made


@pytest.fixture
def production_like(services: tuple[Path, dict[str, str]]) -> Iterator[Callable[..., ServicesServer]]:
    """Start servers with workers of their own, on PostgreSQL and Redis. They end with the test: a worker that went on
    would take the next one's turns.
    """
    yield from services_server(*services)
