"""What is done with projects: every write, each one transaction."""

import datetime
from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from cms.accounts.choices import MAX_TOKENS
from cms.accounts.models import User
from cms.errors import DomainError, ErrorCode, conflict, invalid, not_found
from cms.idempotency import check_key, digest, once, same

from .choices import MembershipRole
from .events import record_event
from .models import MAX_EPISODE_MINUTES, Membership, Project, ProjectEvent, StyleReference
from .policy import ProjectAction, ProjectPolicy

DEFAULT_EPISODES = 10
MAX_TITLE, MAX_DESCRIPTION, MAX_STYLE_REFERENCES = 200, 5_000, 50
# What null stands for, where a value may be empty.
NULLABLE_FIELDS = {"description": "", "token_budget": None}
# What only the owner and admins decide.
OWNERS_FIELDS = frozenset({"token_budget"})


def lock_project(pk: int) -> Project:
    """The project's row, locked until the transaction ends. Sessions are always locked after their project."""
    # Rows that refer to it may still be added: who holds a session's lock alone does so, and would wait for this one.
    locked = Project.objects.select_for_update(of=("self",), no_key=True)
    return locked.select_related("created_by").get(pk=pk)


def require_unarchived(project: Project) -> None:
    """Raises CONFLICT where the project is archived: it is readable and refuses every write."""
    if project.is_archived:
        raise conflict("This project is archived. Restore it to change it.")


def projects_used(user: User) -> int:
    """How many projects count towards a person's plan."""
    return projects_used_by([user])[user.pk]


def projects_used_by(users: Collection[User]) -> dict[int, int]:
    """How many projects count towards each person's plan, by the person's key."""
    counted = Project.objects.filter(created_by__in=users, archived_at=None).order_by()
    found = dict(counted.values_list("created_by").annotate(Count("pk")))
    return {user.pk: found.get(user.pk, 0) for user in users}


def storage_used_by(users: Collection[User]) -> dict[int, int]:
    """Bytes of media in all projects that each person created, by the person's key."""
    counted = Project.objects.filter(created_by__in=users).order_by()
    found = dict(counted.values_list("created_by").annotate(Sum("media_bytes")))
    return {user.pk: found.get(user.pk, 0) for user in users}


def touch(project: Project) -> None:
    """Note that the project changed, for "newest first" lists."""
    project.updated_at = timezone.now()
    Project.objects.filter(pk=project.pk).update(updated_at=project.updated_at)
    Membership.objects.filter(project=project).update(project_updated_at=project.updated_at)


def create_project(*, user: User, title: str, genre: str, idempotency_key: str | None = None, **fields: Any) -> Project:
    """Create a project that `user` owns.

    `fields` are those of the model, checked here. Raises INVALID, LIMIT_EXCEEDED, CONFLICT.
    """
    key = check_key(idempotency_key)
    fingerprint = digest(title=title, genre=genre, **fields)
    values = {"title": title, "genre": genre, **fields}
    return once(
        lambda: _create(user=user, key=key, fingerprint=fingerprint, values=values),
        lambda: same(_made_with(user, key), fingerprint),
    )


def _made_with(user: User, key: str | None) -> Project | None:
    return Project.objects.filter(created_by=user, idempotency_key=key).first() if key else None


@transaction.atomic
def _create(*, user: User, key: str | None, fingerprint: str, values: dict[str, Any]) -> Project:
    earlier = same(_made_with(user, key), fingerprint)
    if earlier is not None:
        return earlier
    # Two creations at once must not both take the plan's last place.
    owner = User.objects.select_for_update().get(pk=user.pk)
    require_project_left(owner)
    if values.get("episode_count") is None:
        values["episode_count"] = min(DEFAULT_EPISODES, owner.limits.max_episodes_per_project)
    project = Project(created_by=owner, idempotency_key=key, idempotency_digest=fingerprint)
    _assign(project, {name: value for name, value in values.items() if value is not None})
    project.save(force_insert=True)
    Membership.objects.create(
        project=project, user=owner, role=MembershipRole.OWNER, project_updated_at=project.updated_at
    )
    record_event(project, ProjectEvent.Type.PROJECT_UPDATED, project.pk)
    return project


def require_project_left(owner: User) -> None:
    """Raises LIMIT_EXCEEDED where the owner's plan has no place for one more project."""
    limit, used = owner.limits.max_projects, projects_used(owner)
    if used >= limit:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"The {owner.get_tier_display()} plan has room for {limit} project{'s' if limit != 1 else ''}. "
            "Archive one or change the plan.",
            limit=limit,
            remaining=0,
        )


@transaction.atomic
def update_project(
    *,
    user: User,
    project_id: int,
    changes: dict[str, Any],
    style_reference_ids: Sequence[int] | None = None,
    expected_revision: int | None = None,
) -> Project:
    """Write the fields in `changes`, and no others; `style_reference_ids` replaces the list.

    Raises NOT_FOUND, FORBIDDEN (the owner's fields), CONFLICT (archived, or another revision), INVALID, LIMIT_EXCEEDED.
    """
    action = ProjectAction.MANAGE if OWNERS_FIELDS & changes.keys() else ProjectAction.EDIT
    project = _locked_for(user, action, project_id)
    require_unarchived(project)
    require_revision(project, expected_revision)
    if not changes and style_reference_ids is None:
        return project
    written = _assign(project, changes)
    if style_reference_ids is not None:
        _set_style_references(project, style_reference_ids)
    project.revision += 1
    project.save(update_fields=[*written, "revision"])
    _changed(project)
    return project


