"""Opening a file for real: a type is believed only after its own decoder has read it."""

import codecs
import hashlib
import warnings
from dataclasses import dataclass
from typing import IO

import pypdf
from django.conf import settings
from PIL import ExifTags, Image

from cms.errors import DomainError, ErrorCode

from .choices import MediaKind
from .sniff import Format, check_content, unsupported

CHUNK = 1024 * 1024
# EXIF orientations 5 to 8 turn the picture by a quarter.
QUARTER_TURNS = {5, 6, 7, 8}


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file really is. Sizes in bytes and pixels; width and height as shown, after EXIF rotation."""

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
    check_content(file, declared)
    file.seek(0)
    if declared.kind == MediaKind.IMAGE:
        width, height, turned = _decode_image(file, declared)
        shown = (height, width) if turned else (width, height)
        return FileFacts(declared, size, sha256, sha1, *shown, width, height)
    if declared.mime_type == "application/pdf":
        _open_pdf(file)
    else:
        _read_text(file)
    return FileFacts(declared, size, sha256, sha1)


def _measure(file: IO[bytes]) -> tuple[int, str, str]:
    size, sha256, sha1 = 0, hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    file.seek(0)
    while chunk := file.read(CHUNK):
        size += len(chunk)
        sha256.update(chunk)
        sha1.update(chunk)
    return size, sha256.hexdigest(), sha1.hexdigest()


def _decode_image(file: IO[bytes], declared: Format) -> tuple[int, int, bool]:
    assert declared.pillow is not None
    try:
        with warnings.catch_warnings():
            # Our own limit is asked before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=[declared.pillow]) as image:
                width, height = image.size
                _check_pixels(width, height)
                image.load()
                orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    except DomainError:
        raise
    except Exception as error:  # on damaged input Pillow's decoders raise whatever they come upon
        raise unsupported(f"The picture is damaged and cannot be opened as {declared.name}.") from error
    return width, height, orientation in QUARTER_TURNS


def _check_pixels(width: int, height: int) -> None:
    if width * height > settings.UPLOAD_MAX_PIXELS:
        raise _too_many_pixels(f"; this one has {width:,} × {height:,}")


def _too_many_pixels(detail: str = "") -> DomainError:
    limit: int = settings.UPLOAD_MAX_PIXELS
    return DomainError(
        ErrorCode.LIMIT_EXCEEDED,
        f"A picture may have at most {limit:,} pixels{detail}. Scale it down and send it again.",
        limit=limit,
    )


def _open_pdf(file: IO[bytes]) -> None:
    try:
        reader = pypdf.PdfReader(file)
        encrypted = reader.is_encrypted
        pages = 0 if encrypted else len(reader.pages)
        if pages:
            _ = reader.pages[0].mediabox
    except Exception as error:  # on damaged input pypdf raises whatever it comes upon
        raise unsupported("The PDF is damaged and cannot be opened.") from error
    if encrypted:
        raise unsupported("The PDF is protected by a password. Send a copy without one.")
    if not pages:
        raise unsupported("The PDF has no pages.")


def _read_text(file: IO[bytes]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK):
            if "\0" in decoder.decode(chunk):
                raise unsupported("The file holds binary data and is not text.")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise unsupported("The text is not in UTF-8. Save it as UTF-8 and send it again.") from None
