"""A producer in the admin, and what the media library shows."""

import pytest
from bs4 import BeautifulSoup

from cms.accounts.choices import UserRole
from content.media.models import Media
from content.projects.models import Project
from content.projects.services import add_collaborator, create_project

from .conftest import Api

LISTING = "/admin/media/"


@pytest.fixture
def producer(make_user, owner, project) -> Api:
    """A member with the admin door."""
    user = make_user("Pia", UserRole.PRODUCER)
    add_collaborator(user=owner.user, project_id=project.pk, email=user.email)
    return Api(user)


@pytest.fixture
def other_project(producer) -> Project:
    return create_project(user=producer.user, title="Short One", genre="drama", episode_count=2)


@pytest.fixture
def foreign(make, stranger) -> Media:
    """A media item of somebody else's project."""
    hidden = create_project(user=stranger.user, title="Hidden", genre="drama")
    (media,) = make("Secret", project=hidden, tags=["night"])
    return media


def look(person: Api, address: str = LISTING, **query) -> BeautifulSoup:
    response = person.client.get(address, query)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def titles(page: BeautifulSoup) -> list[str]:
    return [found.get_text() for found in page.select("[id^=media_][id$=_title]")]
