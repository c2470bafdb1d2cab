"""The embedding models: the one in the package for real, Jina's client against its wire format."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from ai.embeddings import (
    EmbeddingMisconfiguredError,
    EmbeddingRefusedError,
    EmbeddingUnavailableError,
    Matrix,
)
from ai.embeddings.centre import measure
from ai.embeddings.jina import MOST_PIXELS, JinaModel, Patience
from ai.embeddings.local import CENTRE, MOST_TOKENS, LocalModel
from tests.ai.jina_server import JinaServer, Reply, jina_server

QUICK = Patience(answer=0.25, retries=1, backoff=0.01, longest_pause=0.5)


@pytest.fixture(scope="module")
def local() -> LocalModel:
    return LocalModel()


@pytest.fixture(scope="module")
def passages(local: LocalModel) -> Matrix:
    return local.embed_passages(list(MEDIA.values()))


@pytest.fixture
def service() -> Iterator[JinaServer]:
    with jina_server() as server:
        yield server


@pytest.fixture
def jina(service: JinaServer) -> JinaModel:
    return client(service)


def client(service: JinaServer, key: str = "good") -> JinaModel:
    return JinaModel(key, address=service.url, dimensions=64, at_work=QUICK, searching=QUICK)


def picture(colour: str, side: int = 40) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, "WEBP")
    return file.getvalue()


def answer(*vectors: list[float], **more: object) -> Reply:
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return Reply(body=json.dumps({"object": "list", "data": data, **more}).encode())


# --- the local model ---------------------------------------------------------------------------------------------

MEDIA = {
    "roof": "Mara on the roof. She waits for the guards at night, rain on the tiles.",
    "harbour": "Der alte Hafen im Morgengrauen, Fischerboote im Nebel.",
    "chase": "Persecución en moto por el mercado.",
    "funeral": "Slow piano theme for the funeral scene.",
    "kitchen": "Lighthouse keeper's kitchen, warm lamp light, wooden table.",
    "submarine": "Das U-Boot taucht unter dem Eis auf.",
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("woman on a rooftop", "roof"),
        ("boats in the mist", "harbour"),
        ("barcos en la niebla", "harbour"),
        ("motorcycle pursuit", "chase"),
        ("Motorrad", "chase"),
        ("traurige Musik", "funeral"),
        ("cocina", "kitchen"),
        ("submarine", "submarine"),
    ],
)
def test_the_local_model_finds_across_languages(local, passages, query, expected):
    likeness = local.asked.likeness(passages @ local.embed_query(query))
    assert list(MEDIA)[int(likeness.argmax())] == expected
    assert likeness.max() > 0


@pytest.mark.parametrize("query", ["tax return form", "basketball", "Zahnarzt", "receta de tortilla", "giraffe"])
def test_what_has_nothing_in_common_is_told_from_what_has(local, passages, query):
    assert local.asked.likeness(passages @ local.embed_query(query)).max() == 0


def test_local_vectors_are_of_unit_length_and_of_the_stated_size(local):
    vectors = local.embed_passages(["a", "IMG_0001", "海港"])
    assert vectors.shape == (3, local.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_a_long_text_is_read_by_its_beginning_and_in_bounded_time(local):
    beginning = "Mara waits on the roof. " * 60
    started = time.perf_counter()
    both = local.embed_passages([beginning + "One end. " * 5_000, beginning + "Another, of which nobody reads. " * 9])
    assert time.perf_counter() - started < 20
    assert both[0] == pytest.approx(both[1], abs=1e-6)
    assert local._loaded.token_count(local._cut(beginning)) <= MOST_TOKENS


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "\ud800", "\U0010ffff", "🎬" * 200])
def test_any_text_has_a_vector(local, text):
    assert np.isfinite(local.embed_query(text)).all()


def test_threads_get_what_one_gets(local):
    texts = [text[:20] for text in MEDIA.values()]
    alone = [local.embed_query(text) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(local.embed_query, texts))
    assert np.array(together) == pytest.approx(np.array(alone), abs=1e-6)


def test_the_kept_centre_is_the_models():
    # Processors round the quantised model differently; another model's centre is ten times as far away.
    assert np.load(CENTRE) == pytest.approx(measure(), abs=1e-3)


# --- Jina --------------------------------------------------------------------------------------------------------


def test_texts_and_pictures_are_sent_as_the_service_wants_them(jina, service):
    jina.embed_passages(["Mara on the roof", "The harbour"])
    jina.embed_pictures([picture("red")])
    jina.embed_query("roof")
    passages, pictures, query = service.asked
    assert passages == {
        "model": "jina-embeddings-v4",
        "task": "retrieval.passage",
        "dimensions": 64,
        "truncate": True,
        "embedding_type": "float",
        "input": [{"text": "Mara on the roof"}, {"text": "The harbour"}],
    }
    assert query["task"] == "retrieval.query"
    assert query["input"] == [{"text": "roof"}]
    assert pictures["task"] == "retrieval.passage"
    assert list(pictures["input"][0]) == ["image"]
    assert jina.name == "jina-embeddings-v4:64"


def test_words_find_a_picture_in_the_same_space(jina):
    red, blue = jina.embed_pictures([picture("red"), picture("blue")])
    query = jina.embed_query("red")
    assert query @ red > 0.9 > 0.1 > query @ blue


def test_a_large_picture_is_made_smaller(jina, service):
    jina.embed_pictures([picture("red", side=1_500)])
    with Image.open(io.BytesIO(base64.b64decode(service.asked[0]["input"][0]["image"]))) as sent:
        assert sent.width * sent.height <= MOST_PIXELS
        assert sent.format in ("PNG", "JPEG")


def test_vectors_are_put_in_order_and_made_of_unit_length(jina, service):
    in_order = jina.embed_passages(["one", "two", "three"])
    service.backwards = True
    assert (jina.embed_passages(["one", "two", "three"]) == in_order).all()
    assert np.linalg.norm(in_order, axis=1) == pytest.approx(1)


def test_many_texts_go_in_batches_of_32(jina, service):
    vectors = jina.embed_passages([f"text {number}" for number in range(70)])
    assert [len(body["input"]) for body in service.asked] == [32, 32, 6]
    assert len(vectors) == 70


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, EmbeddingMisconfiguredError),
        (402, EmbeddingMisconfiguredError),
        (403, EmbeddingMisconfiguredError),
        (404, EmbeddingMisconfiguredError),
        (400, EmbeddingMisconfiguredError),
        (302, EmbeddingMisconfiguredError),
        (422, EmbeddingRefusedError),
        (413, EmbeddingRefusedError),
    ],
)
def test_a_final_refusal_is_not_repeated(jina, service, status, error):
    service.plan = [Reply(status, b'{"detail": "no, good is no good key"}', {"Location": "/elsewhere"})]
    with pytest.raises(error) as caught:
        jina.embed_passages(["a"])
    assert len(service.asked) == 1
    assert "good" not in str(caught.value)


def test_a_wrong_key_is_refused_by_the_service(service):
    with pytest.raises(EmbeddingMisconfiguredError):
        client(service, key="bad").embed_query("a")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(jina, service, status):
    service.plan = [Reply(status)]
    assert len(jina.embed_passages(["a"])) == 1
    assert len(service.asked) == 2


def test_tries_are_bounded(jina, service):
    service.plan = [Reply(503)] * 5
    with pytest.raises(EmbeddingUnavailableError):
        jina.embed_query("a")
    assert len(service.asked) == 2


def test_retry_after_is_honoured_where_it_is_short(jina, service):
    service.plan = [Reply(429, headers={"Retry-After": "0.3"})]
    started = time.perf_counter()
    jina.embed_passages(["a"])
    assert time.perf_counter() - started >= 0.3


def test_retry_after_is_told_to_the_caller_where_it_is_long(jina, service):
    service.plan = [Reply(429, headers={"Retry-After": "70"})]
    with pytest.raises(EmbeddingUnavailableError) as caught:
        jina.embed_passages(["a"])
    assert caught.value.retry_after == 70
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"<html>busy</html>"),
        Reply(body=b"[]"),
        Reply(body=b'{"data": null}'),
        Reply(body=b'{"data": [{"embedding": [1]}]}'),
        answer([1.0] * 63),
        answer([float("nan")] * 64),
        answer([float("inf")] * 64),
        answer([0.0] * 64),
        answer([None] * 64),
        answer(["x"] * 64),
        answer([1.0] * 64, [1.0] * 64),
        answer(),
        Reply(body=b'{"data": [{"index": 5, "embedding": [1]}]}'),
        Reply(body=b'{"data": [{"index": "0", "embedding": [1]}]}'),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_vector(jina, service, reply):
    service.plan = [reply] * 2
    with pytest.raises(EmbeddingUnavailableError):
        jina.embed_query("a")


def test_a_service_that_is_silent_does_not_hold_a_searcher(jina, service):
    silent = threading.Event()
    service.plan = [Reply(wait=silent)] * 2
    started = time.perf_counter()
    with pytest.raises(EmbeddingUnavailableError):
        jina.embed_query("a")
    assert time.perf_counter() - started < 5
    silent.set()


def test_nobody_at_the_address_is_a_passing_failure():
    nobody = JinaModel("good", address="http://127.0.0.1:9/v1", at_work=QUICK, searching=QUICK)
    with pytest.raises(EmbeddingUnavailableError):
        nobody.embed_query("a")


def test_an_address_that_is_none_is_told_from_it():
    with pytest.raises(EmbeddingMisconfiguredError):
        JinaModel("good", address="here", at_work=QUICK, searching=QUICK).embed_query("a")


def test_a_picture_that_cannot_be_read_is_refused(jina):
    with pytest.raises(EmbeddingRefusedError):
        jina.embed_pictures([b"no picture"])
