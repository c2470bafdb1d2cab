"""A project with as many media as asked for: words as language has them, and vectors among which some are alike."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wagtail.models import Collection

from cms.accounts.choices import SubscriptionTier
from cms.accounts.models import User
from content.media.choices import MediaKind, MediaType
from content.media.lexemes import lexemes_of
from content.media.models import CustomDocument, Media, MediaEmbedding, MediaTag
from content.media.search_index import MediaWords
from content.media.vectors import stored
from content.projects.choices import MembershipRole
from content.projects.models import Membership, Project

BATCH = 2_000
VOCABULARY = 20_000
# Words of a title, of the tags and of a description.
TITLE, TAGS, DESCRIPTION = 4, 3, 20
# One vector in so many is near to what is looked for.
ALIKE = 50


class Words:
    """Made-up words; the n-th commonest comes as often as in language (Zipf's law)."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        syllables = [consonant + vowel for consonant in "bcdfghklmnprstvwz" for vowel in "aeiou"]
        made: dict[str, None] = {}
        while len(made) < VOCABULARY:
            made["".join(self.random.choice(syllables, self.random.integers(2, 5)))] = None
        self.words = np.array(list(made))
        weights = 1 / np.arange(1, VOCABULARY + 1)
        self.up_to = np.cumsum(weights / weights.sum())

    def some(self, count: int) -> list[str]:
        chosen: list[str] = self.words[np.searchsorted(self.up_to, self.random.random(count) * self.up_to[-1])].tolist()
        return chosen

    def query(self, *ranks: int) -> str:
        """The words of these ranks, the commonest being 0; a space ends the last one."""
        return " ".join(self.words[list(ranks)]) + " "


def make_project(count: int, model: str, near_to: NDArray[np.float32], words: Words) -> tuple[User, Project, list[int]]:
    """Somebody's project with `count` media, whose keys are answered too; each has a vector of `model`."""
    user = User.objects.create(email=f"search-{count}@bench.example", name="Sam", tier=SubscriptionTier.ENTERPRISE)
    project = Project.objects.create(title=f"{count:,} media", genre="drama", created_by=user, episode_count=8)
    Membership.objects.create(
        project=project, user=user, role=MembershipRole.OWNER, project_updated_at=project.updated_at
    )
    keys: list[int] = []
    for start in range(0, count, BATCH):
        media = Media.objects.bulk_create(_media(project, words, model, min(BATCH, count - start)))
        keys += [row.pk for row in media]
        tags = {row.pk: words.some(TAGS) for row in media}
        MediaTag.objects.bulk_create(
            (MediaTag(media_id=key, name=tag) for key, names in tags.items() for tag in dict.fromkeys(names)),
            batch_size=BATCH,
        )
        MediaWords.objects.bulk_create(
            (MediaWords(media_id=row.pk, lexemes=lexemes_of(_as_read(row, tags[row.pk]))) for row in media),
            batch_size=BATCH,
        )
    add_vectors(project, keys, model, near_to, words.random, part="text")
    return user, project, keys


def add_vectors(
    project: Project,
    media_ids: list[int],
    model: str,
    near_to: NDArray[np.float32],
    random: np.random.Generator,
    *,
    part: str,
) -> None:
    """A vector for each media item; a few of them near to one of `near_to`."""
    for start in range(0, len(media_ids), BATCH):
        keys = media_ids[start : start + BATCH]
        MediaEmbedding.objects.bulk_create(_vectors(project, keys, model, near_to, random, part))


def _vectors(
    project: Project, keys: list[int], model: str, near_to: NDArray[np.float32], random: np.random.Generator, part: str
) -> Iterator[MediaEmbedding]:
    dimensions = near_to.shape[1]
    vectors = random.standard_normal((len(keys), dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[::ALIKE] += near_to[random.integers(0, len(near_to), len(vectors[::ALIKE]))]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    for key, vector in zip(keys, vectors, strict=True):
        yield MediaEmbedding(
            project=project, media_id=key, part=part, model=model, dimensions=dimensions, vector=stored(vector)
        )


def _media(project: Project, words: Words, model: str, count: int) -> Iterator[Media]:
    # Left out, each instance would ask for it.
    collection = Collection.get_first_root_node()
    holders = CustomDocument.all_objects.bulk_create(
        CustomDocument(title="Notes", file="none/notes.txt", collection=collection) for _ in range(count)
    )
    for number, holder in enumerate(holders):
        yield Media(
            project=project,
            document=holder,
            kind=MediaKind.DOCUMENT,
            media_type=MediaType.SCRIPT_DOCUMENT,
            title=" ".join(words.some(TITLE)),
            description=" ".join(words.some(DESCRIPTION)),
            filename=f"notes-{number}.txt",
            mime_type="text/plain",
            file_size=1_000,
            embedding_model=model,
        )


def _as_read(row: Media, tags: list[str]) -> Any:
    """A row with its relations, as a prefetch would give it."""
    return SimpleNamespace(
        project_id=row.project_id,
        title=row.title,
        description=row.description,
        filename=row.filename,
        scene_key="",
        tag_rows=SimpleNamespace(all=lambda: [SimpleNamespace(name=name) for name in tags]),
        character_rows=SimpleNamespace(all=list),
    )
