"""Finding media in the admin: the listing with its filters, and the folders, which are the projects."""

from typing import Any

import django_filters
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.functional import cached_property
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.ui.tables import (
    BaseColumn,
    BulkActionsCheckboxColumn,
    Column,
    DateColumn,
    StatusTagColumn,
    TitleColumn,
)
from wagtail.admin.widgets.boolean_radio_select import BooleanRadioSelect
from wagtail.admin.widgets.button import Button, HeaderButton

from cms.accounts.models import User
from cms.scoped_admin import ScopedIndexView
from content.projects.models import Project
from content.projects.policy import ProjectPolicy

from . import addresses, search
from .choices import MediaKind, MediaStatus, MediaType
from .display import duration_text, format_name
from .forms import split_words
from .models import Media, MediaCharacter, MediaTag
from .policy import MediaPolicy

FOLDERS_SHOWN = 8


def _user(request: HttpRequest | None) -> Any:
    # The admin's door asks for a user.
    return request.user if request else None


def my_projects(request: HttpRequest | None) -> QuerySet[Project]:
    """The projects of who asks, by title."""
    return ProjectPolicy(_user(request)).visible().order_by("title", "pk")


def _uploaders(request: HttpRequest | None) -> QuerySet[User]:
    mine = MediaPolicy(_user(request)).visible()
    return User.objects.filter(Exists(mine.filter(uploaded_by=OuterRef("pk")))).order_by("name", "pk")


class MediaFilterSet(WagtailFilterSet):
    """Filters of the listing, of which all hold; what they offer comes from what the person may see."""

    project = django_filters.ModelChoiceFilter(queryset=my_projects)
    kind = django_filters.MultipleChoiceFilter(choices=MediaKind.choices, widget=CheckboxSelectMultiple)
    media_type = django_filters.MultipleChoiceFilter(
        choices=MediaType.choices, label="Type", widget=CheckboxSelectMultiple
    )
    status = django_filters.MultipleChoiceFilter(choices=MediaStatus.choices, widget=CheckboxSelectMultiple)
    tag = django_filters.CharFilter(
        method="with_tags", label="Tags", help_text="Several with commas between them: media that have all of them."
    )
    character = django_filters.CharFilter(method="with_character", label="Character")
    episode_number = django_filters.NumberFilter(label="Episode", min_value=1)
    scene_key = django_filters.CharFilter(lookup_expr="iexact", label="Scene")
    agent_generated = django_filters.BooleanFilter(label="Made by an AI agent", widget=BooleanRadioSelect)
    uploaded_by = django_filters.ModelChoiceFilter(queryset=_uploaders, label="Added by")
    created_at = django_filters.DateFromToRangeFilter(label="Added", widget=DateRangePickerWidget)

    class Meta:
        model = Media
        fields = (
            *("project", "kind", "media_type", "status", "tag", "character", "episode_number", "scene_key"),
            *("agent_generated", "uploaded_by", "created_at"),
        )

    def with_tags(self, rows: QuerySet[Media], _name: str, value: str) -> QuerySet[Media]:
        for word in split_words(value):
            rows = rows.filter(Exists(MediaTag.objects.filter(media=OuterRef("pk"), name__iexact=word)))
        return rows

    def with_character(self, rows: QuerySet[Media], _name: str, value: str) -> QuerySet[Media]:
        return rows.filter(Exists(MediaCharacter.objects.filter(media=OuterRef("pk"), key__iexact=value.strip())))

    def filter_queryset(self, queryset: QuerySet[Media]) -> QuerySet[Media]:
        rows: QuerySet[Media] = super().filter_queryset(queryset)
        # As everywhere: put aside is out of the way until somebody asks for it.
        return rows if self.form.cleaned_data["status"] else rows.exclude(status=MediaStatus.ARCHIVED)


