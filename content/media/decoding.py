"""Decoding files that anybody may have made: in a child process, with limits, so that a bad one harms nothing else."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from cms.errors import DomainError, ErrorCode

from .choices import MediaKind
from .decoder.job import MOST_CHARACTERS, Job, RefusedError
from .decoder.pictures import Size
from .sniff import Format, unsupported

logger = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "content.media.decoder"]
# Bytes of address space that a child may have: an 8K film needs about 2 GB.
MEMORY = 3 * 1024**3
# What opening a document may take of a request.
WAITING_SECONDS = 30.0
# What sampling a film may take of a turn, for which people wait too.
FRAMES_SECONDS = 30.0
# What a program needs to find itself and its libraries, and to read names; nothing else of ours.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# One thread's worth of the address space that each library sets aside.
FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
LOGGED = 4000
# Ended by a limit: of processor time, of a file's size, or by the system for want of memory.
LIMIT_SIGNALS = {signal.SIGXCPU, signal.SIGALRM}
MEMORY_SIGNALS = {signal.SIGKILL}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a file turned out to be. Pixels as shown, seconds, Hz; None where the kind has no such thing.

    `text` is a document's, of at most MOST_CHARACTERS, and `is_cut` says that it goes on; `thumbnail` is a WebP of at
    most 400 pixels a side: the picture, a film's poster, a sound's waveform, a PDF's first page; None for plain text.
    """

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    sample_rate: int | None = None
    text: str = ""
    is_cut: bool = False
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture out of a film, and when it is shown."""

    seconds: float
    jpeg: bytes


def decode(path: Path, format_: Format) -> Decoded:
    """Read a file for real.

    Raises UNSUPPORTED_MEDIA where it is damaged or not what its format says, LIMIT_EXCEEDED where it is larger than
    may be decoded, TIMED_OUT after settings.DECODE_SECONDS. A film that breaks off is taken as far as it plays.
    """
    if format_.mime_type.startswith("text/"):
        text, is_cut = _text(path)
        return Decoded(text=text, is_cut=is_cut)
    with _answered(_task(format_), path, format_) as (answer, folder):
        thumbnail = (folder / "thumbnail.webp").read_bytes()
    # A length of nothing is one that nobody knows.
    return Decoded(**{**answer, "duration": answer.get("duration") or None}, thumbnail=thumbnail)


def sample_frames(path: Path, format_: Format, *, count: int, most_pixels: int) -> list[Frame]:
    """Frames from the middles of `count` equal parts of a film, upright, of at most `most_pixels` each; fewer where
    the film has fewer, and earlier ones where those cannot be reached in time. Raises what `decode` raises, TIMED_OUT
    after FRAMES_SECONDS.
    """
    seconds = min(settings.DECODE_SECONDS, FRAMES_SECONDS)
    wanted = {"count": count, "frame_pixels": most_pixels}
    with _answered("frames", path, format_, seconds=seconds, **wanted) as (answer, folder):
        return [
            Frame(seconds, (folder / f"frame-{number}.jpg").read_bytes())
            for number, seconds in enumerate(answer["seconds"])
        ]


def picture_size(path: Path, format_: Format) -> Size:
    """The size of a still picture that really decodes. Raises what `decode` raises."""
    with _answered("size", path, format_) as (answer, _):
        return Size(**answer)


def check_pdf(path: Path, format_: Format) -> None:
    """Whether a PDF opens, while somebody waits. Raises what `decode` raises."""
    with _answered("pdf_opens", path, format_, seconds=min(settings.DECODE_SECONDS, WAITING_SECONDS)):
        return


def as_domain_error(refused: RefusedError) -> DomainError:
    """A decoder's refusal in the site's terms."""
    code = ErrorCode.UNSUPPORTED_MEDIA if refused.limit is None else ErrorCode.LIMIT_EXCEEDED
    return DomainError(code, refused.message, limit=refused.limit)


def _task(format_: Format) -> str:
    tasks = {MediaKind.IMAGE: "picture", MediaKind.VIDEO: "film", MediaKind.AUDIO: "sound", MediaKind.DOCUMENT: "pdf"}
    return tasks[format_.kind]


def _text(path: Path) -> tuple[str, bool]:
    """The beginning of the text, and whether it goes on."""
    # Four bytes are the most that one character takes in UTF-8.
    with path.open("rb") as file:
        content = file.read(4 * MOST_CHARACTERS)
        whole = not file.read(1)
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        if whole or error.start < len(content) - 6:
            raise unsupported("The text is not in UTF-8. Save it as UTF-8 and send it again.") from None
        text = content[: error.start].removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    # No database stores NUL.
    text = text.replace("\0", "")
    return text[:MOST_CHARACTERS], not whole or len(text) > MOST_CHARACTERS


@contextmanager
def _answered(
    task: str, path: Path, format_: Format, *, seconds: float | None = None, **wanted: int
) -> Iterator[tuple[dict[str, Any], Path]]:
    """The child's answer, and the folder in which it left its files. Raises what `decode` raises."""
    with tempfile.TemporaryDirectory(prefix="decoding-") as folder:
        job = Job(
            task=task,
            path=str(path),
            folder=folder,
            name=format_.name,
            reader=format_.pillow or format_.demuxer or "",
            seconds=settings.DECODE_SECONDS if seconds is None else seconds,
            memory=MEMORY,
            most_pixels=settings.UPLOAD_MAX_PIXELS,
            **wanted,
        )
        _run(job, format_)
        yield _answer(job, format_), Path(folder)


