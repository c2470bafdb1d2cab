"""Files in a private bucket: Cloudflare R2, Amazon S3, or anything that speaks S3. Imported only where one is set up.

Senders and viewers talk with the bucket itself, at addresses that are signed here and expire.
"""

import logging
import math
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from django.core.files.base import File
from django.utils.deconstruct import deconstructible
from django.utils.http import content_disposition_header
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

from .outages import no_answer, refused
from .sniff import BY_EXTENSION, extension_of
from .storage import MediaStorage

logger = logging.getLogger(__name__)

MEGABYTE = 1024**2
# A file that is opened is in memory up to here, and on this machine's disk beyond.
IN_MEMORY = 8 * MEGABYTE
# S3's own word for it. Of application/octet-stream some services make what the name's ending says.
UNKNOWN = "binary/octet-stream"
PLAIN_TEXT = "text/plain; charset=utf-8"
# What may be shown in place; all else is downloaded.
HARMLESS = ("image/", "video/", "audio/")
CACHE_CONTROL = "private, max-age=600"

# django-storages takes nothing else about signing and addressing once there is a client_config. Checksums are sent
# only where S3 demands them: R2 refuses the trailers that boto3 would add.
CLIENT_CONFIG = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    retries={"max_attempts": 4, "mode": "standard"},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=32,
)
# Few parts at once: each of them is in memory. boto3 makes them of one size, as R2 wants them.
TRANSFER_CONFIG = TransferConfig(
    multipart_threshold=IN_MEMORY, multipart_chunksize=IN_MEMORY, max_concurrency=2, max_io_queue=8
)
TRANSFER_CONFIG.max_in_memory_upload_chunks = 2
# A copy of more than this is made piece by piece: one answer for all of it may take longer than we wait.
COPY_PART = 256 * MEGABYTE
COPIES_AT_ONCE = 4
MISSING = {"404", "NoSuchKey"}
REFUSALS = {"NoSuchBucket", "AuthorizationHeaderMalformed", "PermanentRedirect"}


def stored_type(content_type: str) -> str:
    """The type that a browser is told: never one in which it would run something."""
    if content_type.startswith("text/"):
        return PLAIN_TEXT
    return UNKNOWN if content_type.endswith("xml") else content_type


