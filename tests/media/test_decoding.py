"""Files read for real, in a child process: what they are, what they look like, and what a bad one can do."""

import io
import os
import socket
import struct
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cms.errors import DomainError, ErrorCode
from content.media import decoding
from content.media.decoding import Decoded, decode, sample_frames
from content.media.sniff import BY_MIME_TYPE

from . import samples

RED, BLUE = (220, 0, 0), (0, 0, 220)


@pytest.fixture
def put(tmp_path):
    def put(content: bytes, name: str = "file") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


@pytest.fixture
def read(put):
    def read(content: bytes, mime_type: str) -> Decoded:
        return decode(put(content), BY_MIME_TYPE[mime_type])

    return read


@pytest.fixture
def refusal(read):
    def refusal(content: bytes, mime_type: str) -> DomainError:
        with pytest.raises(DomainError) as caught:
            read(content, mime_type)
        return caught.value

    return refusal


def opened(picture: bytes | None) -> Image.Image:
    assert picture is not None
    return Image.open(io.BytesIO(picture))


def corners(picture: bytes | None) -> list[str]:
    """The colours in the middle of each quarter: top left, top right, bottom left, bottom right."""
    image = opened(picture).convert("RGB")
    places = [(x * image.width // 4, y * image.height // 4) for y in (1, 3) for x in (1, 3)]
    return ["red" if red > blue else "blue" for red, _, blue in (image.getpixel(place) for place in places)]


def heights(waveform: bytes | None) -> list[int]:
    """How high a waveform's bars are."""
    drawn = np.asarray(opened(waveform).convert("RGBA"))[:, ::4, 3] > 0
    return [int(column.sum()) for column in drawn.T]


UPRIGHT = ["red", "blue", "blue", "blue"]


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
    page = "\n".join(["The clock runs backwards."] * 25)
    decoded = read(samples.pdf(page, pages=200), "application/pdf")
    assert 99_900 < len(decoded.text) <= 100_000
    assert set(decoded.text.split("\n")[:-1]) == {"The clock runs backwards."}


def test_text_is_read_without_its_mark_and_without_a_picture(read):
    for mime_type in ("text/markdown", "text/plain", "text/x-fountain"):
        assert read("\ufeffÀ noite".encode(), mime_type) == Decoded(text="À noite")
    assert read(b"", "text/plain").text == ""


def test_long_text_is_cut_between_characters(read):
    # 100,000 characters of four bytes after one of one byte: the cut goes through a character.
    decoded = read(("a" + "🎬" * 120_000).encode(), "text/plain")
    assert decoded.text == "a" + "🎬" * 99_999


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


def test_a_playlist_reads_no_other_file_and_asks_no_host(put, refusal):
    other = put(samples.mp4(), "secret.mp4")
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.setblocking(False)
        addresses = [f"http://127.0.0.1:{host.getsockname()[1]}/secret.mp4", str(other), f"file://{other}"]
        hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
        hls += "".join(f"#EXTINF:2,\n{address}\n" for address in addresses) + "#EXT-X-ENDLIST\n"
        concat = "ffconcat version 1.0\n" + "".join(f"file '{address}'\n" for address in addresses)
        brand = "\0\0\0\x18ftypisom\0\0\2\0isommp42"
        for disguised in (hls, concat, brand + hls):
            assert refusal(disguised.encode(), "video/mp4").code == ErrorCode.UNSUPPORTED_MEDIA
        with pytest.raises(BlockingIOError):
            host.accept()


def test_a_film_whose_pictures_are_said_to_be_in_another_file_reads_only_itself(put, refusal):
    other = put(samples.mp4(1, 160, 90, 8, sound=False, container="mov"), "secret.mov")
    film = samples.mov_that_refers_to(str(other))
    asked = []

    def opened_beside(url: str, *_: object) -> None:
        asked.append(url)
        raise PermissionError

    # The sample is a real one: FFmpeg follows it where it is told to.
    options = {"enable_drefs": "1", "use_absolute_path": "1"}
    with pytest.raises(PermissionError):
        av.open(io.BytesIO(film), "r", format="mov", io_open=opened_beside, options=options)
    assert asked == [str(other)]
    assert refusal(film, "video/quicktime").code == ErrorCode.UNSUPPORTED_MEDIA


def test_a_decoder_that_takes_too_long_is_ended_with_all_that_it_started(put, refusal, settings, monkeypatch, tmp_path):
    started = tmp_path / "started"
    # A child of the child, which holds the line open as long as it lives.
    monkeypatch.setattr(decoding, "COMMAND", ["/bin/sh", "-c", f"sleep 60 & echo $! > {started}; wait"])
    settings.DECODE_SECONDS = 1
    error = refusal(samples.png(), "image/png")
    assert error.code == ErrorCode.TIMED_OUT
    assert "longer than 1 seconds" in error.message
    ends = time.monotonic() + 5
    while _runs(int(started.read_text())):
        # Told to end at once; the system takes its time.
        assert time.monotonic() < ends


def test_the_real_decoder_is_ended_in_time(refusal, settings):
    settings.DECODE_SECONDS = 0.01
    assert refusal(samples.mp4(), "video/mp4").code == ErrorCode.TIMED_OUT


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("os.abort()", ErrorCode.UNSUPPORTED_MEDIA),
        ("os.kill(os.getpid(), 11)", ErrorCode.UNSUPPORTED_MEDIA),
        ("os.kill(os.getpid(), 9)", ErrorCode.LIMIT_EXCEEDED),
        ("os.kill(os.getpid(), 24)", ErrorCode.TIMED_OUT),
        ("raise ValueError('secret detail')", ErrorCode.UNSUPPORTED_MEDIA),
        ("pass", ErrorCode.UNSUPPORTED_MEDIA),
    ],
)
def test_a_decoder_that_dies_is_a_refusal_and_the_log_says_how(refusal, monkeypatch, caplog, ending, code):
    monkeypatch.setattr(decoding, "COMMAND", [sys.executable, "-S", "-c", f"import os; {ending}"])
    error = refusal(samples.png(), "image/png")
    assert error.code == code
    assert "secret detail" not in error.message
    if "ValueError" in ending:
        assert "secret detail" in caplog.text


