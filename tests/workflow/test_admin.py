"""Workflow steps in the Wagtail admin, as an editor's browser meets them."""

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph

from .conftest import Editing, snippet_url, step

pytestmark = pytest.mark.django_db


def cells(page):
    """The texts of a listing's cells, in the page's order."""
    return [cell.get_text(strip=True) for cell in BeautifulSoup(page, "html.parser").find_all("td")]


def test_the_list_shows_the_steps_in_order_and_the_menu_leads_to_it(browser):
    page = browser.get(snippet_url("list")).content.decode()

    slugs = ("initial_concept", "story_development", "final_assembly")
    places = [cells(page).index(slug) for slug in slugs]
    assert places == sorted(places)
    assert "Scene Production" in page
    home = browser.get(reverse("wagtailadmin_home")).content.decode()
    assert "Workflow steps" in home


def test_the_list_can_be_narrowed_to_a_phase_and_searched(browser):
    by_phase = browser.get(snippet_url("list"), {"phase": "audio_design"}).content.decode()
    assert "voice_casting" in cells(by_phase)
    assert "initial_concept" not in cells(by_phase)

    found = browser.get(snippet_url("list"), {"q": "breakdown"}).content.decode()
    assert "episode_breakdown" in cells(found)
    assert "audio_design" not in cells(found)


def test_the_form_lists_placeholders_and_task_types(browser):
    page = browser.get(snippet_url("edit", step("visual_design").pk)).content.decode()

    assert "$episode_duration (minutes of an episode)" in page
    assert 'value="storyboard_panel"' in page


def test_a_valid_edit_publishes(browser):
    form = Editing(browser, "visual_design")
    form.data["title"] = "The Look"
    form.add("transitions", to_step=step("audio_design").pk)

    response = form.save(publish=True)

    assert "updated and published" in response.content.decode()
    found = published_graph().step("visual_design")
    assert (found.title, "audio_design" in found.next_steps) == ("The Look", True)
    assert found.task_types == ("storyboard_panel",)
    assert len(found.choices) == 4


def test_a_broken_edit_is_refused_with_the_reason_and_nothing_changes(browser):
    before = published_graph()
    form = Editing(browser, "visual_design")
    for name in list(form.data):
        if name.startswith("transitions-") and name.endswith("-DELETE"):
            form.data[name] = "1"

    response = form.save(publish=True)

    page = response.content.decode()
    assert "“Visual Design” is a dead end: add at least one published step that follows it." in page
    assert published_graph() == before
    assert step("visual_design").latest_revision is None, "not even a draft was left behind"


def test_the_same_edit_can_be_kept_as_a_draft(browser):
    before = published_graph()
    form = Editing(browser, "visual_design")
    form.data["title"] = "Half a Look"
    for name in list(form.data):
        if name.startswith("transitions-") and name.endswith("-DELETE"):
            form.data[name] = "1"

    form.save(publish=False)

    assert published_graph() == before
    assert step("visual_design").get_latest_revision_as_object().title == "Half a Look"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda form: form.data.update({"instructions": "Use $budget."}), "Unknown placeholder: $budget"),
        (lambda form: form.data.update({"order": "10"}), "Order already exists"),
        (lambda form: form.data.update({"slug": "Visual Design"}), "Enter a valid “slug”"),
        (
            lambda form: form.data.pop(form.row("choices", "slug", "lock_look") + "-is_recommended"),
            "No choice is recommended",
        ),
        (
            lambda form: form.data.update({form.row("choices", "slug", "lock_look") + "-slug": "manual_override"}),
            "The manual override is offered by itself",
        ),
        (
            lambda form: form.data.update({form.row("choices", "slug", "lock_look") + "-finishes": "on"}),
            "leads nowhere: empty this",
        ),
        (
            lambda form: form.add("transitions", to_step=step("visual_design").pk),
            "A step cannot lead to itself",
        ),
        (
            lambda form: form.add("transitions", to_step=step("storyboarding").pk),
            "Please correct the duplicate",
        ),
        (
            lambda form: form.add("choices", slug="fifth", title="Fifth", description="One too many."),
            "at most 4 choices: remove 1",
        ),
        (lambda form: form.data.setlist("task_types", []), "this step does not allow"),
        (
            lambda form: form.data.setlist("task_types", ["hologram_2"]),
            "hologram_2 is not one of the available",
        ),
    ],
    ids=[
        "placeholder",
        "order",
        "slug",
        "recommended",
        "override",
        "finishes",
        "itself",
        "twice",
        "five",
        "task type",
        "unknown task type",
    ],
)
def test_each_mistake_is_explained_and_published_by_nobody(browser, change, words):
    before = published_graph()
    form = Editing(browser, "visual_design")
    change(form)

    page = form.save(publish=True).content.decode().replace("&#x27;", "'").replace("&quot;", '"')

    assert words in page
    assert published_graph() == before


