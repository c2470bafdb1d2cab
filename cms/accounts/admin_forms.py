"""The admin's forms for people."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from wagtail.users.forms import UserForm

from .models import User
from .services import PRODUCERS, save_with_role

# What only admins decide.
LIMITS = ("max_projects_override", "max_episodes_override", "max_storage_override", "max_tokens_override")
ADMINS_FIELDS = ("role", "tier", *LIMITS, "groups")
PERSON = ("email", "name", *ADMINS_FIELDS)


class PersonForm(UserForm):
    """A person with role, plan and limits; `for_user` is who edits."""

    # Wagtail's form expects these, and our users have none.
    first_name = None
    last_name = None
    is_superuser = None

    error_messages = {
        **UserForm.error_messages,
        "duplicate_username": "Someone here has that e-mail address already.",
    }
    field_order = ("email", "name", "password1", "password2")

    def __init__(self, *args: Any, for_user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail"
        self.fields["groups"].queryset = Group.objects.exclude(name=PRODUCERS).order_by("name")
        self.fields["groups"].help_text = "More rights in the admin. Those of a producer come with the role."
        self.fields[
            "role"
        ].help_text = (
            "An admin may do everything. A producer has the admin for their own projects. A user has the site alone."
        )
        if not for_user.is_superuser:
            self._leave_out(ADMINS_FIELDS)

    def _leave_out(self, names: tuple[str, ...]) -> None:
        for name in names:
            del self.fields[name]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        return email.strip().lower()

    def save(self, commit: bool = True) -> User:
        """The saved person, with the rights of their role; who is no longer active loses their access tokens."""
        person: User = super().save(commit=False)
        person.save()
        self.save_m2m()
        save_with_role(person)
        if not person.is_active:
            person.access_tokens.all().delete()
        return person


class PersonCreateForm(PersonForm):
    """A new person."""

    class Meta:
        model = User
        fields = PERSON
        widgets = {"groups": forms.CheckboxSelectMultiple}


class PersonEditForm(PersonForm):
    """A person who is here already. Nobody changes their own role or locks themselves out."""

    password_required = False

    def __init__(self, *args: Any, editing_self: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["is_active"].help_text = "Someone who is not active cannot sign in; their work stays."
        if editing_self:
            self._leave_out(("is_active",))
            self.fields.pop("role", None)

    class Meta:
        model = User
        fields = (*PERSON, "is_active")
        widgets = {"groups": forms.CheckboxSelectMultiple}


class NameForm(forms.ModelForm):
    """One's own name, on the admin's account page."""

    class Meta:
        model = User
        fields = ("name",)
