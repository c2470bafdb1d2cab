"""One job, as JSON on standard input; what came of it is in `result.json` in the job's folder."""

import json
import sys
from collections.abc import Callable
from typing import Any

from . import limits
from .job import Job, RefusedError

Task = Callable[[Job], dict[str, Any]]


def _task(name: str) -> Task:
    """The task of that name; only its own decoder is loaded, for each takes its time."""
    if name in {"picture", "size"}:
        from . import pictures

        return {"picture": pictures.picture, "size": pictures.size}[name]
    if name in {"film", "frames"}:
        from . import films

        return {"film": films.film, "frames": films.frames}[name]
    if name == "sound":
        from . import sounds

        return sounds.sound
    from . import pdfs

    return {"pdf": pdfs.pdf, "pdf_opens": pdfs.pdf_opens}[name]


def main() -> None:
    job = Job(**json.load(sys.stdin))
    limits.apply(job)
    try:
        answer = _task(job.task)(job)
    except RefusedError as refused:
        answer = {"refused": refused.message, "limit": refused.limit}
        cause = refused.__cause__
        if cause is not None:
            sys.stderr.write(f"{type(cause).__name__}: {cause}\n")
    except MemoryError:
        answer = {"out_of_memory": True}
    job.result("result.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
