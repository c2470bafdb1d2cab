"""The site's own app: commands, and what has to be wired when everything is loaded."""

from importlib import import_module

from django.apps import AppConfig


class CmsConfig(AppConfig):
    """Named so that the site's templates and commands are found; it has no models."""

    name = "cms"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.apps import apps
        from django.db.models.signals import post_migrate

        from cms.accounts.groups import create_groups
        from webhooks import hooks as webhook_hooks

        # Made on first use: not every process answers queries.
        webhook_hooks.schema = lambda: import_module("cms.schema").schema

        # Django tells only of apps with models, and this has none.
        post_migrate.connect(create_groups, sender=apps.get_app_config("accounts"), dispatch_uid="cms.accounts.groups")
