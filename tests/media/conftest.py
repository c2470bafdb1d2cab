"""People, a project, and the ways in: GraphQL and HTTP."""

import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from PIL import Image

from cms.accounts.choices import SubscriptionTier, UserRole
from cms.accounts.models import User
from cms.accounts.services import save_with_role
from cms.api.ids import global_id
from content.media import processing
from content.projects.models import Project
from content.projects.services import add_collaborator, create_project

_numbers = itertools.count()
FIELDS = """
  id kind type status progress error { code message } title filename mimeType fileSize url thumbnailUrl agentGenerated
  generation { agentId promptUsed modelVersion generationTime taskId }
  description tags relatedElements { characterKeys episodeNumber sceneKey timestamp }
  technicalData { width height duration fps sampleRate } version previousVersions { id version }
  revision uploadedBy { name } project { id }
"""


class Api:
    """One person's way in: GraphQL and HTTP with their cookie."""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.client = Client()
        if user is not None:
            self.client.force_login(user)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, errors included."""
        response = self.client.post(
            "/graphql/", {"query": query, "variables": variables}, content_type="application/json"
        )
        after_commit()
        answer: dict[str, Any] = response.json()
        return answer

    def data(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without top-level errors."""
        answer = self.ask(query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def do(self, mutation: str, input_type: str, result: str, **values: Any) -> dict[str, Any]:
        """A mutation's payload."""
        query = (
            f"mutation($input: {input_type}!) {{ {mutation}(input: $input) "
            f"{{ {result} errors {{ code field message limit }} }} }}"
        )
        payload: dict[str, Any] = self.data(query, input=values)[mutation]
        return payload

    def create_upload(self, project: Project, content: bytes, filename: str, mime: str, **more: Any) -> Any:
        values = {"projectId": gid(project), "filename": filename, "fileSize": len(content), "mimeType": mime}
        result = "ticket { id method url headers { name value } expiresAt }"
        return self.do("createUpload", "CreateUploadInput", result, **(values | more))

    def complete(self, ticket_id: str) -> Any:
        return self.do("completeUpload", "CompleteUploadInput", f"media {{ {FIELDS} }}", id=ticket_id)

    def send(self, project: Project, content: bytes, filename: str, mime: str, **more: Any) -> Any:
        """A ticket and its bytes; answers the ticket."""
        payload = self.create_upload(project, content, filename, mime, **more)
        assert payload["errors"] == [], payload
        ticket = payload["ticket"]
        assert put(ticket["url"], content, mime).status_code == 200
        return ticket

    def upload(self, project: Project, content: bytes, filename: str, mime: str, **more: Any) -> Any:
        """The whole way of a file: ticket, bytes, media, which is still PROCESSING."""
        return self.complete(self.send(project, content, filename, mime, **more)["id"])

    def look(self, media_id: str) -> Any:
        """A media item as it is now."""
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on Media {{ {FIELDS} }} }} }}"
        return self.data(query, id=media_id)["node"]

    def media(
        self, project: Project, content: bytes | None = None, name: str = "a.png", mime: str = "image/png", **more: Any
    ) -> Any:
        """A stored file's media, processed; a small picture unless told otherwise."""
        payload = self.upload(project, content or png(), name, mime, **more)
        assert payload["errors"] == [], payload
        process()
        return self.look(payload["media"]["id"])


def process() -> None:
    """Do what a worker does with the media that are due."""
    processing.work()
    after_commit()


def after_commit() -> None:
    """Do what waits for the commit: a test runs in one transaction, which never comes to it."""
    while connection.run_on_commit:
        _, do, _ = connection.run_on_commit.pop(0)
        do()


def put(url: str, content: bytes, mime: str = "application/octet-stream") -> Any:
    """Send bytes to a ticket's address, as somebody without cookie or token."""
    response = Client(enforce_csrf_checks=True).put(url, content, content_type=mime)
    after_commit()
    return response


def gid(row: Any) -> str:
    """The API's id of a row."""
    return global_id(type(row).__name__, row.pk)


def png(width: int = 64, height: int = 48, colour: str = "teal") -> bytes:
    """A real picture."""
    return picture("PNG", width, height, colour)


def picture(kind: str, width: int = 64, height: int = 48, colour: str = "teal") -> bytes:
    """A real picture of a kind that Pillow names."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind)
    return out.getvalue()


@pytest.fixture
def make_user(db) -> Callable[..., User]:
    def make(name: str = "Ana", role: str = UserRole.USER) -> User:
        user = User(
            email=f"{name.lower()}-{next(_numbers)}@example.com",
            name=name,
            role=role,
            tier=SubscriptionTier.PRO,
        )
        user.set_unusable_password()
        return save_with_role(user)

    return make


@pytest.fixture
def owner(make_user) -> Api:
    return Api(make_user("Olga"))


@pytest.fixture
def collaborator(make_user, project, owner) -> Api:
    user = make_user("Carl")
    add_collaborator(user=owner.user, project_id=project.pk, email=user.email)
    return Api(user)


@pytest.fixture
def stranger(make_user) -> Api:
    return Api(make_user("Stan"))


@pytest.fixture
def admin(make_user) -> Api:
    return Api(make_user("Ada", UserRole.ADMIN))


@pytest.fixture
def anonymous(db) -> Api:
    return Api(None)


@pytest.fixture
def project(owner) -> Project:
    return create_project(user=owner.user, title="The Lisbon Job", genre="thriller", episode_count=6)


@pytest.fixture(autouse=True)
def _private_files(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    # Wagtail remembers renditions by image, and the next test's image may have the same key.
    cache.clear()