def test_a_decoder_gets_no_more_memory_than_it_is_given(refusal, monkeypatch):
    monkeypatch.setattr(decoding, "MEMORY", 90 * 2**20)
    out = io.BytesIO()
    Image.new("RGB", (5_000, 4_000)).save(out, "PNG", compress_level=1)
    error = refusal(out.getvalue(), "image/png")
    assert (error.code, error.limit) == (ErrorCode.LIMIT_EXCEEDED, 90 * 2**20)
    assert "memory" in error.message


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


def test_the_child_knows_neither_django_nor_our_secrets(read, monkeypatch, tmp_path):
    told = tmp_path / "told"
    spy = f"""
from content.media.decoder import __main__, films, pdfs, pictures, sounds
import os, pathlib, resource, sys
__main__.main()
kinds = (resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
limits = [resource.getrlimit(kind)[0] for kind in kinds]
known = (dict(os.environ), "django" in sys.modules, "cms" in sys.modules, limits, os.getpgid(0) == os.getpid())
pathlib.Path({str(told)!r}).write_text(repr(known))
"""
    monkeypatch.setattr(decoding, "COMMAND", [sys.executable, "-c", spy])
    monkeypatch.setenv("SECRET_KEY", "not yours")
    read(samples.wav(), "audio/wav")
    environment, django, cms, limits, own_group = eval(told.read_text())
    assert "not yours" not in environment.values()
    assert set(environment) <= {*decoding.PASSED_ON, *decoding.FRUGAL, "TMPDIR"}
    assert (django, cms, own_group) == (False, False, True)
    assert limits == [decoding.MEMORY, 0, 600, 64 * 2**20]


def test_nothing_is_left_on_the_disk(put, monkeypatch, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    decode(put(samples.png()), BY_MIME_TYPE["image/png"])
    with pytest.raises(DomainError):
        decode(put(samples.png()[:50]), BY_MIME_TYPE["image/png"])
    assert list(folder.iterdir()) == []


def _runs(pid: int) -> bool:
    """Whether a process is alive; one that ended and waits to be noticed is not."""
    try:
        os.kill(pid, 0)
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
