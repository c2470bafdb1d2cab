"""Many rows at once."""

import itertools
from collections.abc import Callable
from datetime import datetime

import pytest

from cms.accounts.models import User
from content.media.fulltext import index_words
from content.media.models import CustomImage, Media
from content.projects.models import Project

_numbers = itertools.count()


@pytest.fixture
def media_rows(producer: User, project: Project) -> Callable[..., list[Media]]:
    """Media of the project without bytes behind them: for lists, where no file is opened."""

    def make(count: int, moment: Callable[[int], datetime] | None = None, **values: object) -> list[Media]:
        rows = []
        for number in range(count):
            image = CustomImage.all_objects.create(
                title="Sea", file=f"none/{next(_numbers)}.png", width=4, height=3, uploaded_by_user=producer
            )
            row = Media.objects.create(**{
                "project": project, "image": image, "kind": "image", "media_type": "style_reference",
                "title": f"Sea {number}", "filename": "sea.png", "mime_type": "image/png", "file_size": 10,
                "sha256": "0" * 64, "uploaded_by": producer, **values,
            })  # fmt: skip
            if moment is not None:
                row.created_at = moment(number)
                Media.objects.filter(pk=row.pk).update(created_at=row.created_at)
            rows.append(row)
        index_words([row.pk for row in rows])
        return rows

    return make
