"""Which projects a list holds."""

import pytest

from content.projects.models import Project
from content.projects.services import create_project


@pytest.fixture
def shelf(producer):
    for title, genre, status, description in (
        ("Alpha Station", "sci-fi", "concept", "Ice moon"),
        ("Beta Station", "drama", "production", "A 100% true story"),
        ("Gamma", "drama", "concept", "A station under ice"),
    ):
        made = create_project(user=producer, title=title, genre=genre, description=description)
        Project.objects.filter(pk=made.pk).update(status=status)


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        ({}, ["Alpha Station", "Beta Station", "Gamma"]),
        ({"genres": ["DRAMA"]}, ["Beta Station", "Gamma"]),
        ({"genres": ["DRAMA", "SCI_FI"], "statuses": ["CONCEPT"]}, ["Alpha Station", "Gamma"]),
        ({"statuses": ["PRODUCTION"]}, ["Beta Station"]),
        ({"statuses": []}, []),
        ({"genres": []}, []),
        ({"search": "STATION"}, ["Alpha Station", "Beta Station", "Gamma"]),
        ({"search": "ice station"}, ["Alpha Station", "Gamma"]),
        ({"search": "100%"}, ["Beta Station"]),
        ({"search": "a_b"}, []),
        ({"search": "  "}, ["Alpha Station", "Beta Station", "Gamma"]),
        ({"archived": True}, []),
        ({"archived": None}, ["Alpha Station", "Beta Station", "Gamma"]),
    ],
)
@pytest.mark.parametrize("who", ["producer", "admin"])
def test_filters_narrow_the_list(api, shelf, who, filters, titles, request):
    answer = api(request.getfixturevalue(who))(
        "query ($filters: ProjectFilter) { projects(filters: $filters) { edges { node { title } } } }", filters=filters
    )

    assert sorted(edge["node"]["title"] for edge in answer.value["edges"]) == titles
