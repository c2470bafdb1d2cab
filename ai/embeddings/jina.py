"""Jina's embeddings service: texts and pictures in one space. Source: the API's reference of jina-embeddings-v4."""

import base64
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from ai.pictures import UnreadablePictureError, prepare
from ai.provider_errors import LATEST_RETRY, redacted, seconds_of
from ai.text import clean

from .contract import (
    EmbeddingMisconfiguredError,
    EmbeddingRefusedError,
    EmbeddingUnavailableError,
    Matrix,
    Scale,
    Vector,
    unit_rows,
)

MODEL = "jina-embeddings-v4"
ADDRESS = "https://api.jina.ai/v1"
BATCH = 32
# The model scales larger ones down itself.
MOST_PIXELS = 768 * 28 * 28
# Characters; the model reads 32,000 tokens, and what says what a media item is comes first.
MOST_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an answer, in seconds, and how often to try again after a passing failure."""

    answer: float
    connect: float = 5.0
    retries: int = 2
    backoff: float = 1.0
    longest_pause: float = 10.0


# Work in the background can wait; a person who searches cannot, and finds by words meanwhile.
AT_WORK = Patience(answer=60.0)
SEARCHING = Patience(answer=4.0, connect=2.0, retries=1, backoff=0.1, longest_pause=0.5)


class JinaModel:
    """`address` goes up to and with /v1. `at_work` and `searching` are how patient indexing and queries are."""

    sees_pictures = True
    # The vendor's paper (arXiv 2506.18902, section on the modality gap) puts matching pairs of picture and text, and
    # of two texts, around 0.7 with a clear distance to others. Not measured here: there is no key.
    asked = Scale(unrelated=0.45, alike=0.8)
    mutual = Scale(unrelated=0.5, alike=0.9)

    def __init__(
        self,
        key: str,
        *,
        address: str = ADDRESS,
        dimensions: int = 1024,
        at_work: Patience = AT_WORK,
        searching: Patience = SEARCHING,
    ) -> None:
        self.dimensions = dimensions
        self.name = f"{MODEL}:{dimensions}"
        self._key = key
        self._address = f"{address.rstrip('/')}/embeddings"
        self._at_work, self._searching = at_work, searching
        self._client: httpx.Client | None = None
        self._starting = threading.Lock()

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        inputs = [{"text": clean(text[:MOST_CHARACTERS])} for text in texts]
        return self._in_batches(inputs)

    def embed_pictures(self, pictures: Sequence[bytes]) -> Matrix:
        try:
            stills = [prepare(data, most_pixels=MOST_PIXELS) for data in pictures]
        except UnreadablePictureError as error:
            raise EmbeddingRefusedError(f"a picture cannot be read: {error}") from error
        return self._in_batches([{"image": base64.b64encode(still.data).decode()} for still in stills])

    def embed_query(self, text: str) -> Vector:
        row: Vector = self._embed("retrieval.query", [{"text": clean(text[:MOST_CHARACTERS])}], self._searching)[0]
        return row

    def _in_batches(self, inputs: Sequence[dict[str, str]]) -> Matrix:
        batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
        return np.concatenate([self._embed("retrieval.passage", batch, self._at_work) for batch in batches])

    def _embed(self, task: str, inputs: Sequence[dict[str, str]], patience: Patience) -> Matrix:
        body = {
            "model": MODEL,
            "task": task,
            "dimensions": self.dimensions,
            "truncate": True,
            "embedding_type": "float",
            "input": inputs,
        }
        return _patiently(lambda: self._ask(body, len(inputs), patience), patience)

    def _ask(self, body: dict[str, Any], count: int, patience: Patience) -> Matrix:
        try:
            response = self._http().post(
                self._address, json=body, timeout=httpx.Timeout(patience.answer, connect=patience.connect)
            )
        except httpx.TimeoutException as error:
            raise EmbeddingUnavailableError(f"no answer in time ({type(error).__name__})") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.ProxyError, httpx.LocalProtocolError) as error:
            raise EmbeddingMisconfiguredError(f"the service cannot be asked ({type(error).__name__})") from None
        except httpx.RequestError as error:
            raise EmbeddingUnavailableError(f"the connection failed ({type(error).__name__})") from None
        if response.status_code != httpx.codes.OK:
            raise _refusal(response, self._key)
        try:
            return _vectors(response.content, count, self.dimensions)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise EmbeddingUnavailableError(f"the answer makes no sense ({error})") from None

    def _http(self) -> httpx.Client:
        # Made on first use, so after any fork. Kept, because a new connection costs a searcher two round trips more.
        with self._starting:
            if self._client is None:
                self._client = httpx.Client(headers={"Authorization": f"Bearer {self._key}"})
            return self._client


def _patiently(ask: Callable[[], Matrix], patience: Patience) -> Matrix:
    for retry in range(patience.retries + 1):
        try:
            return ask()
        except EmbeddingUnavailableError as error:
            pause = error.retry_after
            if pause is None:
                pause = patience.backoff * 2.0**retry * random.uniform(0.5, 1.5)
            if retry == patience.retries or pause > patience.longest_pause:
                raise
            time.sleep(pause)
    raise AssertionError("unreachable")


def _refusal(
    response: httpx.Response, key: str
) -> EmbeddingUnavailableError | EmbeddingMisconfiguredError | EmbeddingRefusedError:
    status = response.status_code
    detail = redacted(f"HTTP {status}: {response.text}", key)
    if status in (408, 425, 429) or status >= 500:
        wait = seconds_of(response.headers.get("Retry-After"))
        return EmbeddingUnavailableError(detail, retry_after=None if wait is None else min(LATEST_RETRY, wait))
    if status in (413, 422):
        return EmbeddingRefusedError(detail)
    return EmbeddingMisconfiguredError(detail)


def _vectors(content: bytes, count: int, dimensions: int) -> Matrix:
    """The vectors by their `index`, in whatever order they came. Raises ValueError, TypeError or KeyError."""
    rows = json.loads(content)["data"]
    if sorted(row["index"] for row in rows) != list(range(count)):
        raise ValueError("not one vector for each input")
    matrix = np.array([row["embedding"] for row in sorted(rows, key=lambda row: row["index"])], np.float32)
    if matrix.shape != (count, dimensions):
        raise ValueError(f"vectors of shape {matrix.shape}")
    return unit_rows(matrix)
