"""The taxonomy of a project's files."""

from django.db import models


class MediaKind(models.TextChoices):
    """What a file is, technically."""

    IMAGE = "image", "Image"
    VIDEO = "video", "Video"
    AUDIO = "audio", "Audio"
    DOCUMENT = "document", "Document"


# What has a duration.
PLAYABLE = frozenset({MediaKind.VIDEO, MediaKind.AUDIO})


class MediaType(models.TextChoices):
    """What a file is for in the production."""

    STYLE_REFERENCE = "style_reference", "Style Reference"
    CHARACTER_DESIGN = "character_design", "Character Design"
    ENVIRONMENT_DESIGN = "environment_design", "Environment Design"
    CONCEPT_ART = "concept_art", "Concept Art"
    STORYBOARD = "storyboard", "Storyboard"
    VIDEO_SEGMENT = "video_segment", "Video Segment"
    AUDIO_CLIP = "audio_clip", "Audio Clip"
    VOICE_PROFILE = "voice_profile", "Voice Profile"
    MUSIC_TRACK = "music_track", "Music Track"
    SOUND_EFFECT = "sound_effect", "Sound Effect"
    FINAL_VIDEO = "final_video", "Final Video"
    SCRIPT_DOCUMENT = "script_document", "Script Document"
    REFERENCE_VIDEO = "reference_video", "Reference Video"


class MediaStatus(models.TextChoices):
    """Where a file is in its life."""

    ACTIVE = "active", "Active"
    DRAFT = "draft", "Draft"
    ARCHIVED = "archived", "Archived"
    PROCESSING = "processing", "Processing"
    FAILED = "failed", "Failed"


# What people may set; the other two belong to the processing.
EDITABLE_STATUSES = frozenset({MediaStatus.ACTIVE, MediaStatus.DRAFT, MediaStatus.ARCHIVED})


class UploadStatus(models.TextChoices):
    """How far a ticket has come."""

    PENDING = "pending", "Pending"
    RECEIVED = "received", "Received"
    COMPLETED = "completed", "Completed"
    REFUSED = "refused", "Refused"


OPEN_UPLOADS = frozenset({UploadStatus.PENDING, UploadStatus.RECEIVED})

# What a file is for, where nobody has said.
DEFAULT_TYPE: dict[MediaKind, MediaType] = {
    MediaKind.IMAGE: MediaType.STYLE_REFERENCE,
    MediaKind.VIDEO: MediaType.REFERENCE_VIDEO,
    MediaKind.AUDIO: MediaType.AUDIO_CLIP,
    MediaKind.DOCUMENT: MediaType.SCRIPT_DOCUMENT,
}
