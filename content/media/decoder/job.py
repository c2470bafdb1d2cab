"""What a child is asked, and how it refuses."""

from dataclasses import dataclass
from pathlib import Path

# Of a document's text. A feature script has some 200,000, a novel more.
MOST_CHARACTERS = 400_000


@dataclass(frozen=True, slots=True)
class Job:
    """One file and what is wanted of it.

    `task` is a key of `__main__.TASKS`; `name` is the format's, for people; `reader` is what Pillow or FFmpeg calls
    it. The results go into `folder`. Limits: `seconds` of wall-clock time, `memory` in bytes, `most_pixels` of one
    decoded picture. `count` and `frame_pixels` are for frames alone.
    """

    task: str
    path: str
    folder: str
    name: str
    reader: str
    seconds: float
    memory: int
    most_pixels: int
    count: int = 0
    frame_pixels: int = 0

    def result(self, name: str) -> Path:
        """Where a result of that name is put."""
        return Path(self.folder) / name


class RefusedError(Exception):
    """The file is not taken; the message is for people. `limit` is in the unit that the message names."""

    def __init__(self, message: str, *, limit: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.limit = limit


def too_many_pixels(what: str, most: int, width: int, height: int) -> RefusedError:
    """The picture or the film is larger than may be decoded."""
    return RefusedError(
        f"A {what} may have at most {most:,} pixels; this one has {width:,} × {height:,}. Scale it down and send it "
        "again.",
        limit=most,
    )
