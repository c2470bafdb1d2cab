"""The bucket as a storage: what it keeps, how it signs, and what becomes of its failures."""

import logging
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from cms.errors import ErrorCode
from cms.settings import bucket as configuration
from content.media import buckets
from content.media.buckets import CLIENT_CONFIG, BucketStorage
from content.media.outages import StorageUnavailableError
from tests.buckets import ACCESS_KEY, NAME, SECRET_KEY, Bucket, shared_storage, web
from tests.live import ROOT, environment

pytest_plugins = ["tests.bucket_fixture"]

PNG = b"\x89PNG and so on"
R2 = {
    "R2_ACCOUNT_ID": "0123456789abcdef",
    "R2_ACCESS_KEY_ID": "key",
    "R2_SECRET_ACCESS_KEY": "secret",
    "R2_BUCKET_NAME": "films",
}
S3 = {
    "AWS_STORAGE_BUCKET_NAME": "films",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_S3_REGION_NAME": "eu-central-1",
}


@pytest.fixture
def storage(bucket: Bucket) -> Iterator[BucketStorage]:
    yield shared_storage(**bucket.configured.options)
    bucket.clear()


def until_refused(ask: Callable[[], httpx.Response], seconds: float = 10) -> int:
    """The status of the first refusal, which comes by the deadline."""
    deadline = time.monotonic() + seconds
    while (answer := ask()).is_success:
        assert time.monotonic() < deadline, "It is still open."
        time.sleep(0.05)
    return answer.status_code


def put(url: str, content: bytes = PNG, mime: str = "image/png") -> httpx.Response:
    return web.put(url, content=content, headers={"Content-Type": mime})


def test_a_file_is_kept_read_measured_and_removed(storage, bucket):
    name = storage.save("kept/ab/original.png", ContentFile(PNG))
    assert name == "kept/ab/original.png"
    with storage.open(name) as file:
        assert file.read() == PNG
    with storage.local_path(name) as path:
        assert path.read_bytes() == PNG
        assert path.suffix == ".png"
    assert not path.exists()
    assert storage.size(name) == len(PNG)
    assert storage.head(name, 4) == PNG[:4]
    assert storage.head(name, 1_000) == PNG
    assert storage.listdir("kept") == (["ab"], [])
    storage.delete(name)
    storage.delete(name)
    assert not storage.exists(name)
    assert bucket.stored() == []


def test_a_name_that_is_taken_is_not_overwritten(storage):
    first = storage.save("documents/ab/a.txt", ContentFile(b"one"))
    second = storage.save("documents/ab/a.txt", ContentFile(b"two"))
    assert first != second
    assert storage.open(first).read() == b"one"


def test_what_is_not_there_is_a_missing_file(storage):
    for ask in (
        lambda: storage.open("none"),
        lambda: storage.size("none"),
        lambda: storage.head("none", 10),
        lambda: storage.get_modified_time("none"),
        lambda: storage.adopt("none", "other", content_type="image/png"),
        lambda: storage.local_path("none").__enter__(),
    ):
        with pytest.raises(FileNotFoundError):
            ask()


def test_an_empty_file_has_no_first_bytes(storage):
    storage.save("uploads/ab/bytes", ContentFile(b""))
    assert storage.head("uploads/ab/bytes", 10) == b""


def test_adopted_bytes_stay_as_they_were_with_a_type_of_ours(storage, bucket):
    storage.save("uploads/ab/bytes", ContentFile(b"# Act one"))
    storage.adopt("uploads/ab/bytes", "documents/cd/original.md", content_type="text/markdown")
    put(
        storage.signed_put("uploads/ab/bytes", size=9, content_type="text/markdown", expires_in=60),
        b"# Changed",
        "text/markdown",
    )
    assert storage.open("documents/cd/original.md").read() == b"# Act one"
    kept = bucket.client.head_object(Bucket=NAME, Key="documents/cd/original.md")
    assert kept["ContentType"] == "text/plain; charset=utf-8"
    assert kept["CacheControl"].startswith("private")
    assert kept["ContentDisposition"] == "attachment"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("images/ab/a.png", "image/png"),
        ("thumbnails/ab/a.webp", "image/webp"),
        ("documents/ab/a.md", "text/plain; charset=utf-8"),
        ("documents/ab/a.html", "binary/octet-stream"),
        ("documents/ab/a.svg", "binary/octet-stream"),
    ],
)
def test_an_object_is_never_of_a_type_that_runs(storage, bucket, name, content_type):
    storage.save(name, ContentFile(b"<script>"))
    assert bucket.client.head_object(Bucket=NAME, Key=name)["ContentType"] == content_type


