"""Media of every kind and status, and the tickets by which they come."""

import numpy as np

from content.media import embedding, vectors
from content.media.fulltext import index_words
from content.media.models import (
    CustomDocument,
    CustomImage,
    CustomRendition,
    Media,
    MediaCharacter,
    MediaEmbedding,
    MediaTag,
    MediaText,
    MediaWords,
    ProcessingJob,
    UnownedFile,
    Upload,
)

from .markers import NOBODY
from .subjects import Case, Column, Every, Subject
from .worlds import World

NO_ERROR = {"error_code": "", "error_message": ""}
NOT_GENERATED = {"agent_id": "", "prompt_used": "", "model_version": "", "generation_time": None}
SIZE, TIMES, FRAMES = ("width", "height"), ("duration", "sample_rate"), ("fps",)
# What of a kind is not measured.
UNMEASURED = {"image": TIMES + FRAMES, "video": (), "audio": SIZE + FRAMES, "document": SIZE + TIMES + FRAMES}
FILES = "title file description width height file_size file_hash created_at"


def fill(world: World) -> None:
    image = _media(world, "image", "image", agent_generated=True)
    _media(world, "video", "video", status="draft")
    _media(world, "audio", "audio", status="archived")
    document = _media(world, "document", "document")
    world.add(MediaText, media=document)
    failed = {"status": "failed", "error_code": "UNSUPPORTED_MEDIA"}
    _media(world, "failed_media", "document", **failed)
    # Of someone who is no longer a member.
    uploader = world.rows.get("former", world.owner)
    processing = _media(world, "processing_media", "image", status="processing", uploaded_by=uploader)
    world.add(ProcessingJob, media=processing, progress=41)
    _media(world, "newer_image", "image", chain=image.chain, version=2)
    image_file = world.all.add(CustomImage, NOBODY, title="Editorial", file="none.png", width=1, height=1)
    world.add(CustomRendition, seen_by=NOBODY, image=image_file, filter_spec="max-9x9", width=1, height=1, file="n.png")
    _tickets(world)
    index_words([row.pk for row in world.rows.values() if isinstance(row, Media)])


def _tickets(world: World) -> None:
    ends = world.all.markers.date("Upload.expires_at", NOBODY, ahead=True)
    for name in ("upload", "used_upload"):
        world.add(
            Upload,
            name,
            seen_by=frozenset({world.owner_name}),
            project=world.rows["project"],
            user=world.owner,
            expires_at=ends,
            path="",
            **NO_ERROR,
        )
    world.add(UnownedFile, seen_by=NOBODY)


def _media(world: World, name: str, kind: str, **values: object) -> Media:
    file = {"image": _file(world, CustomImage)} if kind == "image" else {"document": _file(world, CustomDocument)}
    if not values.get("agent_generated"):
        values |= NOT_GENERATED
    if values.get("status") != "failed":
        values |= NO_ERROR
    values |= dict.fromkeys(UNMEASURED[kind])
    model = embedding.model()
    row = world.add(
        Media,
        name,
        **{
            "project": world.rows["project"],
            "kind": kind,
            "media_type": "style_reference",
            "uploaded_by": world.owner,
            "embedding_model": model.name,
            "version": 1,
            **file,
            **values,
        },
    )
    world.add(MediaTag, media=row)
    world.add(MediaCharacter, media=row)
    vector = np.ones(model.dimensions) / np.sqrt(model.dimensions)
    world.add(
        MediaEmbedding,
        project=row.project,
        media=row,
        part="text",
        model=model.name,
        dimensions=model.dimensions,
        vector=vector.astype(vectors.STORED).tobytes(),
    )
    return row


def _file(world: World, model: type) -> object:
    return world.all.add(model, NOBODY, file=f"none/{next(world.number)}.bin")


SUBJECT = Subject(
    fill=fill,
    hidden={
        Media: "sha256 thumbnail",
        MediaTag: "",
        MediaCharacter: "",
        MediaText: "text",
        MediaEmbedding: "",
        ProcessingJob: "attempts lease_token lease_expires_at queued_at",
        Upload: "pk filename file_size mime_type path error_code error_message created_at",
        UnownedFile: "path created_at",
        CustomImage: FILES + " focal_point_x focal_point_y focal_point_width focal_point_height",
        CustomDocument: FILES,
        CustomRendition: "width height focal_point_key filter_spec",
    },
    without_rows={MediaWords: "written by index_words, and never shown"},
    roots={
        "media": [{"first": 30, "filters": {"statuses": ["ACTIVE", "DRAFT", "ARCHIVED", "PROCESSING", "FAILED"]}}],
        "findMedia": [
            {"projectId": Every(names=("project",)), "similarTo": Every(names=("image",))},
            {"projectId": Every(names=("project",)), "text": "sea"},
        ],
        "mediaSearch": [{"projectId": Every(names=("project",))}],
        "node": [{"id": Every((Media,))}],
    },
    arguments={
        "Query.media.projectId": [Every(names=("project", "archived_project"))],
        "Query.findMedia.text": [
            Column(Media, "title"),
            Column(Media, "description"),
            Column(MediaTag, "name"),
            Column(MediaCharacter, "key"),
            Column(MediaText, "text"),
        ],
        "Query.findMedia.similarTo": [Every(names=("image", "video"))],
        "Query.findMedia.limit": [1, 100],
        "Media.signedUrl.expiresIn": [60, 3600],
        "MediaFilter.tags": [Column(MediaTag, "name")],
        "MediaFilter.characterKey": [Column(MediaCharacter, "key")],
        "MediaFilter.episodeNumber": [Column(Media, "episode_number")],
        "MediaFilter.sceneKey": [Column(Media, "scene_key")],
        "MediaFilter.search": [
            Column(Media, "title"),
            Column(Media, "filename"),
            Column(Media, "description"),
            Column(Media, "scene_key"),
            Column(MediaTag, "name"),
            Column(MediaCharacter, "key"),
        ],
    },
    unmarked={
        "Media.progress": "a percentage",
        "Media.version": "counted from 1",
        "MediaMatch.score": "at most 1",
        **dict.fromkeys(("MediaSearch.model", "MediaSearch.dimensions"), "the site's model, which is everyone's"),
        **dict.fromkeys(("MediaSearch.embedded", "MediaSearch.total"), "a count"),
        **dict.fromkeys(
            (
                *("UploadTicket.id", "UploadTicket.method", "UploadTicket.url", "UploadTicket.expiresAt"),
                *("HttpHeader.name", "HttpHeader.value"),
            ),
            "of a new ticket, as its sender asked for it",
        ),
    },
    mutations={
        "createUpload": Case(
            {"projectId": "project", "replacesMediaId": "newer_image"},
            {"filename": "sea.png", "fileSize": 10, "mimeType": "image/png"},
        ),
        # Nothing was sent.
        "completeUpload": Case({"id": "upload"}, refused={"creator": "INVALID"}),
        "cancelUpload": Case({"id": "upload"}),
        "updateMedia": Case({"id": "image"}, {"title": "Sea"}),
        "archiveMedia": Case({"id": "image"}),
        "retryMedia": Case({"id": "failed_media"}),
        "updateManyMedia": Case({"ids": ("image", "video")}, {"addTags": ["sea"]}),
    },
)
