"""What a file may be, and what its content says it is."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from cms.errors import DomainError, ErrorCode

from .choices import MediaKind
from .signatures import is_markup_document, sniffed_types

# The first bytes of a file, as many as its type is judged by.
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that is taken; `name` is for people.

    `pillow` and `demuxer` name Pillow's and FFmpeg's reader of it. `isolated`: a picture whose reader takes memory as
    the file commands, so that it runs in a child process even while an upload waits.
    """

    mime_type: str
    name: str
    kind: MediaKind
    extensions: tuple[str, ...]
    pillow: str | None = None
    demuxer: str | None = None
    isolated: bool = False


FORMATS = (
    Format("image/png", "PNG", MediaKind.IMAGE, ("png",), pillow="PNG"),
    Format("image/jpeg", "JPEG", MediaKind.IMAGE, ("jpg", "jpeg"), pillow="JPEG"),
    Format("image/webp", "WebP", MediaKind.IMAGE, ("webp",), pillow="WEBP"),
    Format("image/gif", "GIF", MediaKind.IMAGE, ("gif",), pillow="GIF"),
    Format("image/avif", "AVIF", MediaKind.IMAGE, ("avif",), pillow="AVIF", isolated=True),
    Format("image/heic", "HEIC", MediaKind.IMAGE, ("heic", "heif"), pillow="HEIF", isolated=True),
    Format("video/mp4", "MP4", MediaKind.VIDEO, ("mp4", "m4v"), demuxer="mp4"),
    Format("video/quicktime", "QuickTime (MOV)", MediaKind.VIDEO, ("mov", "qt"), demuxer="mov"),
    Format("video/webm", "WebM", MediaKind.VIDEO, ("webm",), demuxer="webm"),
    Format("audio/wav", "WAV", MediaKind.AUDIO, ("wav",), demuxer="wav"),
    Format("audio/mpeg", "MP3", MediaKind.AUDIO, ("mp3",), demuxer="mp3"),
    Format("audio/flac", "FLAC", MediaKind.AUDIO, ("flac",), demuxer="flac"),
    Format("audio/ogg", "Ogg audio", MediaKind.AUDIO, ("ogg", "oga", "opus"), demuxer="ogg"),
    Format("audio/mp4", "M4A", MediaKind.AUDIO, ("m4a", "m4b"), demuxer="m4a"),
    Format("application/pdf", "PDF", MediaKind.DOCUMENT, ("pdf",)),
    Format("text/markdown", "Markdown", MediaKind.DOCUMENT, ("md", "markdown")),
    Format("text/plain", "plain text", MediaKind.DOCUMENT, ("txt", "text")),
    Format("text/x-fountain", "Fountain", MediaKind.DOCUMENT, ("fountain", "spmd")),
)
BY_MIME_TYPE = {format_.mime_type: format_ for format_ in FORMATS}
BY_EXTENSION = {extension: format_ for format_ in FORMATS for extension in format_.extensions}
# What browsers, systems and puremagic also call them.
OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/avif-sequence": "image/avif",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "video/x-m4v": "video/mp4",
    "video/mov": "video/quicktime",
    "video/x-quicktime": "video/quicktime",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-pn-wav": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-flac": "audio/flac",
    "application/ogg": "audio/ogg",
    "audio/x-ogg": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "audio/opus": "audio/ogg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/x-m4b": "audio/mp4",
    "text/x-markdown": "text/markdown",
    "text/x-web-markdown": "text/markdown",
    "text/fountain": "text/x-fountain",
    "application/fountain": "text/x-fountain",
    "application/x-fountain": "text/x-fountain",
    "application/x-pdf": "application/pdf",
}
# Browsers send these where they do not know better; then the name's extension counts.
UNSPECIFIC = {"", "application/octet-stream", "binary/octet-stream"}
# Names of a family, which some senders use for each of it; the extension, where it is one of these, counts.
FAMILIES = {
    "text/plain": {"text/markdown", "text/x-fountain"},
    "video/mp4": {"audio/mp4", "video/quicktime"},
    "video/quicktime": {"audio/mp4", "video/mp4"},
    "video/ogg": {"audio/ogg"},
}
# An MP4 and a MOV are one container with two brands, and cameras mix them up: the brand in the file counts.
FILMS = {"video/mp4", "video/quicktime"}
# Never served as themselves, and not taken under another name.
ACTIVE_CONTENT = {"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml"}

ACCEPTED_NAMES = (
    "JPEG, PNG, WebP, GIF, AVIF or HEIC pictures, MP4, MOV or WebM video, WAV, MP3, FLAC, OGG or M4A sound, PDF, "
    "Markdown, plain text or Fountain"
)


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
    if by_extension and (name in UNSPECIFIC or by_extension.mime_type in FAMILIES.get(name, ())):
        return by_extension
    if name in BY_MIME_TYPE:
        return BY_MIME_TYPE[name]
    raise DomainError(
        ErrorCode.UNSUPPORTED_MEDIA,
        f"Files of the type “{name[:100] or 'unknown'}” are not taken. Send {ACCEPTED_NAMES}.",
        field=["mime_type"],
    )


def check_head(head: bytes, declared: Format) -> Format:
    """The format that the first HEAD_BYTES of a file are in: the declared one, or of MP4 and MOV the other one.

    Raises UNSUPPORTED_MEDIA where they are something else. Whether an MP4 that was declared as M4A really has no
    picture is not to be seen here: its decoder says so.
    """
    if declared.mime_type.startswith("text/"):
        _check_text(head, declared)
        return declared
    found = {OTHER_NAMES.get(name, name) for name in sniffed_types(head)}
    if declared.mime_type in found:
        return declared
    if declared.mime_type in FILMS and (film := found & FILMS):
        return BY_MIME_TYPE[min(film)]
    if declared.mime_type == "audio/mp4" and found & FILMS:
        return declared
    if active := found & ACTIVE_CONTENT:
        raise unsupported(f"This is markup that may hold scripts ({min(active)}), which is not taken.")
    known = sorted(BY_MIME_TYPE[name].name for name in found if name in BY_MIME_TYPE)
    raise _a_lie(declared, known[0] if known else "something else")


def _check_text(head: bytes, declared: Format) -> None:
    if is_markup_document(head):
        raise unsupported("This is markup that may hold scripts (HTML, SVG or XML), which is not taken.")
    binary = sorted(BY_MIME_TYPE[name].name for name in sniffed_types(head) if name in BY_MIME_TYPE)
    # Words may begin like a signature of a few letters; a PDF is plain text to its end, if its author wants.
    if "PDF" in binary or (binary and b"\0" in head):
        raise _a_lie(declared, binary[0])


def _a_lie(declared: Format, content: str) -> DomainError:
    return unsupported(f"The file was declared as {declared.name}, but its content is {content}.")
