"""Scoping for the Wagtail admin: its views ask about the model, these ask about the row as well.

Imports no subject. A subject's viewset says in `visible` which rows a person may see; listing, inspection,
editing, history and usage then know no others, and a foreign key is answered like an unknown one.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern
from django.utils.functional import cached_property
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views import generic
from wagtail.admin.views.generic import history, usage
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.permission_policies import ModelPermissionPolicy

from .errors import DomainError

Visible = Callable[[Any], QuerySet[Any]]
FORM_WIDE = "expected_revision"


class ScopedPermissionPolicy(ModelPermissionPolicy):
    """Django's permission for the model, and of its rows only those that the person may see.

    `actions` are those that the admin offers at all: any other one is nobody's, admins included.
    """

    def __init__(self, model: type[Model], visible: Visible, actions: Collection[str]) -> None:
        super().__init__(model)
        self.visible = visible
        self.actions = frozenset(actions)

    def user_has_permission(self, user: Any, action: str) -> bool:
        return action in self.actions and bool(super().user_has_permission(user, action))

    def user_has_permission_for_instance(self, user: Any, action: str, instance: Any) -> bool:
        return self.user_has_permission(user, action) and self.visible(user).filter(pk=instance.pk).exists()

    def instances_user_has_any_permission_for(self, user: Any, actions: Collection[str]) -> QuerySet[Any]:
        rows = self.visible(user)
        return rows if self.user_has_any_permission(user, actions) else rows.none()


class ScopedRows(PermissionCheckedMixin):
    """A view of many rows: those that the person may see."""

    permission_policy: ScopedPermissionPolicy
    request: HttpRequest

    def get_base_queryset(self) -> QuerySet[Any]:
        return self.permission_policy.visible(self.request.user)


class ScopedRow(PermissionCheckedMixin):
    """A view of one row, which is not there for those who may not see it. Raises Http404."""

    permission_policy: ScopedPermissionPolicy

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        get_object_or_404(self.permission_policy.visible(request.user), pk=kwargs["pk"])
        super().setup(request, *args, **kwargs)


class ScopedIndexView(ScopedRows, generic.IndexView):
    """A listing."""


class ScopedEditView(ScopedRow, generic.EditView):
    """Changing a row."""


class ScopedInspectView(ScopedRow, generic.InspectView):
    """Reading a row."""


class ScopedHistoryView(ScopedRow, history.HistoryView):
    """Who changed a row in the admin."""


class ScopedUsageView(ScopedRow, usage.UsageView):
    """Where a row is used."""


class ScopedActionView(ScopedRow, WagtailAdminTemplateMixin, TemplateView):
    """Something that is done to a row once a person has confirmed it; a refusal is shown as a message."""

    permission_required = "change"
    model: type[Model]
    question: str
    confirm_label: str
    serious = False

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.object: Any = get_object_or_404(self.permission_policy.visible(request.user), pk=kwargs["pk"])

    def act(self) -> str:
        """Do it, and answer what to tell. Raises DomainError."""
        raise NotImplementedError

    def get_done_url(self) -> str:
        """Where to go afterwards."""
        raise NotImplementedError

    def get_page_subtitle(self) -> str:
        return str(self.object)

    def get_breadcrumbs_items(self) -> list[dict[str, str]]:
        return []

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "object": self.object, "done_url": self.get_done_url()}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            messages.success(request, self.act())
        except DomainError as error:
            messages.error(request, error.message)
        return redirect(self.get_done_url())


class RefusalsAtFields:
    """Has a service's refusal shown in the form, at the field that it names."""

    # Where the form calls a service's field by another name.
    form_names: ClassVar[Mapping[str, str]] = {}

    def form_valid(self, form: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)  # type: ignore[misc]  # a mixin of views
        except DomainError as error:
            form.add_error(self._field_of(error, form), error.message)
            self.produced_error_code = "validation_error"
            self.produced_error_message = self.get_error_message()  # type: ignore[attr-defined]  # Wagtail's
            return self.form_invalid(form)  # type: ignore[attr-defined, no-any-return]  # Wagtail's
        return response

    def _field_of(self, error: DomainError, form: Any) -> str | None:
        name = error.field[-1] if error.field else FORM_WIDE
        name = self.form_names.get(name, name)
        return name if name in form.fields and name != FORM_WIDE else None


class ScopedViewSet(ModelViewSet):
    """The admin of a model whose rows are not everybody's.

    `actions` are the permissions that it uses; `views` the names of its addresses.
    Nothing is searched through an index, which would count and rank over everybody's rows.
    """

    actions: ClassVar[Collection[str]]
    views: ClassVar[Collection[str]]
    index_view_class = ScopedIndexView
    edit_view_class = ScopedEditView
    inspect_view_class = ScopedInspectView
    history_view_class = ScopedHistoryView
    usage_view_class = ScopedUsageView
    inspect_view_enabled = True
    copy_view_enabled = False
    add_to_reference_index = False
    search_backend_name = None

    def visible(self, user: Any) -> QuerySet[Any]:
        """The rows that a person may see."""
        raise ImproperlyConfigured("A scoped viewset says which rows a person may see.")

    @cached_property
    def permission_policy(self) -> ScopedPermissionPolicy:
        return ScopedPermissionPolicy(self.model, self.visible, self.actions)

    def get_common_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        common: dict[str, Any] = super().get_common_view_kwargs(**kwargs)
        absent = {f"{name}_url_name" for name in ("add", "edit", "delete", "history", "usage")} - {
            f"{name}_url_name" for name in self.views
        }
        return {name: None if name in absent else value for name, value in common.items()}

    def get_permissions_to_register(self) -> QuerySet[Permission]:
        offered = [f"{action}_{self.model_name}" for action in self.actions]
        permissions: QuerySet[Permission] = super().get_permissions_to_register()
        return permissions.filter(codename__in=offered)

    def get_urlpatterns(self) -> list[URLPattern]:
        return [pattern for pattern in super().get_urlpatterns() if pattern.name in self.views]
