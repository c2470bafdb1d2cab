"""Finding media by vectors: all of one project's are compared with what is looked for, as one multiplication.

At 100,000 vectors that takes some 15 ms, so there is no index to keep and no database extension to install. What is
stored as float16 is kept as float32 by each process that searches: converting takes ten times as long as comparing.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from ai.embeddings import Matrix

from .models import MediaEmbedding

STORED = np.dtype("<f2")
# Rows that are read and compared at once.
BLOCK = 4_096
# Dead vectors, as a part of all, from which everything is read anew.
MOST_DEAD = 0.25
# A vector that proves to be dead leaves its place to another, for which is looked again; at last in all, read anew.
MOST_LOOKS = 3

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Near:
    """Media by their keys, nearest first, with the cosine of each one's best vector."""

    media_ids: Ids
    cosines: Matrix


@dataclass(frozen=True, slots=True)
class _Block:
    """Some vectors of a project. An owner is a media item and a part of it; what was replaced is not `alive`."""

    ids: Ids
    owners: Ids
    rows: Matrix
    alive: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(slots=True)
class _Shelf:
    """The vectors of one project and model that this process keeps; none where they are too many to keep."""

    project_id: int
    model: str
    blocks: list[_Block] = field(default_factory=list)
    is_too_large: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(block.rows.nbytes for block in self.blocks)

    def up_to_date(self, *, anew: bool) -> Iterable[_Block]:
        """All vectors as they are now: what is kept, and what came since; or `anew` everything."""
        with self.lock:
            if anew:
                self.blocks.clear()
            if not self.is_too_large:
                self._read_new()
            return _read(self.project_id, self.model, after=0) if self.is_too_large else tuple(self.blocks)

    def bury(self, ids: Ids) -> None:
        """Note vectors that are no longer there."""
        with self.lock:
            for block in self.blocks:
                block.alive[np.isin(block.ids, ids)] = False

    def _read_new(self) -> None:
        dead = sum(len(block) - int(block.alive.sum()) for block in self.blocks)
        if dead > MOST_DEAD * sum(map(len, self.blocks)):
            self.blocks.clear()
        earlier = len(self.blocks)
        # Inside a project, keys rise in the order of commits: whoever writes vectors holds the project's lock.
        last = int(self.blocks[-1].ids[-1]) if self.blocks else 0
        for new in _read(self.project_id, self.model, after=last):
            for old in self.blocks[:earlier]:
                old.alive[np.isin(old.owners, new.owners)] = False
            self.blocks.append(new)
            if self.size > settings.VECTOR_CACHE_BYTES:
                self.blocks.clear()
                self.is_too_large = True
                return
        self.blocks[:] = _joined(self.blocks)


_shelves: OrderedDict[tuple[int, str], _Shelf] = OrderedDict()
_shelves_lock = threading.Lock()


def forget() -> None:
    """Drop all that this process keeps. For tests, in which a rollback gives keys out again."""
    with _shelves_lock:
        _shelves.clear()


def stored(vector: Matrix) -> bytes:
    """A vector as MediaEmbedding keeps it."""
    return vector.astype(STORED).tobytes()


def of_media(media_id: int, model: str) -> Matrix | None:
    """The vectors of one media item, a row each; None where it has none of this model."""
    rows = MediaEmbedding.objects.filter(media=media_id, model=model).values_list("vector", flat=True)
    vectors = [bytes(row) for row in rows]
    return _matrix(vectors) if vectors else None


def exist(project_id: int, model: str) -> bool:
    """Whether a project has any vectors of a model."""
    return MediaEmbedding.objects.filter(project=project_id, model=model).exists()


def nearest(*, project_id: int, model: str, vectors: Matrix, above: float, most: int) -> Near:
    """The media of a project, archived ones too, with a vector whose cosine to any of `vectors` is above `above`;
    at most `most` of them.

    What other processes have written and deleted meanwhile counts. Two queries; more where much was deleted, or
    where a project has more vectors than this process keeps (VECTOR_CACHE_BYTES).
    """
    shelf = _shelf(project_id, model)
    hits = _NO_HITS
    for look in range(MOST_LOOKS):
        blocks = shelf.up_to_date(anew=look == MOST_LOOKS - 1)
        # A media item has at most two vectors.
        hits = _scan(blocks, vectors, above, 2 * most)
        dead = _dead(hits)
        if not len(dead):
            break
        shelf.bury(dead)
    _make_room_beside(shelf)
    return _best_of_each(hits, most)


