"""Media that are found by their words, and the ways of looking for them."""

from collections.abc import Callable, Iterator

import pytest

from content.media import fulltext, search, vectors
from content.media.models import CustomDocument, Media, MediaCharacter, MediaTag, MediaText
from content.projects.models import Project
from content.projects.services import create_project
from tests.ai.jina_server import JinaServer, jina_server

from .conftest import Api, gid

FIND = """query($project: ID!, $text: String, $like: ID, $limit: Int) {
  findMedia(projectId: $project, text: $text, similarTo: $like, limit: $limit) { score media { title } } }"""

Make = Callable[..., Media]


@pytest.fixture(autouse=True)
def _fresh(settings) -> None:
    settings.JINA_API_KEY = ""
    vectors.forget()
    search._kept_query_vector.cache_clear()


@pytest.fixture
def make(project) -> Make:
    """`make("Roof", tags=["night"], text="…")`: a media item of the project without bytes, found by its words."""

    def make(title: str, *, tags=(), characters=(), text="", **values) -> Media:
        holder = CustomDocument.all_objects.bulk_create([CustomDocument(title=title, file="none/none.txt")])[0]
        row = Media.objects.create(**{
            "project": project, "document": holder, "kind": "document", "media_type": "script_document",
            "title": title, "filename": "file.txt", "mime_type": "text/plain", "file_size": 10, **values,
        })  # fmt: skip
        MediaTag.objects.bulk_create(MediaTag(media=row, name=name) for name in tags)
        MediaCharacter.objects.bulk_create(MediaCharacter(media=row, key=key) for key in characters)
        if text:
            MediaText.objects.create(media=row, text=text)
        fulltext.index_words([row.pk])
        return row

    return make


@pytest.fixture
def elsewhere(owner) -> Project:
    """Another project of the same owner."""
    return create_project(user=owner.user, title="Elsewhere", genre="drama")


@pytest.fixture
def jina(settings) -> Iterator[JinaServer]:
    """The service in place of the local model."""
    with jina_server() as server:
        settings.JINA_API_KEY, settings.JINA_BASE_URL = "good", server.url
        yield server


def found(api: Api, project: Project, **variables) -> list[str]:
    return [match["media"]["title"] for match in matches(api, project, **variables)]


def matches(api: Api, project: Project, **variables) -> list[dict]:
    return api.data(FIND, project=gid(project), **variables)["findMedia"]


def edit(media: Media, **values) -> None:
    """As the services do it."""
    Media.objects.filter(pk=media.pk).update(**values, embedding_model="")
    fulltext.index_words([media.pk])
