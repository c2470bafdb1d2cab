"""What every embedding model offers, and how it fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# float32. A matrix has one row of unit length for each text or picture.
Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]


class EmbeddingError(Exception):
    """Nothing was embedded. The message is for the log and holds no key."""


class EmbeddingUnavailableError(EmbeddingError):
    """Busy, slow or unreachable: the same request may well succeed later, `retry_after` seconds from now."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EmbeddingMisconfiguredError(EmbeddingError):
    """The key, account, address or installation is refused: nothing succeeds until an operator acts."""


class EmbeddingRefusedError(EmbeddingError):
    """These inputs will never be embedded. Where there are several, at least one of them is the reason."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a model's cosines mean. They differ between models: some call everything rather alike.

    At `unrelated` and below, two things have nothing in common; at `alike` and above they say the same.
    """

    unrelated: float
    alike: float

    def likeness(self, cosines: Vector) -> Vector:
        """0 to 1."""
        likeness: Vector = np.clip((cosines - self.unrelated) / (self.alike - self.unrelated), 0.0, 1.0)
        return likeness


class EmbeddingModel(Protocol):
    """Turns texts and pictures into vectors whose cosine says how alike they are. Used by many threads at once.

    `name` is stored with each vector; vectors of different names are never compared.
    `asked` is the scale of a query against texts and pictures, `mutual` that of those among themselves.
    """

    @property
    def name(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def sees_pictures(self) -> bool: ...
    @property
    def asked(self) -> Scale: ...
    @property
    def mutual(self) -> Scale: ...
    def __hash__(self) -> int: ...

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """What texts that are to be found mean; over-long ones by their beginning. Raises EmbeddingError."""
        ...

    def embed_pictures(self, pictures: Sequence[bytes]) -> Matrix:
        """What picture files show. Raises EmbeddingError, and where `sees_pictures` is false NotImplementedError."""
        ...

    def embed_query(self, text: str) -> Vector:
        """What somebody looks for. A person waits: tried once or twice at most. Raises EmbeddingError."""
        ...


def unit_rows(rows: NDArray[np.floating]) -> Matrix:
    """Rows of length 1. Raises ValueError where one is not finite or has no direction."""
    matrix = np.ascontiguousarray(rows, dtype=np.float32)
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise ValueError("a vector is not finite, or zero")
    units: Matrix = matrix / lengths
    return units
