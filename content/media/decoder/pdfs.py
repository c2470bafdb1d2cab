"""PDFs: the first page as a picture, and the text."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2

from .job import MOST_CHARACTERS, Job, RefusedError
from .pictures import THUMBNAIL_SIDE, thumbnail

# Of the job's time, what reading text may take; what was read by then counts.
TEXT_SHARE = 0.3
# PDFium's mark of a hyphen that only broke the line.
SOFT_HYPHENS = ("\ufffe\r\n", "\ufffe\n", "\ufffe", "\x02\r\n", "\x02")


def pdf(job: Job) -> dict[str, Any]:
    """The task: a picture of the first page, and the text."""
    until = time.monotonic() + job.seconds * TEXT_SHARE
    with _opened(job) as document:
        job.result("thumbnail.webp").write_bytes(_first_page(document))
        text, is_cut = _text(document, until)
        return {"text": text, "is_cut": is_cut}


def pdf_opens(job: Job) -> dict[str, Any]:
    """The task: whether it opens at all, and has a first page."""
    with _opened(job) as document:
        document[0].get_size()
    return {}


@contextmanager
def _opened(job: Job) -> Iterator[pypdfium2.PdfDocument]:
    try:
        with pypdfium2.PdfDocument(job.path) as document:
            if not len(document):
                raise RefusedError("The PDF has no pages.")
            yield document
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise RefusedError("The PDF is protected by a password. Send a copy without one.") from error
        raise RefusedError("The PDF is damaged and cannot be opened.") from error


def _first_page(document: pypdfium2.PdfDocument) -> bytes:
    page = document[0]
    width, height = page.get_size()
    longer = max(width, height)
    if not 0 < longer < float("inf"):
        raise RefusedError("The PDF's first page has no size.")
    # PDFium draws in the size that is wanted: a page of ten metres takes no more memory than another.
    image = page.render(scale=THUMBNAIL_SIDE / longer).to_pil()
    return thumbnail(image.convert("RGB"))


def _text(document: pypdfium2.PdfDocument, until: float) -> tuple[str, bool]:
    """The beginning of the text, and whether it goes on."""
    parts, length, is_cut = [], 0, False
    for number in range(len(document)):
        if length >= MOST_CHARACTERS or time.monotonic() > until:
            is_cut = True
            break
        try:
            text = document[number].get_textpage().get_text_bounded()
        except pypdfium2.PdfiumError:
            # One page that is damaged: the others may still be worth finding.
            continue
        parts.append(_plain(text))
        length += len(parts[-1]) + 1
    text = "\n".join(parts)
    return text[:MOST_CHARACTERS].strip(), is_cut or len(text) > MOST_CHARACTERS


def _plain(text: str) -> str:
    for hyphen in SOFT_HYPHENS:
        text = text.replace(hyphen, "")
    # A lone half of a character pair is no text, and no database stores NUL.
    text = text.replace("\r\n", "\n").replace("\0", "")
    return text.encode("utf-8", "ignore").decode()
