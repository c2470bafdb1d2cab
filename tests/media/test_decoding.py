"""Files read for real, in a child process: what they are, and what they look like."""

import io
import struct
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from cms.errors import ErrorCode
from content.media import decoding
from content.media.decoding import Decoded, decode, sample_frames
from content.media.sniff import BY_MIME_TYPE

from . import samples
from .decoded import UPRIGHT, corners, heights, opened, put, read, refusal, slow_clock

__all__ = ["put", "read", "refusal"]

RED, BLUE = (220, 0, 0), (0, 0, 220)


@pytest.mark.parametrize("mime_type", [name for name in samples.every_format() if name.startswith("image/")])
def test_a_picture_gives_its_size_and_a_thumbnail(read, mime_type):
    decoded = read(samples.every_format()[mime_type][1], mime_type)
    assert (decoded.width, decoded.height, decoded.duration, decoded.fps, decoded.text) == (64, 48, None, None, "")
    thumbnail = opened(decoded.thumbnail)
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (64, 48))
    assert corners(decoded.thumbnail) == UPRIGHT


@pytest.mark.parametrize(
    ("content", "mime_type", "fps", "sample_rate"),
    [
        (samples.mp4(), "video/mp4", 24, 48_000),
        (samples.mp4(fps=Fraction(24_000, 1001), sound=False), "video/mp4", 23.976, None),
        (samples.mov(), "video/quicktime", 24, 48_000),
        (samples.webm(fps=30), "video/webm", 30, 48_000),
    ],
)
def test_a_film_gives_its_facts_and_a_poster(read, content, mime_type, fps, sample_rate):
    decoded = read(content, mime_type)
    assert (decoded.width, decoded.height, decoded.fps, decoded.sample_rate) == (320, 180, fps, sample_rate)
    assert decoded.duration == pytest.approx(2, abs=0.02)
    assert opened(decoded.thumbnail).size == (320, 180)
    assert corners(decoded.thumbnail) == UPRIGHT


@pytest.mark.parametrize(
    ("content", "mime_type", "sample_rate"),
    [
        (samples.wav(), "audio/wav", 48_000),
        (samples.mp3(cover=samples.jpeg(400, 300)), "audio/mpeg", 44_100),
        (samples.flac(), "audio/flac", 44_100),
        (samples.ogg(), "audio/ogg", 48_000),
        (samples.m4a(), "audio/mp4", 44_100),
        (samples.aac_in_mp4(seconds=2), "audio/mp4", 44_100),
    ],
)
def test_a_sound_gives_its_facts_and_a_waveform_of_what_is_heard(read, content, mime_type, sample_rate):
    decoded = read(content, mime_type)
    assert (decoded.width, decoded.height, decoded.fps, decoded.sample_rate) == (None, None, None, sample_rate)
    assert decoded.duration == pytest.approx(2, abs=0.01)
    assert opened(decoded.thumbnail).size == (400, 120)
    # The tone grows from silence, so each tenth is higher than the one before.
    bars = np.array(heights(decoded.thumbnail)).reshape(10, -1).mean(axis=1)
    assert all(np.diff(bars) > 0)
    assert bars[0] < 12 < 60 < bars[-1]


def test_a_pdf_gives_its_text_and_its_first_page(read):
    decoded = read(samples.pdf("The clock runs backwards", pages=3), "application/pdf")
    assert decoded.text.split("\n") == ["The clock runs backwards"] * 3
    page = opened(decoded.thumbnail).convert("RGB")
    assert max(page.size) == 400
    assert page.width / page.height == pytest.approx(595 / 842, abs=0.01)
    assert page.getpixel((5, 5)) == (255, 255, 255)
    assert page.getpixel((5, 395))[0] > 200 > 60 > page.getpixel((5, 395))[2]


def test_a_long_pdf_gives_the_beginning_of_its_text(read):
    page = "\n".join(["The clock runs backwards."] * 250)
    decoded = read(samples.pdf(page, pages=70, height=7_200), "application/pdf")
    assert 399_900 < len(decoded.text) <= 400_000
    assert set(decoded.text.split("\n")[:-1]) == {"The clock runs backwards."}
    assert decoded.is_cut


def test_a_pdf_that_takes_too_long_to_read_gives_its_first_pages_and_says_so(read, monkeypatch):
    # A clock that goes on by 40 of the 90 seconds each time it is looked at.
    monkeypatch.setattr(decoding, "COMMAND", slow_clock("pdfs", 40))
    assert read(samples.pdf("The clock", pages=5), "application/pdf").is_cut
    whole = read(samples.pdf("The clock", pages=2), "application/pdf")
    assert (whole.text, whole.is_cut) == ("The clock\nThe clock", False)


def test_text_is_read_without_its_mark_and_without_a_picture(read):
    for mime_type in ("text/markdown", "text/plain", "text/x-fountain"):
        assert read("\ufeffÀ noite".encode(), mime_type) == Decoded(text="À noite")
    assert read(b"", "text/plain").text == ""


