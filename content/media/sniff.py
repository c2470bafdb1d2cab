"""What a file may be, and what its content says it is."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

import puremagic

from cms.errors import DomainError, ErrorCode

from .choices import MediaKind


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that is taken. `pillow` names Pillow's decoder of it; `name` is for people."""

    mime_type: str
    name: str
    kind: MediaKind
    extensions: tuple[str, ...]
    pillow: str | None = None


FORMATS = (
    Format("image/png", "PNG", MediaKind.IMAGE, ("png",), "PNG"),
    Format("image/jpeg", "JPEG", MediaKind.IMAGE, ("jpg", "jpeg"), "JPEG"),
    Format("image/webp", "WebP", MediaKind.IMAGE, ("webp",), "WEBP"),
    Format("image/gif", "GIF", MediaKind.IMAGE, ("gif",), "GIF"),
    Format("application/pdf", "PDF", MediaKind.DOCUMENT, ("pdf",)),
    Format("text/markdown", "Markdown", MediaKind.DOCUMENT, ("md", "markdown")),
    Format("text/plain", "plain text", MediaKind.DOCUMENT, ("txt", "text")),
)
BY_MIME_TYPE = {format_.mime_type: format_ for format_ in FORMATS}
BY_EXTENSION = {extension: format_ for format_ in FORMATS for extension in format_.extensions}
OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "text/x-markdown": "text/markdown",
    "application/x-pdf": "application/pdf",
}
# Browsers send these where they do not know better; then the name's extension counts.
UNSPECIFIC = {"", "application/octet-stream", "binary/octet-stream"}
# Never served as themselves, and not taken under another name.
ACTIVE_CONTENT = {"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml"}

ACCEPTED_NAMES = "PNG, JPEG, WebP and GIF pictures, PDF, Markdown and plain text"


def extension_of(filename: str) -> str:
    """The extension in lower case, without its dot; "" where there is none."""
    return PurePosixPath(filename).suffix.lstrip(".").lower()


def unsupported(message: str) -> DomainError:
    """The file is not one that we take."""
    return DomainError(ErrorCode.UNSUPPORTED_MEDIA, message)


def declared_format(mime_type: str, filename: str) -> Format:
    """The format that a sender declares. Raises UNSUPPORTED_MEDIA where it is not taken."""
    name = mime_type.partition(";")[0].strip().lower()
    name = OTHER_NAMES.get(name, name)
    by_extension = BY_EXTENSION.get(extension_of(filename))
    if by_extension and (name in UNSPECIFIC or (name == "text/plain" and by_extension.mime_type == "text/markdown")):
        return by_extension
    if name in BY_MIME_TYPE:
        return BY_MIME_TYPE[name]
    raise DomainError(
        ErrorCode.UNSUPPORTED_MEDIA,
        f"Files of the type “{name[:100] or 'unknown'}” are not taken. Send {ACCEPTED_NAMES}.",
        field=["mime_type"],
    )


def sniffed_types(file: IO[bytes]) -> set[str]:
    """The types that the content looks like; empty for plain text and for what is unknown."""
    file.seek(0)
    try:
        matches = puremagic.magic_stream(file)
    except (puremagic.PureError, ValueError):
        return set()
    return {OTHER_NAMES.get(match.mime_type, match.mime_type) for match in matches if match.mime_type}


def check_content(file: IO[bytes], declared: Format) -> None:
    """Raises UNSUPPORTED_MEDIA where the content is not what was declared."""
    found = sniffed_types(file)
    if active := found & ACTIVE_CONTENT:
        raise unsupported(f"This is markup that may hold scripts ({min(active)}), which is not taken.")
    if declared.mime_type.startswith("text/"):
        if "application/pdf" in found:
            raise unsupported(f"The file was declared as {declared.name}, but its content is PDF.")
    elif declared.mime_type not in found:
        known = sorted(BY_MIME_TYPE[name].name for name in found if name in BY_MIME_TYPE)
        content = f"its content is {known[0]}" if known else "its content is something else"
        raise unsupported(f"The file was declared as {declared.name}, but {content}.")
