"""What can be measured in an attached file without understanding it: size, palette, light; pages, words,
headings.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageStat

from ai import documents, pictures
from ai.contract import Attachment
from ai.text import one_line, shorten

MOST_COLOURS = 4
LEAST_SHARE = 0.03
LONGEST_FIRST_LINE = 80

_NAMED = {
    "black": (12, 12, 14), "charcoal": (54, 57, 63), "grey": (128, 128, 128), "silver": (192, 192, 192),
    "white": (246, 246, 246), "cream": (245, 235, 210), "sand": (215, 190, 145), "brown": (105, 68, 40),
    "rust": (165, 75, 35), "dark red": (110, 15, 20), "red": (210, 30, 35), "salmon": (240, 140, 120),
    "orange": (240, 130, 25), "amber": (250, 185, 30), "yellow": (250, 225, 60), "olive": (110, 110, 40),
    "lime": (150, 210, 50), "green": (40, 150, 60), "forest green": (25, 75, 40), "mint": (160, 225, 190),
    "teal": (20, 125, 125), "turquoise": (60, 200, 200), "sky blue": (130, 190, 235), "blue": (40, 90, 200),
    "navy": (20, 30, 80), "steel blue": (85, 120, 155), "violet": (120, 70, 190), "purple": (90, 30, 110),
    "magenta": (210, 40, 150), "pink": (245, 180, 205),
}  # fmt: skip
_ASPECTS = {
    "1:1": 1.0,
    "4:3": 4 / 3,
    "3:2": 1.5,
    "16:9": 16 / 9,
    "21:9": 64 / 27,
    "9:16": 9 / 16,
    "3:4": 0.75,
    "2:3": 2 / 3,
}
_SCENE_HEADING = re.compile(r"^\s*((?:INT|EXT|I/E)[./ ].{0,80})$", re.MULTILINE)
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.{1,80})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Colour:
    name: str
    red: int
    green: int
    blue: int
    share: float  # 0 to 1 of the picture

    @property
    def hex(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


def observe(attachment: Attachment, *, aspect_ratio: str = "") -> str:
    """One line of Markdown about the file. `aspect_ratio` is the project's, such as 16:9. Never raises for a
    bad file.
    """
    name = shorten(one_line(attachment.name), 60).replace("`", "'")
    try:
        seen = _picture(attachment.data, aspect_ratio) if attachment.is_picture else _document(attachment)
    except (pictures.UnreadablePictureError, documents.UnreadableDocumentError) as error:
        seen = f"I could not read it: {error}."
    return f"- `{name}`: {seen}"


def _picture(data: bytes, aspect_ratio: str) -> str:
    width, height = pictures.size_of(data)
    with pictures.opened(data, draft=512) as picture:
        # An upright phone picture is stored lying down.
        if (picture.width > picture.height) != (width > height) and picture.width != picture.height:
            width, height = height, width
        small = picture.convert("RGB")
    small.thumbnail((128, 128))
    colours = ", ".join(f"{c.name} {c.hex} ({round(c.share * 100)} %)" for c in palette(small))
    light = ImageStat.Stat(small.convert("L"))
    brightness, contrast = light.mean[0] / 255, light.stddev[0] / 128
    shape = aspect_of(width, height)
    if aspect_ratio in _ASPECTS and shape != aspect_ratio:
        shape += f", the project has {aspect_ratio}"
    return (
        f"{width} × {height} px ({shape}); palette {colours}; "
        f"{_level(brightness, 'dark', 'mid-toned', 'bright')} ({round(brightness * 100)} % brightness), "
        f"{_level(contrast * 1.6, 'low', 'medium', 'high')} contrast."
    )


def aspect_of(width: int, height: int) -> str:
    """The nearest usual name for a shape, with "about" where it is not exact."""
    if not width or not height:
        return "unknown shape"
    ratio = width / height
    name = min(_ASPECTS, key=lambda item: abs(_ASPECTS[item] - ratio) / ratio)
    error = abs(_ASPECTS[name] - ratio) / ratio
    if error > 0.12:
        return f"{ratio:.2f}:1"
    return name if error < 0.01 else f"about {name}"


def palette(picture: Image.Image) -> Sequence[Colour]:
    """The picture's main colours, the largest first; shades of one name are counted together."""
    few = picture.quantize(colors=8, method=Image.Quantize.MEDIANCUT)
    table = few.getpalette() or []
    pixels = picture.width * picture.height
    counts = sorted(((count, index) for index, count in enumerate(few.histogram()) if count), reverse=True)
    found: dict[str, Colour] = {}
    for count, index in counts:
        red, green, blue = table[3 * index : 3 * index + 3]
        name = _nearest(red, green, blue)
        first = found.get(name, Colour(name, red, green, blue, 0))
        found[name] = Colour(name, first.red, first.green, first.blue, first.share + count / pixels)
    ranked = sorted(found.values(), key=lambda colour: -colour.share)
    return [colour for colour in ranked if colour.share >= LEAST_SHARE][:MOST_COLOURS]


def _nearest(red: int, green: int, blue: int) -> str:
    """By weighted distance: the eye is keenest in green, and for red or blue depending on how red the colour
    is.
    """

    def distance(name: str) -> float:
        r, g, b = _NAMED[name]
        mean = (red + r) / 2
        return (2 + mean / 256) * (red - r) ** 2 + 4 * (green - g) ** 2 + (2 + (255 - mean) / 256) * (blue - b) ** 2

    return min(_NAMED, key=distance)


def _level(value: float, low: str, middle: str, high: str) -> str:
    return low if value < 0.34 else middle if value < 0.67 else high


def _document(attachment: Attachment) -> str:
    document = documents.read(attachment)
    pages = f"{document.pages} {'page' if document.pages == 1 else 'pages'}, " if document.pages else ""
    if not document.text:
        return f"{pages}no text that can be read."
    count = sum(any(map(str.isalnum, word)) for word in document.text.split())
    words = f"{'at least ' if document.cut else ''}{count:,} {'word' if count == 1 else 'words'}"
    first = shorten(one_line(document.text.split("\n", 1)[0].lstrip("# ")), LONGEST_FIRST_LINE)
    return f"{pages}{words}; it begins “{first}”.{_headings(document.text)}"


def _headings(text: str) -> str:
    for kind, pattern in (("scene heading", _SCENE_HEADING), ("heading", _HEADING)):
        found = [one_line(item) for item in pattern.findall(text)]
        if found:
            return f" {len(found)} {kind if len(found) == 1 else kind + 's'}: {_listed(found)}."
    return ""


def _listed(items: Sequence[str]) -> str:
    shown = "; ".join(shorten(item, 40) for item in items[:3])
    return f"{shown} …" if len(items) > 3 else shown
