"""A draft storyboard panel, drawn from the words of a scene.

It is honest about what it is: a composed sketch, marked DRAFT. The same words always give the same picture,
so a task that is run again makes the same panel.
"""

import hashlib
import io
import random
import re
from dataclasses import dataclass
from functools import cached_property

from PIL import Image, ImageDraw, ImageFont

from . import scenery
from .canvas import Canvas, Light, palette

# Pixels, in the exact ratio.
SIZES = {
    "16:9": (1280, 720),
    "4:3": (1024, 768),
    "21:9": (1344, 576),
    "9:16": (720, 1280),
    "1:1": (1024, 1024),
}
SHOT_LABELS = {
    "extreme-wide": "EXTREME WIDE",
    "wide": "WIDE",
    "full": "FULL",
    "medium": "MEDIUM",
    "close-up": "CLOSE-UP",
    "extreme-close-up": "EXTREME CLOSE-UP",
}
# How tall a figure stands, as a share of the picture's height.
FIGURE_HEIGHTS = {
    "extreme-wide": 0.12,
    "wide": 0.28,
    "full": 0.62,
    "medium": 1.15,
    "close-up": 2.1,
    "extreme-close-up": 3.4,
}
INTERIOR = re.compile(
    r"^\s*int\b|\b(inside|indoors|room|kitchen|office|bar|cafe|café|corridor|hall|cell|bedroom|apartment|studio)\b",
    re.I,
)
EXTERIOR = re.compile(r"^\s*ext\b|\b(outside|outdoors)\b", re.I)
LIGHTS = (
    (Light.NIGHT, re.compile(r"\b(night|midnight|moon\w*|dark\w*|stars?)\b", re.I)),
    (Light.DUSK, re.compile(r"\b(dusk|sunset|evening|twilight|golden hour)\b", re.I)),
    (Light.DAWN, re.compile(r"\b(dawn|sunrise|morning|daybreak)\b", re.I)),
)
CROWD = re.compile(r"\b(crowd|army|mob|audience|people|team|everyone|family)\b", re.I)
NUMBERS = {
    "alone": 1,
    "one": 1,
    "two": 2,
    "both": 2,
    "couple": 2,
    "pair": 2,
    "three": 3,
    "trio": 3,
    "four": 4,
}
EMPTY = re.compile(r"\b(empty|deserted|abandoned|nobody|no one|establishing)\b", re.I)
NAME = re.compile(r"\b[A-Z][a-z]{2,}\b")
NAMES_JOINED = re.compile(r"\b([A-Z][a-z]{2,}),? and ([A-Z][a-z]{2,})\b")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
MAX_FIGURES = 5
INK, PAPER = (24, 24, 28), (246, 243, 236)


@dataclass(frozen=True)
class Panel:
    """What is to be drawn: the scene's words, how near the camera is, a caption, and the project's ratio."""

    scene: str
    shot: str
    caption: str
    aspect_ratio: str

    @cached_property
    def lines(self) -> list[str]:
        return [line.strip() for line in SENTENCE_END.split(self.scene) if line.strip()]

    @cached_property
    def has_heading(self) -> bool:
        return bool(re.match(r"\s*(int|ext)\b", self.scene, re.I))

    @property
    def slug_line(self) -> str:
        """The scene's heading, if it has one, else its first sentence."""
        if self.has_heading:
            return self.scene.strip().splitlines()[0].strip()
        return self.lines[0] if self.lines else self.scene

    @property
    def words(self) -> str:
        """The line under the picture."""
        if self.caption:
            return self.caption
        rest = self.scene.strip().removeprefix(self.slug_line).strip()
        return " ".join(rest.split())

    @property
    def is_interior(self) -> bool:
        return bool(INTERIOR.search(self.scene)) and not EXTERIOR.search(self.scene)

    @property
    def light(self) -> Light:
        return next((light for light, pattern in LIGHTS if pattern.search(self.scene)), Light.DAY)

    @property
    def figures(self) -> int:
        """How many people are drawn: as the words say, else the names that they hold."""
        if EMPTY.search(self.scene):
            return 0
        if CROWD.search(self.scene):
            return MAX_FIGURES
        lowered = re.findall(r"\w+", self.scene.lower())
        told = max((NUMBERS[word] for word in lowered if word in NUMBERS), default=0)
        return min(told or len(self._names()) or 1, MAX_FIGURES)

    def _names(self) -> set[str]:
        """Capitalised words inside of sentences, which are most often names."""
        body = self.scene.strip().removeprefix(self.slug_line) if self.has_heading else self.scene
        inside = {
            match.group() for match in NAME.finditer(body) if not re.search(r"(^|[.!?]\s*)$", body[: match.start()])
        }
        for pair in NAMES_JOINED.findall(body):
            inside.update(pair)
        return inside or set(NAME.findall(body)[:1])


