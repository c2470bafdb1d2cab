"""Real sample files of every format that is taken, made when a test asks for them: small, and the same each time.

A film's picture has a red top left quarter on a blue ground, whose green grows from 40 to 220 while it plays, so that
a test can tell which way up a frame is and from when. Sound is a tone of 440 Hz that grows from silence.
"""

import functools
import io
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
import pypdf
from PIL import ExifTags, Image, ImageDraw
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

FOUNTAIN = "Title: The Tide Clock\n\nEXT. LISBON DOCKS - NIGHT\n\nMARA\n(whispering)\nIt runs backwards.\n\nCUT TO:\n"
MARKDOWN = "# The Tide Clock\n\nMara finds a clock that runs *backwards*, in Lisboa à noite.\n"


@functools.cache
def mp4(
    seconds: float = 2,
    width: int = 320,
    height: int = 180,
    fps: Fraction | int = 24,
    rotation: int = 0,
    *,
    sound: bool = True,
    black: float = 0,
    faststart: bool = False,
    container: str = "mp4",
) -> bytes:
    """H.264 with AAC. `rotation`: the degrees, clockwise, by which a player turns the picture, as phones write it.

    `black`: seconds of darkness at the start. `faststart`: the index before the media, as for the web.
    """
    options = {"movflags": "+faststart"} if faststart else {}
    codecs = ("libx264", "aac" if sound else None)
    return _film(container, codecs, seconds, (width, height), fps, options, black=black, rotation=rotation)


def mov(seconds: float = 2, width: int = 320, height: int = 180, fps: Fraction | int = 24, rotation: int = 0) -> bytes:
    """QuickTime: the same streams as `mp4`, in the other box."""
    return mp4(seconds, width, height, fps, rotation, container="mov")


@functools.cache
def webm(seconds: float = 2, width: int = 320, height: int = 180, fps: Fraction | int = 24) -> bytes:
    """VP8 with Opus."""
    return _film("webm", ("libvpx", "libopus"), seconds, (width, height), fps)


@functools.cache
def mkv(seconds: float = 1) -> bytes:
    """Matroska, which is not taken: H.264 with AAC."""
    return _film("matroska", ("libx264", "aac"), seconds, (160, 90), 24)


@functools.cache
def wav(seconds: float = 2, rate: int = 48_000) -> bytes:
    return _sound("wav", "pcm_s16le", seconds, rate)


@functools.cache
def mp3(seconds: float = 2, rate: int = 44_100, *, id3: bool = True, cover: bytes | None = None) -> bytes:
    """With an ID3 tag or bare; `cover`: a JPEG inside the tag."""
    return _sound("mp3", "libmp3lame", seconds, rate, {"id3v2_version": "3" if id3 else "0"}, cover=cover)


@functools.cache
def flac(seconds: float = 2, rate: int = 44_100) -> bytes:
    return _sound("flac", "flac", seconds, rate)


@functools.cache
def ogg(seconds: float = 2, rate: int = 48_000, codec: str = "libopus") -> bytes:
    """Ogg with Opus, or with codec `flac` or `vorbis`."""
    return _sound("ogg", codec, seconds, rate)


@functools.cache
def m4a(seconds: float = 2, rate: int = 44_100) -> bytes:
    return _sound("ipod", "aac", seconds, rate)


@functools.cache
def aac_in_mp4(seconds: float = 1, rate: int = 44_100, container: str = "mp4") -> bytes:
    """An MP4 or MOV that has sound only, as some recorders write it."""
    return _sound(container, "aac", seconds, rate)


def picture(
    kind: str = "PNG", width: int = 64, height: int = 48, *, orientation: int = 1, alpha: bool = False
) -> bytes:
    """A picture of a kind that Pillow names: red top left quarter on blue; `alpha` makes the rest transparent.

    `orientation`: EXIF's; the stored pixels are the same whatever it says.
    """
    image = _drawing(width, height, alpha=alpha)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return _saved(image, kind, exif=exif) if orientation != 1 else _saved(image, kind)


def png(width: int = 64, height: int = 48) -> bytes:
    return picture("PNG", width, height)


def jpeg(width: int = 64, height: int = 48, orientation: int = 1) -> bytes:
    return picture("JPEG", width, height, orientation=orientation)


