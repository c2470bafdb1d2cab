"""What people do with projects, as told by content.projects, which this package must not import."""

from collections.abc import Callable, Collection
from typing import Any

from django.db.models import QuerySet

from .models import User

projects_used_by: Callable[[Collection[User]], dict[int, int]]
"""How many of each person's projects count towards their plan, by key; filled when content.projects is ready."""

storage_used_by: Callable[[Collection[User]], dict[int, int]]
"""Bytes of media in all projects that each person created, by key; filled when content.projects is ready."""

usage: Callable[..., Any]
"""`(person, info)`: what a person used this month, None for who may not know; filled by content.usage."""

active_projects: Callable[[User, User | None], list[Any]]
"""The projects a person works on that a viewer may see; filled when content.projects is ready."""

projects_of: Callable[[User], QuerySet[Any]]
"""The projects a person is a member of, with the rights of their token; filled when content.projects is ready."""
