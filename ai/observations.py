"""What can be measured in an attached file without understanding it: size, palette, light; length; pages, words,
headings.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageStat

from ai import pictures
from ai.contract import Attachment, Content, Still
from ai.documents import FOUNTAIN_TYPE
from ai.text import one_line, seconds_in_words, sentence, shorten

MOST_COLOURS = 4
LEAST_SHARE = 0.03
LONGEST_FIRST_LINE = 80
MOST_LOOKS = 3
_LIGHT = ("dark", "mid-toned", "bright")

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
# Fountain takes them in lower case too, and any line that a full stop forces to be one.
_FOUNTAIN_HEADING = re.compile(r"^((?:INT|EXT|EST|I/E)[./ ].{0,80}|\.(?!\.).{1,80})$", re.MULTILINE | re.IGNORECASE)
_FOUNTAIN_TITLE = re.compile(r"\ATitle:\s*(\S.*)", re.IGNORECASE)
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
    return f"- `{name}`: {_seen(attachment, aspect_ratio)}"


def _seen(attachment: Attachment, aspect_ratio: str) -> str:
    content = attachment.content
    if content.problem:
        pages = _pages(content)
        return f"{pages}I could not read it: {sentence(content.problem)}"
    try:
        if attachment.is_picture:
            return _picture(content, aspect_ratio)
        if attachment.is_video:
            return _video(content, aspect_ratio)
    except pictures.UnreadablePictureError as error:
        return f"I could not read it: {sentence(str(error))}"
    return _sound(content) if attachment.is_sound else _document(attachment)


def _picture(content: Content, aspect_ratio: str) -> str:
    with pictures.opened(content.stills[0].data) as picture:
        small = picture.image.convert("RGB")
    small.thumbnail((128, 128))
    colours = ", ".join(f"{c.name} {c.hex} ({round(c.share * 100)} %)" for c in palette(small))
    brightness, contrast = _light(small)
    return (
        f"{_shape(content, aspect_ratio)}; palette {colours}; "
        f"{_level(brightness, *_LIGHT)} ({round(brightness * 100)} % brightness), "
        f"{_level(contrast * 1.6, 'low', 'medium', 'high')} contrast."
    )


def _video(content: Content, aspect_ratio: str) -> str:
    """Where its colour or light changes from one still to the next is said, and no more of it."""
    facts = [
        seconds_in_words(content.duration) if content.duration is not None else "",
        _shape(content, aspect_ratio) if content.width else "",
        f"{content.fps:.4g} fps" if content.fps else "",
    ]
    looks: list[str] = []
    for still in content.stills:
        look = _look(still)
        if not looks or not looks[-1].startswith(look):
            looks.append(f"{look} at {seconds_in_words(still.seconds or 0.0)}")
    shown = ", then ".join(looks[:MOST_LOOKS]) + (" …" if len(looks) > MOST_LOOKS else "")
    known = ", ".join(filter(None, facts))
    sound = " I cannot hear its sound." if content.sample_rate else ""
    return f"{known}{'; ' if known else ''}in {len(content.stills)} stills mostly {shown}.{sound}"


def _look(still: Still) -> str:
    with pictures.opened(still.data) as picture:
        small = picture.image.convert("RGB")
    small.thumbnail((128, 128))
    colours = palette(small)
    return f"{colours[0].name if colours else 'mixed'} ({_level(_light(small)[0], *_LIGHT)})"


def _sound(content: Content) -> str:
    facts = [
        f"{seconds_in_words(content.duration)} long" if content.duration is not None else "",
        f"{content.sample_rate:,} samples a second" if content.sample_rate else "",
    ]
    known = ", ".join(filter(None, facts))
    return f"{known}{'; ' if known else ''}I cannot hear it."


def _light(picture: Image.Image) -> tuple[float, float]:
    """Brightness and contrast, 0 to 1."""
    light = ImageStat.Stat(picture.convert("L"))
    return light.mean[0] / 255, light.stddev[0] / 128


def _shape(content: Content, aspect_ratio: str) -> str:
    width, height = content.width or 0, content.height or 0
    shape = aspect_of(width, height)
    if aspect_ratio in _ASPECTS and shape != aspect_ratio:
        shape += f", the project has {aspect_ratio}"
    return f"{width} × {height} px ({shape})"


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


def _pages(content: Content) -> str:
    return f"{content.pages} {'page' if content.pages == 1 else 'pages'}, " if content.pages else ""


def _document(attachment: Attachment) -> str:
    content = attachment.content
    count = sum(any(map(str.isalnum, word)) for word in content.text.split())
    words = f"{'at least ' if content.is_cut else ''}{count:,} {'word' if count == 1 else 'words'}"
    is_fountain = attachment.mime_type == FOUNTAIN_TYPE
    return f"{_pages(content)}{words}; {_beginning(content.text)}.{_headings(content.text, is_fountain)}"


def _beginning(text: str) -> str:
    if title := _FOUNTAIN_TITLE.match(text):
        return f"it is called “{shorten(one_line(title[1]), LONGEST_FIRST_LINE)}”"
    first = shorten(one_line(text.split("\n", 1)[0].lstrip("# ")), LONGEST_FIRST_LINE)
    return f"it begins “{first}”"


def _headings(text: str, is_fountain: bool) -> str:
    scenes = _FOUNTAIN_HEADING if is_fountain else _SCENE_HEADING
    for kind, pattern in (("scene heading", scenes), ("heading", _HEADING)):
        found = [one_line(item).lstrip(".") for item in pattern.findall(text)]
        if found:
            return f" {len(found)} {kind if len(found) == 1 else kind + 's'}: {_listed(found)}."
    return ""


def _listed(items: Sequence[str]) -> str:
    shown = "; ".join(shorten(item, 40) for item in items[:3])
    return f"{shown} …" if len(items) > 3 else shown