def _shelf(project_id: int, model: str) -> _Shelf:
    with _shelves_lock:
        shelf = _shelves.setdefault((project_id, model), _Shelf(project_id, model))
        _shelves.move_to_end((project_id, model))
        return shelf


def _make_room_beside(used: _Shelf) -> None:
    """Forget what was not searched for the longest time, until what is kept fits."""
    with _shelves_lock:
        size = sum(shelf.size for shelf in _shelves.values())
        for key, shelf in list(_shelves.items()):
            if size <= settings.VECTOR_CACHE_BYTES:
                return
            if shelf is not used:
                del _shelves[key]
                size -= shelf.size


def _read(project_id: int, model: str, *, after: int) -> Iterator[_Block]:
    rows = MediaEmbedding.objects.filter(project=project_id, model=model).order_by("pk")
    while True:
        found = list(rows.filter(pk__gt=after).values_list("pk", "media_id", "part", "vector")[:BLOCK])
        if found:
            ids, media_ids, parts, vectors = zip(*found, strict=True)
            pictures = np.array([part == MediaEmbedding.Part.PICTURE for part in parts])
            owners = 2 * np.array(media_ids, np.int64) + pictures
            yield _Block(np.array(ids, np.int64), owners, _matrix(vectors), np.ones(len(ids), np.bool_))
            after = ids[-1]
        if len(found) < BLOCK:
            return


def _matrix(vectors: Iterable[bytes]) -> Matrix:
    vectors = list(vectors)
    return np.frombuffer(b"".join(vectors), STORED).reshape(len(vectors), -1).astype(np.float32)


def _joined(blocks: list[_Block]) -> Iterator[_Block]:
    """The same vectors in blocks of full size, but for the last."""
    few: list[_Block] = []
    for block in blocks:
        if few and sum(map(len, few)) + len(block) > BLOCK:
            yield _one(few)
            few = []
        few.append(block)
    if few:
        yield _one(few)


def _one(blocks: list[_Block]) -> _Block:
    if len(blocks) == 1:
        return blocks[0]
    return _Block(
        np.concatenate([block.ids for block in blocks]),
        np.concatenate([block.owners for block in blocks]),
        np.concatenate([block.rows for block in blocks]),
        np.concatenate([block.alive for block in blocks]),
    )


@dataclass(frozen=True, slots=True)
class _Hits:
    ids: Ids
    owners: Ids
    cosines: Matrix

    def only(self, kept: NDArray[np.bool_] | Ids) -> "_Hits":
        return _Hits(self.ids[kept], self.owners[kept], self.cosines[kept])


_NO_HITS = _Hits(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


def _scan(blocks: Iterable[_Block], vectors: Matrix, above: float, most: int) -> _Hits:
    found = [_NO_HITS, *(_scan_block(block, vectors, above, most) for block in blocks)]
    return _top(
        _Hits(
            np.concatenate([hits.ids for hits in found]),
            np.concatenate([hits.owners for hits in found]),
            np.concatenate([hits.cosines for hits in found]),
        ),
        most,
    )


def _scan_block(block: _Block, vectors: Matrix, above: float, most: int) -> _Hits:
    # Not a matrix product: that goes to a library which waits by spinning for threads that a busy machine does not run.
    cosines = np.max([np.vecdot(block.rows, vector) for vector in vectors], axis=0)
    near = np.flatnonzero(block.alive & (cosines > above))
    return _top(_Hits(block.ids[near], block.owners[near], cosines[near]), most)


def _top(hits: _Hits, most: int) -> _Hits:
    if len(hits.ids) <= most:
        return hits
    return hits.only(np.argpartition(hits.cosines, -most)[-most:])


def _dead(hits: _Hits) -> Ids:
    """Which of the vectors are no longer there."""
    ids = hits.ids.tolist()
    there = MediaEmbedding.objects.filter(pk__in=ids).values_list("pk", flat=True) if ids else ()
    return np.setdiff1d(hits.ids, np.array(list(there), np.int64))


def _best_of_each(hits: _Hits, most: int) -> Near:
    ordered = hits.only(np.lexsort((-hits.owners, -hits.cosines)))
    media_ids, first = np.unique(ordered.owners >> 1, return_index=True)
    order = np.argsort(first)[:most]
    return Near(media_ids[order], ordered.cosines[first[order]])
