"""Adding files in the admin. The page's script sends them by the API's own protocol; nothing is received here."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import TemplateView, View
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin

from cms.api.ids import global_id, parse_id
from cms.errors import DomainError
from cms.scoped_admin import ScopedPermissionPolicy

from .admin_listing import my_projects
from .choices import MediaType
from .models import Media
from .policy import MediaPolicy
from .sniff import ACCEPTED_NAMES


class MediaUploadView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Files for a project (?project=), or the next version of a media item (?replaces=)."""

    permission_policy: ScopedPermissionPolicy
    permission_required = "change"
    template_name = "media/admin/upload.html"
    request: HttpRequest

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.replaces = self._replaced()

    def _replaced(self) -> Media | None:
        value = self.request.GET.get("replaces")
        if not value:
            return None
        visible = self.permission_policy.visible(self.request.user).select_related("project")
        media: Media | None = visible.filter(pk=_key(value), project__archived_at=None).first()
        if media is None:
            raise Http404
        return media

    def get_page_title(self) -> str:
        return "Add a new version" if self.replaces else "Add media"

    def get_page_subtitle(self) -> str:
        return str(self.replaces or "")

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        items = [*self.breadcrumbs_items, {"url": reverse("media:index"), "label": "Media"}]
        if self.replaces:
            items.append({"url": reverse("media:edit", args=[self.replaces.pk]), "label": str(self.replaces)})
        return [*items, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        projects = my_projects(self.request).filter(archived_at=None)
        chosen = self.replaces.project_id if self.replaces else _key(self.request.GET.get("project", ""))
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if self.replaces:
            latest = Media.objects.filter(chain=self.replaces.chain).order_by("-version").first()
            context |= {
                "replaces_id": global_id("Media", self.replaces.pk),
                "latest_version": latest and latest.version,
            }
        return {
            **context,
            "projects": [(project, global_id("Project", project.pk)) for project in projects],
            "chosen": global_id("Project", chosen),
            "replaces": self.replaces,
            "types": [(value.name, value.label) for value in MediaType],
            "accepted": ACCEPTED_NAMES,
        }


class MediaOpenView(PermissionCheckedMixin, View):
    """From the API's id of a media item to its page: the script knows no other. Raises Http404."""

    permission_policy: ScopedPermissionPolicy
    any_permission_required = ("view", "change")

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            pk = parse_id(request.GET.get("id", ""), "Media")
        except DomainError:
            raise Http404 from None
        user: Any = request.user
        if not MediaPolicy(user).visible().filter(pk=pk).exists():
            raise Http404
        return redirect("media:edit", pk)


def _key(value: str) -> int:
    """A key as an address has it; one that nothing has, where it is none."""
    return int(value) if value.isdecimal() and len(value) <= 18 else 0