def webp(width: int = 64, height: int = 48) -> bytes:
    return picture("WEBP", width, height)


def gif(width: int = 64, height: int = 48, frames: int = 1) -> bytes:
    return animation("GIF", width, height, frames) if frames > 1 else picture("GIF", width, height)


@functools.cache
def avif(width: int = 64, height: int = 48) -> bytes:
    return _saved(_drawing(width, height), "AVIF", speed=10)


@functools.cache
def heic(width: int = 64, height: int = 48, rotation: int = 0) -> bytes:
    """An iPhone's kind of still. `rotation`: degrees clockwise that a viewer turns it, kept in the container."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = {0: 1, 90: 6, 180: 3, 270: 8}[rotation]
    out = io.BytesIO()
    # The encoder makes the container's own rotation of it, and viewers ignore EXIF's then.
    pillow_heif.from_pillow(_drawing(width, height)).save(out, quality=60, exif=exif.tobytes() if rotation else None)
    return out.getvalue()


def animation(kind: str = "GIF", width: int = 64, height: int = 48, frames: int = 3) -> bytes:
    """Pictures one after another; the first one is `picture`'s."""
    images = [_drawing(width, height), *(Image.new("RGB", (width, height), (9 * i, 99, 0)) for i in range(1, frames))]
    out = io.BytesIO()
    images[0].save(out, kind, save_all=True, append_images=images[1:], duration=100, loop=0)
    return out.getvalue()


