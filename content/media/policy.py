"""Who may see and change media, and who may open a file: the one place that every door asks."""

from django.db.models import QuerySet

from cms.accounts.models import User
from cms.errors import not_found
from content.projects.models import Membership
from content.projects.policy import ProjectAction, ProjectPolicy

from .models import CustomDocument, CustomImage, CustomRendition, Media

StoredFile = CustomImage | CustomDocument | CustomRendition


class MediaPolicy:
    """What one person may do with media: what they may do with its project."""

    def __init__(self, user: User | None) -> None:
        self.user = user

    def visible(self) -> QuerySet[Media]:
        """The media that the person may see: those of their projects, all for admins."""
        media = Media.objects.all()
        if self.user is None:
            return media.none()
        if self.user.is_admin:
            return media
        # A list of projects and no correlated query: SQLite then reads the person's own rows only.
        return media.filter(project__in=Membership.objects.of(self.user).values("project"))

    def get(self, action: ProjectAction, pk: int, *, field: str = "id") -> Media:
        """The media item. Raises NOT_FOUND where it is invisible, FORBIDDEN where one may only look."""
        media = self.visible().filter(pk=pk).select_related("project").first()
        if media is None:
            raise not_found("The media item", field)
        ProjectPolicy(self.user).get(action, media.project_id, field=field)
        return media

    def may_open(self, stored: StoredFile) -> bool:
        """Whether the person may open a stored file.

        A project's file follows its media item. One without is editorial: for people with the admin door.
        """
        if self.user is None:
            return False
        holder = stored.image if isinstance(stored, CustomRendition) else stored
        own = (
            Media.objects.filter(image=holder)
            if isinstance(holder, CustomImage)
            else Media.objects.filter(document=holder)
        )
        pk = own.values_list("pk", flat=True).first()
        if pk is None:
            return self.user.is_active and self.user.has_perm("wagtailadmin.access_admin")
        return self.visible().filter(pk=pk).exists()


def stored_file(path: str) -> StoredFile | None:
    """The row that a path in the storage belongs to, editorial or not; None for anything else."""
    for rows in (
        CustomRendition.objects.select_related("image"),
        CustomImage.all_objects,
        CustomDocument.all_objects,
    ):
        found: StoredFile | None = rows.filter(file=path).first()
        if found is not None:
            return found
    return None
