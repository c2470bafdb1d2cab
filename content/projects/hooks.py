"""Lists that a project shows of subjects above it, which fill these when they are ready."""

from collections.abc import Callable
from typing import Any

session_connection: Callable[..., Any]
"""`(user, project, *, first, after, last, before)`; filled by conversation."""

media_connection: Callable[..., Any]
"""`(user, project, filters, *, first, after, last, before)`; filled by content.media."""

task_connection: Callable[..., Any]
"""`(user, project, *, first, after, last, before)`; filled by content.generation."""
