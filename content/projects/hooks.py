"""Lists that a project shows of subjects above it, which fill these when they are ready."""

from collections.abc import Callable
from typing import Any

from cms.api.connections import Connection

session_connection: Callable[..., Connection[Any]]
"""`(user, project, *, first, after, last, before)`; filled by conversation."""

usage: Callable[..., Any]
"""`(project, info)`: what was used for a project; filled by content.usage."""

media_connection: Callable[..., Connection[Any]]
"""`(user, project, filters, *, first, after, last, before)`; filled by content.media."""

task_connection: Callable[..., Connection[Any]]
"""`(user, project, *, first, after, last, before)`; filled by content.generation."""
