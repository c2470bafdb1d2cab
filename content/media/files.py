"""The site's custom Wagtail image and document: the files themselves, and no more than Wagtail needs.

A file with a Media row belongs to a project and is private; one without is editorial. The default manager
holds editorial files only, so that every listing, chooser, bulk action, API and serve view of Wagtail's own
is closed to project files; those are reached through their Media row.
"""

import re
import secrets
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from wagtail.documents.models import AbstractDocument, DocumentQuerySet
from wagtail.images.models import AbstractImage, AbstractRendition, ImageQuerySet
from wagtail.search import index

if TYPE_CHECKING:
    from .models import Media

MAX_STORED_NAME = 40


def random_path(folder: str, filename: str) -> str:
    """`folder`, an unguessable directory, and a plain form of `filename`, of which nothing becomes a path."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    stem, dot, extension = name.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem if dot else name).strip("-")[:MAX_STORED_NAME] or "file"
    extension = re.sub(r"[^a-z0-9]", "", extension.lower())[:8] if dot else ""
    return f"{folder}/{secrets.token_hex(16)}/{stem}{'.' + extension if extension else ''}"


def document_path(_instance: "CustomDocument", filename: str) -> str:
    """Where a document is stored."""
    return random_path("documents", filename)


class EditorialImages(models.Manager["CustomImage"]):
    """Images of the site itself: those without a Media row."""

    def get_queryset(self) -> Any:
        return ImageQuerySet(self.model, using=self._db).filter(media__isnull=True)


class EditorialDocuments(models.Manager["CustomDocument"]):
    """Documents of the site itself: those without a Media row."""

    def get_queryset(self) -> Any:
        return DocumentQuerySet(self.model, using=self._db).filter(media__isnull=True)


class CustomImage(AbstractImage):
    """The file of an image."""

    admin_form_fields = (
        "title",
        "file",
        "description",
        "collection",
        "tags",
        "focal_point_x",
        "focal_point_y",
        "focal_point_width",
        "focal_point_height",
    )

    if TYPE_CHECKING:
        media: "Media"

    # Wagtail's search refuses conditions on what is not declared here, and the default manager has one.
    search_fields = [*AbstractImage.search_fields, index.RelatedFields("media", [index.FilterField("id")])]

    objects: ClassVar[EditorialImages] = EditorialImages()
    all_objects: ClassVar[models.Manager[Any]] = ImageQuerySet.as_manager()

    class Meta(AbstractImage.Meta):
        verbose_name = "image"
        verbose_name_plural = "images"
        base_manager_name = "all_objects"
        permissions = [("choose_image", "Can choose image")]
        indexes = [models.Index(fields=["file"], name="image_by_path")]

    def get_upload_to(self, filename: str) -> str:
        return random_path("images", filename)


class CustomRendition(AbstractRendition):
    """A smaller copy of an image, as private as the image."""

    image = models.ForeignKey(CustomImage, on_delete=models.CASCADE, related_name="renditions")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image", "filter_spec", "focal_point_key"], name="rendition_once_per_filter"
            )
        ]
        indexes = [models.Index(fields=["file"], name="rendition_by_path")]

    def __str__(self) -> str:
        return f"{self.image} ({self.filter_spec})"

    def get_upload_to(self, filename: str) -> str:
        return random_path("renditions", filename)


class CustomDocument(AbstractDocument):
    """The file of anything that is not an image."""

    file = models.FileField(upload_to=document_path, verbose_name="file")

    admin_form_fields = ("title", "file", "collection", "tags")

    if TYPE_CHECKING:
        media: "Media"

    search_fields = [*AbstractDocument.search_fields, index.RelatedFields("media", [index.FilterField("id")])]

    objects: ClassVar[EditorialDocuments] = EditorialDocuments()
    all_objects: ClassVar[models.Manager[Any]] = DocumentQuerySet.as_manager()

    class Meta(AbstractDocument.Meta):
        base_manager_name = "all_objects"
        permissions = [("choose_document", "Can choose document")]
        indexes = [models.Index(fields=["file"], name="document_by_path")]