def _run(job: Job, format_: Format) -> None:
    """Have a child do the job. Raises where it did not come to its end."""
    log = job.result("log")
    with log.open("wb") as errors:
        # A session of its own: whatever the decoders start is in its group, and ends with it.
        child = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=PROJECT,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | FRUGAL | {"TMPDIR": job.folder},
            start_new_session=True,
        )
        try:
            child.communicate(json.dumps(asdict(job)).encode(), timeout=job.seconds)
        except subprocess.TimeoutExpired:
            raise _took_too_long(job) from None
        finally:
            _end(child)
    if said := log.read_text(errors="replace")[-LOGGED:].strip():
        level = logging.WARNING if child.returncode else logging.INFO
        logger.log(level, "Decoding %s as %s: %s", job.path, job.name, said)
    if child.returncode:
        logger.warning("Decoding %s as %s ended with %s.", job.path, job.name, child.returncode)
        raise _broken_off(-child.returncode, job, format_)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs, with all that it started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _answer(job: Job, format_: Format) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(job.result("result.json").read_bytes())
    except (FileNotFoundError, ValueError):
        raise _damaged(format_) from None
    if "refused" in answer:
        raise as_domain_error(RefusedError(answer["refused"], limit=answer["limit"]))
    if "out_of_memory" in answer:
        raise _needs_too_much(job)
    return answer


def _broken_off(number: int, job: Job, format_: Format) -> DomainError:
    if number in LIMIT_SIGNALS:
        return _took_too_long(job)
    if number in MEMORY_SIGNALS:
        return _needs_too_much(job)
    return _damaged(format_)


def _damaged(format_: Format) -> DomainError:
    return unsupported(f"The file is damaged and cannot be opened as {format_.name}.")


def _took_too_long(job: Job) -> DomainError:
    return DomainError(
        ErrorCode.TIMED_OUT,
        f"Opening the file took longer than {job.seconds:g} seconds. Send a shorter or a smaller version of it.",
    )


def _needs_too_much(job: Job) -> DomainError:
    return DomainError(
        ErrorCode.LIMIT_EXCEEDED,
        f"Opening the file takes more than {job.memory:,} bytes of memory. Send a version with a smaller picture.",
        limit=job.memory,
    )
