"""People of every role at the admin's door, and what they must not see of each other."""

from collections.abc import Callable

import pytest
from django.test import Client

from cms.accounts.choices import SubscriptionTier, UserRole
from cms.accounts.models import User
from content.media.services import create_media_from_bytes
from content.projects.models import Project
from content.projects.services import create_project
from conversation import sessions
from conversation.models import Session

from .pictures import png


@pytest.fixture
def door() -> Callable[[User | None], Client]:
    """A browser of somebody's."""

    def opened(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return opened


@pytest.fixture
def owner(person: Callable[..., User]) -> User:
    """A producer whose work is nobody else's business."""
    return person("owner", UserRole.PRODUCER, SubscriptionTier.ENTERPRISE)


@pytest.fixture
def secret_project(owner: User) -> Project:
    return create_project(user=owner, title="Secret Series", genre="drama", description="Secret plot")


@pytest.fixture
def secret_session(owner: User, secret_project: Project) -> Session:
    return sessions.start_session(user=owner, project_id=secret_project.pk, title="Secret talk")


@pytest.fixture
def secret_media(owner: User, secret_project: Project):
    """A picture of the secret project."""
    return create_media_from_bytes(
        project_id=secret_project.pk,
        user=owner,
        data=png(),
        mime_type="image/png",
        filename="secret-still.png",
        values={"title": "Secret still"},
    )
