"""Where files are. No stored file has a public address: content.media.views serves it, or signs its way to a bucket."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, default_storage
from django.utils.deconstruct import deconstructible
from django.utils.encoding import filepath_to_uri


class MediaStorage(Storage):
    """What the media subject asks of a storage beyond Django's own: the disk and a bucket answer alike."""

    def url(self, name: str | None) -> str:
        """An address that asks content.media's policy."""
        return f"{settings.MEDIA_URL}{filepath_to_uri(name or '')}"

    def signed_get(
        self, name: str, *, expires_in: int, content_type: str, filename: str, attachment: bool
    ) -> str | None:
        """An address that opens for whoever holds it, for `expires_in` seconds; None where this process serves."""
        raise NotImplementedError

    def signed_put(self, name: str, *, size: int, content_type: str, expires_in: int) -> str | None:
        """An address that takes exactly `size` bytes; None where PUT /uploads/<token> takes them."""
        raise NotImplementedError

    def head(self, name: str, length: int) -> bytes:
        """The first bytes of a file. Raises FileNotFoundError."""
        raise NotImplementedError

    def adopt(self, source: str, target: str, *, content_type: str) -> None:
        """Give the bytes of `source` a second name, without passing them through this process.

        Changing `source` afterwards leaves `target` as it is. Raises FileNotFoundError.
        """
        raise NotImplementedError

    def local_path(self, name: str) -> AbstractContextManager[Path]:
        """The file on this machine's disk, for decoders. Raises FileNotFoundError."""
        raise NotImplementedError


def media_storage() -> MediaStorage:
    """The configured storage."""
    return cast("MediaStorage", default_storage)


class UploadWriter:
    """A file on the disk that is being received. Its creator removes it where it came to nothing.

    Not an open file in a `with`: the ASGI door writes from many short calls in threads.
    """

    def __init__(self, storage: "PrivateFileSystemStorage", name: str, limit: int) -> None:
        self.name, self.size = name, 0
        self._storage, self._limit = storage, limit
        path = storage.path(name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self._file: BinaryIO = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)  # noqa: SIM115

    @property
    def is_full(self) -> bool:
        """Whether more came than was declared; what is written after that is dropped."""
        return self.size > self._limit

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if not self.is_full:
            self._file.write(chunk)

    def close(self) -> None:
        """End writing."""
        self._file.close()


@deconstructible(path="content.media.storage.PrivateFileSystemStorage")
class PrivateFileSystemStorage(FileSystemStorage, MediaStorage):
    """A local folder, readable by the server's user alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700, **options})

    # FileSystemStorage has one of its own, which knows no policy.
    url = MediaStorage.url

    def signed_get(self, name: str, **_: Any) -> None:
        return None

    def signed_put(self, name: str, **_: Any) -> None:
        return None

    def head(self, name: str, length: int) -> bytes:
        with self.open(name, "rb") as file:
            return cast("bytes", file.read(length))

    def adopt(self, source: str, target: str, *, content_type: str) -> None:
        path = self.path(target)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        try:
            os.link(self.path(source), path)
        except FileNotFoundError:
            self._remove_folder(path)
            raise
        except OSError:
            # A file system without hard links.
            shutil.copyfile(self.path(source), path)
            os.chmod(path, 0o600)

    @contextmanager
    def local_path(self, name: str) -> Iterator[Path]:
        path = Path(self.path(name))
        if not path.is_file():
            raise FileNotFoundError(name)
        yield path

    def delete(self, name: str) -> None:
        """Remove the file, and its own directory where that is left empty."""
        super().delete(name)
        self._remove_folder(self.path(name))

    def _remove_folder(self, path: str) -> None:
        folder = os.path.dirname(path)
        if os.path.realpath(folder) != os.path.realpath(self.location):
            try:
                os.rmdir(folder)
            except OSError:
                # Something else is in it, or another process was faster.
                return
