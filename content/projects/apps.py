"""Series and who works on them."""

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Projects, membership, progress."""

    name = "content.projects"
    label = "projects"

    def ready(self) -> None:
        from cms.accounts import hooks

        from . import policy, services

        hooks.projects_used = services.projects_used
        hooks.active_projects = policy.active_projects_of
