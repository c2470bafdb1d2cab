"""The site's forms for people."""

from django import forms
from django.http import HttpRequest

from .models import User


class SignUpForm(forms.Form):
    """What is asked of who signs up beside e-mail and password: nothing that gives rights.

    Role and plan are the model's defaults, whatever is sent.
    """

    name = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ("name", "email", "password1", "password2")

    def signup(self, request: HttpRequest, user: User) -> None:
        """Give the new person their name; django-allauth calls it once they are saved."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
