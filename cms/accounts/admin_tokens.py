"""Access tokens in the admin: one's own, and for admins everybody's; nobody's secret but once to its maker."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.admin.views import generic
from wagtail.admin.widgets import AdminDateTimeInput
from wagtail.admin.widgets.button import Button

from cms.scoped_admin import RefusalsAtFields, ScopedActionView, ScopedIndexView, ScopedInspectView, ScopedViewSet

from . import hooks, services
from .choices import TokenScope
from .models import MAX_TOKEN_NAME, AccessToken, User
from .policy import TokenPolicy


def _scopes(token: AccessToken) -> str:
    return ", ".join(scope.label for scope in TokenScope if token.has_scope(scope))


class TokenForm(forms.Form):
    """What is asked of who makes a token. `for_user` is who that is."""

    name = forms.CharField(max_length=MAX_TOKEN_NAME, help_text="What it is for, to know it again.")
    scopes = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text="Every token may read."
    )
    project_ids: Any = forms.ModelMultipleChoiceField(
        label="Projects",
        queryset=None,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The only ones that it reaches. None chosen: all, those to come too.",
    )
    expires_at = forms.DateTimeField(
        label="Ends", required=False, widget=AdminDateTimeInput, help_text="Left empty: in 90 days."
    )

    def __init__(self, *args: Any, for_user: User, **kwargs: Any) -> None:
        # Wagtail's views are for forms of models.
        self.instance = kwargs.pop("instance", None)
        super().__init__(*args, **kwargs)
        given = [scope for scope in TokenScope if scope is not TokenScope.READ]
        if not for_user.is_admin:
            given.remove(TokenScope.ANY_DOCUMENT)
        fields: dict[str, Any] = self.fields
        fields["scopes"].choices = [(scope.value, scope.label) for scope in given]
        fields["project_ids"].queryset = hooks.projects_of(for_user).order_by("title")

    def values(self) -> dict[str, Any]:
        """The arguments of `services.create_token`."""
        chosen = self.cleaned_data
        return {
            "name": chosen["name"],
            "scopes": [TokenScope(value) for value in chosen["scopes"]],
            "project_ids": [project.pk for project in chosen["project_ids"]] or None,
            "expires_at": chosen["expires_at"],
        }


class TokenIndexView(ScopedIndexView):
    """The listing."""

    def get_base_queryset(self) -> QuerySet[AccessToken]:
        return super().get_base_queryset().select_related("user")


class TokenCreateView(RefusalsAtFields, generic.CreateView):
    """Making a token of one's own. Its answer is the only page with the secret."""

    secret = ""

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "for_user": self.request.user}

    def save_instance(self) -> AccessToken:
        self.secret, token = services.create_token(user=self.request.user, **self.form.values())
        return token

    def save_action(self) -> HttpResponseBase:
        context = {**self.get_context_data(form=self.form), "secret": self.secret, "object": self.object}
        context |= {"done_url": reverse(self.index_url_name), "page_subtitle": str(self.object)}
        return TemplateResponse(self.request, "accounts/admin/token_secret.html", context)


class TokenInspectView(ScopedInspectView):
    """What a token may do, and when it was last used."""

    def get_fields(self) -> list[str]:
        return ["name", "user", "created_at", "expires_at", "last_used_at", "is_limited"]

    def get_fields_context(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = super().get_fields_context()
        token = self.object
        rows = [{"label": "Scopes", "value": _scopes(token), "component": None}]
        if token.is_limited:
            # Admins see whose tokens there are, and of projects those that they see anyway.
            titles = ", ".join(project.title for project in token.projects.all())
            rows.append({"label": "Projects", "value": titles or "None any more", "component": None})
        return [*shown, *rows]

    @property
    def header_more_buttons(self) -> list[Button]:
        if not self.user_has_permission("delete"):
            return []
        address = reverse("access_tokens:revoke", args=[self.object.pk])
        return [Button("Revoke", url=address, icon_name="bin", priority=10)]


class TokenRevokeView(ScopedActionView):
    """Ending a token."""

    model = AccessToken
    permission_required = "delete"
    template_name = "accounts/admin/confirm.html"
    header_icon = "bin"
    page_title = "Revoke"
    question = "The token ends at once, in open connections too, and with it those that it created."
    confirm_label = "Revoke"

    def act(self) -> str:
        user: Any = self.request.user
        services.revoke_token(user=user, token=self.object)
        return "The token is revoked."

    def get_done_url(self) -> str:
        return reverse("access_tokens:index")


class AccessTokenViewSet(ScopedViewSet):
    """One's own access tokens, for admins everybody's."""

    model = AccessToken
    name = "access_tokens"
    url_prefix = "access-tokens"
    icon = "key"
    menu_label = "Access tokens"
    menu_order = 240
    add_to_admin_menu = True
    actions = ("view", "add", "delete")
    views = ("index", "index_results", "add", "inspect")
    index_view_class = TokenIndexView
    add_view_class = TokenCreateView
    inspect_view_class = TokenInspectView
    search_fields = ("name",)
    ordering = ("-created_at", "-pk")
    list_per_page = 50
    list_display = (
        "name",
        Column("user", label="Whose", accessor="user", sort_key="user__name"),
        Column("scopes", label="Scopes", accessor=_scopes),
        DateColumn("last_used_at", label="Last use", sort_key="last_used_at"),
        DateColumn("expires_at", label="Ends", sort_key="expires_at"),
    )
    form_fields = ()

    def visible(self, user: Any) -> QuerySet[AccessToken]:
        return TokenPolicy(user).administered()

    def get_form_class(self, for_update: bool = False) -> type[forms.Form]:
        return TokenForm

    def get_urlpatterns(self) -> list[URLPattern]:
        revoke = path("revoke/<int:pk>/", self.construct_view(TokenRevokeView), name="revoke")
        return [*super().get_urlpatterns(), revoke]