@deconstructible(path="content.media.buckets.BucketStorage")
class BucketStorage(MediaStorage, S3Storage):
    """A bucket in which every object is private.

    Every method raises FileNotFoundError where there is no such object, and StorageUnavailableError where the bucket
    does not answer or refuses us.
    """

    def get_default_settings(self) -> dict[str, Any]:
        return {
            **super().get_default_settings(),
            "default_acl": None,
            "file_overwrite": False,
            "querystring_auth": True,
            "querystring_expire": 600,
            # With a domain of its own django-storages would hand out addresses without a signature.
            "custom_domain": None,
            "client_config": CLIENT_CONFIG,
            "transfer_config": TRANSFER_CONFIG,
        }

    @cached_property
    def connection(self) -> Any:
        """One for the process: making one takes 0.2 s, and every request has a thread of its own."""
        return super().connection

    @property
    def client(self) -> Any:
        """boto3's, which may be used by many threads at once."""
        return self.connection.meta.client

    def signed_get(self, name: str, *, expires_in: int, content_type: str, filename: str, attachment: bool) -> str:
        # A bucket sends none of the headers that keep text inert with us.
        content_type = stored_type(content_type)
        attachment = attachment or not content_type.startswith(HARMLESS)
        disposition = content_disposition_header(attachment, filename) or "inline"
        params = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        return self._signed("get_object", name, expires_in, **params)

    def signed_put(self, name: str, *, size: int, content_type: str, expires_in: int) -> str:
        return self._signed("put_object", name, expires_in, ContentType=content_type, ContentLength=size)

    def head(self, name: str, length: int) -> bytes:
        with self._asking(name):
            try:
                answer = self.client.get_object(**self._object(name), Range=f"bytes=0-{length - 1}")
            except ClientError as error:
                if _status(error) == 416:
                    # There is no first byte.
                    return b""
                raise
            data: bytes = answer["Body"].read()
            return data

    def adopt(self, source: str, target: str, *, content_type: str) -> None:
        metadata = _metadata(content_type)
        size = self.size(source)
        with self._asking(source):
            if size > COPY_PART:
                self._copy_in_parts(source, target, size, metadata)
            else:
                self.client.copy_object(
                    **self._object(target), CopySource=self._object(source), MetadataDirective="REPLACE", **metadata
                )

    @contextmanager
    def local_path(self, name: str) -> Iterator[Path]:
        with tempfile.NamedTemporaryFile(prefix="auto-movie-", suffix=PurePosixPath(name).suffix) as file:
            self._download(name, file)
            file.flush()
            yield Path(file.name)

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        known = BY_EXTENSION.get(extension_of(name))
        return _metadata(known.mime_type if known else UNKNOWN)

    def exists(self, name: str) -> bool:
        with self._asking(name):
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        with self._asking(name):
            return int(super().size(name))

    def delete(self, name: str) -> None:
        with self._asking(name):
            super().delete(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with self._asking(path):
            folders, files = super().listdir(path)
            return folders, files

    def get_modified_time(self, name: str) -> datetime:
        with self._asking(name):
            modified: datetime = super().get_modified_time(name)
            return modified

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        if mode != "rb":
            raise ValueError("A file in a bucket can only be read, or saved as a whole.")
        spool: Any = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller closes it
        try:
            self._download(name, spool)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return File(spool, name)

    def _save(self, name: str, content: "File[Any]") -> str:
        with self._asking(name):
            return str(super()._save(name, content))

    def _download(self, name: str, file: Any) -> None:
        with self._asking(name):
            self.client.download_fileobj(**self._object(name), Fileobj=file, Config=self.transfer_config)

    def _copy_in_parts(self, source: str, target: str, size: int, metadata: dict[str, str]) -> None:
        # Not boto3's own managed copy: its condition on the source's ETag is one that R2 does not implement.
        made = self._object(target)
        made["UploadId"] = self.client.create_multipart_upload(**made, **metadata)["UploadId"]

        def copy(number: int) -> dict[str, Any]:
            start = (number - 1) * COPY_PART
            answer = self.client.upload_part_copy(
                **made,
                PartNumber=number,
                CopySource=self._object(source),
                CopySourceRange=f"bytes={start}-{min(start + COPY_PART, size) - 1}",
            )
            return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

        try:
            with ThreadPoolExecutor(max_workers=COPIES_AT_ONCE) as pool:
                parts = list(pool.map(copy, range(1, math.ceil(size / COPY_PART) + 1)))
            self.client.complete_multipart_upload(**made, MultipartUpload={"Parts": parts})
        except BaseException:
            self.client.abort_multipart_upload(**made)
            raise

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self._normalize_name(name)}

    def _signed(self, operation: str, name: str, expires_in: int, **params: Any) -> str:
        # Nothing is asked of the bucket, but boto3 may have to ask somebody for the key.
        with self._asking(name):
            return str(
                self.client.generate_presigned_url(
                    operation, Params={**self._object(name), **params}, ExpiresIn=expires_in
                )
            )

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Turn boto3's errors into ours. The log gets the bucket's words, which hold no key; people get none."""
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in MISSING:
                raise FileNotFoundError(name) from None
            logger.error("The bucket %s answered %s %s for %s.", self.bucket_name, _status(error), code, name)
            raise (refused() if _status(error) in {401, 403} or code in REFUSALS else no_answer()) from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            logger.error("There is no key for the bucket %s.", self.bucket_name)
            raise refused() from error
        except (BotoCoreError, Boto3Error, RetriesExceededError) as error:
            logger.error("The bucket %s did not answer for %s: %s.", self.bucket_name, name, type(error).__name__)
            raise no_answer() from error


def _metadata(content_type: str) -> dict[str, str]:
    content_type = stored_type(content_type)
    metadata = {"ContentType": content_type, "CacheControl": CACHE_CONTROL}
    if not content_type.startswith(HARMLESS):
        metadata["ContentDisposition"] = "attachment"
    return metadata


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
