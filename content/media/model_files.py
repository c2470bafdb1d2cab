"""A project's files as a director model is given them: read late, once, and never whole where they are large."""

import logging
import threading
import time
from collections.abc import Collection, Mapping

from django.conf import settings
from django.core.files.storage import default_storage

from ai import documents, files, pictures
from ai.attachments import MOST_STILL_TOKENS
from ai.contract import Attachment, Content
from ai.tokens import SQUARE
from cms.errors import DomainError

from . import decoding
from .choices import MediaKind, MediaStatus
from .models import Media, MediaText
from .sniff import BY_MIME_TYPE
from .storage import media_storage

logger = logging.getLogger(__name__)

# Seconds after which no further file of a turn is opened: people wait for the answer.
READING_SECONDS = 60.0
# Of a video that was shown with an earlier message: from a bucket it has to be downloaded each time.
MOST_BYTES_AGAIN = 256 * 1024**2
STILL_PIXELS = MOST_STILL_TOKENS * SQUARE * SQUARE


class Reader:
    """The files of one turn. Each is read when the director first asks for its content, however often it is
    attached; no further one is opened after `close`, or READING_SECONDS after the first.
    """

    def __init__(self) -> None:
        self._attachments: dict[int, Attachment] = {}
        self._texts: dict[int, MediaText] = {}
        self._until: float | None = None
        self._closed = threading.Event()

    def close(self) -> None:
        """Open no further file. May be called from another thread."""
        self._closed.set()

    def know_texts(self, media_ids: Collection[int]) -> None:
        """Fetch the words that were extracted from these documents, so that nothing is parsed again for them."""
        self._texts.update(MediaText.objects.in_bulk(list(media_ids)))

    def attachment(self, media: Media, *, stills: int, again: bool = False) -> Attachment:
        """A media item for the director; its database row is not asked again. A video is sampled in `stills` frames;
        `again` says that it was shown before, which is not worth fetching a large one for.
        """
        if media.pk not in self._attachments:
            self._attachments[media.pk] = Attachment(
                media.filename, media.mime_type, lambda: self._read(media, stills=stills, again=again)
            )
        return self._attachments[media.pk]

    def _read(self, media: Media, *, stills: int, again: bool) -> Content:
        if media.status == MediaStatus.FAILED:
            return Content(problem=f"it could not be processed: {media.error_message or 'no reason is known'}")
        if again and media.kind == MediaKind.VIDEO and media.file_size > MOST_BYTES_AGAIN:
            return Content(problem="it is too large to be looked at again")
        if self._is_over():
            return Content(problem="there was no time left to open it")
        try:
            return _content(media, self._texts, stills=stills)
        except FileNotFoundError:
            return Content(problem="its file is gone")
        except DomainError as error:
            return Content(problem=error.message)
        except Exception:
            logger.warning("The file of media %s could not be read.", media.pk, exc_info=True)
            return Content(problem="it could not be opened just now")

    def _is_over(self) -> bool:
        now = time.monotonic()
        if self._until is None:
            self._until = now + READING_SECONDS
        return self._closed.is_set() or now > self._until


def _content(media: Media, texts: Mapping[int, MediaText], *, stills: int) -> Content:
    if media.kind == MediaKind.VIDEO:
        return _video(media, stills)
    if media.kind == MediaKind.AUDIO:
        return Content(duration=media.duration, sample_rate=media.sample_rate)
    if extracted := texts.get(media.pk):
        return documents.from_text(extracted.text, is_cut=extracted.is_cut)
    limit: int = settings.UPLOAD_LIMITS[MediaKind(media.kind).name]
    with default_storage.open(media.file_path, "rb") as file:
        data: bytes = file.read(limit + 1)
    if len(data) > limit:
        return Content(problem=f"it is larger than {limit:,} bytes")
    return files.read(data, media.mime_type)


def _video(media: Media, stills: int) -> Content:
    with media_storage().local_path(media.file_path) as path:
        frames = decoding.sample_frames(path, BY_MIME_TYPE[media.mime_type], count=stills, most_pixels=STILL_PIXELS)
    return Content(
        stills=tuple(pictures.frame(frame.jpeg, frame.seconds) for frame in frames),
        width=media.width,
        height=media.height,
        duration=media.duration,
        fps=media.fps,
        sample_rate=media.sample_rate,
        problem="" if frames else "no frame of it can be shown",
    )
