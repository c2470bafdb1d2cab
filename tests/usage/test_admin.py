"""The report of what was used, and the prices that editors own."""

import csv
import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cms.accounts.models import User
from content.projects.models import Project
from content.projects.services import add_collaborator, create_project
from content.usage.models import ModelPrice, UsageEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def browse() -> Callable[[User], Client]:
    def opened(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return opened


def enter(user: User | None, project: Project, model: str = "qwen3-vl-plus", month: int = 11, **values: Any) -> None:
    UsageEntry.objects.create(
        user=user, project=project, attempt=1, number=1, model=model, period=date(2026, month, 1),
        **{"input_tokens": 1_000, "output_tokens": 200, "cost": "0.5", **values},
    )  # fmt: skip


@pytest.fixture
def helper(person: Callable[..., User]) -> User:
    return person("helper", "producer")


@pytest.fixture
def filled(producer: User, stranger: User, helper: User, project: Project) -> Project:
    """The producer's project, with entries of two people, two models and two months; and one of the stranger's."""
    add_collaborator(user=producer, project_id=project.pk, email=helper.email)
    enter(producer, project)
    enter(producer, project)
    enter(helper, project, month=10, input_tokens=7)
    enter(None, project, model="mystery-1", cost=None)
    other = create_project(user=stranger, title="Secret Series", genre="drama")
    enter(stranger, other, model="secret-model")
    return project


def rows(client: Client, **query: Any) -> list[dict[str, str]]:
    response = client.get(reverse("usage_report"), {"export": "csv", **query})
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.getvalue().decode())))


def test_the_report_sums_by_month_project_person_and_model(filled: Project, producer: User, browse: Any) -> None:
    found = rows(browse(producer))

    assert [tuple(row.values()) for row in found] == [
        ("2026-11", "The Tide Clock", "Producer", "qwen3-vl-plus", "2000", "400", "1.00000000", "0"),
        ("2026-11", "The Tide Clock", "(deleted user)", "mystery-1", "1000", "200", "no price", "1200"),
        ("2026-10", "The Tide Clock", "Helper", "qwen3-vl-plus", "7", "200", "0.50000000", "0"),
    ]
    page = browse(producer).get(reverse("usage_report")).content.decode()
    assert "3,807 tokens, 1.50 USD, without the cost of 1,200 tokens whose price nobody has entered" in page


def test_it_is_filtered(filled: Project, producer: User, helper: User, browse: Any) -> None:
    client = browse(producer)

    assert {row["Model"] for row in rows(client, model="mystery-1")} == {"mystery-1"}
    assert {row["Month"] for row in rows(client, period="2026-10-01")} == {"2026-10"}
    assert {row["User"] for row in rows(client, user=helper.pk)} == {"Helper"}
    assert len(rows(client, project=filled.pk)) == 3


def test_it_knows_only_ones_own_projects_and_oneself(
    filled: Project, producer: User, helper: User, stranger: User, admin: User, browse: Any
) -> None:
    assert [row["User"] for row in rows(browse(helper))] == ["Helper"]
    assert [row["Project"] for row in rows(browse(stranger))] == ["Secret Series"]
    assert len(rows(browse(admin))) == 4
    for user in (producer, helper):
        for query in ({}, {"model": "secret-model"}, {"user": stranger.pk}, {"ordering": "-model_name"}):
            for name in ("usage_report", "usage_report_results"):
                page = browse(user).get(reverse(name), query)
                assert page.status_code == 200
                assert b"Secret" not in page.content
    assert b"Producer" not in browse(helper).get(reverse("usage_report_results")).content


def test_it_is_closed_to_who_has_no_projects_in_the_admin(
    filled: Project, editor: User, collaborator: User, producer: User, browse: Any
) -> None:
    for user in (editor, collaborator):
        for name in ("usage_report", "usage_report_results"):
            assert browse(user).get(reverse(name)).status_code == 302
    assert b'"/admin/usage/"' in browse(producer).get("/admin/").content
    assert b'"/admin/usage/"' not in browse(editor).get("/admin/").content


def test_a_title_is_no_formula_in_a_spreadsheet(filled: Project, producer: User, browse: Any) -> None:
    Project.objects.filter(pk=filled.pk).update(title="=HYPERLINK(1)")

    assert {row["Project"] for row in rows(browse(producer))} == {"'=HYPERLINK(1)"}


def address(name: str, *args: Any) -> str:
    return reverse(ModelPrice.snippet_viewset.get_url_name(name), args=args)


PRICE = {"model": "qwen3-vl-plus*", "input_price": "0.2", "output_price": "1.6", "valid_from": "2026-11-01 00:00"}


def test_editors_own_the_prices(editor: User, browse: Any) -> None:
    client = browse(editor)
    assert not ModelPrice.objects.exists()

    client.post(address("add"), PRICE)
    price = ModelPrice.objects.get()
    client.post(address("edit", price.pk), PRICE | {"input_price": "0.25"})

    price.refresh_from_db()
    assert (price.model, str(price.input_price)) == ("qwen3-vl-plus*", "0.250000")
    assert client.get(address("list")).status_code == 200
    for values in ({"model": "a*b"}, {"input_price": "-1"}, {}):
        assert client.post(address("add"), PRICE | values).status_code == 200
    assert ModelPrice.objects.count() == 1
    client.post(address("delete", price.pk))
    assert not ModelPrice.objects.exists()


def test_producers_do_not(producer: User, browse: Any) -> None:
    price = ModelPrice.objects.create(model="m", input_price=1, output_price=1)
    client = browse(producer)

    for place in (address("list"), address("add"), address("edit", price.pk), address("delete", price.pk)):
        assert client.post(place, PRICE).status_code == 302
        assert client.get(place).status_code == 302

    assert list(ModelPrice.objects.values_list("model", flat=True)) == ["m"]


def test_a_project_gets_its_budget_in_the_admin_from_its_owner_alone(
    filled: Project, producer: User, helper: User, browse: Any
) -> None:
    place = reverse("projects:edit", args=[filled.pk])
    page = browse(producer).get(place)
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields if name != "style_references"}

    browse(producer).post(place, values | {"token_budget": "9000"})
    filled.refresh_from_db()
    assert filled.token_budget == 9000
    assert b"token_budget" not in browse(helper).get(place).content
    browse(helper).post(place, values | {"token_budget": "1", "title": "New", "expected_revision": filled.revision})

    filled.refresh_from_db()
    assert (filled.token_budget, filled.title) == (9000, "New")
