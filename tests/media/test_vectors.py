"""The vectors that a process keeps."""

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.media import vectors
from content.media.models import Media, MediaEmbedding
from content.projects.models import Project

from .searching import _fresh, elsewhere, make

__all__ = ["_fresh", "elsewhere", "make"]

MODEL = "test:4"


def put(media: Media, *numbers: float, part: str = "text") -> MediaEmbedding:
    """A vector as another process writes it."""
    vector = vectors.stored(np.array(numbers, np.float32) / np.linalg.norm(numbers))
    row = {"project": media.project, "media": media, "part": part, "model": MODEL, "dimensions": 4, "vector": vector}
    return MediaEmbedding.objects.create(**row)


def near(project: Project, *numbers: float, above: float = 0.5, most: int = 10) -> list[int]:
    vector = np.array([numbers], np.float32) / np.linalg.norm(numbers)
    found = vectors.nearest(project_id=project.pk, model=MODEL, vectors=vector, above=above, most=most)
    assert list(found.cosines) == sorted(found.cosines, reverse=True)
    return found.media_ids.tolist()


def test_the_nearest_come_first_and_a_media_item_once(project, make):
    a, b, c = make("a"), make("b"), make("c")
    put(a, 1, 0.5, 0, 0)
    put(a, 1, 0.1, 0, 0, part="picture")
    put(b, 1, 0.2, 0, 0)
    put(c, 0, 0, 0, 1)
    assert near(project, 1, 0, 0, 0) == [a.pk, b.pk]
    assert near(project, 1, 0, 0, 0, most=1) == [a.pk]


def test_what_other_processes_write_and_delete_counts(project, make):
    a, b = make("a"), make("b")
    put(a, 1, 0, 0, 0)
    assert near(project, 1, 0, 0, 0) == [a.pk]
    put(b, 1, 0.1, 0, 0)
    assert near(project, 1, 0, 0, 0) == [a.pk, b.pk]
    MediaEmbedding.objects.filter(media=a).delete()
    put(a, 0, 1, 0, 0)
    assert near(project, 1, 0, 0, 0) == [b.pk]
    assert near(project, 0, 1, 0, 0) == [a.pk]
    b.delete()
    assert near(project, 1, 0, 0, 0) == []


def test_dead_vectors_leave_their_places_to_others(project, make):
    rows = [make(str(number)) for number in range(8)]
    for number, row in enumerate(rows):
        put(row, 1, number / 10, 0, 0)
    assert near(project, 1, 0, 0, 0, most=1) == [rows[0].pk]
    MediaEmbedding.objects.filter(media__in=rows[:3]).delete()
    assert near(project, 1, 0, 0, 0, most=1) == [rows[3].pk]


@pytest.mark.parametrize("are_replaced", [True, False])
def test_however_many_are_dead_the_living_are_found(project, make, are_replaced):
    rows = [make(str(number)) for number in range(40)]
    for number, row in enumerate(rows):
        put(row, 1, number / 25, 0, 0)
    assert near(project, 1, 0, 0, 0, most=1) == [rows[0].pk]
    MediaEmbedding.objects.filter(media__in=rows[:7]).delete()
    for row in rows[:7] if are_replaced else ():
        put(row, 0, 0, 1, 0)
    with CaptureQueriesContext(connection) as captured:
        assert near(project, 1, 0, 0, 0, most=1) == [rows[7].pk]
    assert not are_replaced or len(captured) == 2, "what was replaced is known without asking"


@pytest.mark.parametrize("budget", [0, 64, 10**9])
def test_how_much_is_kept_changes_nothing_that_is_found(project, elsewhere, make, settings, monkeypatch, budget):
    settings.VECTOR_CACHE_BYTES = budget
    monkeypatch.setattr(vectors, "BLOCK", 3)
    rows = [make(str(number)) for number in range(7)]
    other = make("other", project=elsewhere)
    put(other, 1, 0, 0, 0)
    for number, row in enumerate(rows):
        put(row, 1, number / 10, 0, 0)
    for _ in range(2):
        assert near(project, 1, 0, 0, 0) == [row.pk for row in rows]
        assert near(elsewhere, 1, 0, 0, 0) == [other.pk]
    assert sum(shelf.size for shelf in vectors._shelves.values()) <= max(budget, 16)


def test_vectors_of_another_model_or_project_are_not_compared(project, elsewhere, make):
    a, b = make("a"), make("b", project=elsewhere)
    put(a, 1, 0, 0, 0)
    put(b, 1, 0, 0, 0)
    MediaEmbedding.objects.filter(media=a).update(model="another:4")
    assert near(project, 1, 0, 0, 0) == []
    assert near(elsewhere, 1, 0, 0, 0) == [b.pk]
