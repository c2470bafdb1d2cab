"""Media without bytes behind them: for what opens no file."""

from collections.abc import Callable

import pytest

from content.media.models import CustomImage, Media, MediaCharacter, MediaTag


@pytest.fixture
def make(project) -> Callable[..., list[Media]]:
    """`make("Roof", "Harbour", tags=["night"])`: two pictures of the project."""

    def make(*titles: str, tags=(), characters=(), **values) -> list[Media]:
        images = CustomImage.all_objects.bulk_create(
            CustomImage(title=title, file=f"none/{title}.png", width=4, height=3) for title in titles
        )
        rows = Media.objects.bulk_create(
            Media(**{
                "project": project, "image": image, "kind": "image", "media_type": "style_reference",
                "title": image.title, "filename": f"{image.title}.png", "mime_type": "image/png", "file_size": 10,
                "embedding_model": "some-model", **values,
            })
            for image in images
        )  # fmt: skip
        MediaTag.objects.bulk_create(MediaTag(media=row, name=name) for row in rows for name in tags)
        MediaCharacter.objects.bulk_create(MediaCharacter(media=row, key=key) for row in rows for key in characters)
        return rows

    return make
