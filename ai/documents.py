"""The words of an attached text, Markdown, Fountain or PDF file."""

import codecs
import io
from time import monotonic

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from ai.contract import Content
from ai.text import clean

# More than the budget of any model that we know; the budget cuts what is really sent.
MOST_CHARACTERS = 400_000
MOST_BYTES = 25_000_000
MOST_PAGES = 200
# A hostile PDF can keep its reader busy for minutes: no further page is begun after this.
SECONDS_FOR_A_PDF = 5.0

FOUNTAIN_TYPE = "text/x-fountain"
TEXT_TYPES = ("text/plain", "text/markdown", "text/x-markdown", FOUNTAIN_TYPE)
PDF_TYPE = "application/pdf"

# pypdf meets broken files with these besides its own errors.
_BROKEN = (PyPdfError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_BROKEN_TOO = (AssertionError, OverflowError, MemoryError, NotImplementedError)


class UnreadableDocumentError(Exception):
    """The message says why, in words for people."""


def read(data: bytes, mime_type: str) -> Content:
    """A document as a model can be given it. Never raises for a bad file."""
    kind = mime_type.partition(";")[0].strip().lower()
    if len(data) > MOST_BYTES:
        return Content(problem=f"it is larger than {MOST_BYTES // 1_000_000} MB")
    try:
        if kind == PDF_TYPE:
            return _read_pdf(data)
        if kind in TEXT_TYPES:
            return from_text(_decoded(data))
    except UnreadableDocumentError as error:
        return Content(problem=str(error))
    return Content(problem="files of this kind cannot be read here")


def from_text(text: str, *, pages: int = 0, is_cut: bool = False) -> Content:
    """Words that were extracted before. `is_cut` says that there are more of them."""
    text = clean(text).strip()
    if not text:
        return Content(pages=pages, problem="it holds no text that can be read")
    return Content(text=text[:MOST_CHARACTERS], pages=pages, is_cut=is_cut or len(text) > MOST_CHARACTERS)


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        raise UnreadableDocumentError("it is not a text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _read_pdf(data: bytes) -> Content:
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocumentError("it is protected with a password")
        return _pages_of(reader)
    except (*_BROKEN, *_BROKEN_TOO) as error:
        raise UnreadableDocumentError("it is damaged or not a PDF") from error


def _pages_of(reader: PdfReader) -> Content:
    pages, length, read_all = [], 0, True
    deadline = monotonic() + SECONDS_FOR_A_PDF
    for number, page in enumerate(reader.pages):
        if number >= MOST_PAGES or length > MOST_CHARACTERS or monotonic() > deadline:
            read_all = False
            break
        pages.append(page.extract_text())
        length += len(pages[-1])
    return from_text("\n\n".join(pages), pages=len(reader.pages), is_cut=not read_all)
