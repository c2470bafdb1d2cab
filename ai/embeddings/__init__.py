"""Vectors of what media mean: the contract, a small local model, and Jina's service. Imports none of ours."""

from .contract import (
    EmbeddingError,
    EmbeddingMisconfiguredError,
    EmbeddingModel,
    EmbeddingRefusedError,
    EmbeddingUnavailableError,
    Matrix,
    Scale,
    Vector,
)

__all__ = [
    "EmbeddingError",
    "EmbeddingMisconfiguredError",
    "EmbeddingModel",
    "EmbeddingRefusedError",
    "EmbeddingUnavailableError",
    "Matrix",
    "Scale",
    "Vector",
]
