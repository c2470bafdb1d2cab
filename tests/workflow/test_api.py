"""The workflow through GraphQL."""

import pytest

from content.workflow.models import WorkflowStep

from .conftest import step

pytestmark = pytest.mark.django_db

DEEP = """{ workflow { start { slug }
  steps { id slug title description phase order required
    choices { id slug title icon estimatedTime isRecommended isManualOverride }
    nextSteps { slug choices { slug } nextSteps { slug } } } } }"""


def test_the_published_workflow_is_read_by_anyone_signed_in(api, collaborator):
    workflow = api(collaborator)(DEEP).value

    assert workflow["start"] == {"slug": "initial_concept"}
    assert [s["order"] for s in workflow["steps"]] == sorted(s["order"] for s in workflow["steps"])
    start = workflow["steps"][0]
    assert start["phase"] == "STORY_DEVELOPMENT"
    assert [n["slug"] for n in start["nextSteps"]] == [
        "story_development",
        "character_creation",
        "visual_design",
    ]
    assert [c["slug"] for c in start["choices"]] == [
        "develop_story",
        "create_characters",
        "define_style",
        "manual_override",
    ]
    override = start["choices"][-1]
    assert (override["isManualOverride"], override["title"], override["icon"]) == (
        True,
        "Manual Override",
        "✏️",
    )
    assert {c["estimatedTime"] for s in workflow["steps"] for c in s["choices"]} == {None}
    ids = [c["id"] for s in workflow["steps"] for c in s["choices"]]
    assert len(ids) == len(set(ids))


def test_nobody_signed_in_reads_nothing(api):
    assert api()(DEEP).top_codes == ["UNAUTHENTICATED"]


def test_a_draft_is_not_shown(api, collaborator):
    draft = step("visual_design")
    draft.title = "Half a Look"
    draft.save_revision()
    WorkflowStep.objects.create(
        slug="aside", title="Aside", phase="audio_design", order=999, instructions="-", live=False
    )

    steps = api(collaborator)("{ workflow { steps { slug title } } }").value["steps"]

    assert {"slug": "visual_design", "title": "Visual Design"} in steps
    assert "aside" not in [s["slug"] for s in steps]


def test_a_step_is_found_by_its_id_and_a_draft_only_by_editors(api, collaborator, editor):
    find = "query ($id: ID!) { node(id: $id) { ... on WorkflowStep { slug } } }"
    steps = api(collaborator)("{ workflow { steps { id slug } } }").value["steps"]
    assert api(collaborator)(find, id=steps[3]["id"]).value == {"slug": steps[3]["slug"]}

    WorkflowStep.objects.filter(slug=steps[3]["slug"]).update(live=False)
    assert api(collaborator)(find, id=steps[3]["id"]).data == {"node": None}
    assert api(editor)(find, id=steps[3]["id"]).value == {"slug": steps[3]["slug"]}
    assert api()(find, id=steps[0]["id"]).data == {"node": None}


def test_its_cost_does_not_depend_on_the_number_of_steps(api, collaborator, django_assert_max_num_queries):
    caller = api(collaborator)
    caller(DEEP)
    with django_assert_max_num_queries(14):
        caller(DEEP)