def test_large_files_go_and_come_in_parts(storage, monkeypatch):
    monkeypatch.setattr(buckets, "COPY_PART", 6 * buckets.MEGABYTE)
    large = bytes(range(256)) * (20 * buckets.MEGABYTE // 256) + b"the end"
    storage.save("uploads/ab/bytes", ContentFile(large))
    storage.adopt("uploads/ab/bytes", "documents/cd/original.mp4", content_type="video/mp4")
    with storage.local_path("documents/cd/original.mp4") as path:
        assert path.read_bytes() == large


def test_a_signed_put_takes_the_declared_length_and_type_alone(storage, bucket):
    url = storage.signed_put("uploads/ab/bytes", size=len(PNG), content_type="image/png", expires_in=60)
    assert url.startswith(bucket.configured.origin)
    for refused in (put(url, PNG + b"more"), put(url, PNG[:-1]), put(url, PNG, "text/html")):
        assert refused.status_code == 403
    assert put(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert put(url.replace("/ab/", "/cd/")).status_code == 403
    assert bucket.stored() == []
    assert put(url).status_code == 200
    assert bucket.stored() == ["uploads/ab/bytes"]


def test_signed_addresses_expire(storage):
    storage.save("images/ab/a.png", ContentFile(PNG))
    taking = storage.signed_put("uploads/ab/bytes", size=len(PNG), content_type="image/png", expires_in=1)
    giving = storage.signed_get(
        "images/ab/a.png", expires_in=1, content_type="image/png", filename="a.png", attachment=False
    )
    assert until_refused(lambda: put(taking)) in {400, 403}
    assert until_refused(lambda: web.get(giving)) in {400, 403}


def test_a_signed_get_opens_one_file_in_one_way(storage, bucket):
    storage.save("images/ab/a.png", ContentFile(PNG))
    url = storage.signed_get(
        "images/ab/a.png", expires_in=60, content_type="image/png", filename="Olá “1”.png", attachment=True
    )
    whole, part = web.get(url), web.get(url, headers={"Range": "bytes=1-3"})
    assert (whole.status_code, whole.content, whole.headers["Content-Type"]) == (200, PNG, "image/png")
    assert (part.status_code, part.content) == (206, PNG[1:4])
    assert part.headers["Content-Range"] == f"bytes 1-3/{len(PNG)}"
    if bucket.honours_response_headers:
        assert whole.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''Ol%C3%A1")
    for other in (
        url.replace("attachment", "inline"),
        url.replace("a.png", "b.png"),
        url.replace("image%2Fpng", "text%2Fhtml"),
    ):
        assert web.get(other).status_code == 403
    for signature_left_out in (bucket.address("images/ab/a.png"), bucket.address("")):
        assert web.get(signature_left_out).status_code in {400, 401, 403}


@pytest.mark.parametrize("content_type", ["text/html", "text/markdown", "application/pdf", "image/svg+xml"])
def test_from_a_bucket_only_pictures_films_and_sound_are_shown_in_place(storage, bucket, content_type):
    storage.save("documents/ab/a.txt", ContentFile(b"<script>alert(1)</script>"))
    url = storage.signed_get(
        "documents/ab/a.txt", expires_in=60, content_type=content_type, filename="a.txt", attachment=False
    )
    answer = web.get(url)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] in {
        "text/plain; charset=utf-8",
        "application/pdf",
        "binary/octet-stream",
    }


def test_the_address_that_pages_use_asks_the_policy(storage):
    assert storage.url("images/ab/a.png") == "/files/images/ab/a.png"


@contextmanager
def broken_service(answer: bytes) -> Iterator[str]:
    """An S3 service that gives one answer to everything, or with b"" none."""
    ended = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)
            if not answer:
                ended.wait(10)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            ended.set()
            server.shutdown()


def error(status: str, code: str) -> bytes:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{SECRET_KEY}</Message></Error>'
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error("503 Slow Down", "SlowDown"), ErrorCode.TIMED_OUT),
        (error("500 Internal Server Error", "InternalError"), ErrorCode.TIMED_OUT),
        (error("403 Forbidden", "AccessDenied"), ErrorCode.PROVIDER_MISCONFIGURED),
        (error("401 Unauthorized", "Unauthorized"), ErrorCode.PROVIDER_MISCONFIGURED),
        (error("404 Not Found", "NoSuchBucket"), ErrorCode.PROVIDER_MISCONFIGURED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken off", ErrorCode.TIMED_OUT),
        (b"", ErrorCode.TIMED_OUT),
    ],
)
def test_failures_of_the_bucket_are_ours_and_tell_no_secret(bucket, answer, code, caplog):
    caplog.set_level(logging.DEBUG, logger="content")
    impatient = CLIENT_CONFIG.merge(Config(retries={"total_max_attempts": 1}, read_timeout=0.2))
    with broken_service(answer) as address:
        storage = BucketStorage(**bucket.configured.options | {"endpoint_url": address}, client_config=impatient)
        with pytest.raises(StorageUnavailableError) as raised:
            storage.open("images/ab/a.png")
    assert raised.value.code == code
    for words in (raised.value.message, caplog.text):
        assert words
        assert SECRET_KEY not in words
        assert ACCESS_KEY not in words


def test_without_a_service_there_is_no_answer(bucket):
    impatient = CLIENT_CONFIG.merge(Config(retries={"total_max_attempts": 1}))
    nowhere = BucketStorage(
        **bucket.configured.options | {"endpoint_url": "http://127.0.0.1:1"}, client_config=impatient
    )
    with pytest.raises(StorageUnavailableError):
        nowhere.save("images/ab/a.png", ContentFile(PNG))
    with pytest.raises(StorageUnavailableError):
        nowhere.delete("images/ab/a.png")


