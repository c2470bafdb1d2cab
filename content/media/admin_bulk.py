"""Doing something to many media in the admin's listing, by Wagtail's bulk actions."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from wagtail.admin import messages
from wagtail.admin.views.bulk_action import BulkAction
from wagtail.log_actions import log

from cms.accounts.models import User
from cms.errors import DomainError

from . import addresses, bulk
from .admin_listing import listed
from .choices import MediaStatus
from .forms import AddTagsForm, ManyForm, RemoveTagsForm, TypeForm
from .models import Media
from .policy import MediaPolicy

CHANGE = f"{Media._meta.app_label}.change_media"


class MediaBulkAction(BulkAction):
    """What is chosen in the listing is changed as a whole by content.media.bulk, or not at all."""

    models = [Media]
    form_class: type[ManyForm] = ManyForm
    template_name = "media/admin/bulk.html"
    log_action: ClassVar[str] = "wagtail.edit"
    button_class: ClassVar[str] = ""
    question: ClassVar[str]
    confirm_label: ClassVar[str]

    @property
    def person(self) -> User:
        """Who asks."""
        user = self.request.user
        assert isinstance(user, User)
        return user

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        refusal = self._choose()
        if refusal:
            messages.error(request, refusal)
            return redirect(self.next_url if self.next_url != request.path else "media:index")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def _choose(self) -> str:
        """Find what was chosen, in the order of the listing; answers why that cannot be, else nothing.

        One that the person may not see looks like one that is not there, and nothing is done to the others either.
        """
        wanted = self.request.GET.getlist("id")
        if "all" in wanted:
            rows = listed(self.request)
        else:
            keys = {int(value) for value in wanted if value.isdecimal() and len(value) <= 18}
            rows = MediaPolicy(self.person).visible().filter(pk__in=keys)
        self.chosen = list(rows.select_related("project").order_by("-created_at", "-pk")[: bulk.MAX_MEDIA + 1])
        if len(self.chosen) > bulk.MAX_MEDIA:
            return f"At most {bulk.MAX_MEDIA} media are changed at once. Narrow the listing with filters first."
        if not self.chosen:
            return "No media are chosen. Tick them in the listing first."
        if "all" not in wanted and len(self.chosen) != len(set(wanted)):
            return "Some of these media are no longer there. Look at the listing again and choose anew."
        return ""

    def get_actionable_objects(self) -> tuple[list[Media], dict[str, list[Media]]]:
        return self.chosen, {"items_with_no_access": []}

    def object_context(self, obj: Media) -> dict[str, Any]:
        return {"item": obj, "thumbnail_url": addresses.thumbnail_url(obj)}

    def get_changes(self, form: ManyForm) -> dict[str, Any]:
        """What content.media.bulk is to do."""
        return form.changes()

    def form_valid(self, form: ManyForm) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)
        except DomainError as error:
            name = error.field[0] if error.field else None
            form.add_error(name if name in form.fields else None, error.message)
            response = self.form_invalid(form)
        return response

    def get_execution_context(self) -> dict[str, Any]:
        return {"user": self.person, "changes": self.get_changes(self.cleaned_form), "action": self.log_action}

    @classmethod
    def execute_action(
        cls, objects: list[Media], *, user: User, changes: dict[str, Any], action: str, **_: Any
    ) -> tuple[int, int]:
        done = bulk.update_many(user=user, media_ids=[media.pk for media in objects], changes=changes)
        for media in done.media:
            if media.pk in done.changed:
                log(instance=media, action=action, content_changed=True)
        return len(done.changed), 0

    def get_success_message(self, num_parent_objects: int, num_child_objects: int) -> str:
        changed, same = num_parent_objects, len(self.chosen) - num_parent_objects
        if not changed:
            return "They were all like that already: nothing was changed."
        words = "One media item was changed" if changed == 1 else f"{changed} media were changed"
        return f"{words}; {same} {'was' if same == 1 else 'were'} like that already." if same else f"{words}."


class AddTags(MediaBulkAction):
    """Tags for all of them."""

    display_name = "Add tags"
    action_type = "add_tags"
    aria_label = "Add tags to the selected media"
    action_priority = 10
    form_class = AddTagsForm
    question = "Which tags shall be added?"
    confirm_label = "Add the tags"


class RemoveTags(MediaBulkAction):
    """Tags that none of them keeps."""

    display_name = "Remove tags"
    action_type = "remove_tags"
    aria_label = "Remove tags from the selected media"
    action_priority = 20
    form_class = RemoveTagsForm
    question = "Which tags shall be removed?"
    confirm_label = "Remove the tags"


class SetType(MediaBulkAction):
    """What all of them are for."""

    display_name = "Set type"
    action_type = "set_type"
    aria_label = "Set the type of the selected media"
    action_priority = 30
    form_class = TypeForm
    question = "What are they for?"
    confirm_label = "Set the type"


class Archive(MediaBulkAction):
    """Putting them aside."""

    display_name = "Archive"
    action_type = "archive"
    aria_label = "Archive the selected media"
    action_priority = 40
    log_action = "media.archive"
    question = "Archived media are left out of lists and searches. Old messages keep showing them."
    confirm_label = "Archive"
    button_class = "serious"

    def get_changes(self, form: ManyForm) -> dict[str, Any]:
        return {"status": MediaStatus.ARCHIVED}


class Restore(MediaBulkAction):
    """Taking them out of the archive, or deciding on drafts."""

    display_name = "Make active"
    action_type = "restore"
    aria_label = "Make the selected media active"
    action_priority = 50
    log_action = "media.restore"
    question = "Active media are in use: they are in lists and searches again."
    confirm_label = "Make active"

    def get_changes(self, form: ManyForm) -> dict[str, Any]:
        return {"status": MediaStatus.ACTIVE}


ACTIONS: tuple[type[MediaBulkAction], ...] = (AddTags, RemoveTags, SetType, Archive, Restore)
