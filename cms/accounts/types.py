"""People in the API."""

import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import strawberry
from django.db.models import Prefetch
from strawberry.scalars import JSON

from cms.api.context import Context, viewer
from cms.api.enums import graphql_enum
from cms.api.errors import UserError, error_list
from cms.api.loading import related_list, siblings
from cms.api.node import Node
from cms.api.scalars import BigInt

from . import hooks, models, policy
from .choices import SubscriptionTier, TokenScope, UserRole

if TYPE_CHECKING:
    from content.projects.types import Project
    from content.usage.types import Usage

Info = strawberry.Info[Context, Any]
LazyProject = Annotated["Project", strawberry.lazy("content.projects.types")]
LazyUsage = Annotated["Usage", strawberry.lazy("content.usage.types")]

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
        "FREE": "1 project of 3 episodes; 5 GB of media where the site sets nothing else.",
        "PRO": "10 projects of 24 episodes; 500 GB of media where the site sets nothing else.",
        "ENTERPRISE": "1,000 projects of 100 episodes; 20,000 GB of media where the site sets nothing else.",
    },
)
graphql_enum(
    TokenScope,
    "The rights of an access token.",
    {
        "READ": "Read what its person sees, and follow it live. Every token may.",
        "WRITE": "Run mutations.",
        "MANAGE_TOKENS": "List, create and revoke tokens; those that it creates have no more rights than it has.",
        "ANY_DOCUMENT": "Run documents of its own where the server runs trusted documents alone (`documents:any`); "
        "only admins give it.",
    },
)


@strawberry.type(description="A person's plan and what is used of it.")
class SubscriptionPlan:
    person: strawberry.Private[models.User]
    tier: SubscriptionTier = strawberry.field(description="The plan.")
    max_projects: int | None = strawberry.field(description="Unarchived projects at most; null: no limit.")
    max_episodes_per_project: int | None = strawberry.field(
        description="Episodes of a project at most; null: no limit."
    )
    max_storage: BigInt | None = strawberry.field(
        description="Bytes of media at most, in all projects that the person created; null: no limit."
    )

    max_tokens: BigInt | None = strawberry.field(
        description="Tokens of director models at most in a calendar month (UTC), in all projects; null: no limit. "
        "What is left of them says `usage`."
    )

    @strawberry.field(description="Unarchived projects that the person created.")
    def projects_used(self) -> int:
        return _used(self.person, "projects_used_by")

    @strawberry.field(description="Bytes of media in all projects that the person created, archived ones included.")
    def storage_used(self) -> BigInt:
        return BigInt(_used(self.person, "storage_used_by"))


def _used(person: models.User, hook: str) -> int:
    """What is used of the plan, counted once for all people that were loaded together."""
    kept = f"_{hook}"
    if kept not in person.__dict__:
        people = siblings(person)
        used = getattr(hooks, hook)(people)
        for each in people:
            each.__dict__[kept] = used[each.pk]
    return cast("int", person.__dict__[kept])


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
        person=root,
        tier=SubscriptionTier(root.tier),
        max_projects=limits.max_projects,
        max_episodes_per_project=limits.max_episodes_per_project,
        max_storage=BigInt(limits.max_storage),
        max_tokens=BigInt(limits.max_tokens),
    )


def _usage(root: strawberry.Parent[models.User], info: Info) -> LazyUsage | None:
    return hooks.usage(root, info)  # type: ignore[no-any-return]  # a hook


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
    usage: LazyUsage | None = strawberry.field(
        resolver=_usage,
        description="Tokens that the person used this month in all projects; null for others, except to admins.",
    )
    active_projects: list[LazyProject] = strawberry.field(
        resolver=_active_projects,
        description="Projects the person works on, neither archived nor completed, that the viewer may see; "
        "at most 50.",
    )
    created_at: datetime.datetime = strawberry.field(description="When the person was added.")


def _scopes(root: strawberry.Parent[models.AccessToken]) -> list[TokenScope]:
    return [scope for scope in TokenScope if root.has_scope(scope)]


def _token_projects(root: strawberry.Parent[models.AccessToken], info: Info) -> list[LazyProject] | None:
    me = viewer(info)
    if me is None or not root.is_limited:
        return None
    return cast("list[Project]", related_list(root, Prefetch("projects", hooks.projects_of(me), to_attr="_reached")))


@strawberry.type(description="A Bearer token of the caller's, without its secret.")
class AccessToken(Node):
    model = models.AccessToken

    name: str = strawberry.field(description="What it is for; Sign-in for one that `login` answered.")
    scopes: list[TokenScope] = strawberry.field(resolver=_scopes, description="What it may do.")
    projects: list[LazyProject] | None = strawberry.field(
        resolver=_token_projects, description="The only projects that it reaches; null: all that its person sees."
    )
    created_at: datetime.datetime = strawberry.field(description="When it was created.")
    expires_at: datetime.datetime = strawberry.field(description="When it ends by itself.")
    last_used_at: datetime.datetime | None = strawberry.field(
        description="When it was last used, to the minute; null: never."
    )


@strawberry.type(description="Answer of `createToken`.")
class CreateTokenPayload:
    token: AccessToken | None = strawberry.field(default=None, description="The token; null when refused.")
    secret: str | None = strawberry.field(
        default=None, description="Send it as `Authorization: Bearer …`. It is shown this once, and stored nowhere."
    )
    errors: list[UserError] = error_list()


@strawberry.type(description="Answer of `revokeToken`.")
class RevokeTokenPayload:
    revoked_token_id: strawberry.ID | None = strawberry.field(
        default=None, description="The token that is no more; null when refused."
    )
    errors: list[UserError] = error_list()


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
