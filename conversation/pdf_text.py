"""Letters and Markdown as the PDF library takes them: fonts, what they cannot show, and blocks of text.

Nothing is ever fetched: pictures become their words, links stay addresses.
"""

import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from django.conf import settings
from markdown_it.tree import SyntaxTreeNode
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, HRFlowable, Paragraph, Table, XPreformatted

from .rendering import MARKDOWN

SANS, BOLD, ITALIC, MONO, FALLBACK = "Sans", "Sans-Bold", "Sans-Italic", "Mono", "Fallback"
FILES = {
    SANS: "DejaVuSans.ttf",
    BOLD: "DejaVuSans-Bold.ttf",
    ITALIC: "DejaVuSans-Oblique.ttf",
    MONO: "DejaVuSansMono.ttf",
}
# Stands for a letter that no font here has, or that would be in a wrong place: there is no shaping.
MISSING = "□"
GREY, RULE, PAPER = HexColor("#5f6368"), HexColor("#c8ccd0"), HexColor("#f3f4f6")
# Points.
SIZE, LEADING, INDENT, CODE_SIZE = 9.5, 13.5, 14, 8
# A letter of the font for code, as a part of its size.
MONO_WIDTH = 0.603
DEEPEST = 8
# Longer ones are parted: the library breaks a paragraph anew for each page that it reaches.
LONGEST_PARAGRAPH = 4_000
MOST_COLUMNS, LONGEST_CELL = 8, 600
_HEADINGS = {"h1": 13.0, "h2": 12.0, "h3": 11.0}
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
_SHOWN_BY_NAME = {"So", "Sk"}
_SPACES, _UNSEEN = {"Zs", "Zl", "Zp"}, {"Cc", "Cf"}
_CONTROLS = {**dict.fromkeys([*range(32), 127]), ord("\t"): " "}

_lock = threading.Lock()
_shown: dict[str, frozenset[int]] = {}


def load_fonts() -> None:
    """Make the fonts known to the library, once."""
    with _lock:
        if _shown:
            return
        folder = Path(__file__).parent / "fonts"
        paths = {name: folder / file for name, file in FILES.items()}
        if settings.PDF_FALLBACK_FONT:
            paths[FALLBACK] = Path(settings.PDF_FALLBACK_FONT)
        fonts = {name: TTFont(name, str(path)) for name, path in paths.items()}
        for font in fonts.values():
            pdfmetrics.registerFont(font)
        pdfmetrics.registerFontFamily(SANS, normal=SANS, bold=BOLD, italic=ITALIC, boldItalic=BOLD)
        for name in (MONO, *({FALLBACK} & fonts.keys())):
            pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
        _letter.cache_clear()
        _shown.update({name: frozenset(font.face.charToGlyph) for name, font in fonts.items()})


def marked(text: str, font: str = SANS) -> str:
    """Text as the library's markup, with what cannot be shown replaced by its name or by a box."""
    if text.isascii():
        return escape(text.translate(_CONTROLS))
    return "".join(_letter(letter, font) for letter in unicodedata.normalize("NFC", text))


@lru_cache(maxsize=20_000)
def _letter(letter: str, font: str) -> str:
    code, category = ord(letter), unicodedata.category(letter)
    if category in _SPACES or letter == "\t":
        return " "
    if category in _UNSEEN:
        return ""
    wrong = unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT
    # Bold and slanted letters are found in the same text, so all of the family must have them.
    family = (SANS, BOLD, ITALIC) if font == SANS else (font,)
    if not wrong and all(code in _shown[each] for each in family):
        return escape(letter)
    if not wrong and code in _shown.get(FALLBACK, ()):
        return f'<font name="{FALLBACK}">{escape(letter)}</font>'
    if category == "Mn" or "EMOJI MODIFIER" in unicodedata.name(letter, ""):
        return ""
    if category in _SHOWN_BY_NAME and (name := unicodedata.name(letter, "")):
        return f"[{name.lower()}]"
    return MISSING


