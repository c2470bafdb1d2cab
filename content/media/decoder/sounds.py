"""Sound: its technical data, and a picture of how loud it is when."""

import io
import itertools
import time
from collections.abc import Iterator
from typing import Any

import av
import av.container
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from . import ffmpeg
from .job import Job, RefusedError

WIDTH, HEIGHT = 400, 120
BAR, GAP = 3, 1
# Stands out from white (4.3 : 1) and from black (4.9 : 1) alike.
COLOUR = (32, 134, 150, 255)
# Samples of one measurement, before any are joined.
GRAIN = 128
# Measurements that are kept; where more come, each two neighbours become one.
MOST_PEAKS = 8192
# Full scale is 1; what stays below this is drawn as low as it is, and not blown up to full height.
QUIET = 0.05
# Of the job's time, what hearing all of it may take; a sound that is longer is heard in places.
WHOLE_SHARE = 0.2
# Seconds, below which there is nothing to hear.
SHORTEST = 0.001
# Seconds that a codec may add to fill its first and last packet. Beyond that the file's own word does not count.
ROUNDING = 0.1
# Seconds that are heard at each place.
LISTENED = 0.5

Samples = npt.NDArray[np.float32]


def sound(job: Job) -> dict[str, Any]:
    """The task: duration, sample rate and the waveform."""
    with ffmpeg.opened(job) as container:
        if any(not ffmpeg.is_cover(stream) for stream in container.streams.video):
            raise RefusedError(f"The file was declared as {job.name}, but it is a video. Send it as MP4, MOV or WebM.")
        if not container.streams.audio:
            raise ffmpeg.damaged(job)
        stream = container.streams.audio[0]
        ffmpeg.prepare(stream, job)
        declared = (container.duration or 0) / av.time_base
        duration, peaks, ended = _from_start(container, stream, time.monotonic() + job.seconds * WHOLE_SHARE)
        if not ended and declared > duration:
            duration, peaks = declared, _in_places(container, stream, declared)
        if duration < SHORTEST:
            raise ffmpeg.damaged(job)
        job.result("thumbnail.webp").write_bytes(waveform(peaks))
        if abs(duration - declared) < ROUNDING:
            duration = min(duration, declared)
        return {"duration": round(duration, 3), "sample_rate": stream.codec_context.sample_rate or None}


def waveform(peaks: Samples) -> bytes:
    """A WebP with one bar for each stretch of time, as high as its loudest moment, on a transparent ground."""
    bars = WIDTH // (BAR + GAP)
    places = np.linspace(0, len(peaks), bars + 1)
    heights = [peaks[int(a) : max(int(a) + 1, int(b))].max() for a, b in itertools.pairwise(places)]
    full = max(QUIET, *heights)
    image = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    for number, height in enumerate(heights):
        left, half = number * (BAR + GAP), max(1, round(float(height / full) * (HEIGHT // 2 - 1)))
        draw.rectangle((left, HEIGHT // 2 - half, left + BAR - 1, HEIGHT // 2 + half - 1), fill=COLOUR)
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True)
    return out.getvalue()


class Peaks:
    """The loudest moments of a sound as it passes by, in a memory that does not grow with its length."""

    def __init__(self) -> None:
        self._kept: list[Samples] = []
        self._count = 0
        self._waiting: Samples = np.empty(0, np.float32)
        self._joined = 1

    def add(self, samples: Samples) -> None:
        grains = np.maximum.reduceat(samples, range(0, len(samples), GRAIN))
        waiting = np.concatenate([self._waiting, grains])
        whole = len(waiting) // self._joined * self._joined
        self._keep(waiting[:whole].reshape(-1, self._joined).max(axis=1))
        self._waiting = waiting[whole:]
        if self._count > MOST_PEAKS:
            self._halve()

    def all(self) -> Samples:
        return np.concatenate([*self._kept, self._waiting])

    def _keep(self, peaks: Samples) -> None:
        self._kept.append(peaks)
        self._count += len(peaks)

    def _halve(self) -> None:
        peaks = np.concatenate(self._kept)
        even = len(peaks) // 2 * 2
        # What is left over waits for its neighbour.
        self._waiting = np.concatenate([np.repeat(peaks[even:], self._joined), self._waiting])
        self._kept, self._count = [], 0
        self._joined *= 2
        self._keep(peaks[:even].reshape(-1, 2).max(axis=1))


def _from_start(container: av.container.InputContainer, stream: Any, until: float) -> tuple[float, Samples, bool]:
    """Seconds, peaks, and whether the sound came to its end before the clock passed `until`."""
    seconds, peaks = 0.0, Peaks()
    for length, samples in _heard(container, stream):
        seconds += length
        peaks.add(samples)
        if time.monotonic() > until:
            return seconds, peaks.all(), False
    return seconds, peaks.all(), True


def _in_places(container: av.container.InputContainer, stream: Any, duration: float) -> Samples:
    """One peak for each bar."""
    bars = WIDTH // (BAR + GAP)
    peaks = np.zeros(bars, np.float32)
    for bar in range(bars):
        try:
            container.seek(int(duration * (bar + 0.5) / bars * av.time_base))
        except av.error.FFmpegError:
            # The file breaks off before this place.
            break
        seconds = 0.0
        for length, samples in _heard(container, stream):
            seconds += length
            peaks[bar] = max(peaks[bar], samples.max())
            if seconds >= LISTENED:
                break
    return peaks


def _heard(container: av.container.InputContainer, stream: Any) -> Iterator[tuple[float, Samples]]:
    """Each stretch's seconds, and its samples' distance from silence, the loudest channel's, where 1 is full scale."""
    for frame in ffmpeg.decoded(container, stream):
        values = frame.to_ndarray()
        channels = max(1, len(frame.layout.channels))
        by_channel = values if frame.format.is_planar else values.reshape(-1, channels).T
        if not by_channel.size or not frame.sample_rate:
            continue
        # Lossy codecs overshoot.
        yield frame.samples / frame.sample_rate, np.minimum(_loudness(by_channel).max(axis=0), 1)


def _loudness(values: npt.NDArray[Any]) -> Samples:
    if values.dtype.kind == "f":
        return np.nan_to_num(np.abs(values.astype(np.float32)), nan=0.0, posinf=1.0)
    full = float(2 ** (8 * values.dtype.itemsize - 1))
    # Bytes are the one form without a sign; their silence is in the middle.
    centred = values.astype(np.float32) - (full if values.dtype.kind == "u" else 0.0)
    return np.asarray(np.abs(centred) / full, np.float32)