def test_long_text_is_cut_between_characters(read):
    # 400,000 characters of four bytes after one of one byte: the cut goes through a character.
    assert read(("a" + "🎬" * 420_000).encode(), "text/plain") == Decoded(text="a" + "🎬" * 399_999, is_cut=True)
    assert read(b"a" * 400_001, "text/plain") == Decoded(text="a" * 400_000, is_cut=True)
    assert read(b"a" * 400_000, "text/plain") == Decoded(text="a" * 400_000)


def test_what_is_no_text_is_refused(refusal):
    assert refusal("Olá".encode("latin-1"), "text/plain").code == ErrorCode.UNSUPPORTED_MEDIA
    assert refusal(b"\xff" * 500_000, "text/plain").code == ErrorCode.UNSUPPORTED_MEDIA


def test_a_phones_film_stands_upright(put):
    mov = BY_MIME_TYPE["video/quicktime"]
    decoded = decode(put(samples.mov(1, rotation=90)), mov)
    assert (decoded.width, decoded.height) == (180, 320)
    assert opened(decoded.thumbnail).size == (180, 320)
    assert corners(decoded.thumbnail) == ["blue", "red", "blue", "blue"]
    [frame] = sample_frames(put(samples.mov(1, rotation=180)), mov, count=1, most_pixels=10**6)
    assert opened(frame.jpeg).size == (320, 180)
    assert corners(frame.jpeg) == ["blue", "blue", "blue", "red"]


@pytest.mark.parametrize(
    ("content", "mime_type", "turned"),
    [
        (samples.jpeg(640, 480, orientation=6), "image/jpeg", ["blue", "red", "blue", "blue"]),
        (samples.heic(640, 480, rotation=270), "image/heic", ["blue", "blue", "red", "blue"]),
    ],
)
def test_a_phones_picture_stands_upright_and_does_not_say_where_it_was_taken(read, content, mime_type, turned):
    decoded = read(content, mime_type)
    assert (decoded.width, decoded.height) == (480, 640)
    thumbnail = opened(decoded.thumbnail)
    assert thumbnail.size == (300, 400)
    assert corners(decoded.thumbnail) == turned
    assert not thumbnail.getexif()
    assert "xmp" not in thumbnail.info


def test_a_thumbnail_is_as_transparent_as_its_picture_and_shows_the_first_of_several(read):
    for kind, mime_type in (("PNG", "image/png"), ("GIF", "image/gif")):
        clear = opened(read(samples.picture(kind, 800, 600, alpha=True), mime_type).thumbnail)
        assert clear.size == (400, 300)
        assert clear.getpixel((300, 200))[3] == 0
        assert clear.getpixel((50, 50))[3] == 255
    assert corners(read(samples.animation("GIF", frames=5), "image/gif").thumbnail) == UPRIGHT


@pytest.mark.parametrize("mode", ["I;16", "CMYK", "1", "LA"])
def test_pictures_in_unusual_colours_are_shown(read, mode):
    kind, mime_type = ("JPEG", "image/jpeg") if mode == "CMYK" else ("PNG", "image/png")
    out = io.BytesIO()
    grey = Image.new("L", (600, 300), 128).convert("I;16").point(lambda value: value * 257) if mode == "I;16" else None
    (grey or Image.new("L", (600, 300), 200).convert(mode)).save(out, kind)
    shown = opened(read(out.getvalue(), mime_type).thumbnail)
    assert shown.size == (400, 200)
    if mode == "I;16":
        assert shown.convert("L").getpixel((9, 9)) == pytest.approx(128, abs=3)


def test_a_poster_is_not_the_black_before_the_film(read):
    decoded = read(samples.mp4(2, black=0.5, sound=False), "video/mp4")
    assert corners(decoded.thumbnail) == UPRIGHT


def test_frames_are_spread_evenly_and_small_enough(put):
    path = put(samples.mp4(2))
    frames = sample_frames(path, BY_MIME_TYPE["video/mp4"], count=4, most_pixels=20_000)
    assert [frame.seconds for frame in frames] == [0.25, 0.75, 1.25, 1.75]
    greens = []
    for frame in frames:
        image = opened(frame.jpeg)
        assert image.format == "JPEG"
        assert 18_000 < image.width * image.height <= 20_000
        greens.append(image.getpixel((image.width - 9, image.height - 9))[1])
    # The green of the ground grows from 40 to 220 while the film plays.
    assert greens == pytest.approx([62, 108, 153, 199], abs=10)


def test_a_short_film_has_fewer_frames(put):
    path = put(samples.webm(seconds=0.25, fps=12))
    frames = sample_frames(path, BY_MIME_TYPE["video/webm"], count=20, most_pixels=10**6)
    assert len(frames) == 3
    assert opened(frames[0].jpeg).size == (320, 180)


