"""One media item in the admin: shown, changed, put aside, processed again, deleted. Every write is a service's."""

from typing import Any

from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from wagtail import hooks
from wagtail.admin import messages
from wagtail.admin.views import generic
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.log_actions import log

from cms.accounts.models import User
from cms.errors import DomainError
from cms.scoped_admin import RefusalsAtFields, ScopedActionView, ScopedEditView, ScopedInspectView, ScopedRow

from . import addresses, services
from .admin_listing import folder_url
from .choices import MediaKind, MediaStatus
from .display import technical_facts
from .models import Media, MediaText
from .serving import INLINE

ARCHIVED_PROJECT = "This media item's project is archived: it can be read, and restored by its owner."
# Of a picture, what every browser shows; of the others its thumbnail is shown.
EVERY_BROWSER_SHOWS = INLINE - {"image/heic"}
BEGINNING = 2_000


def shown_file(media: Media) -> dict[str, Any]:
    """For the templates: the file by addresses that ask the policy, and what is known of it."""
    return {
        "file_url": addresses.file_url(media),
        "thumbnail_url": addresses.thumbnail_url(media),
        "shows_picture": media.kind == MediaKind.IMAGE and media.mime_type in EVERY_BROWSER_SHOWS,
        "beginning": _beginning(media),
        "facts": technical_facts(media),
        "folder_url": folder_url(media.project),
        "is_processing": media.status == MediaStatus.PROCESSING,
        "has_failed": media.status == MediaStatus.FAILED,
    }


def _beginning(media: Media) -> str:
    """The first words of a document."""
    if media.kind != MediaKind.DOCUMENT:
        return ""
    beginning = Left("text", BEGINNING, output_field=TextField())
    return MediaText.objects.filter(media=media).values_list(beginning, flat=True).first() or ""


def other_versions(media: Media) -> list[Media]:
    """The other files of its chain, newest first."""
    return list(Media.objects.filter(chain=media.chain).exclude(pk=media.pk).order_by("-version"))


def uses_of(user: Any, media: Media) -> list[tuple[str, str | None]]:
    """Where it is used, as words and an address. Subjects above tell it by the hook "describe_media"."""
    told = [use for tell in hooks.get_hooks("describe_media") for use in tell(user, media)]
    if media.style_reference_rows.exists():
        told.append((f"Style reference of {media.project}", reverse("projects:inspect", args=[media.project_id])))
    return told


def edit_url(media: Media) -> str:
    """Where a media item is changed."""
    return reverse("media:edit", args=[media.pk])


class MediaEditView(RefusalsAtFields, ScopedEditView):
    """A media item's file, and what people say about it. What somebody else has saved is not overwritten."""

    # Wagtail's template keeps the form's scripts under the name "media".
    context_object_name = "item"
    template_name = "media/admin/edit.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        media = get_object_or_404(Media.objects.select_related("project"), pk=kwargs["pk"])
        if media.project.is_archived:
            messages.warning(request, ARCHIVED_PROJECT)
            return redirect("media:inspect", media.pk)
        response: HttpResponseBase = super().get(request, *args, **kwargs)
        return response

    def save_instance(self) -> Media:
        media = services.update_media(
            user=self.request.user,
            media_id=self.object.pk,
            changes=self.form.changes(),
            expected_revision=self.form.cleaned_data["expected_revision"],
        )
        log(instance=media, action="wagtail.edit", content_changed=self.form.has_changed())
        return media

    @property
    def header_buttons(self) -> list[HeaderButton]:
        version = f"{reverse('media:upload')}?replaces={self.object.pk}"
        return [
            HeaderButton("Open the file", url=addresses.file_url(self.object), icon_name="download", priority=10),
            HeaderButton("Add a new version", url=version, icon_name="upload", priority=20),
        ]

    @property
    def header_more_buttons(self) -> list[Button]:
        media, buttons = self.object, list(super().header_more_buttons)
        if media.status == MediaStatus.ARCHIVED:
            buttons.append(_button("Restore", "restore", "undo", media))
        elif media.status != MediaStatus.PROCESSING:
            buttons.append(_button("Archive", "archive", "folder-inverse", media))
        return buttons

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        media = self.object
        return {
            **super().get_context_data(**kwargs),
            **shown_file(media),
            "versions": other_versions(media),
            "uses": uses_of(self.request.user, media),
            "progress": media.progress,
        }


def _button(label: str, name: str, icon: str, media: Media) -> Button:
    return Button(label, url=reverse(f"media:{name}", args=[media.pk]), icon_name=icon, priority=15)


class MediaInspectView(ScopedInspectView):
    """Reading all that is known about a media item."""

    template_name = "media/admin/inspect.html"

    def get_object(self, queryset: Any = None) -> Media:
        return get_object_or_404(Media.objects.select_related("project", "uploaded_by", "task"), pk=self.pk)

    def get_fields_context(self) -> list[dict[str, Any]]:
        return [field for field in super().get_fields_context() if field["value"] not in ("", None)]

    def get_tags_display_value(self) -> str:
        return ", ".join(self.object.tags)

    def get_character_keys_display_value(self) -> str:
        return ", ".join(self.object.character_keys)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, **shown_file(self.object), "versions": other_versions(self.object)}


class MediaDeleteView(ScopedRow, generic.DeleteView):
    """Deleting through the one deletion service, which takes the file along."""

    context_object_name = "item"

    def form_valid(self, form: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.get_success_url())
        return response

    def delete_action(self) -> None:
        with transaction.atomic():
            log(instance=self.object, action="wagtail.delete")
            services.delete_media(user=self.request.user, media_id=self.object.pk)


class _StatusView(ScopedActionView):
    """Something that changes where a media item is in its life."""

    model = Media
    template_name = "projects/admin/confirm.html"
    header_icon = "image"

    @property
    def person(self) -> User:
        """Who asks."""
        user = self.request.user
        assert isinstance(user, User)
        return user

    def get_done_url(self) -> str:
        return edit_url(self.object)


class MediaArchiveView(_StatusView):
    """Putting a media item aside."""

    page_title = "Archive"
    question = "It is left out of lists and searches until it is restored. Old messages keep showing it."
    confirm_label = "Archive it"
    serious = True

    @transaction.atomic
    def act(self) -> str:
        media = services.archive_media(user=self.person, media_id=self.object.pk)
        log(instance=media, action="media.archive")
        return f"“{media}” is archived."


class MediaRestoreView(_StatusView):
    """Taking a media item out of the archive."""

    page_title = "Restore"
    question = "It is active, and in lists and searches again."
    confirm_label = "Restore it"

    @transaction.atomic
    def act(self) -> str:
        media = services.update_media(user=self.person, media_id=self.object.pk, changes={"status": MediaStatus.ACTIVE})
        log(instance=media, action="media.restore")
        return f"“{media}” is active again."


class MediaRetryView(_StatusView):
    """Processing again what failed."""

    page_title = "Process again"
    question = "Its file is examined again: measured, given a thumbnail, and made findable."
    confirm_label = "Process it again"

    @transaction.atomic
    def act(self) -> str:
        media = services.retry_media(user=self.person, media_id=self.object.pk)
        log(instance=media, action="media.retry")
        return f"“{media}” is processed again."
