"""People in the API."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from strawberry.scalars import JSON

from cms.api.context import Context, viewer
from cms.api.enums import graphql_enum
from cms.api.errors import UserError, error_list
from cms.api.loading import siblings
from cms.api.node import Node

from . import hooks, models, policy
from .choices import SubscriptionTier, UserRole

if TYPE_CHECKING:
    from content.projects.types import Project

Info = strawberry.Info[Context, Any]
LazyProject = Annotated["Project", strawberry.lazy("content.projects.types")]

graphql_enum(
    UserRole,
    "Product rights.",
    {
        "USER": "Uses the projects they are a member of; has no admin door.",
        "ADMIN": "May do everything.",
        "PRODUCER": "Opens the Wagtail admin and sees their own projects there.",
    },
)
graphql_enum(
    SubscriptionTier,
    "The plans.",
    {
        "FREE": "1 project of 3 episodes.",
        "PRO": "10 projects of 24 episodes.",
        "ENTERPRISE": "1,000 projects of 100 episodes.",
    },
)


@strawberry.type(description="A person's plan and what is used of it.")
class SubscriptionPlan:
    tier: SubscriptionTier = strawberry.field(description="The plan.")
    max_projects: int | None = strawberry.field(description="Unarchived projects at most; null: no limit.")
    max_episodes_per_project: int | None = strawberry.field(
        description="Episodes of a project at most; null: no limit."
    )
    projects_used: int = strawberry.field(description="Unarchived projects that the person created.")


def _email(root: strawberry.Parent[models.User], info: Info) -> str | None:
    return root.email if policy.may_see_address(info.context, root) else None


def _preferences(root: strawberry.Parent[models.User], info: Info) -> JSON:
    me = viewer(info)
    return cast("JSON", root.preferences if me and me.pk == root.pk else {})


def _subscription(root: strawberry.Parent[models.User], info: Info) -> SubscriptionPlan | None:
    me = viewer(info)
    if me is None or (me.pk != root.pk and not me.is_admin):
        return None
    limits = root.limits
    return SubscriptionPlan(
        tier=SubscriptionTier(root.tier),
        max_projects=limits.max_projects,
        max_episodes_per_project=limits.max_episodes_per_project,
        projects_used=_projects_used(root),
    )


def _projects_used(person: models.User) -> int:
    """Counted once for all people that were loaded together."""
    if "_projects_used" not in person.__dict__:
        people = siblings(person)
        used = hooks.projects_used_by(people)
        for each in people:
            each.__dict__["_projects_used"] = used[each.pk]
    return cast("int", person.__dict__["_projects_used"])


def _active_projects(root: strawberry.Parent[models.User], info: Info) -> list[LazyProject]:
    return hooks.active_projects(root, viewer(info))


@strawberry.type(description="A person.")
class User(Node):
    model = models.User

    name: str = strawberry.field(description="As others see it.")
    email: str | None = strawberry.field(
        resolver=_email,
        description="Null unless it is the caller's own, or the caller is an admin or shares a project.",
    )
    role: UserRole = strawberry.field(description="Product rights.")
    preferences: JSON = strawberry.field(resolver=_preferences, description="The caller's own settings; {} for others.")
    subscription: SubscriptionPlan | None = strawberry.field(
        resolver=_subscription, description="The plan; null for others, except to admins."
    )
    active_projects: list[LazyProject] = strawberry.field(
        resolver=_active_projects,
        description="Projects the person works on, neither archived nor completed, that the viewer may see; "
        "at most 50.",
    )
    created_at: datetime.datetime = strawberry.field(description="When the person was added.")


@strawberry.type(description="Answer of `login`.")
class AuthPayload:
    token: str | None = strawberry.field(default=None, description="Send it as `Authorization: Bearer …`.")
    expires_at: datetime.datetime | None = strawberry.field(default=None, description="When the token ends.")
    user: User | None = strawberry.field(default=None, description="Who signed in; null when refused.")
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of `logout`.")
class LogoutPayload:
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of `updateMe`.")
class MePayload:
    user: User | None = strawberry.field(default=None, description="The caller; null when refused.")
    errors: list[UserError] = error_list()
