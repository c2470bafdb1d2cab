"""A media item's technical data in words for people."""

from django.template.defaultfilters import filesizeformat

from .choices import MediaKind
from .models import Media
from .sniff import BY_MIME_TYPE


def duration_text(seconds: float | None) -> str:
    """A duration as players show it: 0:07, 4:05, 1:02:03; "" for none."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_name(media: Media) -> str:
    """What its file is, such as PNG."""
    known = BY_MIME_TYPE.get(media.mime_type)
    return known.name if known else media.mime_type


def technical_facts(media: Media) -> list[tuple[str, str]]:
    """What its file measures, as labels and values: only what its kind has, and what is known."""
    size = f"{media.width} × {media.height} pixels" if media.width and media.height else ""
    facts = [
        ("Format", format_name(media), True),
        ("Size", filesizeformat(media.file_size), True),
        ("Picture", size, media.kind in (MediaKind.IMAGE, MediaKind.VIDEO)),
        ("Duration", duration_text(media.duration), media.kind in (MediaKind.VIDEO, MediaKind.AUDIO)),
        ("Frames per second", f"{media.fps:g}" if media.fps else "", media.kind == MediaKind.VIDEO),
        (
            "Sample rate",
            f"{media.sample_rate:,} Hz" if media.sample_rate else "",
            media.kind in (MediaKind.VIDEO, MediaKind.AUDIO),
        ),
    ]
    return [(label, value) for label, value, fits in facts if fits and value]