def test_a_browsers_recording_without_a_length_is_measured(put):
    path = put(samples.without_index(samples.webm(3)))
    with av.open(str(path)) as recording:
        assert recording.duration is None
    assert decode(path, BY_MIME_TYPE["video/webm"]).duration == pytest.approx(3, abs=0.02)
    frames = sample_frames(path, BY_MIME_TYPE["video/webm"], count=2, most_pixels=10**4)
    assert [frame.seconds for frame in frames] == pytest.approx([0.75, 2.25], abs=0.05)


def test_what_cannot_be_true_is_measured_or_left_open(read):
    said = samples.webm().index(b"\x44\x89\x88") + 3
    eternal = samples.webm()[:said] + struct.pack(">d", 1e12) + samples.webm()[said + 8 :]
    assert read(eternal, "video/webm").duration == pytest.approx(2, abs=0.02)
    # Each frame is said to last one part in 12,288 of a second.
    table = samples.mp4(sound=False).index(b"stts") + 12
    hasty = samples.mp4(sound=False)[:table] + struct.pack(">II", 48, 1) + samples.mp4(sound=False)[table + 8 :]
    assert read(hasty, "video/mp4").fps is None


def test_a_file_is_read_as_what_it_was_found_to_be_and_nothing_is_guessed(refusal):
    assert refusal(samples.mkv(), "video/mp4").code == ErrorCode.UNSUPPORTED_MEDIA


def test_what_was_declared_as_sound_has_no_picture_and_a_film_has_one(refusal):
    assert "it is a video" in refusal(samples.mp4(1), "audio/mp4").message
    assert "no picture" in refusal(samples.aac_in_mp4(), "video/mp4").message


BREAKING = [name for name in samples.every_format() if name.partition("/")[0] in {"video", "audio", "application"}]
# What plays as far as it goes, and how long that is; of a film the length stays what its head says.
PLAYS_ON = {"video/webm": 2.0, "audio/wav": 1.0, "audio/mpeg": 1.0, "audio/flac": 0.85, "audio/ogg": 1.0}


@pytest.mark.parametrize("mime_type", BREAKING)
def test_a_file_that_breaks_off_is_refused_or_plays_as_far_as_it_goes(read, refusal, mime_type):
    content = samples.every_format()[mime_type][1]
    half = content[: len(content) // 2]
    if mime_type in PLAYS_ON:
        decoded = read(half, mime_type)
        assert decoded.duration == pytest.approx(PLAYS_ON[mime_type], abs=0.1)
        assert decoded.thumbnail
    else:
        error = refusal(half, mime_type)
        assert error.code == ErrorCode.UNSUPPORTED_MEDIA
        assert "damaged" in error.message


def test_an_mp4_for_the_web_that_breaks_off_plays_as_far_as_it_goes(read):
    content = samples.mp4(faststart=True)
    assert corners(read(content[: len(content) // 2], "video/mp4").thumbnail) == UPRIGHT


@pytest.mark.parametrize("mime_type", ["image/heic", "video/mp4", "video/webm", "audio/mpeg"])
def test_a_head_with_noise_behind_it_is_refused(refusal, mime_type):
    noise = np.random.default_rng(7).integers(0, 256, 5000, np.uint8).tobytes()
    content = samples.every_format()[mime_type][1][:48] + noise
    assert refusal(content, mime_type).code == ErrorCode.UNSUPPORTED_MEDIA


def test_a_locked_pdf_is_refused_with_what_to_do(refusal):
    assert "Send a copy without one" in refusal(samples.pdf(password="secret"), "application/pdf").message


def test_a_film_with_too_large_a_picture_is_refused(refusal, settings):
    settings.UPLOAD_MAX_PIXELS = 320 * 180 - 1
    error = refusal(samples.mp4(), "video/mp4")
    assert (error.code, error.limit) == (ErrorCode.LIMIT_EXCEEDED, 320 * 180 - 1)
    assert "320 × 180" in error.message


def test_a_long_sound_takes_no_more_memory_than_a_short_one():
    from content.media.decoder.sounds import MOST_PEAKS, Peaks, waveform

    peaks, rising = Peaks(), np.linspace(0, 1, 8_000_000, dtype=np.float32)
    for start in range(0, len(rising), 10_007):
        peaks.add(rising[start : start + 10_007])
    kept = peaks.all()
    assert len(kept) < 2 * MOST_PEAKS
    assert kept.max() == 1
    bars = heights(waveform(kept))
    assert bars == sorted(bars)
    # Early and late moments are joined alike.
    assert bars[::25] == pytest.approx([1, 30, 60, 89], abs=4)


def test_a_sound_that_takes_too_long_to_hear_is_heard_in_places(read, monkeypatch):
    hurried = "from content.media.decoder import __main__, sounds; sounds.WHOLE_SHARE = 0; __main__.main()"
    monkeypatch.setattr(decoding, "COMMAND", [sys.executable, "-c", hurried])
    decoded = read(samples.mp3(20, rate=11_025), "audio/mpeg")
    assert decoded.duration == pytest.approx(20, abs=0.1)
    bars = np.array(heights(decoded.thumbnail)).reshape(10, -1).mean(axis=1)
    assert all(np.diff(bars) > 0)
