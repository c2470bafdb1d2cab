"""What conversations are about."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from cms.accounts.models import User
from content.media.models import Media
from content.media.services import create_media_from_bytes
from content.projects.models import Project
from conversation.models import Session, Turn
from tests.ai.fault_server import FaultServer, fault_server
from tests.conftest import Api

from .talking import say

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]


@pytest.fixture
def picture(producer: User) -> Callable[..., Media]:
    """Store a picture as media of a project."""

    def make(project: Project, size: tuple[int, int] = (64, 36), **values: Any) -> Media:
        file = io.BytesIO()
        Image.new("RGB", size, (30, 90, 160)).save(file, "PNG")
        return create_media_from_bytes(
            project_id=project.pk,
            user=producer,
            data=file.getvalue(),
            filename="sea.png",
            mime_type="image/png",
            values=values,
        )

    return make


@pytest.fixture
def stored(producer: User, project: Project) -> Callable[..., Media]:
    """Store bytes as media of the project; `facts` are written to its row as processing would."""

    def make(data: bytes, mime_type: str, name: str, **facts: Any) -> Media:
        media = create_media_from_bytes(
            project_id=project.pk, user=producer, data=data, mime_type=mime_type, filename=name, values={}
        )
        Media.objects.filter(pk=media.pk).update(**facts)
        media.refresh_from_db()
        return media

    return make


@pytest.fixture(scope="module")
def provider() -> Iterator[FaultServer]:
    with fault_server() as server:
        yield server


@pytest.fixture
def turn_with(
    provider: FaultServer,
    settings: Any,
    api: MakeApi,
    producer: User,
    session: Session,
    finish: Finish,
) -> Callable[..., Turn]:
    """Say something while the provider plays a scenario; answers the turn, run to its end. `before` happens between
    the two.
    """

    def run(scenario: str, before: Callable[[], object] = lambda: None, **message: Any) -> Turn:
        settings.QWEN3VL_BASE_URL = f"{provider.url}/v1"
        settings.QWEN3VL_MODEL = scenario
        settings.QWEN3VL_API_KEY = "sk-test"
        settings.QWEN3VL_SILENCE_SECONDS = 0.5
        settings.QWEN3VL_TOTAL_SECONDS = 5.0
        assert say(api(producer), session, **message).codes == []
        before()
        return finish(Turn.objects.latest("pk"))

    return run
