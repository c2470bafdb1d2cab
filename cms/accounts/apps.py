"""Who people are."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, plans and tokens. No foreign key to Wagtail may live here: migrations would become circular."""

    name = "cms.accounts"
    label = "accounts"