@lru_cache(maxsize=200)
def style(
    depth: int = 0,
    *,
    size: float = SIZE,
    font: str = SANS,
    grey: bool = False,
    before: float = 0,
    is_heading: bool = False,
) -> ParagraphStyle:
    """A paragraph's looks; `depth` counts indentations, `before` is the space above.

    A heading is never a page's last line.
    """
    return ParagraphStyle(
        "text",
        fontName=font,
        fontSize=size,
        leading=size * LEADING / SIZE,
        leftIndent=INDENT * min(depth, DEEPEST),
        bulletIndent=INDENT * (min(depth, DEEPEST) - 1),
        textColor=GREY if grey else HexColor("#202124"),
        spaceBefore=before,
        spaceAfter=4,
        bulletFontName=SANS,
        bulletFontSize=size,
        keepWithNext=is_heading,
    )


def blocks(markdown: str, width: float) -> Iterator[Flowable]:
    """A message's Markdown as blocks for a column of `width` points."""
    yield from _children(SyntaxTreeNode(MARKDOWN.parse(markdown)), 0, width, grey=False)


def _children(parent: SyntaxTreeNode, depth: int, width: float, *, grey: bool) -> Iterator[Flowable]:
    for node in parent.children:
        yield from _block(node, depth, width, grey=grey)


def _block(node: SyntaxTreeNode, depth: int, width: float, *, grey: bool) -> Iterator[Flowable]:
    if node.type == "paragraph":
        for text in _inlines(node):
            yield Paragraph(text, style(depth, grey=grey))
    elif node.type == "heading":
        looks = style(depth, size=_HEADINGS.get(node.tag, 10.0), font=BOLD, before=6, is_heading=True)
        yield from (Paragraph(text, looks) for text in _inlines(node))
    elif node.type in {"fence", "code_block"}:
        yield _code(node.content, depth, width)
    elif node.type == "blockquote":
        yield from _children(node, depth + 1, width, grey=True)
    elif node.type in {"bullet_list", "ordered_list"}:
        yield from _list(node, depth, width, grey=grey)
    elif node.type == "table":
        yield from _table(node, depth, width)
    elif node.type == "hr":
        yield HRFlowable(width="100%", color=RULE, spaceBefore=4, spaceAfter=6)
    else:
        yield from _children(node, depth, width, grey=grey)


def _list(node: SyntaxTreeNode, depth: int, width: float, *, grey: bool) -> Iterator[Flowable]:
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    inner = depth + 1
    for place, item in enumerate(node.children):
        bullet = "•" if number is None else f"{number + place}."
        children = item.children
        # The mark stands before a paragraph, be it an empty one.
        texts = list(_inlines(children[0])) if children and children[0].type == "paragraph" else [""]
        yield Paragraph(texts[0], style(inner, grey=grey), bulletText=bullet)
        yield from (Paragraph(text, style(inner, grey=grey)) for text in texts[1:])
        for child in children:
            if child is not children[0] or child.type != "paragraph":
                yield from _block(child, inner, width, grey=grey)


def _code(text: str, depth: int, width: float) -> Flowable:
    looks = ParagraphStyle(
        "code", parent=style(depth), fontName=MONO, fontSize=CODE_SIZE, leading=CODE_SIZE * 1.35, backColor=PAPER,
        borderPadding=3, spaceBefore=5, spaceAfter=8,
    )  # fmt: skip
    letters = max(10, int((width - INDENT * min(depth, DEEPEST)) / (CODE_SIZE * MONO_WIDTH)))
    lines = [part for line in text.expandtabs(4).rstrip("\n").split("\n") for part in _wrapped(line, letters)]
    return XPreformatted("\n".join(marked(line, MONO) for line in lines) or " ", looks)


def _wrapped(line: str, letters: int) -> Iterator[str]:
    for start in range(0, max(len(line), 1), letters):
        yield line[start : start + letters]


