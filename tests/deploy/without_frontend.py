"""Production settings of a machine on which the front end was not built."""

from cms.settings.production import *  # noqa: F403

STATICFILES_DIRS = [path for path in STATICFILES_DIRS if path.name != "dist"]  # noqa: F405
