"""The groups that open the admin, with the rights they begin with."""

from typing import Any

from django.apps import apps as global_apps
from django.db import DEFAULT_DB_ALIAS, router, transaction

from .services import EDITORS, PRODUCERS

# Each has their own access tokens.
TOKEN_RIGHTS = ("view", "add", "delete")
# Model, by app: the actions. What the rows are is decided by each subject's policy.
ADMIN_DOOR = {"wagtailadmin.admin": ("access",)}
RIGHTS: dict[str, dict[str, tuple[str, ...]]] = {
    PRODUCERS: {
        **ADMIN_DOOR,
        "accounts.accesstoken": TOKEN_RIGHTS,
        "projects.project": ("view", "add", "change"),
        "conversation.session": ("view",),
        "media.media": ("view", "change", "delete"),
        "webhooks.webhook": ("view",),
        "webhooks.webhookdelivery": ("view", "change"),
    },
    EDITORS: {
        **ADMIN_DOOR,
        "workflow.workflowstep": ("view", "add", "change", "delete", "publish"),
        "usage.modelprice": ("view", "add", "change", "delete"),
    },
}
# For files that belong to no project; all of them are in the root collection or below it.
COLLECTION_RIGHTS = {
    EDITORS: {
        "wagtailimages.image": ("add", "change", "choose"),
        "wagtaildocs.document": ("add", "change", "choose"),
    }
}


def create_groups(sender: Any = None, *, apps: Any = global_apps, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Make the groups, once: what an admin changes of their rights later stays so.

    Runs after every migrate. Editors comes from Wagtail's own migration, so Producers tells whether this ran.
    """
    try:
        group_model = apps.get_model("auth", "Group")
        for name in (*RIGHTS[PRODUCERS], *RIGHTS[EDITORS]):
            apps.get_model(name)
    except LookupError:
        # Migrating to an early state, where there is nothing to have rights to.
        return
    if not router.allow_migrate_model(using, group_model):
        return
    groups = group_model.objects.using(using)
    if groups.filter(name=PRODUCERS).exists():
        return
    with transaction.atomic(using=using):
        for group_name, rights in RIGHTS.items():
            group, _ = groups.get_or_create(name=group_name)
            for name, actions in rights.items():
                grant(apps, using, group, name, actions)
            for name, actions in COLLECTION_RIGHTS.get(group_name, {}).items():
                _allow_in_root_collection(apps, using, group, _permissions(apps, using, name, actions))


def grant(apps: Any, using: str, group: Any, name: str, actions: tuple[str, ...]) -> None:
    """Give a group the rights to do `actions` with the model `name` (app.model)."""
    group.permissions.add(*_permissions(apps, using, name, actions))


def _permissions(apps: Any, using: str, name: str, actions: tuple[str, ...]) -> list[Any]:
    """Permissions are made after migrations, which may be later than this."""
    model = apps.get_model(name)
    content_type = (
        apps.get_model("contenttypes", "ContentType")
        .objects.db_manager(using)
        .get_or_create(app_label=model._meta.app_label, model=model._meta.model_name)[0]
    )
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    return [
        permissions.get_or_create(
            content_type=content_type,
            codename=f"{action}_{model._meta.model_name}",
            defaults={"name": f"Can {action} {model._meta.verbose_name}"},
        )[0]
        for action in actions
    ]


def _allow_in_root_collection(apps: Any, using: str, group: Any, permissions: list[Any]) -> None:
    root = apps.get_model("wagtailcore", "Collection").objects.using(using).filter(depth=1).first()
    if root is None:
        return
    rights = apps.get_model("wagtailcore", "GroupCollectionPermission").objects.using(using)
    for permission in permissions:
        rights.get_or_create(group=group, collection=root, permission=permission)
