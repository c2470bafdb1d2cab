"""How django-allauth behaves here."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Admins create users; nobody signs up by themselves for now."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
