"""People in the admin: the way in, Wagtail's user management for our users, and one's own account page."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import django_filters
from django.core.exceptions import PermissionDenied
from django.db.models import ProtectedError, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from wagtail.admin import messages
from wagtail.admin.auth import permission_denied
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn
from wagtail.admin.views import account, generic
from wagtail.users.views import users

from .admin_forms import NameForm, PersonCreateForm, PersonEditForm
from .choices import SubscriptionTier, UserRole
from .models import User

View = Callable[..., HttpResponseBase]


def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Stands in for Wagtail's own sign-in: there is one page to sign in on, with its rate limits.

    Raises PermissionDenied for people who are signed in already and have no admin.
    """
    wanted = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        wanted = reverse("wagtailadmin_home")
    if not request.user.is_authenticated:
        return redirect(f"{reverse('account_login')}?{urlencode({'next': wanted})}")
    if not request.user.has_perm("wagtailadmin.access_admin"):
        raise PermissionDenied
    return redirect(wanted)


def admins_only(view: View) -> View:
    """Close a view of Wagtail's to everyone in the admin but admins."""

    def closed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and not request.user.is_superuser:
            if request.user.has_perm("wagtailadmin.access_admin"):
                return permission_denied(request)  # type: ignore[no-any-return]  # untyped
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return closed


class PersonFilterSet(WagtailFilterSet):
    """Filters of the listing."""

    role = django_filters.MultipleChoiceFilter(choices=UserRole.choices, widget=CheckboxSelectMultiple)
    tier = django_filters.MultipleChoiceFilter(
        label="Plan", choices=SubscriptionTier.choices, widget=CheckboxSelectMultiple
    )

    class Meta:
        model = User
        fields = ("role", "tier", "is_active", "groups")


class PersonIndexView(users.IndexView):
    """The listing. Nothing is done to several people at once: each has a role of their own."""

    template_name = generic.IndexView.template_name
    results_template_name = generic.IndexView.results_template_name
    search_fields = ("email", "name")
    default_ordering = "name"

    @property
    def columns(self) -> list[Column]:
        name = self._get_title_column_class(users.UserColumn)
        return [
            name("name", label="Name", sort_key="name", get_url=self.get_edit_url, classname="name"),
            Column("email", label="E-mail", sort_key="email", width="25%"),
            Column("role", label="Role", accessor="get_role_display", sort_key="role"),
            Column("tier", label="Plan", accessor="get_tier_display", sort_key="tier"),
            BooleanColumn("is_active", label="Active", sort_key="is_active"),
            DateColumn("last_login", label="Last sign-in", sort_key="last_login"),
        ]

    def get_base_queryset(self) -> QuerySet[User]:
        return User.objects.select_related("wagtail_userprofile")

    def get_filterset_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = generic.IndexView.get_filterset_kwargs(self)
        return kwargs

    def order_queryset(self, queryset: QuerySet[User]) -> QuerySet[User]:
        return queryset.order_by(self.ordering, "pk")


class _ForUser:
    """Tells the form who edits."""

    request: HttpRequest

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "for_user": self.request.user}  # type: ignore[misc]  # a mixin of views


class _OnlyAdminsTouchAdmins:
    """Whoever may change users, but is no admin, must not become one by an admin's password."""

    request: HttpRequest
    object: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.object.is_superuser and not request.user.is_superuser:
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # a mixin of views
        return response


class PersonCreateView(_ForUser, users.CreateView):
    """Adding a person."""


class PersonEditView(_OnlyAdminsTouchAdmins, _ForUser, users.EditView):
    """Changing a person."""


class PersonDeleteView(_OnlyAdminsTouchAdmins, users.DeleteView):
    """Deleting a person, which is refused for those whose work is here.

    Wagtail's count of uses knows only of editorial content, and would mislead.
    """

    confirmation_message = (
        "Are you sure you want to delete this user? Where their work is to stay, make them inactive instead."
    )

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.object = self.get_object()

    def get_usage_url(self) -> None:
        return None

    def form_valid(self, form: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().form_valid(form)
        except ProtectedError:
            messages.error(
                self.request,
                f"{self.object} has projects or sessions here and cannot be deleted. "
                "Make them inactive instead: they can no longer sign in, and their work stays.",
            )
            return redirect(self.get_success_url())
        return response


class UserViewSet(users.UserViewSet):
    """Users in the admin's settings."""

    filterset_class = PersonFilterSet
    index_view_class = PersonIndexView
    add_view_class = PersonCreateView
    edit_view_class = PersonEditView
    delete_view_class = PersonDeleteView
    copy_view_enabled = False
    search_backend_name = None
    template_prefix = ""
    ordering = "name"
    list_per_page = 50

    def get_form_class(self, for_update: bool = False) -> type[PersonCreateForm | PersonEditForm]:
        return PersonEditForm if for_update else PersonCreateForm


class NamePanel(account.BaseSettingsPanel):
    """One's name. The e-mail address is how one signs in: admins change it."""

    name = "name"
    title = "Name"
    order = 100
    form_class = NameForm


class AccountView(account.AccountView):
    """One's own account: Wagtail's page without the fields that our users do not have, and without a picture,
    which would be a file that anybody may open.
    """

    def get_panels(self) -> list[account.BaseSettingsPanel]:
        replaced = (account.NameEmailSettingsPanel, account.AvatarSettingsPanel)
        panels = [panel for panel in super().get_panels() if not isinstance(panel, replaced)]
        profile = panels[0].profile
        return [NamePanel(self.request, self.request.user, profile), *panels]
