"""Where files are: a local folder that nothing but our own views reads."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible


@deconstructible(path="content.media.storage.PrivateFileSystemStorage")
class PrivateFileSystemStorage(FileSystemStorage):
    """Files readable by the server's user alone; `url` is an address that asks content.media's policy."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700, **options})

    def receive(self, name: str, chunks: Iterable[bytes], limit: int) -> int:
        """Write `chunks` to `name` as they come; answers the number of bytes.

        Stops after the first chunk beyond `limit` bytes, so an answer above it means that there was more.
        What was written then, or when the sender breaks off, is removed.
        """
        path = self.path(name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        size = 0
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        break
                    file.write(chunk)
        except BaseException:
            self.delete(name)
            raise
        if size > limit:
            self.delete(name)
        return size

    def delete(self, name: str) -> None:
        """Remove the file, and its own directory where that is left empty."""
        super().delete(name)
        folder = os.path.dirname(self.path(name))
        if os.path.realpath(folder) != os.path.realpath(self.location):
            try:
                os.rmdir(folder)
            except OSError:
                # Something else is in it, or another process was faster.
                return
