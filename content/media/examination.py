"""Opening a file for real: a type is believed only after its own decoder has read it."""

import codecs
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

from cms.errors import DomainError, ErrorCode

from .choices import MediaKind
from .decoder import pictures
from .decoder.job import RefusedError
from .decoding import as_domain_error, check_pdf, picture_size
from .sniff import HEAD_BYTES, Format, check_head, unsupported

__all__ = ["HEAD_BYTES", "FileFacts", "check_size", "examine", "examine_head"]

CHUNK = 1024 * 1024
# Larger pictures are decoded in a child process: some decoders take 16 bytes for a pixel, and requests come together.
MOST_PIXELS_HERE = 10_000_000
START_OF_SCAN = b"\xff\xda"
MOST_SCANS = 200


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file really is. Sizes in bytes and pixels; width and height as shown, after EXIF rotation.

    Of a film or a sound the digests are "" here: they are taken when it is processed.
    """

    format: Format
    size: int
    sha256: str
    sha1: str
    width: int | None = None
    height: int | None = None
    stored_width: int | None = None
    stored_height: int | None = None


def check_size(kind: MediaKind, size: int) -> None:
    """Raises LIMIT_EXCEEDED where a file of this kind is too large, INVALID where it is empty."""
    if size < 1:
        raise DomainError(ErrorCode.INVALID, "The file is empty.", field=["file_size"])
    limit: int = settings.UPLOAD_LIMITS[kind.name]
    if size > limit:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"A file of the kind “{kind.label}” may have at most {limit:,} bytes; this one has {size:,}.",
            field=["file_size"],
            limit=limit,
        )


def examine(file: IO[bytes], declared: Format) -> FileFacts:
    """What the file is, once it has been sniffed and decoded.

    Raises UNSUPPORTED_MEDIA where it is damaged or not what was declared, LIMIT_EXCEEDED where it is too
    large in bytes or in pixels, INVALID where it is empty.
    """
    size, sha256, sha1 = _measure(file)
    check_size(declared.kind, size)
    file.seek(0)
    check_head(file.read(HEAD_BYTES), declared)
    file.seek(0)
    if declared.kind == MediaKind.IMAGE:
        if declared.pillow == "JPEG":
            _check_scans(file)
        found = _decode_image(file, declared)
        return FileFacts(
            declared, size, sha256, sha1, found.width, found.height, found.stored_width, found.stored_height
        )
    if declared.mime_type == "application/pdf":
        # Its tables can be made to keep a reader busy for hours.
        with _on_disk(file) as path:
            check_pdf(path, declared)
    else:
        _read_text(file)
    return FileFacts(declared, size, sha256, sha1)


def examine_head(head: bytes, size: int, declared: Format) -> FileFacts:
    """What a film or a sound of `size` bytes claims to be, by its first HEAD_BYTES; decoding it comes later.

    The format is the one found: MP4 and MOV are told apart by what the file says, not the sender. Raises
    UNSUPPORTED_MEDIA where it is not what was declared, LIMIT_EXCEEDED where it is too large, INVALID where it is
    empty.
    """
    check_size(declared.kind, size)
    return FileFacts(check_head(head[:HEAD_BYTES], declared), size, "", "")


def _measure(file: IO[bytes]) -> tuple[int, str, str]:
    size, sha256, sha1 = 0, hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    file.seek(0)
    while chunk := file.read(CHUNK):
        size += len(chunk)
        sha256.update(chunk)
        sha1.update(chunk)
    return size, sha256.hexdigest(), sha1.hexdigest()


def _check_scans(file: IO[bytes]) -> None:
    """A progressive JPEG is drawn anew for each scan; programs write about ten.

    The marker can stand nowhere else but in what cameras embed (ITU-T T.81, B.1.1.5).
    """
    file.seek(0)
    scans, last = 0, b""
    while chunk := file.read(CHUNK):
        scans += (last + chunk).count(START_OF_SCAN)
        last = chunk[-1:]
    if scans > MOST_SCANS:
        raise unsupported(f"The picture is drawn in {scans:,} scans. Save it anew and send it again.")
    file.seek(0)


def _decode_image(file: IO[bytes], declared: Format) -> pictures.Size:
    assert declared.pillow is not None
    wanted = {"reader": declared.pillow, "name": declared.name, "most_pixels": settings.UPLOAD_MAX_PIXELS}
    try:
        if not declared.isolated and pictures.pixels(file, **wanted) <= MOST_PIXELS_HERE:
            file.seek(0)
            return pictures.measure(file, **wanted)
    except RefusedError as refused:
        raise as_domain_error(refused) from refused
    with _on_disk(file) as path:
        return picture_size(path, declared)


@contextmanager
def _on_disk(file: IO[bytes]) -> Iterator[Path]:
    """A copy for a child process, which reads files by their name."""
    file.seek(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy, CHUNK)
        yield path


def _read_text(file: IO[bytes]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK):
            if "\0" in decoder.decode(chunk):
                raise unsupported("The file holds binary data and is not text.")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise unsupported("The text is not in UTF-8. Save it as UTF-8 and send it again.") from None
