"""What conversations are about."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from cms.accounts.models import User
from content.media.models import Media
from content.media.services import create_media_from_bytes
from content.projects.models import Project


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
