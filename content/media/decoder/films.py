"""Films: their technical data, a poster, and frames that stand for the whole."""

import math
import time
from collections.abc import Iterator
from typing import Any

import av
import av.container
from PIL import Image, ImageStat

from . import ffmpeg
from .job import Job, RefusedError, too_many_pixels
from .pictures import THUMBNAIL_SIDE, thumbnail

# Where in the film the poster is looked for, as shares of its length; the first that is not nearly black is taken.
POSTER_PLACES = (0.1, 0.2, 0.35, 0.05, 0.6)
# Mean brightness, of 255.
NEARLY_BLACK = 20
JPEG_QUALITY = 85
# Seconds and frames a second; beyond these a file's word is no measurement.
LONGEST = 7 * 24 * 3600
HIGHEST_RATE = 1000
# Of the job's time, what looking for pictures may take; what was found by then counts.
POSTER_SHARE, FRAMES_SHARE = 0.3, 0.8


def film(job: Job) -> dict[str, Any]:
    """The task: technical data and the poster."""
    until = time.monotonic() + job.seconds * POSTER_SHARE
    with ffmpeg.opened(job) as container:
        stream = _film_stream(container, job)
        duration = _duration(container, stream)
        frame = _poster(container, stream, duration, until)
        if frame is None:
            raise ffmpeg.damaged(job)
        width, height = _shown_size(frame)
        job.result("thumbnail.webp").write_bytes(thumbnail(_upright(frame, THUMBNAIL_SIDE**2)))
        rate = stream.average_rate or stream.guessed_rate
        sounds = [sound.codec_context for sound in container.streams.audio if sound.codec_context is not None]
        return {
            "width": width,
            "height": height,
            "duration": duration,
            "fps": round(float(rate), 3) if rate and rate < HIGHEST_RATE else None,
            "sample_rate": (sounds[0].sample_rate or None) if sounds else None,
        }


def frames(job: Job) -> dict[str, Any]:
    """The task: `job.count` frames from the middles of equal parts, upright, of at most `job.frame_pixels`."""
    until = time.monotonic() + job.seconds * FRAMES_SHARE
    seconds: list[float] = []
    with ffmpeg.opened(job) as container:
        stream = _film_stream(container, job)
        duration = _duration(container, stream)
        playhead = Playhead(container, stream)
        for part in range(job.count):
            frame = playhead.frame_at(duration * (part + 0.5) / job.count, until)
            if frame is None or (seconds and _time(frame, stream) <= seconds[-1]):
                # A short film has fewer frames than were asked for.
                continue
            _upright(frame, job.frame_pixels).save(
                job.result(f"frame-{len(seconds)}.jpg"), "JPEG", quality=JPEG_QUALITY
            )
            seconds.append(_time(frame, stream))
    if not seconds:
        raise ffmpeg.damaged(job)
    return {"seconds": seconds}


class Playhead:
    """A place in a film, which moves forward by decoding and jumps where that is shorter."""

    def __init__(self, container: av.container.InputContainer, stream: Any) -> None:
        self._container, self._stream = container, stream
        self._frames: Iterator[Any] = ffmpeg.decoded(container, stream)
        self._frame: Any = None

    def frame_at(self, seconds: float, until: float) -> Any:
        """The frame that is shown then, or the last one before the film ends or the clock passes `until`."""
        if self._key_frame_lies_ahead(seconds):
            self._jump(seconds)
        elif self._frame is not None and _time(self._frame, self._stream) >= seconds:
            return self._frame
        for frame in self._frames:
            self._frame = frame
            if _ends(frame, self._stream) > seconds or time.monotonic() > until:
                break
        return self._frame

    def _key_frame_lies_ahead(self, seconds: float) -> bool:
        """Whether a jump would save decoding; where the file has no index, a jump of some seconds is tried."""
        here = _time(self._frame, self._stream) if self._frame is not None else 0.0
        if seconds < here:
            return True
        entry = self._stream.index_entries.search_timestamp(_stamp(seconds, self._stream), backward=True)
        if entry < 0:
            return seconds - here > 5
        return _seconds(self._stream.index_entries[entry].timestamp, self._stream) > here

    def _jump(self, seconds: float) -> None:
        try:
            self._container.seek(_stamp(seconds, self._stream), stream=self._stream)
        except av.error.FFmpegError:
            # A file without an index plays on from where it is.
            return
        self._frames = ffmpeg.decoded(self._container, self._stream)


def _film_stream(container: av.container.InputContainer, job: Job) -> Any:
    films = [stream for stream in container.streams.video if not ffmpeg.is_cover(stream)]
    if not films:
        if container.streams.audio:
            raise RefusedError("The file has sound but no picture. Send it as M4A, MP3, WAV, FLAC or OGG.")
        raise ffmpeg.damaged(job)
    stream = films[0]
    ffmpeg.prepare(stream, job)
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > job.most_pixels:
        raise too_many_pixels("video's picture", job.most_pixels, width, height)
    stream.thread_type = "AUTO"
    return stream


def _duration(container: av.container.InputContainer, stream: Any) -> float:
    """In seconds; where the file does not say, which a browser's recordings do not, by its last packet."""
    if container.duration and 0 < container.duration / av.time_base < LONGEST:
        return round(container.duration / av.time_base, 3)
    end = 0.0
    try:
        for packet in container.demux(stream):
            if packet.pts is not None:
                end = max(end, _seconds(packet.pts + (packet.duration or 0), stream))
    except av.error.FFmpegError:
        # The file breaks off; what came before counts.
        pass
    container.seek(0)
    return round(end, 3) if end < LONGEST else 0.0


def _poster(container: av.container.InputContainer, stream: Any, duration: float, until: float) -> Any:
    playhead, best, best_light = Playhead(container, stream), None, -1.0
    for place in POSTER_PLACES:
        frame = playhead.frame_at(duration * place, until)
        if frame is None:
            break
        light = ImageStat.Stat(_upright(frame, 64 * 64).convert("L")).mean[0]
        if light > best_light:
            best, best_light = frame, light
        if light > NEARLY_BLACK or time.monotonic() > until:
            break
    return best


def _shown_size(frame: Any) -> tuple[int, int]:
    turned = round(frame.rotation / 90) % 2
    return (frame.height, frame.width) if turned else (frame.width, frame.height)


def _upright(frame: Any, most_pixels: int) -> Image.Image:
    """The frame as it is shown, in at most `most_pixels`; scaled by FFmpeg, which needs no full copy in colour."""
    scale = min(1.0, math.sqrt(most_pixels / (frame.width * frame.height)))
    width, height = max(1, int(frame.width * scale)), max(1, int(frame.height * scale))
    image: Image.Image = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_image()
    # Both count against the clock.
    return image.rotate(round(frame.rotation / 90) * 90, expand=True)


def _stamp(seconds: float, stream: Any) -> int:
    return int(seconds / stream.time_base) + (stream.start_time or 0)


def _seconds(stamp: int, stream: Any) -> float:
    return float((stamp - (stream.start_time or 0)) * stream.time_base)


def _time(frame: Any, stream: Any) -> float:
    return round(_seconds(frame.pts, stream), 3) if frame.pts is not None else 0.0


def _ends(frame: Any, stream: Any) -> float:
    rate = stream.average_rate or 25
    return _time(frame, stream) + (float(frame.duration * stream.time_base) if frame.duration else 1 / float(rate))
