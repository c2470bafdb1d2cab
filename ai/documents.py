"""The words of an attached text, Markdown or PDF file."""

import codecs
import io
from dataclasses import dataclass
from time import monotonic

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from ai.contract import Attachment
from ai.text import clean

MOST_CHARACTERS = 20_000
MOST_BYTES = 25_000_000
MOST_PAGES = 200
# A hostile PDF can keep its reader busy for minutes: no further page is begun after this.
SECONDS_FOR_A_PDF = 5.0

TEXT_TYPES = ("text/plain", "text/markdown", "text/x-markdown")
PDF_TYPE = "application/pdf"

# pypdf meets broken files with these besides its own errors.
_BROKEN = (PyPdfError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_BROKEN_TOO = (AssertionError, OverflowError, MemoryError, NotImplementedError)


class UnreadableDocumentError(Exception):
    """The message says why, in words for people."""


@dataclass(frozen=True, slots=True)
class Document:
    """`pages` is 0 for what has none. `cut` says that there is more text than `text` holds."""

    text: str
    pages: int = 0
    cut: bool = False


def read(attachment: Attachment) -> Document:
    """Raises UnreadableDocumentError for another kind of file, a broken one, or one that is too large."""
    kind = attachment.mime_type.partition(";")[0].strip().lower()
    if len(attachment.data) > MOST_BYTES:
        raise UnreadableDocumentError(f"it is larger than {MOST_BYTES // 1_000_000} MB")
    if kind == PDF_TYPE:
        return _read_pdf(attachment.data)
    if kind in TEXT_TYPES:
        return _capped(_decoded(attachment.data))
    raise UnreadableDocumentError("files of this kind cannot be read here")


def _capped(text: str, pages: int = 0) -> Document:
    text = clean(text).strip()
    return Document(text[:MOST_CHARACTERS], pages=pages, cut=len(text) > MOST_CHARACTERS)


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise UnreadableDocumentError("it is not a text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _read_pdf(data: bytes) -> Document:
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocumentError("it is protected with a password")
        return _pages_of(reader)
    except (*_BROKEN, *_BROKEN_TOO) as error:
        raise UnreadableDocumentError("it is damaged or not a PDF") from error


def _pages_of(reader: PdfReader) -> Document:
    pages, length, read_all = [], 0, True
    deadline = monotonic() + SECONDS_FOR_A_PDF
    for number, page in enumerate(reader.pages):
        if number >= MOST_PAGES or length > MOST_CHARACTERS or monotonic() > deadline:
            read_all = False
            break
        pages.append(page.extract_text())
        length += len(pages[-1])
    document = _capped("\n\n".join(pages), pages=len(reader.pages))
    return Document(document.text, document.pages, cut=document.cut or not read_all)
