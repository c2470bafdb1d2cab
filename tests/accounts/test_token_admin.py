"""Access tokens in the admin."""

import re

import pytest

from cms.accounts.models import AccessToken
from cms.accounts.services import create_token
from content.projects.services import create_project
from tests.admin.conftest import door

__all__ = ["door"]

pytestmark = pytest.mark.django_db
ADD = "/admin/access-tokens/new/"


def test_a_token_is_made_and_shown_once(door, api, producer, project):
    browser = door(producer)
    page = browser.get(ADD)
    assert project.title in page.content.decode()
    assert "documents:any" not in page.content.decode()

    made = browser.post(ADD, {"name": "Render farm", "scopes": ["write"], "project_ids": [project.pk]})

    (secret,) = re.findall("automovie_[0-9a-f]{40}", made.content.decode())
    row = AccessToken.objects.get()
    assert (row.user, row.name, row.scopes, row.is_limited) == (producer, "Render farm", ["read", "write"], True)
    assert [each.pk for each in row.projects.all()] == [project.pk]
    assert api(token=secret)("Me").value["name"] == "Producer"
    for address in ("/admin/access-tokens/", f"/admin/access-tokens/inspect/{row.pk}/"):
        shown = browser.get(address).content.decode()
        assert "Render farm" in shown
        assert secret not in shown
        assert row.digest not in shown


def test_a_refusal_is_shown_at_its_field(door, producer):
    page = door(producer).post(ADD, {"name": "Old", "expires_at": "2020-01-01 10:00"})

    assert page.status_code == 200
    assert "must lie ahead" in page.content.decode()
    assert not AccessToken.objects.exists()


def test_a_form_gives_no_more_than_it_offers(door, producer, stranger):
    foreign = create_project(user=stranger, title="Foreign", genre="drama")
    browser = door(producer)

    for forged in ({"scopes": ["documents:any"]}, {"project_ids": [foreign.pk]}):
        assert browser.post(ADD, {"name": "Forged", **forged}).status_code == 200
    assert not AccessToken.objects.exists()


def test_an_admin_sees_everyones_and_ends_them(door, api, admin, producer):
    secret, row = create_token(user=producer, name="Render farm", scopes=[])
    browser = door(admin)
    listed = browser.get("/admin/access-tokens/").content.decode()
    assert "Render farm" in listed
    assert "Producer" in listed

    response = browser.post(f"/admin/access-tokens/revoke/{row.pk}/", follow=True)

    assert "revoked" in response.content.decode()
    assert api(token=secret)("Me").status == 401


def test_a_producer_sees_and_ends_their_own_alone(door, producer, stranger):
    _, theirs = create_token(user=stranger, name="Theirs", scopes=[])
    _, mine = create_token(user=producer, name="Mine", scopes=[])
    browser = door(producer)

    assert "Theirs" not in browser.get("/admin/access-tokens/").content.decode()
    assert browser.post(f"/admin/access-tokens/revoke/{theirs.pk}/").status_code == 404
    assert browser.post(f"/admin/access-tokens/revoke/{mine.pk}/").status_code == 302
    assert [row.name for row in AccessToken.objects.all()] == ["Theirs"]
