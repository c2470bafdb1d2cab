"""What storyboard sketches are drawn on: light, colours and the canvas."""

import colorsys
import random
import re
from dataclasses import dataclass
from enum import Enum, auto

from PIL import ImageDraw

Colour = tuple[int, int, int]


class Light(Enum):
    """The time of day that a scene names."""

    DAY = auto()
    DAWN = auto()
    DUSK = auto()
    NIGHT = auto()


# Hues, 0 to 1, that words ask for.
HUES = (
    (r"fire|flames?|blood|rage|red|war|explosion", 0.02),
    (r"gold\w*|desert|sand|sun\w*|warm|autumn|candle\w*", 0.10),
    (r"forest|jungle|garden|green|poison", 0.33),
    (r"sea|ocean|ice|snow|cold|winter|blue|rain\w*|river", 0.57),
    (r"magic|dream\w*|neon|purple|space|mystery|cyber\w*", 0.78),
    (r"love|romance|rose|wedding|pink", 0.93),
)
# Of each light: the hue that pulls, how far it pulls, saturation, and brightness of the sky's top and bottom.
LIGHTING = {
    Light.DAY: (0.56, 0.4, 0.35, 0.78, 0.97),
    Light.DAWN: (0.07, 0.5, 0.40, 0.62, 0.96),
    Light.DUSK: (0.04, 0.6, 0.55, 0.38, 0.90),
    Light.NIGHT: (0.64, 0.7, 0.50, 0.10, 0.32),
}


@dataclass(frozen=True)
class Palette:
    """The colours of a picture, from the sky's top to the figures."""

    sky_top: Colour
    sky_bottom: Colour
    far: Colour
    near: Colour
    ground: Colour
    accent: Colour
    ink: Colour


@dataclass(frozen=True)
class Canvas:
    """What the parts draw on: the picture, its size in pixels, chance that repeats itself, the colours."""

    draw: ImageDraw.ImageDraw
    width: int
    height: int
    chance: random.Random
    palette: Palette

    def gradient(self, top: int, bottom: int, first: Colour, last: Colour) -> None:
        """Horizontal lines from one colour to another."""
        for y in range(top, bottom):
            self.draw.line((0, y, self.width, y), fill=mix(first, last, (y - top) / max(1, bottom - top)))


def mix(first: Colour, last: Colour, share: float) -> Colour:
    """A colour between two; `share` 0 is the first, 1 the last."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, last, strict=True))
    return red, green, blue


def palette(scene: str, light: Light) -> Palette:
    """Colours from the words and the light."""
    hue, pull, saturation, top, bottom = LIGHTING[light]
    named = [value for pattern, value in HUES if re.search(rf"\b({pattern})\b", scene, re.I)]
    base = named[0] if named else random.Random(scene).random()
    dark = 0.45 if light is Light.NIGHT else 0.75

    def tinted(strength: float, value: float, share: float = pull) -> Colour:
        # Mixed as paint is: between two hues on the wheel lie others that nobody asked for.
        return mix(_colour(base, saturation * strength, value), _colour(hue, saturation * strength, value), share)

    return Palette(
        sky_top=tinted(1.0, top),
        sky_bottom=tinted(0.5, bottom),
        far=tinted(0.7, dark * 0.80),
        near=tinted(0.9, dark * 0.55, 0.1),
        ground=tinted(0.8, dark * 0.75, 0.1),
        accent=_colour(base + 0.5, 0.65, 0.95),
        ink=tinted(0.35, 0.10),
    )


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(1, saturation), min(1, value))
    return round(red * 255), round(green * 255), round(blue * 255)