def test_a_wrong_secret_is_refused(bucket):
    stranger = BucketStorage(**bucket.configured.options | {"secret_key": "wrong"})
    with pytest.raises(StorageUnavailableError) as raised:
        stranger.head("images/ab/a.png", 1)
    assert raised.value.code == ErrorCode.PROVIDER_MISCONFIGURED
    url = stranger.signed_put("uploads/ab/bytes", size=len(PNG), content_type="image/png", expires_in=60)
    assert put(url).status_code == 403


def test_without_a_name_files_are_on_the_disk():
    keys_for_something_else = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
    assert configuration.bucket({}) is None
    assert configuration.bucket(keys_for_something_else | dict.fromkeys(R2, "")) is None


@pytest.mark.parametrize(
    ("environ", "endpoint", "region"),
    [
        (R2, "https://0123456789abcdef.r2.cloudflarestorage.com", "auto"),
        (
            R2 | {"R2_ENDPOINT_URL": "https://0123.eu.r2.cloudflarestorage.com/"},
            "https://0123.eu.r2.cloudflarestorage.com",
            "auto",
        ),
        (S3, "https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
        (S3 | {"AWS_S3_REGION_NAME": "cn-north-1"}, "https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        (
            S3 | {"AWS_S3_REGION_NAME": "", "AWS_DEFAULT_REGION": "eu-west-1"},
            "https://s3.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
        (
            S3 | {"AWS_S3_REGION_NAME": "", "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000"},
            "http://127.0.0.1:9000",
            "us-east-1",
        ),
    ],
)
def test_where_the_bucket_is(environ, endpoint, region):
    found = configuration.bucket(environ)
    assert found is not None
    assert (found.endpoint_url, found.region, found.name) == (endpoint, region, "films")
    assert found.options["secret_key"] == "secret"
    assert "secret" not in repr(found)


def test_a_token_of_the_environment_goes_with_its_own_keys_alone():
    found = [configuration.bucket(environ | {"AWS_SESSION_TOKEN": "token"}) for environ in (R2, S3)]
    assert [bucket and bucket.options["security_token"] for bucket in found] == [None, "token"]


def test_keys_may_come_from_where_boto3_finds_them():
    found = configuration.bucket({"AWS_STORAGE_BUCKET_NAME": "films", "AWS_S3_REGION_NAME": "eu-west-1"})
    assert found is not None
    assert "access_key" not in found.options


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        *((R2 | {name: " "}, f"Missing: {name}") for name in R2),
        ({"R2_BUCKET_NAME": "films"}, "Missing: R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY"),
        (S3 | {"AWS_SECRET_ACCESS_KEY": ""}, "Missing: AWS_SECRET_ACCESS_KEY"),
        ({"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9000"}, "Missing: AWS_STORAGE_BUCKET_NAME"),
        ({"AWS_STORAGE_BUCKET_NAME": "films"}, "AWS_S3_REGION_NAME"),
        (R2 | S3, "one bucket only"),
        (R2 | {"R2_ACCOUNT_ID": "https://0123.r2.cloudflarestorage.com"}, "R2_ACCOUNT_ID"),
        (R2 | {"R2_ENDPOINT_URL": "https://0123.r2.cloudflarestorage.com/films"}, "/films"),
        (S3 | {"AWS_S3_ENDPOINT_URL": "s3.example.com"}, "AWS_S3_ENDPOINT_URL"),
        (S3 | {"AWS_S3_ENDPOINT_URL": "https://x; script-src *"}, "AWS_S3_ENDPOINT_URL"),
        (S3 | {"AWS_S3_ENDPOINT_URL": "https://me:word@s3.example.com"}, "AWS_S3_ENDPOINT_URL"),
    ],
)
def test_half_a_bucket_is_refused_in_words(environ, words):
    with pytest.raises(ImproperlyConfigured) as refused:
        configuration.bucket(environ)
    assert words in str(refused.value)


def python(code: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    env = environment(folder, **dict.fromkeys((*configuration.R2, *configuration.AWS), "") | changes)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_without_a_bucket_nothing_of_it_is_loaded(tmp_path):
    loaded = python("import sys, django; django.setup(); print(*sys.modules)", tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    assert {"boto3", "botocore", "storages"}.isdisjoint(loaded.stdout.split())


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"R2_BUCKET_NAME": "films", "R2_SECRET_ACCESS_KEY": "hush"}, "Missing: R2_ACCOUNT_ID, R2_ACCESS_KEY_ID"),
        ({"UPLOAD_LIMIT_VIDEO": "5000000000"}, "4 GiB"),
    ],
)
def test_with_settings_that_cannot_work_the_site_does_not_start(tmp_path, environ, words):
    started = python("import django; django.setup()", tmp_path, **environ)
    assert started.returncode != 0
    assert words in started.stderr
    assert "hush" not in started.stderr