def listed(request: HttpRequest) -> QuerySet[Media]:
    """All media that the listing shows for a request's search and filters, on whatever page."""
    rows, words = MediaPolicy(_user(request)).visible(), request.GET.get("q", "")
    rows = _filtered(rows, MediaFilterSet(request.GET, request=request))
    return search.matches_all(rows, words) if words else rows


def _filtered(rows: QuerySet[Media], filters: MediaFilterSet) -> QuerySet[Media]:
    # A filter that makes no sense finds nothing: left out, it would show, and let people change, all the rest.
    return filters.filter_queryset(rows) if filters.is_valid() else rows.none()


class PreviewColumn(BaseColumn):
    """A small picture of it, or what it is where there is none."""

    cell_template_name = "media/admin/preview_cell.html"

    def get_cell_context_data(self, instance: Media, parent_context: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        return {**context, "thumbnail_url": addresses.thumbnail_url(instance)}


class MediaTitleColumn(TitleColumn):
    """Its title with the name of its file."""

    cell_template_name = "media/admin/title_cell.html"


class FileSizeColumn(Column):
    """Bytes, in the unit that fits."""

    def get_value(self, instance: Any) -> str:
        return filesizeformat(super().get_value(instance))


def title_id(media: Media) -> str:
    """The id of the element that holds the title, by which the row's checkbox is named."""
    return f"media_{media.pk}_title"


class MediaIndexView(ScopedIndexView):
    """The listing."""

    filterset_class = MediaFilterSet
    template_name = "media/admin/index.html"
    results_template_name = "media/admin/index_results.html"

    def get_base_queryset(self) -> QuerySet[Media]:
        return super().get_base_queryset().select_related("project").prefetch_related("tag_rows")

    def filter_queryset(self, queryset: QuerySet[Media]) -> QuerySet[Media]:
        return _filtered(queryset, self.filters)

    def search_queryset(self, queryset: QuerySet[Media]) -> QuerySet[Media]:
        return search.matches_all(queryset, self.search_query) if self.is_searching else queryset

    def order_queryset(self, queryset: QuerySet[Media]) -> QuerySet[Media]:
        column = F(self.ordering.removeprefix("-"))
        down = self.ordering.startswith("-")
        # What has no duration is last either way; the key decides between equals, which else would change pages.
        return queryset.order_by(column.desc(nulls_last=True) if down else column.asc(nulls_last=True), "-pk")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        title = self._get_title_column_class(MediaTitleColumn)
        columns = [
            PreviewColumn("preview", label="Preview", width="8rem"),
            title("title", label="Title", sort_key="title", get_url=self._open_url, get_title_id=title_id),
            Column("project", label="Project", accessor="project", sort_key="project__title"),
            Column("media_type", label="Type", accessor="get_media_type_display", sort_key="media_type"),
            Column("kind", label="Kind", accessor=kind_text, sort_key="kind"),
            Column(
                "duration", label="Duration", accessor=lambda media: duration_text(media.duration), sort_key="duration"
            ),
            FileSizeColumn("file_size", label="Size", sort_key="file_size"),
            StatusTagColumn(
                "status",
                label="Status",
                accessor="get_status_display",
                sort_key="status",
                primary=lambda media: media.status == MediaStatus.ACTIVE,
            ),
            DateColumn("created_at", label="Added", sort_key="created_at"),
        ]
        if self.user_has_permission("change"):
            columns.insert(0, BulkActionsCheckboxColumn("bulk_actions", obj_type="media"))
        return columns

    def _open_url(self, media: Media) -> str | None:
        address: str | None = self.get_edit_url(media) or self.get_inspect_url(media)
        return address

    @cached_property
    def folder(self) -> Project | None:
        """The project that the listing is of, where it is of one."""
        return self.filters.form.cleaned_data.get("project") if self.filters.is_valid() else None

    def get_page_subtitle(self) -> str:
        return str(self.folder or "")

    def get_breadcrumbs_items(self) -> list[dict[str, str]]:
        items: list[dict[str, str]] = list(self.breadcrumbs_items)
        if self.folder is None:
            return [*items, {"url": "", "label": self.get_page_title()}]
        return [
            *items,
            {"url": self.index_url, "label": self.get_page_title()},
            {"url": "", "label": str(self.folder)},
        ]

    @cached_property
    def upload_url(self) -> str | None:
        """The page for adding files, to the folder that is open."""
        if not self.user_has_permission("change"):
            return None
        address = reverse("media:upload")
        return f"{address}?project={self.folder.pk}" if self.folder else address

    @cached_property
    def header_buttons(self) -> list[HeaderButton]:
        buttons = [HeaderButton("Folders", url=reverse("media:folders"), icon_name="folder-open-inverse", priority=20)]
        if self.upload_url:
            buttons.append(HeaderButton("Add media", url=self.upload_url, icon_name="plus", priority=10))
        return buttons

    @cached_property
    def header_more_buttons(self) -> list[Button]:
        archived = f"{self.index_url}?status={MediaStatus.ARCHIVED}"
        return [Button("Show archived media", url=archived, icon_name="folder-inverse", priority=10)]

    def get_context_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(*args, **kwargs)
        narrowed = self.is_searching or self.is_filtering or context["page_obj"].number > 1
        folders = [] if narrowed else list(folders_of(self.request.user)[: FOLDERS_SHOWN + 1])
        return {
            **context,
            "folders": folders[:FOLDERS_SHOWN],
            "has_more_folders": len(folders) > FOLDERS_SHOWN,
            "is_whole_folder": self.folder and not self.is_searching and self.filters.form.changed_data == ["project"],
            "folders_url": reverse("media:folders"),
            "upload_url": self.upload_url,
        }


def kind_text(media: Media) -> str:
    """What a file is, such as “Image, PNG”."""
    return f"{MediaKind(media.kind).label}, {format_name(media)}"


def folders_of(user: Any) -> QuerySet[Project]:
    """The projects of a person that hold media, each with `media_count`, the number that the listing shows."""
    listed = Media.objects.filter(project=OuterRef("pk")).exclude(status=MediaStatus.ARCHIVED)
    return _with_counts(ProjectPolicy(user).visible().filter(Exists(listed))).order_by("-updated_at", "-pk")


def _with_counts(projects: QuerySet[Project]) -> QuerySet[Project]:
    # A query for each row of the page, inside the one query; a join would group the media of all projects.
    held = Media.objects.filter(project=OuterRef("pk")).order_by().values("project")
    count = held.annotate(count=Count("pk", filter=~Q(status=MediaStatus.ARCHIVED))).values("count")
    return projects.annotate(media_count=Coalesce(Subquery(count), 0))


def folder_url(project: Project) -> str:
    """The listing of a project's media."""
    return f"{reverse('media:index')}?project={project.pk}"


class FoldersView(ScopedIndexView):
    """The projects as folders of media, empty ones too."""

    page_title = "Folders"
    header_icon = "folder-open-inverse"
    search_fields = ("title",)
    default_ordering = "title"
    results_template_name = "media/admin/folders_results.html"

    def get_base_queryset(self) -> QuerySet[Project]:
        return _with_counts(ProjectPolicy(_user(self.request)).visible())

    def order_queryset(self, queryset: QuerySet[Project]) -> QuerySet[Project]:
        return queryset.order_by(self.ordering, "pk")

    @cached_property
    def columns(self) -> list[BaseColumn]:
        return [
            TitleColumn("title", label="Project", sort_key="title", get_url=folder_url),
            Column("media_count", label="Media", accessor="media_count"),
            FileSizeColumn("media_bytes", label="Storage used", sort_key="media_bytes"),
            Column("created_by", label="Owner", accessor="created_by"),
            DateColumn("updated_at", label="Project updated", sort_key="updated_at"),
        ]

    def get_breadcrumbs_items(self) -> list[dict[str, str]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse("media:index"), "label": "Media"},
            {"url": "", "label": self.page_title},
        ]
