"""A session as a PDF to print and to hand on."""

from collections.abc import Iterator
from typing import IO, Any
from xml.sax.saxutils import quoteattr

from django.utils import timezone
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, HRFlowable, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus.doctemplate import LayoutError

from content.media.values import plain_words

from .export import Absolute, Said, facts_of, moment, said_in
from .models import Session
from .pdf_text import BOLD, GREY, ITALIC, MISSING, RULE, SANS, blocks, load_fonts, marked, style

# Characters of all messages that are set: about 250 pages, four seconds of work. Older messages are left out.
MOST_CHARACTERS = 400_000
MARGIN = 54
WIDTH = A4[0] - 2 * MARGIN - 12


def write_pdf(session: Session, absolute: Absolute, out: IO[bytes]) -> None:
    """The active path, page by page; of an over-long one its newest part."""
    load_fonts()
    said, left_out = _newest(said_in(session, absolute))
    try:
        _build(session, said, left_out, out, formatted=True)
    except LayoutError:
        # Something in a message's Markdown cannot be set on a page: its words always can.
        out.seek(0)
        out.truncate()
        _build(session, said, left_out, out, formatted=False)


def _newest(said: Iterator[Said]) -> tuple[list[Said], int]:
    """The messages that are set, and how many older ones are not."""
    kept: list[Said] = []
    size = left_out = 0
    for each in said:
        kept.append(each)
        size += _size(each)
        while size > MOST_CHARACTERS and len(kept) > 1:
            size -= _size(kept.pop(0))
            left_out += 1
    return kept, left_out


def _size(said: Said) -> int:
    # A message is some lines whatever it says.
    return len(said.message.content) + 200


def _build(session: Session, said: list[Said], left_out: int, out: IO[bytes], *, formatted: bool) -> None:
    title = plain_words(session.title)

    def number_page(canvas: Canvas, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(SANS, 8)
        canvas.setFillColor(GREY)
        canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, f"Page {document.page}")
        canvas.restoreState()

    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=title,
        author=plain_words(session.user.name),
        creator="Auto-Movie",
    )
    story = list(_story(session, said, left_out, formatted=formatted))
    document.build(story, onFirstPage=number_page, onLaterPages=number_page)


def _story(session: Session, said: list[Said], left_out: int, *, formatted: bool) -> Iterator[Flowable]:
    yield Paragraph(marked(plain_words(session.title)), style(size=20, font=BOLD))
    facts = "<br/>".join(marked(f"{name}: {plain_words(value)}") for name, value in facts_of(session, timezone.now()))
    yield Paragraph(facts, style(grey=True))
    yield HRFlowable(width="100%", color=RULE, spaceBefore=4, spaceAfter=8)
    if left_out:
        words = f"The first {left_out:,} messages are left out here. The Markdown and JSON exports have them all."
        yield Paragraph(words, style(font=ITALIC))
    for each in said:
        yield from _entry(each, formatted=formatted)
    yield Spacer(0, 12)
    note = f"{MISSING} stands for a letter that this document has no font for. The Markdown export has every letter."
    yield Paragraph(note, style(size=7.5, grey=True))


def _entry(said: Said, *, formatted: bool) -> Iterator[Flowable]:
    if said.step is not None:
        looks = style(size=14, font=BOLD, before=12, is_heading=True)
        yield Paragraph(marked(plain_words(said.step.title)), looks)
    who = marked(plain_words(said.speaker))
    head = style(size=10, before=10, is_heading=True)
    yield Paragraph(f'<b>{who}</b> <font size="8" color="#5f6368">{moment(said.message.created_at)}</font>', head)
    if formatted:
        yield from blocks(said.message.content, WIDTH)
    else:
        for line in said.message.content.split("\n"):
            yield from (Paragraph(marked(line[at : at + 2_000]), style()) for at in range(0, len(line), 2_000))
    if said.chosen is not None:
        yield Paragraph(marked(f"Choice taken: {said.chosen.title}"), style(grey=True))
    for file in said.attached:
        name = f'<a href={quoteattr(file.url)} color="#0b57d0">{marked(plain_words(file.name))}</a>'
        yield Paragraph(f"Attached: {name} ({marked(file.kind)})", style(grey=True))
    for remark in said.remarks:
        yield Paragraph(marked(plain_words(remark)), style(font=ITALIC, grey=True))