def draw_panel(panel: Panel) -> bytes:
    """The panel as a PNG of the ratio's size in SIZES."""
    width, height = SIZES.get(panel.aspect_ratio, SIZES["16:9"])
    short = min(width, height)
    margin = round(short * 0.03)
    bands = _bands(panel, width - 4 * margin, short)
    picture = (margin, margin + bands.top, width - margin, height - margin - bands.bottom)
    image = Image.new("RGB", (width, height), PAPER)
    drawn = _picture(panel, picture[2] - picture[0], picture[3] - picture[1])
    image.paste(drawn, picture[:2])
    draw = ImageDraw.Draw(image)
    draw.rectangle(picture, outline=INK, width=max(2, short // 240))
    _write(draw, panel, bands, picture, margin, short)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=False)
    return out.getvalue()


@dataclass(frozen=True)
class _Bands:
    """The text above and below the picture, wrapped, with the heights in pixels that it needs."""

    slug: list[str]
    caption: list[str]
    top: int
    bottom: int


def _bands(panel: Panel, width: int, short: int) -> _Bands:
    slug_font, caption_font = _font(short, 0.034), _font(short, 0.03)
    label_width = round(slug_font.getlength(f"  {SHOT_LABELS[panel.shot]}"))
    slug = _wrap(panel.slug_line.upper(), slug_font, width - label_width, 1)
    caption = _wrap(panel.words, caption_font, width, 3)
    line = round(short * 0.04)
    return _Bands(slug, caption, round(short * 0.06), line * len(caption) + (round(short * 0.02) if caption else 0))


def _write(
    draw: ImageDraw.ImageDraw,
    panel: Panel,
    bands: _Bands,
    picture: tuple[int, int, int, int],
    margin: int,
    short: int,
) -> None:
    left, _, right, bottom = picture
    font = _font(short, 0.034)
    middle = margin + bands.top // 2
    draw.text((left, middle), "".join(bands.slug), font=font, fill=INK, anchor="lm")
    draw.text((right, middle), SHOT_LABELS[panel.shot], font=font, fill=INK, anchor="rm")
    for number, line in enumerate(bands.caption):
        place = (left, bottom + round(short * 0.02) + number * round(short * 0.04))
        draw.text(place, line, font=_font(short, 0.03), fill=INK, anchor="la")
    mark = _font(short, 0.03)
    pad = round(short * 0.012)
    box = draw.textbbox((right - 2 * pad, bottom - 2 * pad), "DRAFT", font=mark, anchor="rd")
    draw.rectangle((box[0] - pad, box[1] - pad, box[2] + pad, box[3] + pad), fill=PAPER, outline=INK, width=2)
    draw.text((right - 2 * pad, bottom - 2 * pad), "DRAFT", font=mark, fill=INK, anchor="rd")


def _picture(panel: Panel, width: int, height: int) -> Image.Image:
    """The composed sketch, drawn at twice its size and scaled down, which smooths its edges."""
    image = Image.new("RGB", (width * 2, height * 2))
    seed = hashlib.sha256(f"{panel.scene}|{panel.shot}".encode()).digest()
    canvas = Canvas(
        ImageDraw.Draw(image),
        width * 2,
        height * 2,
        random.Random(seed),
        palette(panel.scene, panel.light),
    )
    if panel.is_interior:
        floor = scenery.room(canvas, panel.light)
    else:
        floor = scenery.landscape(canvas, panel.light, scenery.place(panel.scene))
    scenery.figures(canvas, panel.figures, FIGURE_HEIGHTS[panel.shot], floor)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _font(short: int, share: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(max(10, round(short * share)))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int, lines: int) -> list[str]:
    """The text in at most `lines` lines of `width` pixels; what does not fit ends in an ellipsis."""
    wrapped: list[str] = []
    words = text.split()
    while words and len(wrapped) < lines:
        line = words.pop(0)
        while words and font.getlength(f"{line} {words[0]}") <= width:
            line += f" {words.pop(0)}"
        wrapped.append(line)
    for number, line in enumerate(wrapped):
        cut_short = bool(words) and number == len(wrapped) - 1
        wrapped[number] = _shorten(line, font, width, cut_short)
    return wrapped


def _shorten(line: str, font: ImageFont.FreeTypeFont, width: int, cut_short: bool) -> str:
    if not cut_short and font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line.rstrip()}…"
