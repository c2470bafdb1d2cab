import io

import pytest
from PIL import Image

from ai import pictures
from tests.ai.scenes import picture_bytes


def prepared(data: bytes, **limits: int) -> Image.Image:
    picture = pictures.prepare(data, **limits)
    image = Image.open(io.BytesIO(picture.data))
    assert image.size == (picture.width, picture.height)
    assert picture.mime_type == f"image/{(image.format or '').lower()}"
    assert len(picture.data) < 7_000_000
    return image


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_usual_format_becomes_png_or_jpeg(form: str) -> None:
    assert prepared(picture_bytes(form=form)).format in ("PNG", "JPEG")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 4000), (6000, 12), (9, 9), (4000, 3000), (1144, 1144)])
def test_shape_and_size_are_what_the_model_takes(width: int, height: int) -> None:
    image = prepared(picture_bytes(width, height))

    assert min(image.size) >= 10
    assert max(image.size) / min(image.size) <= 200
    assert image.width * image.height <= 1280 * 32 * 32


def test_proportions_stay() -> None:
    image = prepared(picture_bytes(4000, 2250))

    assert abs(image.width / image.height - 16 / 9) < 0.01


def test_noise_stays_below_the_byte_limit() -> None:
    noise = Image.effect_noise((3000, 3000), 100)
    file = io.BytesIO()
    noise.save(file, "PNG")

    assert prepared(file.getvalue()).format == "JPEG"


def test_transparency_becomes_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(file, "PNG")

    assert prepared(file.getvalue()).convert("RGB").getpixel((32, 32)) == (255, 255, 255)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])

    red, _, blue = prepared(file.getvalue()).convert("RGB").getpixel((32, 32))  # type: ignore[misc]  # RGB: three
    assert (red, blue) == (255, 0)


def test_a_phone_picture_is_turned_upright() -> None:
    lying = Image.new("RGB", (400, 200))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    lying.save(file, "JPEG", exif=exif)

    image = prepared(file.getvalue())

    assert image.size == (200, 400)
    assert not image.getexif()


def test_the_size_of_a_phone_picture_is_as_it_is_seen() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.new("RGB", (4000, 2000)).save(file, "JPEG", exif=exif)

    content = pictures.read(file.getvalue())

    assert (content.width, content.height) == (2000, 4000)
    assert content.stills[0].height > content.stills[0].width


def test_what_lies_behind_a_phones_jpeg_is_no_second_picture() -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))])

    content = pictures.read(file.getvalue())

    assert (content.problem, content.is_first_of_several) == ("", False)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")

    with pytest.raises(pictures.UnreadablePictureError, match="megapixels"):
        pictures.prepare(file.getvalue())


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"%PDF-1.4", b"<svg/>"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(pictures.UnreadablePictureError):
        pictures.prepare(data)
    assert pictures.read(data).problem == "it is damaged or not a picture"


def test_a_cut_file_is_refused() -> None:
    data = picture_bytes(800, 600, form="JPEG")

    with pytest.raises(pictures.UnreadablePictureError):
        pictures.prepare(data[: len(data) // 2])
