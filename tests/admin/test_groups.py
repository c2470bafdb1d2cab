"""The groups that open the admin."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from cms.accounts.groups import create_groups
from cms.accounts.services import EDITORS, PRODUCERS

pytestmark = pytest.mark.django_db

PRODUCER_RIGHTS = {
    "wagtailadmin.access_admin",
    "accounts.view_accesstoken",
    "accounts.add_accesstoken",
    "accounts.delete_accesstoken",
    "projects.view_project",
    "projects.add_project",
    "projects.change_project",
    "conversation.view_session",
    "media.view_media",
    "media.change_media",
    "media.delete_media",
    "webhooks.view_webhook",
    "webhooks.view_webhookdelivery",
    "webhooks.change_webhookdelivery",
}
STEP_RIGHTS = {f"workflow.{action}_workflowstep" for action in ("view", "add", "change", "delete", "publish")}


def rights(name):
    """The permissions of a group."""
    permissions = Permission.objects.filter(group__name=name).select_related("content_type")
    return {f"{found.content_type.app_label}.{found.codename}" for found in permissions}


def test_producers_have_their_subjects_and_nothing_of_the_workflow():
    assert rights(PRODUCERS) == PRODUCER_RIGHTS


def test_editors_have_workflow_steps_and_editorial_files_and_no_projects():
    found = rights(EDITORS)

    assert found >= STEP_RIGHTS | {"wagtailadmin.access_admin"}
    assert not {right for right in found if right.split(".")[0] in {"projects", "conversation", "media", "accounts"}}
    group = Group.objects.get(name=EDITORS)
    in_root = set(group.collection_permissions.values_list("permission__codename", "collection__depth"))
    assert in_root >= {("add_image", 1), ("change_image", 1), ("add_document", 1), ("change_document", 1)}


def test_setting_up_again_keeps_what_an_admin_changed():
    producers, editors = Group.objects.get(name=PRODUCERS), Group.objects.get(name=EDITORS)
    producers.permissions.remove(Permission.objects.get(codename="change_media"))
    editors.permissions.remove(Permission.objects.get(codename="delete_workflowstep"))

    call_command("migrate", verbosity=0)
    create_groups()

    assert "media.change_media" not in rights(PRODUCERS)
    assert "workflow.delete_workflowstep" not in rights(EDITORS)
    assert Group.objects.filter(name=PRODUCERS).count() == 1


def test_a_database_without_the_groups_gets_them():
    Group.objects.all().delete()

    create_groups()

    assert rights(PRODUCERS) == PRODUCER_RIGHTS
    assert rights(EDITORS) >= STEP_RIGHTS
