"""A bucket on a real S3 server: SeaweedFS, or Cloudflare's own local R2 where TEST_BUCKET=r2 (make test-r2)."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cms.settings import bucket as configuration

NAME, ACCESS_KEY, SECRET_KEY = "auto-movie", "tests-access-key", "tests-secret-of-no-worth"
START_SECONDS = 30
# What sends to the bucket and fetches from it, as a browser would.
web = httpx.Client()


@dataclass(frozen=True)
class Bucket:
    """A bucket that is empty, and the environment that makes a site use it."""

    environment: dict[str, str]
    # What Cloudflare's local R2 leaves out: https://developers.cloudflare.com/r2/local-development/
    has_cors_rules: bool = True
    honours_response_headers: bool = True

    @property
    def configured(self) -> configuration.Bucket:
        found = configuration.bucket(self.environment)
        assert found is not None
        return found

    @cached_property
    def client(self) -> Any:
        """An administrator's, which does not come through the site."""
        return boto3.client(
            "s3",
            endpoint_url=self.configured.endpoint_url,
            region_name=self.configured.region,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"max_attempts": 1},
            ),
        )

    def stored(self) -> list[str]:
        """What is in it."""
        return [row["Key"] for row in self.client.list_objects_v2(Bucket=NAME).get("Contents", [])]

    def clear(self) -> None:
        """Remove what is in it."""
        for key in self.stored():
            self.client.delete_object(Bucket=NAME, Key=key)

    def address(self, key: str) -> str:
        """Where an object would be if it were public."""
        return f"{self.configured.endpoint_url}/{NAME}/{key}"


@contextmanager
def seaweedfs(weed: str, folder: Path) -> Iterator[Bucket]:
    """SeaweedFS with one bucket, all in `folder`."""
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identity = {"name": "tests", "credentials": credentials, "actions": ["Admin"]}
    (folder / "keys.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "volumes").mkdir()
    doors = [f"{part}.port{kind}" for part in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc")]
    ports = dict(zip(doors, free_ports(len(doors)), strict=True))
    command = [
        weed,
        "mini",
        f"-dir={folder / 'volumes'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={folder / 'keys.json'}",
        f"-bucket={NAME}",
        *(f"-{door}={port}" for door, port in ports.items()),
        f"-s3.localSocket={folder / 's3.sock'}",
        # Without rules of its own a bucket answers no page, as elsewhere.
        "-s3.allowedOrigins=https://nobody.invalid",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
    ]
    served = Bucket(
        {
            "AWS_STORAGE_BUCKET_NAME": NAME,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_S3_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
        }
    )
    # It takes long to tidy up what is thrown away.
    with running(command, folder, served, ending=signal.SIGKILL):
        yield served


@contextmanager
def running(
    command: list[str], folder: Path, served: Bucket, *, ending: int = signal.SIGTERM, **options: Any
) -> Iterator[None]:
    """Keep a server's process until the bucket is not needed any more; begins when the bucket answers."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, **options)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(served):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The S3 server did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(ending)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@cache
def shared_storage(**options: Any) -> Any:
    """One storage for each set of options: a process of the site has one, and making it takes long."""
    from content.media.buckets import BucketStorage

    return BucketStorage(**options)


def use(settings: Any, configured: configuration.Bucket, **options: Any) -> None:
    """Have Django keep files in a bucket until the test ends. `options` are further ones of the storage."""
    default = {"BACKEND": "tests.buckets.shared_storage", "OPTIONS": configured.options | options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    settings.BUCKET_ORIGIN = configured.origin


def answers(served: Bucket) -> bool:
    """Whether the bucket is there."""
    try:
        served.stored()
    except (BotoCoreError, ClientError):
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
