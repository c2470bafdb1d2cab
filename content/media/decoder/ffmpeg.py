"""Opening films and sound with FFmpeg (through PyAV), so that it reads the one file and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import av.container
import av.stream

from . import limits
from .job import Job, RefusedError

# A decoder that found this many packets broken, one after another, finds no more.
MOST_BROKEN = 200


@contextmanager
def opened(job: Job) -> Iterator[av.container.InputContainer]:
    """The file, read as the format that it was found to be.

    Playlists and references to other files or hosts are never followed: the demuxer is given, so that nothing is
    guessed from the content, and whatever FFmpeg wants to open beside this file is refused.
    """
    with open(job.path, "rb") as file:
        try:
            container = av.open(
                file, "r", format=job.reader, io_open=_refuse, options={"max_pixels": str(job.most_pixels)}
            )
        except MemoryError:
            raise
        except (av.error.FFmpegError, PermissionError) as error:
            raise damaged(job) from error
        with container:
            yield container


def damaged(job: Job) -> RefusedError:
    """There is nothing in the file that plays."""
    return RefusedError(f"The file is damaged and cannot be played as {job.name}.")


def prepare(stream: Any, job: Job) -> None:
    """Set up the decoder of a stream. Raises RefusedError where there is none for its codec."""
    if stream.codec_context is None:
        raise RefusedError(f"The file is in a codec that cannot be read here. Send it as {job.name} in a common codec.")
    stream.codec_context.options = {"max_pixels": str(job.most_pixels)}
    stream.codec_context.thread_count = limits.PROCESSORS


def decoded(container: av.container.InputContainer, stream: Any) -> Iterator[Any]:
    """The frames from where the container stands, past what is broken, as far as the file goes."""
    broken = 0
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
                broken = 0
            except MemoryError:
                raise
            except av.error.FFmpegError:
                broken += 1
                if broken > MOST_BROKEN:
                    return
    except MemoryError:
        raise
    except av.error.FFmpegError:
        # The file breaks off; what came before counts.
        return


def is_cover(stream: av.stream.Stream) -> bool:
    """Whether a stream of pictures is a still that illustrates the file, not a film."""
    return bool(stream.disposition & (av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails))


def _refuse(url: str, flags: int, options: dict[str, str]) -> None:
    raise PermissionError(f"Refused to open {url}.")
