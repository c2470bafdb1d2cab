"""Pictures on their way to a model: opened with care, and made as small as the model needs them.

The limits are Model Studio's for Qwen3-VL: sides of at least 10 px, an aspect ratio of at most 200 : 1, under 7
MB as a data URI. More than 1.3 megapixels (1,280 tokens) is detail that costs tokens and seldom helps.
"""

import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PIL import ExifTags, Image, ImageOps
from pillow_heif import register_heif_opener

from ai.contract import Content, Still

# An embedded thumbnail may show something else than the picture does.
register_heif_opener(thumbnails=False)

MOST_PIXELS = 1280 * 32 * 32
MOST_PIXELS_DECODED = 64_000_000
MOST_BYTES = 7_000_000
SHORTEST_SIDE = 10
# Kept clear of the provider's 200 : 1, so that rounding never crosses it.
WIDEST_ASPECT = 150
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
# Phones put depth maps and the like behind a JPEG's picture: those are no pictures that somebody would miss.
_ONE_PICTURE = "MPO"
# Files that begin like a PNG, GIF or BMP are often drawn, and keep their lines as PNG while that is small
# enough.
_DRAWN = (b"\x89PNG", b"GIF8", b"BM")
_PNG_IS_WORTH_IT = 1_500_000

# Pillow reports a broken file with whatever its decoder stumbled over.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, TypeError, IndexError, KeyError, AttributeError)
_BROKEN_TOO = (struct.error, zlib.error, MemoryError, OverflowError, RuntimeError, Image.DecompressionBombError)


_ORIENTATION = ExifTags.Base.Orientation
_QUARTER_TURNS = (5, 6, 7, 8)


class UnreadablePictureError(Exception):
    """The file is no picture that can be opened safely; the message says why, in words for people."""


@dataclass(frozen=True, slots=True)
class Opened:
    """`image` is upright and may have been decoded smaller than the file's `width` and `height` (pixels, upright)."""

    image: Image.Image
    width: int
    height: int
    is_first_of_several: bool


@contextmanager
def opened(data: bytes, *, draft: int | None = None) -> Iterator[Opened]:
    """The picture's first frame, decoded. `draft` (pixels a side) lets a JPEG be decoded smaller than it is.

    Raises UnreadablePictureError for what is broken, of an unknown format, or too large to decode.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS_DECODED:
                raise UnreadablePictureError(f"it has more than {MOST_PIXELS_DECODED // 1_000_000} megapixels")
            several = bool(getattr(picture, "is_animated", False)) and picture.format != _ONE_PICTURE
            if draft:
                picture.draft("RGB", (draft, draft))
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if picture.getexif().get(_ORIENTATION) in _QUARTER_TURNS:
                width, height = height, width
    except (*_BROKEN, *_BROKEN_TOO) as error:
        raise UnreadablePictureError("it is damaged or not a picture") from error
    yield Opened(upright, width, height, several)


def read(data: bytes) -> Content:
    """A picture file as a model can be given it. Never raises for a bad file."""
    try:
        with opened(data, draft=2048) as picture:
            still = _still(picture.image, MOST_PIXELS, data)
    except UnreadablePictureError as error:
        return Content(problem=str(error))
    return Content(
        stills=(still,),
        is_first_of_several=picture.is_first_of_several,
        width=picture.width,
        height=picture.height,
    )


def prepare(data: bytes, *, most_pixels: int = MOST_PIXELS) -> Still:
    """The picture as a JPEG or PNG within the limits above and `most_pixels`. Raises UnreadablePictureError."""
    with opened(data, draft=2048) as picture:
        return _still(picture.image, most_pixels, data)


def fitted(still: Still, most_pixels: int) -> Still:
    """The still in at most `most_pixels`. Raises UnreadablePictureError."""
    if still.width * still.height <= most_pixels:
        return still
    return replace(prepare(still.data, most_pixels=most_pixels), seconds=still.seconds)


def frame(jpeg: bytes, seconds: float) -> Still:
    """A frame of a video, `seconds` from its beginning, as a still. Raises UnreadablePictureError."""
    with opened(jpeg) as picture:
        width, height = picture.image.size
        if _is_taken_as_it_is(width, height) and len(jpeg) < MOST_BYTES:
            return Still(jpeg, "image/jpeg", width, height, seconds)
        return replace(_still(picture.image, MOST_PIXELS, jpeg), seconds=seconds)


def _is_taken_as_it_is(width: int, height: int) -> bool:
    shorter, longer = sorted((width, height))
    return shorter >= SHORTEST_SIDE and longer <= shorter * WIDEST_ASPECT and width * height <= MOST_PIXELS


def _still(picture: Image.Image, most_pixels: int, data: bytes) -> Still:
    try:
        return _encoded(_fitted(_flattened(picture), most_pixels), prefer_png=data.startswith(_DRAWN))
    except (*_BROKEN, *_BROKEN_TOO) as error:
        raise UnreadablePictureError("it is damaged") from error


def _flattened(picture: Image.Image) -> Image.Image:
    """Transparency becomes white: a model sees no alpha channel."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    ground = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(ground, layered).convert("RGB")


def _fitted(picture: Image.Image, most_pixels: int) -> Image.Image:
    """Scaled down to `most_pixels`; very thin or tiny pictures are set on a black ground of a permitted shape."""
    width, height = picture.size
    ground_width = max(width, SHORTEST_SIDE, math.ceil(height / WIDEST_ASPECT))
    ground_height = max(height, SHORTEST_SIDE, math.ceil(width / WIDEST_ASPECT))
    scale = min(1.0, math.sqrt(most_pixels / (ground_width * ground_height)))
    if scale < 1:
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        ground_width = max(SHORTEST_SIDE, int(ground_width * scale))
        ground_height = max(SHORTEST_SIDE, int(ground_height * scale))
    if picture.size == (ground_width, ground_height):
        return picture
    ground = Image.new("RGB", (ground_width, ground_height), "black")
    ground.paste(picture, ((ground_width - picture.width) // 2, (ground_height - picture.height) // 2))
    return ground


def _encoded(picture: Image.Image, *, prefer_png: bool) -> Still:
    if prefer_png:
        file = io.BytesIO()
        picture.save(file, "PNG")
        if file.tell() <= _PNG_IS_WORTH_IT:
            return Still(file.getvalue(), "image/png", *picture.size)
    for quality in (88, 70, 45):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        if file.tell() < MOST_BYTES:
            break
    return Still(file.getvalue(), "image/jpeg", *picture.size)
