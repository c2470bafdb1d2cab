"""Projects in the admin: listed, changed through the services, archived, with their members."""

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from content.media.services import create_media_from_bytes
from content.projects.models import Project
from content.projects.services import create_project, update_project
from conversation.sessions import start_session

from .pictures import png

pytestmark = pytest.mark.django_db


def edit_url(project):
    return reverse("projects:edit", args=[project.pk])


def opened(browser, address):
    """What the form at an address holds when a browser has opened it."""
    form = BeautifulSoup(browser.get(address).content, "html.parser").select_one("form[data-edit-form]")
    data = {}
    for field in form.select("input[name], textarea[name], select[name]"):
        name, kind = field["name"], field.get("type")
        if kind in {"checkbox", "radio"}:
            if field.has_attr("checked"):
                data.setdefault(name, []).append(field["value"])
        elif field.name == "select":
            data[name] = field.select_one("option[selected]")["value"]
        else:
            data[name] = field.text.removeprefix("\n") if field.name == "textarea" else field.get("value", "")
    return data


def test_the_list_shows_a_project_with_owner_and_progress(producer, project, door):
    page = door(producer).get(reverse("projects:index")).content.decode()

    for text in ("The Tide Clock", "Sci-Fi", "Concept", "Producer", "0%"):
        assert text in page


def test_the_list_is_searched_and_filtered(producer, project, door):
    other = create_project(user=producer, title="Paper Moons", genre="comedy")
    browser, address = door(producer), reverse("projects:index_results")
    browser.post(reverse("projects:archive", args=[other.pk]))

    def shown(**query):
        page = browser.get(address, query).content.decode()
        return {title for title in ("The Tide Clock", "Paper Moons") if title in page}

    assert shown() == {"The Tide Clock", "Paper Moons"}
    assert shown(q="tide") == {"The Tide Clock"}
    assert shown(genre="comedy") == {"Paper Moons"}
    assert shown(status="completed") == set()
    assert shown(archived="true") == {"Paper Moons"}
    assert shown(archived="false") == {"The Tide Clock"}


def test_the_list_costs_the_same_however_many_projects_there_are(producer, project, door):
    browser, address = door(producer), reverse("projects:index")
    browser.get(address)
    with CaptureQueriesContext(connection) as few:
        browser.get(address)
    for number in range(20):
        create_project(user=producer, title=f"Series {number}", genre="drama")

    with CaptureQueriesContext(connection) as many:
        browser.get(address)

    assert len(many) == len(few)


def test_a_producer_makes_a_project_and_owns_it(producer, door):
    browser, address = door(producer), reverse("projects:add")
    data = opened(browser, address)
    assert data["episode_count"] == "10"

    response = browser.post(address, {**data, "title": "New Dawn", "genre": "drama", "episode_count": 7})

    project = Project.objects.get(title="New Dawn")
    assert response["Location"] == reverse("projects:inspect", args=[project.pk])
    assert (project.created_by, project.episode_count) == (producer, 7)
    assert project.memberships.get().role == "owner"


def test_a_plans_limit_is_shown_at_its_field(person, door):
    small = person("small", "producer")
    browser, address = door(small), reverse("projects:add")
    data = opened(browser, address)
    assert data["episode_count"] == "3"

    page = browser.post(address, {**data, "title": "Too long", "genre": "drama", "episode_count": 4})

    assert "The Free plan allows 3 episodes per project." in page.content.decode()
    assert page.context["form"].errors == {"episode_count": ["The Free plan allows 3 episodes per project."]}
    assert not Project.objects.exists()


def test_only_what_was_changed_is_written(producer, project, door):
    browser = door(producer)
    data = opened(browser, edit_url(project))

    response = browser.post(edit_url(project), {**data, "title": "The Ebb Clock", "episode_duration": 30})

    assert response.status_code == 302
    after = Project.objects.get(pk=project.pk)
    assert (after.title, after.episode_duration, after.genre) == ("The Ebb Clock", 30, "sci-fi")
    assert after.revision == project.revision + 1


@pytest.mark.parametrize("field", ["as opened", "left out"])
def test_a_lost_update_is_refused_and_says_what_to_do(field, producer, project, door):
    browser = door(producer)
    data = opened(browser, edit_url(project))
    update_project(user=producer, project_id=project.pk, changes={"title": "Theirs"})
    if field == "left out":
        del data["expected_revision"]

    page = browser.post(edit_url(project), {**data, "title": "Mine"})

    assert page.status_code == 200
    assert "Someone else has changed this project meanwhile." in page.content.decode()
    assert Project.objects.get(pk=project.pk).title == "Theirs"