def pdf(text: str = "The Tide Clock", pages: int = 1, width: int = 595, height: int = 842, password: str = "") -> bytes:
    """Pages that each say `text` (ASCII, line by line) and have a red block, lockable by a password."""
    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    font_reference = writer._add_object(font)
    for _ in range(pages):
        page = writer.add_blank_page(width, height)
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font_reference})}
        )
        content = DecodedStreamObject()
        words = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").replace("\n", ") Tj 0 -28 Td (")
        content.set_data(f"1 0 0 rg 0 0 {width} 90 re f 0 g BT /F1 24 Tf 60 {height - 100} Td ({words}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def markdown(text: str = MARKDOWN) -> bytes:
    return text.encode()


def plain(text: str = "FADE IN:\n\nA clock ticks, in Lisboa à noite.\n") -> bytes:
    return text.encode()


def fountain(text: str = FOUNTAIN) -> bytes:
    return text.encode()


def every_format() -> dict[str, tuple[str, bytes]]:
    """File name and content of one sample of every format, by its MIME type."""
    return {
        "image/png": ("mood.png", png()),
        "image/jpeg": ("mood.jpg", jpeg()),
        "image/webp": ("mood.webp", webp()),
        "image/gif": ("mood.gif", gif()),
        "image/avif": ("mood.avif", avif()),
        "image/heic": ("mood.heic", heic()),
        "video/mp4": ("take.mp4", mp4()),
        "video/quicktime": ("take.mov", mov()),
        "video/webm": ("take.webm", webm()),
        "audio/wav": ("voice.wav", wav()),
        "audio/mpeg": ("voice.mp3", mp3()),
        "audio/flac": ("voice.flac", flac()),
        "audio/ogg": ("voice.ogg", ogg()),
        "audio/mp4": ("voice.m4a", m4a()),
        "application/pdf": ("script.pdf", pdf()),
        "text/markdown": ("script.md", markdown()),
        "text/plain": ("script.txt", plain()),
        "text/x-fountain": ("script.fountain", fountain()),
    }


def _drawing(width: int, height: int, *, alpha: bool = False) -> Image.Image:
    image = Image.new("RGBA", (width, height), (0, 0, 220, 0)) if alpha else Image.new("RGB", (width, height), "blue")
    ImageDraw.Draw(image).rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill="red")
    return image


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _film(
    container: str,
    codecs: tuple[str, str | None],
    seconds: float,
    size: tuple[int, int],
    fps: Fraction | int,
    options: dict[str, str] | None = None,
    *,
    black: float = 0,
    rotation: int = 0,
) -> bytes:
    (video, audio), (width, height) = codecs, size
    with _written(container, options) as (film, out):
        stream: Any = film.add_stream(video, rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        fast = {"preset": "ultrafast"} if video == "libx264" else {"deadline": "realtime", "cpu-used": "8"}
        stream.codec_context.options = {**fast, "flags": "+bitexact"}
        if rotation:
            # FFmpeg counts against the clock.
            stream.set_display_rotation(-rotation)
        sound = _sound_stream(film, audio, 48_000) if audio else None
        count = round(seconds * fps)
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(_picture_at(index, count, float(fps), width, height, black), "rgb24")
            frame.pts, frame.time_base = index, 1 / Fraction(fps)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
        if sound is not None:
            _write_tone(film, sound, seconds, 48_000)
    return out[0]


def _picture_at(index: int, count: int, fps: float, width: int, height: int, black: float) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    if index / fps >= black:
        pixels[:, :] = (0, 40 + 180 * index // max(1, count - 1), 200)
        pixels[: height // 2, : width // 2] = (220, 0, 0)
    return pixels


def _sound(
    container: str,
    codec: str,
    seconds: float,
    rate: int,
    options: dict[str, str] | None = None,
    cover: bytes | None = None,
) -> bytes:
    with _written(container, options) as (file, out):
        if container == "mp3" and (options or {}).get("id3v2_version") != "0":
            file.metadata["title"] = "The Tide Clock"
        stream = _sound_stream(file, codec, rate)
        picture_stream = None
        if cover is not None:
            picture_stream = file.add_stream("mjpeg")
            picture_stream.width, picture_stream.height = Image.open(io.BytesIO(cover)).size
            picture_stream.pix_fmt = "yuvj420p"
            picture_stream.disposition = av.stream.Disposition.attached_pic
        if picture_stream is not None and cover is not None:
            file.start_encoding()
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts = picture_stream, 0, 0
            packet.is_keyframe = True
            file.mux(packet)
        _write_tone(file, stream, seconds, rate)
    return out[0]


@contextmanager
def _written(container: str, options: dict[str, str] | None) -> Iterator[tuple[Any, list[bytes]]]:
    """An open container, and the list in which its bytes are once it is closed."""
    out: list[bytes] = []
    # On disk: a muxer that moves its index to the front opens its own file a second time.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample"
        with av.open(str(path), "w", format=container, options={"fflags": "bitexact", **(options or {})}) as file:
            yield file, out
        out.append(path.read_bytes())


def _sound_stream(file: Any, codec: str, rate: int) -> Any:
    stream = file.add_stream(codec, rate=rate, layout="stereo" if codec == "vorbis" else "mono")
    stream.codec_context.options = {"flags": "+bitexact", "strict": "-2"}
    return stream


def _write_tone(file: Any, stream: Any, seconds: float, rate: int) -> None:
    count = round(seconds * rate)
    times = np.arange(count) / rate
    loudness = np.linspace(0, 0.9, count)
    tone = (32_767 * loudness * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    for start in range(0, count, rate):
        part = tone[start : start + rate]
        frame = av.AudioFrame.from_ndarray(part.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))


def mov_that_refers_to(path: str) -> bytes:
    """A MOV whose pictures are said to be in another file, by a Macintosh alias in its data reference (QTFF)."""
    record = bytearray(150)
    name = path.rpartition("/")[2].encode()
    record[50 : 51 + len(name)] = bytes([len(name)]) + name
    target = path.encode() + b"\0" * (len(path) % 2)
    absolute = struct.pack(">HH", 2, len(target)) + target
    alias = bytes(record) + absolute + struct.pack(">hH", -1, 0)
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    film = bytearray(mp4(1, 160, 90, 8, sound=False, container="mov"))
    # The video's data reference is the first one; the box around it has a header of 16 bytes.
    inside = film.index(b"dref") + 12
    own = int.from_bytes(film[inside : inside + 4], "big")
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = film.rindex(box, 0, inside) - 4
        size = int.from_bytes(film[at : at + 4], "big") + len(entry) - own
        film[at : at + 4] = struct.pack(">I", size)
    film[inside : inside + own] = entry
    return bytes(film)


def without_index(film: bytes) -> bytes:
    """A WebM as a browser's recorder writes it: without its length, and without an index for jumping."""
    out = io.BytesIO()
    with av.open(io.BytesIO(film), "r") as read, av.open(out, "w", format="webm", options={"live": "1"}) as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    return out.getvalue()
