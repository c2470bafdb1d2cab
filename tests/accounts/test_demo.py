"""The demo, whose password is published."""

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from cms.accounts.models import User
from content.projects.models import Project


def test_demo_refuses_to_load_where_debug_is_off(db: None, settings: LazySettings) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="DEBUG"):
        call_command("load_demo")
    assert not User.objects.exists()


def test_demo_gives_everyone_their_role_and_plan(db: None, settings: LazySettings) -> None:
    # when
    settings.DEBUG = True
    call_command("load_demo")
    # then
    people = {user.email.split("@")[0]: (user.role, user.tier) for user in User.objects.all()}
    assert people == {
        "admin": ("admin", "enterprise"),
        "producer": ("producer", "enterprise"),
        "editor": ("user", "free"),
        "collaborator": ("user", "pro"),
        "user": ("user", "free"),
        "stranger": ("user", "free"),
    }
    editor = User.objects.get(email="editor@example.com")
    assert editor.has_perm("workflow.publish_workflowstep")
    assert not editor.has_perm("projects.view_project")
    assert User.objects.get(email="producer@example.com").check_password("auto-movie")


def test_loading_the_demo_again_overwrites_nothing(db: None, settings: LazySettings) -> None:
    # given
    settings.DEBUG = True
    call_command("load_demo")
    User.objects.filter(email="user@example.com").update(name="Renamed")
    Project.objects.update(title="Renamed")
    # when
    call_command("load_demo")
    # then
    assert User.objects.get(email="user@example.com").name == "Renamed"
    assert [project.title for project in Project.objects.all()] == ["Renamed"]
