"""Every address of the scoped viewsets, walked as each role; the addresses come from the viewsets themselves."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.admin.viewsets import viewsets

from cms.accounts.models import AccessToken
from cms.accounts.tokens import new_token
from cms.scoped_admin import ScopedViewSet
from content.media.models import Media
from content.projects.models import Project
from content.projects.services import add_collaborator
from conversation import sessions
from conversation.models import Session
from webhooks.models import Webhook, WebhookDelivery

pytestmark = pytest.mark.django_db

ROLES = ("admin", "owner", "stranger", "editor", "collaborator", "anonymous")
SCOPED = {Project, Session, Media, Webhook, WebhookDelivery, AccessToken}
LISTINGS = {"index", "index_results", "folders", "folders_results", "upload"}
# A member may open these; who is no owner is sent away from managing.
MANAGED = {"archive", "restore", "add_member", "remove_member"}


def scoped_viewsets():
    reverse("wagtailadmin_home")
    return [viewset for viewset in viewsets.viewsets if isinstance(viewset, ScopedViewSet)]


def addresses(row):
    """(name, address) of every view of the row's viewset."""
    (viewset,) = [viewset for viewset in scoped_viewsets() if viewset.model is type(row)]
    for pattern in viewset.get_urlpatterns():
        keys = {"pk": row.pk} if "pk" in pattern.pattern.converters else {}
        if "user_pk" in pattern.pattern.converters:
            keys["user_pk"] = row.created_by_id
        yield pattern.name, reverse(viewset.get_url_name(pattern.name), kwargs=keys)


@pytest.fixture
def rows(secret_project, secret_session, secret_media, owner):
    hook = Webhook.objects.create(
        owner=owner, name="Secret hook", url="https://secret.example.com/", query="", log="project", event_types=[]
    )
    delivery = WebhookDelivery.objects.create(
        webhook=hook, log="project", log_id=secret_project.pk, seq=1, event_type="secret"
    )
    _, token = new_token(
        user=owner, name="Secret script", scopes=(), expires_at=timezone.now() + timedelta(days=1), is_limited=True
    )
    token.projects.add(secret_project)
    return [secret_project, secret_session, secret_media, hook, delivery, token]


@pytest.fixture
def people(admin, owner, stranger, editor, collaborator):
    return {
        "admin": admin,
        "owner": owner,
        "stranger": stranger,
        "editor": editor,
        "collaborator": collaborator,
        "anonymous": None,
    }


def test_these_are_the_scoped_models():
    assert {viewset.model for viewset in scoped_viewsets()} == SCOPED


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_gets_at_each_address(role, rows, people, door):
    browser = door(people[role])
    for row in rows:
        for name, address in addresses(row):
            response = browser.get(address)
            expected = _expected(role, row, name)
            assert response.status_code in expected, (role, address, response.status_code)
            if role not in {"admin", "owner"}:
                assert b"ecret" not in response.content, (role, address)


def _expected(role, row, name):
    listing, of_row = name in LISTINGS, name not in LISTINGS | {"add", "open"}
    if role in {"anonymous", "collaborator"}:
        # To the sign-in, which refuses who is signed in already.
        return {302}
    if role == "editor":
        # Without rights to the model, listings lead back to the dashboard; rows are not there.
        return {404} if of_row else {302}
    if name == "open":
        # It leads from an id in the query, which is not given here.
        return {404}
    if role == "stranger":
        return {404} if of_row else {200}
    if listing or name in {"add", "inspect", "edit", "history", "history_results", "usage", "delete"}:
        return {200}
    return {302} if name == "add_member" else {200}


@pytest.mark.parametrize("role", ["stranger", "editor", "collaborator", "anonymous"])
def test_a_foreign_row_takes_no_post(role, rows, people, door):
    browser = door(people[role])
    for row in rows:
        for name, address in addresses(row):
            if name not in LISTINGS | {"add", "open"}:
                response = browser.post(address, {"title": "Mine now", "email": "stranger@example.com"})
                assert response.status_code in {302, 404}, (role, address)
    for row in rows:
        before = str(row)
        row.refresh_from_db()
        assert str(row) == before
    project = rows[0]
    assert project.archived_at is None
    assert project.memberships.count() == 1


@pytest.mark.parametrize("model", sorted(SCOPED, key=lambda model: model.__name__))
def test_a_foreign_key_looks_like_an_unknown_one(model, rows, stranger, door):
    (row,) = [row for row in rows if isinstance(row, model)]
    browser = door(stranger)
    for _, address in addresses(row):
        if str(row.pk) not in address:
            continue
        foreign = browser.get(address)
        unknown = browser.get(address.replace(f"/{row.pk}/", "/987654321/"))
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert foreign.content == unknown.content


