"""Still pictures: their size as shown, and the thumbnail of whatever can be pictured."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from PIL import ExifTags, Image, ImageOps

from . import limits
from .job import Job, RefusedError, too_many_pixels

# Pixels of the longer side.
THUMBNAIL_SIDE = 400
WEBP_QUALITY = 80
# EXIF orientations 5 to 8 turn the picture by a quarter.
QUARTER_TURNS = {5, 6, 7, 8}
# Colour profiles of cameras and screens are far smaller; those of printers are not wanted.
MOST_PROFILE_BYTES = 16 * 1024
COLOURS = {"RGB", "RGBA"}


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels as stored, and as shown after EXIF's rotation."""

    stored_width: int
    stored_height: int
    width: int
    height: int


def pixels(file: IO[bytes], *, reader: str, name: str, most_pixels: int) -> int:
    """How many pixels the header says; nothing is decoded. Raises RefusedError as `measure` does."""
    with _opened(file, reader, name, most_pixels) as image:
        return image.width * image.height


def measure(file: IO[bytes], *, reader: str, name: str, most_pixels: int) -> Size:
    """The size of a picture that really decodes. Of an animation the first frame is decoded, here as everywhere.

    Raises RefusedError where it is damaged, or has more than `most_pixels`, which is asked before anything is decoded.
    """
    with _opened(file, reader, name, most_pixels) as image:
        image.load()
        return _size(image)


def size(job: Job) -> dict[str, Any]:
    """The task: the size of a picture."""
    with _bounded(job) as image:
        image.load()
        found = _size(image)
    return {
        "stored_width": found.stored_width,
        "stored_height": found.stored_height,
        "width": found.width,
        "height": found.height,
    }


def picture(job: Job) -> dict[str, Any]:
    """The task: the size of a picture and its thumbnail."""
    with _bounded(job) as image:
        found = _size(image)
        job.result("thumbnail.webp").write_bytes(thumbnail(image))
    return {"width": found.width, "height": found.height}


def thumbnail(image: Image.Image) -> bytes:
    """A WebP of at most THUMBNAIL_SIDE, upright, in its own colours, transparent where it was; `image` is used up."""
    profile = image.info.get("icc_profile") or b""
    colours = image.mode in COLOURS
    if image.mode in {"P", "PA", "1"}:
        # These would be scaled without any smoothing.
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I"):
        # Grey in 16 bits.
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    image = ImageOps.exif_transpose(image)
    if image.mode not in COLOURS:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    out = io.BytesIO()
    kept = profile if colours and len(profile) <= MOST_PROFILE_BYTES else b""
    # Nothing else of the file's is kept: cameras write where and when it was taken.
    image.save(out, "WEBP", quality=WEBP_QUALITY, icc_profile=kept, exif=b"", xmp=b"")
    return out.getvalue()


@contextmanager
def _bounded(job: Job) -> Iterator[Image.Image]:
    with (
        open(job.path, "rb") as file,
        _opened(file, job.reader, job.name, job.most_pixels) as image,
    ):
        limits.bound_picture(*image.size)
        yield image


@contextmanager
def _opened(file: IO[bytes], reader: str, name: str, most_pixels: int) -> Iterator[Image.Image]:
    """A picture whose header was read and whose size was found to be bearable."""
    _register(reader)
    try:
        with warnings.catch_warnings():
            # The caller's limit is asked before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file, formats=[reader]) as image:
                _check_pixels(image, most_pixels)
                yield image
                # A decoder may find out more than the header said.
                _check_pixels(image, most_pixels)
    except (RefusedError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise RefusedError(
            f"A picture may have at most {most_pixels:,} pixels. Scale it down and send it again.", limit=most_pixels
        ) from None
    except Exception as error:  # on damaged input Pillow's decoders raise whatever they come upon
        raise RefusedError(f"The picture is damaged and cannot be opened as {name}.") from error


def _register(reader: str) -> None:
    if reader == "HEIF":
        import pillow_heif

        # The thumbnail inside the file may show something else; the other extras are of no use here.
        pillow_heif.register_heif_opener(
            thumbnails=False, depth_images=False, aux_images=False, decode_threads=limits.PROCESSORS
        )
    elif reader == "AVIF":
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = limits.PROCESSORS


def _check_pixels(image: Image.Image, most: int) -> None:
    width, height = image.size
    if width * height > most:
        raise too_many_pixels("picture", most, width, height)


def _size(image: Image.Image) -> Size:
    width, height = image.size
    turned = image.getexif().get(ExifTags.Base.Orientation) in QUARTER_TURNS
    return Size(width, height, *((height, width) if turned else (width, height)))