def _table(node: SyntaxTreeNode, depth: int, width: float) -> Iterator[Flowable]:
    rows = [row.children for part in node.children for row in part.children]
    longest = max((len(_words(cell)) for row in rows for cell in row), default=0)
    if not rows or len(rows[0]) > MOST_COLUMNS or longest > LONGEST_CELL:
        # As lines: a row that is higher than a page cannot be set.
        for row in rows:
            yield from (Paragraph(text, style(depth)) for cell in row for text in _inlines(cell) if text)
        return
    cells = [
        [Paragraph("<br/>".join(_inlines(cell)), style(font=BOLD if place == 0 else SANS)) for cell in row]
        for place, row in enumerate(rows)
    ]
    looks = [
        ("GRID", (0, 0), (-1, -1), 0.5, RULE),
        ("BACKGROUND", (0, 0), (-1, 0), PAPER),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    usable = width - INDENT * min(depth, DEEPEST)
    yield Table(
        cells, colWidths=_column_widths(rows, usable), repeatRows=1, splitInRow=1, style=looks, spaceBefore=4,
        spaceAfter=8, hAlign="LEFT",
    )  # fmt: skip


def _column_widths(rows: Sequence[Sequence[SyntaxTreeNode]], usable: float) -> list[float]:
    """In proportion to the longest text of each column, within bounds."""
    weights = [min(max(max(len(_words(cell)) for cell in column), 6), 40) for column in zip(*rows, strict=False)]
    return [usable * weight / sum(weights) for weight in weights]


def _words(node: SyntaxTreeNode) -> str:
    return "".join(child.content for child in node.children)


def _inlines(block: SyntaxTreeNode) -> Iterator[str]:
    """A block's text as markup, in parts that are not too long."""
    part, length = "", 0
    for inline in block.children:
        for node in inline.children:
            for text, size in _spans(node):
                if length + size > LONGEST_PARAGRAPH and part:
                    yield part
                    part, length = "", 0
                part, length = part + text, length + size
    yield part


def _spans(node: SyntaxTreeNode) -> Iterator[tuple[str, int]]:
    """Markup that may be parted from what is around it, with its length."""
    if node.type == "text":
        for start in range(0, len(node.content), LONGEST_PARAGRAPH):
            piece = node.content[start : start + LONGEST_PARAGRAPH]
            yield marked(piece), len(piece)
    else:
        words = _all_words(node)
        if len(words) > LONGEST_PARAGRAPH:
            # Without its marks: a span cannot be parted.
            for start in range(0, len(words), LONGEST_PARAGRAPH):
                yield marked(words[start : start + LONGEST_PARAGRAPH]), LONGEST_PARAGRAPH
        else:
            yield _span(node), len(words)


def _all_words(node: SyntaxTreeNode) -> str:
    if node.children:
        return "".join(_all_words(child) for child in node.children)
    return " " if node.type in {"softbreak", "hardbreak"} else node.content


def _span(node: SyntaxTreeNode) -> str:
    inner = "".join(_span(child) for child in node.children)
    match node.type:
        case "text":
            return marked(node.content)
        case "softbreak" | "hardbreak":
            return "<br/>"
        case "strong":
            return f"<b>{inner}</b>"
        case "em":
            return f"<i>{inner}</i>"
        case "s":
            return f"<strike>{inner}</strike>"
        case "code_inline":
            return f'<font name="{MONO}" size="{CODE_SIZE + 0.5}">{marked(node.content, MONO)}</font>'
        case "link":
            return _link(str(node.attrs.get("href", "")), inner)
        case "image":
            return f"[{marked(f'picture: {node.content}')}]"
    return inner


def _link(address: str, inner: str) -> str:
    if not address.startswith(("http://", "https://", "mailto:")):
        return inner
    return f'<a href={quoteattr(address)} color="#0b57d0">{inner}</a>'
