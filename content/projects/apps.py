"""Series and who works on them."""

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Projects, membership, progress."""

    name = "content.projects"
    label = "projects"

    def ready(self) -> None:
        from cms.accounts import hooks

        from . import policy, services

        hooks.projects_used_by = services.projects_used_by
        hooks.storage_used_by = services.storage_used_by
        hooks.active_projects = policy.active_projects_of
        hooks.projects_of = policy.projects_of