@pytest.mark.parametrize("live", [True, False])
def test_rows_may_exchange_their_slugs_and_targets(browser, live):
    WorkflowStep.objects.filter(slug="world_building").update(live=live)
    form = Editing(browser, "world_building")
    first, second = form.row("choices", "slug", "add_place"), form.row("choices", "slug", "continue_current")
    form.data[f"{first}-slug"], form.data[f"{second}-slug"] = "continue_current", "add_place"
    one, other = "transitions-0-to_step", "transitions-1-to_step"
    form.data[one], form.data[other] = form.data[other], form.data[one]

    form.save(publish=live)

    row = step("world_building")
    assert [choice.slug for choice in row.choices.all()][1:3] == ["continue_current", "add_place"]
    assert [move.to_step.slug for move in row.transitions.all()] == ["story_development", "episode_breakdown"]


def test_a_draft_that_another_editor_overtook_is_kept_and_not_published(browser, monkeypatch):
    form = Editing(browser, "visual_design")
    form.data["title"] = "Overtaken"
    monkeypatch.setattr("content.workflow.forms.problems_with", lambda record: [])
    for name in list(form.data):
        if name.startswith("transitions-") and name.endswith("-DELETE"):
            form.data[name] = "1"

    page = form.save(publish=True).content.decode()

    assert "Saved as a draft, and not published" in page
    assert step("visual_design").title == "Visual Design"
    assert step("visual_design").get_latest_revision_as_object().title == "Overtaken"


def test_a_new_step_starts_as_a_draft_and_its_publication_says_what_is_missing(browser):
    form = Editing(browser, None)
    form.data.update(
        {
            "title": "Table Read",
            "slug": "table_read",
            "description": "Hear it once.",
            "phase": "audio_design",
            "order": "85",
            "instructions": "Read $title.",
        }
    )
    target = step("voice_casting").pk
    form.add("transitions", to_step=target)
    form.add("choices", slug="go", title="Go", description="Go on.", leads_to=target, is_recommended="on")

    refused = form.save(publish=True).content.decode()
    assert "Nobody can reach “Table Read” from the start" in refused
    assert not WorkflowStep.objects.filter(slug="table_read").exists()

    form.save(publish=False)
    assert not step("table_read").live


def test_unpublishing_a_needed_step_is_refused_with_the_reason(browser):
    response = browser.post(snippet_url("unpublish", step("storyboarding").pk), follow=True)

    assert "stays published" in response.content.decode()
    assert step("storyboarding").live


def test_an_unneeded_step_is_unpublished(browser):
    form = Editing(browser, "story_development")
    prefix = form.row("choices", "slug", "world_building")
    form.data[f"{prefix}-leads_to"] = ""
    form.save(publish=True)

    browser.post(snippet_url("unpublish", step("world_building").pk), follow=True)

    assert not step("world_building").live


def test_deleting_a_needed_step_is_refused_alone_and_in_bulk(browser):
    pk = step("storyboarding").pk
    alone = browser.post(snippet_url("delete", pk), follow=True)
    assert "Nothing was deleted" in alone.content.decode()

    bulk = reverse("wagtail_bulk_action", args=["workflow", "workflowstep", "delete"])
    together = browser.post(f"{bulk}?id={pk}", follow=True)
    assert "Nothing was deleted" in together.content.decode()
    assert step("storyboarding").live


def test_a_step_that_sessions_are_at_is_not_deleted(browser, session):
    session.current_step = new = WorkflowStep.objects.create(
        slug="aside", title="Aside", phase="audio_design", order=999, instructions="-", live=False
    )
    session.save()

    page = browser.post(snippet_url("delete", new.pk), follow=True).content.decode()

    assert "in use by 1 sessions: unpublish it instead" in page
    assert WorkflowStep.objects.filter(pk=new.pk).exists()


def test_the_preview_fills_the_instructions_for_a_sample_project(browser):
    form = Editing(browser, "visual_design")
    form.data["instructions"] = "Find the look of $title."
    url = snippet_url("preview_on_edit", step("visual_design").pk)
    assert browser.post(url, form.data).json()["is_valid"]

    page = browser.get(url).content.decode()

    assert "Find the look of The Lighthouse Keepers." in page
    assert "Manual Override" in page
    assert "Leads to storyboarding" in page


def test_revisions_can_be_compared_and_reverted_to(browser):
    for title in ("First", "Second"):
        form = Editing(browser, "visual_design")
        form.data["title"] = title
        form.save(publish=True)
    row = step("visual_design")
    first = row.revisions.order_by("pk").first()

    assert browser.get(snippet_url("history", row.pk)).status_code == 200
    compare = browser.get(snippet_url("revisions_compare", row.pk, first.pk, "live"))
    assert "First" in compare.content.decode()
    assert browser.get(snippet_url("revisions_revert", row.pk, first.pk)).status_code == 200


@pytest.mark.parametrize("who", ["producer", "collaborator"])
def test_nobody_else_changes_the_workflow(request, who):
    client = Client()
    client.force_login(request.getfixturevalue(who), backend="django.contrib.auth.backends.ModelBackend")
    row = step("visual_design")

    for name, args in [("list", ()), ("edit", (row.pk,)), ("delete", (row.pk,)), ("unpublish", (row.pk,))]:
        response = client.post(snippet_url(name, *args), {"title": "Mine", "action-publish": "1"})
        assert response.status_code in (302, 403, 405), name
    assert step("visual_design").live
    assert step("visual_design").title == "Visual Design"
