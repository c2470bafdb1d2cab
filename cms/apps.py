"""The site's own app: commands, and what has to be wired when everything is loaded."""

from django.apps import AppConfig


class CmsConfig(AppConfig):
    """Named so that the site's templates and commands are found; it has no models."""

    name = "cms"
    default_auto_field = "django.db.models.BigAutoField"
