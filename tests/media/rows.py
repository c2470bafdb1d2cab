"""Media without bytes behind them: for what opens no file."""

from collections.abc import Callable

import pytest

from content.media.models import CustomImage, Media, MediaCharacter, MediaTag


@pytest.fixture
def make(project) -> Callable[..., list[Media]]:
    """`make("Roof", "Harbour", tags=["night"])`: two pictures of the project."""

    def make(*titles: str, tags=(), characters=(), **values) -> list[Media]:
        rows = []
        for title in titles:
            image = CustomImage.all_objects.create(title=title, file=f"none/{title}.png", width=4, height=3)
            row = Media.objects.create(**{
                "project": project, "image": image, "kind": "image", "media_type": "style_reference",
                "title": title, "filename": f"{title}.png", "mime_type": "image/png", "file_size": 10,
                "embedding_model": "some-model", **values,
            })  # fmt: skip
            MediaTag.objects.bulk_create(MediaTag(media=row, name=name) for name in tags)
            MediaCharacter.objects.bulk_create(MediaCharacter(media=row, key=key) for key in characters)
            rows.append(row)
        return rows

    return make