def test_searching_filtering_and_ordering_reveal_nothing(rows, stranger, door):
    browser = door(stranger)
    queries = (
        {"q": "Secret"},
        {"project": rows[0].pk},
        {"ordering": "-title"},
        {"user": rows[0].created_by_id},
        {"p": 2},
    )
    for row in rows:
        for name, address in addresses(row):
            if name in LISTINGS:
                for query in queries:
                    response = browser.get(address, query)
                    assert response.status_code == 200
                    assert b"Secret still" not in response.content
                    assert b"Secret Series" not in response.content
                    assert b"Secret talk" not in response.content
                    assert b"Secret hook" not in response.content


def test_there_are_no_bulk_actions_copies_or_snippet_pages(rows, admin, door):
    browser = door(admin)
    for row in rows:
        app, model = row._meta.app_label, row._meta.model_name
        assert browser.get(f"/admin/bulk/{app}/{model}/delete/", {"id": row.pk}).status_code == 404
        assert browser.get(f"/admin/snippets/{app}/{model}/").status_code == 404
        assert browser.get(f"/admin/{app}/copy/{row.pk}/").status_code == 404
    assert browser.get(f"/admin/projects/delete/{rows[0].pk}/").status_code == 404


def test_a_member_sees_the_project_but_not_private_sessions_in_it(
    secret_project, secret_session, stranger, owner, door
):
    add_collaborator(user=owner, project_id=secret_project.pk, email=stranger.email)
    browser = door(stranger)

    assert b"Secret Series" in browser.get(reverse("projects:index")).content
    page = browser.get(reverse("projects:inspect", args=[secret_project.pk]))
    assert page.status_code == 200
    assert b"Secret talk" not in browser.get(reverse("sessions:index")).content
    address = reverse("sessions:inspect", args=[secret_session.pk])
    assert browser.get(address).status_code == 404
    facts = dict(fact[:2] for fact in page.context["facts"])
    assert facts["Sessions"] == 0

    sessions.update_session(user=owner, session_id=secret_session.pk, changes={"shared": True})

    assert b"Secret talk" in browser.get(reverse("sessions:index")).content
    assert browser.get(address).status_code == 200


def test_losing_membership_ends_it(project, session, producer, collaborator, person, door):
    helper = person("helper", "producer")
    add_collaborator(user=producer, project_id=project.pk, email=helper.email)
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    browser = door(helper)
    page = reverse("sessions:inspect", args=[session.pk])
    assert browser.get(page).status_code == 200

    door(producer).post(reverse("projects:remove_member", args=[project.pk, helper.pk]))

    assert browser.get(page).status_code == 404
    assert browser.get(reverse("projects:edit", args=[project.pk])).status_code == 404


def test_reports_are_for_admins(rows, admin, stranger, editor, door):
    door(admin).post(reverse("projects:archive", args=[rows[0].pk]))
    names = (
        "site_history",
        "site_history_results",
        "locked_pages",
        "workflow",
        "workflow_tasks",
        "aging_pages",
        "page_types_usage",
    )
    for name in names:
        address = reverse(f"wagtailadmin_reports:{name}")
        assert door(admin).get(address).status_code == 200
        for user in (stranger, editor):
            response = door(user).get(address)
            assert (response.status_code, response["Location"]) == (302, "/admin/")
        assert door(None).get(address).status_code == 302
    assert b"Secret Series" in door(admin).get(reverse("wagtailadmin_reports:site_history")).content
    assert b"site-history" not in door(stranger).get("/admin/").content
    assert b"site-history" in door(admin).get("/admin/").content


def test_the_menus_follow_the_rights(admin, producer, editor, door):
    everything = {"/projects/", "/sessions/", "/media/", "/webhooks/", "/workflowstep/", "/users/"}

    def menu(user):
        page = door(user).get("/admin/").content.decode()
        return {name for name in everything if name in page}

    assert menu(producer) == {"/projects/", "/sessions/", "/media/", "/webhooks/"}
    assert menu(editor) == {"/workflowstep/"}
    assert menu(admin) == everything


def test_a_producer_cannot_change_the_workflow(producer, door):
    from content.workflow.models import WorkflowStep

    step = WorkflowStep.objects.first()
    viewset = WorkflowStep.snippet_viewset
    for name in ("edit", "delete", "unpublish"):
        response = door(producer).get(reverse(viewset.get_url_name(name), args=[step.pk]))
        assert response.status_code == 302
        assert response["Location"] == "/admin/"
