"""People in the admin: roles, plans and who may change them."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from cms.accounts.models import User
from cms.accounts.services import EDITORS, PRODUCERS
from cms.accounts.tokens import issue_token

pytestmark = pytest.mark.django_db

PASSWORD = "three-quiet-lamps"


def edit_url(user):
    return reverse("wagtailusers_users:edit", args=[user.pk])


def filled(user, **changes):
    """The edit form of a person, with changes."""
    data = {
        "email": user.email,
        "name": user.name,
        "role": user.role,
        "tier": user.tier,
        "max_projects_override": "",
        "max_episodes_override": "",
        "max_storage_override": "",
        "groups": [],
        "is_active": "on" if user.is_active else "",
        "password1": "",
        "password2": "",
    }
    return {**data, **changes}


@pytest.fixture
def clerk(person):
    """May change users and is no admin."""
    user = person("clerk")
    group = Group.objects.create(name="Clerks")
    codes = ("access_admin", "add_user", "change_user", "delete_user")
    group.permissions.add(*Permission.objects.filter(codename__in=codes))
    user.groups.add(group)
    return user


def test_the_list_shows_name_address_role_plan_and_state(admin, producer, collaborator, door):
    User.objects.filter(pk=collaborator.pk).update(is_active=False)

    page = door(admin).get(reverse("wagtailusers_users:index")).content.decode()

    for text in ("Producer", "producer@example.com", "Enterprise", "Collaborator", "Pro"):
        assert text in page


def test_the_list_is_searched_and_filtered(admin, producer, collaborator, door):
    browser, address = door(admin), reverse("wagtailusers_users:index_results")

    found = browser.get(address, {"q": "collab"}).content.decode()
    assert "collaborator@example.com" in found
    assert "producer@example.com" not in found
    found = browser.get(address, {"role": "producer"}).content.decode()
    assert "collaborator@example.com" not in found
    assert "producer@example.com" in found


def test_an_admin_adds_a_producer_who_then_has_the_admin(admin, door):
    data = filled(
        User(email="Nia@Example.com", name="Nia", role="producer", tier="pro"),
        password1=PASSWORD,
        password2=PASSWORD,
        max_projects_override="12",
        max_storage_override="750",
    )

    response = door(admin).post(reverse("wagtailusers_users:add"), data)

    assert response.status_code == 302
    nia = User.objects.get(email="nia@example.com")
    assert (nia.role, nia.tier, nia.max_projects_override, nia.is_superuser) == ("producer", "pro", 12, False)
    assert nia.limits.max_storage == 750 * 10**9
    assert nia.check_password(PASSWORD)
    assert door(nia).get("/admin/projects/").status_code == 200


def test_two_people_cannot_have_one_address_whatever_its_case(admin, producer, door):
    data = filled(User(email="PRODUCER@example.com", name="Twin"), password1=PASSWORD, password2=PASSWORD)

    response = door(admin).post(reverse("wagtailusers_users:add"), data)

    assert response.status_code == 200
    assert "Someone here has that e-mail address already." in response.content.decode()


def test_a_change_of_role_gives_and_takes_the_rights_and_keeps_other_groups(admin, producer, door):
    producer.groups.add(Group.objects.get(name=EDITORS))
    editors = str(Group.objects.get(name=EDITORS).pk)
    browser = door(admin)

    browser.post(edit_url(producer), filled(producer, role="user", groups=[editors]))

    producer = User.objects.get(pk=producer.pk)
    assert list(producer.groups.values_list("name", flat=True)) == [EDITORS]
    assert not producer.has_perm("projects.view_project")

    browser.post(edit_url(producer), filled(producer, role="admin"))

    producer = User.objects.get(pk=producer.pk)
    assert producer.is_superuser
    assert list(producer.groups.all()) == []

    browser.post(edit_url(producer), filled(producer, role="producer"))

    producer = User.objects.get(pk=producer.pk)
    assert not producer.is_superuser
    assert list(producer.groups.values_list("name", flat=True)) == [PRODUCERS]


def test_saving_a_producer_unchanged_keeps_their_rights(admin, producer, door):
    door(admin).post(edit_url(producer), filled(producer, name="Priya"))

    producer = User.objects.get(pk=producer.pk)
    assert producer.name == "Priya"
    assert producer.has_perm("projects.view_project")


def test_only_admins_change_role_plan_limits_and_groups(clerk, collaborator, door):
    browser = door(clerk)
    page = browser.get(edit_url(collaborator)).content.decode()
    for name in ("role", "tier", "max_projects_override", "max_episodes_override", "max_storage_override", "groups"):
        assert f'name="{name}"' not in page

    producers = str(Group.objects.get(name=PRODUCERS).pk)
    data = filled(
        collaborator,
        name="Renamed",
        role="admin",
        tier="enterprise",
        max_projects_override="99",
        max_storage_override="99",
        groups=[producers],
    )
    response = browser.post(edit_url(collaborator), data)

    assert response.status_code == 302
    after = User.objects.get(pk=collaborator.pk)
    assert after.name == "Renamed"
    assert (after.role, after.tier, after.max_projects_override) == ("user", "pro", None)
    assert after.max_storage_override is None
    assert not after.is_superuser
    assert not after.groups.exists()


def test_whoever_is_no_admin_cannot_touch_an_admin(clerk, admin, door):
    browser = door(clerk)
    response = browser.post(edit_url(admin), filled(admin, password1=PASSWORD, password2=PASSWORD))
    assert response["Location"] == "/admin/"
    browser.post(reverse("wagtailusers_users:delete", args=[admin.pk]))

    admin = User.objects.get(pk=admin.pk)
    assert not admin.check_password(PASSWORD)


@pytest.mark.parametrize("changes", [{"password1": PASSWORD, "password2": PASSWORD}, {"is_active": ""}])
def test_a_new_password_or_deactivation_ends_bearer_tokens(changes, admin, producer, door, api):
    token, _ = issue_token(producer)
    assert api(token=token)("{ me { name } }").value["name"] == "Producer"

    door(admin).post(edit_url(producer), filled(producer, **changes))

    assert not producer.access_tokens.exists()
    assert api(token=token)("{ me { name } }").status == 401


@pytest.mark.parametrize("name", ["producer", "editor", "collaborator"])
def test_people_without_the_right_have_no_user_management(name, admin, door, request):
    user = request.getfixturevalue(name)
    browser = door(user)
    for address in (reverse("wagtailusers_users:index"), reverse("wagtailusers_users:add"), edit_url(admin)):
        response = browser.get(address)
        assert response.status_code == 302
        assert b"admin@example.com" not in response.content


def test_nobody_takes_their_own_role_or_locks_themselves_out(admin, door):
    door(admin).post(edit_url(admin), filled(admin, role="user", is_active=""))

    admin = User.objects.get(pk=admin.pk)
    assert (admin.role, admin.is_superuser, admin.is_active) == ("admin", True, True)


def test_someone_whose_work_is_here_is_not_deleted_and_the_admin_says_why(admin, producer, project, door):
    address = reverse("wagtailusers_users:delete", args=[producer.pk])

    response = door(admin).post(address, follow=True)

    assert "cannot be deleted" in response.content.decode()
    assert User.objects.filter(pk=producer.pk).exists()


def test_people_are_not_changed_in_bulk(admin, producer, collaborator, door):
    producers = Group.objects.get(name=PRODUCERS)
    for action, data in (
        ("delete", {}),
        ("assign_role", {"role": producers.pk}),
        ("set_active_state", {"mark_as_active": "False"}),
    ):
        door(admin).post(f"/admin/bulk/accounts/user/{action}/?id={collaborator.pk}", data)

    collaborator = User.objects.get(pk=collaborator.pk)
    assert collaborator.is_active
    assert not collaborator.groups.exists()
