"""What the director's model is used for, and what that costs."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """The ledger, prices, budgets and their reservations."""

    name = "content.usage"
    label = "usage"

    def ready(self) -> None:
        from cms.accounts import hooks as account_hooks
        from content.projects import hooks as project_hooks

        from . import types

        account_hooks.usage = types.usage_of_person
        project_hooks.usage = types.usage_of_project