def test_a_wrong_value_is_refused_at_its_field(producer, project, door):
    browser = door(producer)
    data = opened(browser, edit_url(project))

    page = browser.post(edit_url(project), {**data, "title": "", "genre": "musical", "episode_duration": 0})

    assert set(page.context["form"].errors) == {"title", "genre", "episode_duration"}
    assert Project.objects.get(pk=project.pk).title == "The Tide Clock"


def test_style_references_keep_the_members_order_and_are_the_projects_own(producer, project, secret_media, door):
    first, second, third = (
        create_media_from_bytes(
            project_id=project.pk,
            user=producer,
            data=png(colour),
            mime_type="image/png",
            filename=f"{colour}.png",
            values={},
        )
        for colour in ("red", "green", "blue")
    )
    update_project(user=producer, project_id=project.pk, changes={}, style_reference_ids=[third.pk, first.pk])
    browser = door(producer)
    page = browser.get(edit_url(project)).content.decode()
    assert "green" in page
    assert "Secret still" not in page
    data = opened(browser, edit_url(project))
    assert set(data["style_references"]) == {str(first.pk), str(third.pk)}

    browser.post(edit_url(project), {**data, "style_references": [first.pk, second.pk, third.pk]})

    kept = list(project.style_reference_rows.values_list("media_id", flat=True))
    assert kept == [third.pk, first.pk, second.pk]

    data = opened(browser, edit_url(project))
    page = browser.post(edit_url(project), {**data, "style_references": [secret_media.pk]})
    assert "style_references" in page.context["form"].errors
    assert list(project.style_reference_rows.values_list("media_id", flat=True)) == kept


def test_archiving_and_restoring(producer, project, door):
    browser = door(producer)
    data = opened(browser, edit_url(project))

    assert "Archive the project" in browser.get(reverse("projects:archive", args=[project.pk])).content.decode()
    browser.post(reverse("projects:archive", args=[project.pk]))

    project.refresh_from_db()
    assert project.is_archived
    page = browser.get(edit_url(project), follow=True)
    assert "This project is archived" in page.content.decode()
    refused = browser.post(edit_url(project), {**data, "title": "Changed"})
    assert "Restore it to change it." in refused.content.decode()

    browser.post(reverse("projects:restore", args=[project.pk]))

    project.refresh_from_db()
    assert (project.is_archived, project.title) == (False, "The Tide Clock")
    history = browser.get(reverse("projects:history", args=[project.pk])).content.decode()
    assert "Archived" in history
    assert "Taken out of the archive" in history


def test_only_the_owner_and_admins_manage(producer, project, person, admin, door):
    helper = person("helper", "producer")
    door(producer).post(reverse("projects:add_member", args=[project.pk]), {"email": helper.email})
    browser = door(helper)
    assert browser.get(edit_url(project)).status_code == 200

    for name in ("archive", "restore", "add_member"):
        address = reverse(f"projects:{name}", args=[project.pk])
        assert browser.post(address, {"email": admin.email})["Location"] == "/admin/"
    remove = reverse("projects:remove_member", args=[project.pk, producer.pk])
    assert browser.post(remove)["Location"] == "/admin/"

    project.refresh_from_db()
    assert not project.is_archived
    assert project.memberships.filter(user=producer).exists()
    assert not project.memberships.filter(user=admin).exists()
    page = browser.get(reverse("projects:inspect", args=[project.pk])).content.decode()
    assert "Add a member" not in page


def test_a_project_page_tells_what_it_holds(producer, project, session, collaborator, door):
    start_session(user=collaborator, project_id=project.pk)

    page = door(producer).get(reverse("projects:inspect", args=[project.pk]))

    facts = dict(fact[:2] for fact in page.context["facts"])
    assert facts == {"Sessions": 1, "Media": 0, "Generation tasks": 0}
    for text in ("collaborator@example.com", "An island out of time.", "Story Development", "Owner"):
        assert text in page.content.decode()


def test_the_owner_cannot_be_removed_and_an_unknown_address_is_explained(producer, project, door):
    browser = door(producer)

    page = browser.post(reverse("projects:remove_member", args=[project.pk, producer.pk]), follow=True)
    assert "The owner cannot be removed" in page.content.decode()
    page = browser.post(reverse("projects:add_member", args=[project.pk]), {"email": "nobody@example.com"}, follow=True)
    assert "Nobody here has that e-mail address." in page.content.decode()
    assert project.memberships.count() == 2