@transaction.atomic
def archive_project(*, user: User, project_id: int, expected_revision: int | None = None) -> Project:
    """Archive a project; archiving an archived one changes nothing. Raises NOT_FOUND, FORBIDDEN, CONFLICT."""
    project = _locked_for(user, ProjectAction.MANAGE, project_id)
    require_revision(project, expected_revision)
    if not project.is_archived:
        _set_archived(project, timezone.now())
    return project


@transaction.atomic
def restore_project(*, user: User, project_id: int, expected_revision: int | None = None) -> Project:
    """Take a project out of the archive. Raises NOT_FOUND, FORBIDDEN, CONFLICT, LIMIT_EXCEEDED."""
    project = _locked_for(user, ProjectAction.MANAGE, project_id)
    require_revision(project, expected_revision)
    if project.is_archived:
        owner = User.objects.select_for_update().get(pk=project.created_by_id)
        require_project_left(owner)
        _require_episodes_within_plan(project)
        _set_archived(project, None)
    return project


@transaction.atomic
def add_collaborator(*, user: User, project_id: int, email: str) -> Project:
    """Make a person a member; a member stays one. Raises NOT_FOUND (project, or field email), FORBIDDEN, CONFLICT."""
    project = _locked_for(user, ProjectAction.MANAGE, project_id)
    require_unarchived(project)
    person = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if person is None:
        raise DomainError(
            ErrorCode.NOT_FOUND,
            "Nobody here has that e-mail address. Ask an admin to add them.",
            field=["email"],
        )
    _, is_new = Membership.objects.get_or_create(
        project=project, user=person, defaults={"project_updated_at": project.updated_at}
    )
    if is_new:
        _changed(project)
    return project


@transaction.atomic
def remove_collaborator(*, user: User, project_id: int, user_id: int) -> Project:
    """End a person's membership, and with it their access everywhere. The owner stays.

    Raises NOT_FOUND (project, or field user_id), FORBIDDEN, CONFLICT (archived), INVALID (the owner).
    """
    project = _locked_for(user, ProjectAction.MANAGE, project_id)
    require_unarchived(project)
    membership = Membership.objects.filter(project=project, user_id=user_id).first()
    if membership is None:
        raise not_found("That collaborator", "user_id")
    if membership.role == MembershipRole.OWNER:
        raise invalid("The owner cannot be removed from their own project.", "user_id")
    membership.delete()
    _changed(project)
    return project


def _locked_for(user: User, action: ProjectAction, pk: int) -> Project:
    ProjectPolicy(user).get(action, pk)
    return lock_project(pk)


def _changed(project: Project) -> None:
    touch(project)
    record_event(project, ProjectEvent.Type.PROJECT_UPDATED, project.pk)


def _set_archived(project: Project, moment: datetime.datetime | None) -> None:
    project.archived_at = moment
    project.revision += 1
    project.save(update_fields=["archived_at", "revision"])
    _changed(project)


def require_revision(project: Project, expected: int | None) -> None:
    """Raises CONFLICT where someone else has saved meanwhile."""
    if expected is not None and expected != project.revision:
        raise conflict(
            "Someone else has changed this project meanwhile. Read it again and repeat your change.",
            "expected_revision",
        )


def _assign(project: Project, changes: dict[str, Any]) -> list[str]:
    """Check values and set them; answers the names. Null clears where the value may be empty, else INVALID."""
    for name, value in changes.items():
        if value is None:
            if name not in NULLABLE_FIELDS:
                raise invalid("This value cannot be empty.", *_path(name))
            value = NULLABLE_FIELDS[name]
        setattr(project, name, _checked(name, value))
    if "episode_count" in changes:
        _require_episodes_within_plan(project)
    return list(changes)


def _checked(name: str, value: Any) -> Any:
    if name == "title":
        value = " ".join(value.split())
        if not 1 <= len(value) <= MAX_TITLE:
            raise invalid(f"A title has 1 to {MAX_TITLE} characters.", "title")
    elif name == "description" and len(value) > MAX_DESCRIPTION:
        raise invalid(f"A description has at most {MAX_DESCRIPTION:,} characters.", "description")
    elif name == "episode_count" and value < 1:
        raise invalid("A series has at least one episode.", "episode_count")
    elif name == "token_budget" and not 0 <= (value or 0) <= MAX_TOKENS:
        raise invalid("A budget is a number of tokens, 0 or more.", "token_budget")
    elif name == "episode_duration" and not 1 <= value <= MAX_EPISODE_MINUTES:
        raise invalid(f"An episode lasts 1 to {MAX_EPISODE_MINUTES} minutes.", *_path(name))
    return value


def _path(name: str) -> tuple[str, ...]:
    return ("settings", name) if name in {"aspect_ratio", "episode_duration", "quality_tier"} else (name,)


def _require_episodes_within_plan(project: Project) -> None:
    owner = project.created_by
    limit = owner.limits.max_episodes_per_project
    if project.episode_count > limit:
        raise DomainError(
            ErrorCode.LIMIT_EXCEEDED,
            f"The {owner.get_tier_display()} plan allows {limit} episodes per project.",
            field=["episode_count"],
            limit=limit,
        )


def _set_style_references(project: Project, media_ids: Sequence[int]) -> None:
    """Raises NOT_FOUND for media that are not pictures of this very project."""
    wanted = list(dict.fromkeys(media_ids))
    if len(wanted) > MAX_STYLE_REFERENCES:
        raise invalid(f"A project has at most {MAX_STYLE_REFERENCES} style references.", "style_reference_ids")
    pictures = StyleReference._meta.get_field("media").related_model
    own = pictures._default_manager.filter(project=project, kind="image", pk__in=wanted)
    if own.count() != len(wanted):
        raise not_found("A style reference", "style_reference_ids")
    project.style_reference_rows.all().delete()
    StyleReference.objects.bulk_create(
        StyleReference(project=project, media_id=pk, position=position) for position, pk in enumerate(wanted)
    )
