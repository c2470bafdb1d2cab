"""What a caller may not see does not exist for them: every path of the schema, as every kind of caller.

Documents are made from the schema, and rows are full of values that are nowhere else. tests/api/access/ says what has
to be added there when the schema grows.
"""

import pytest
from django.apps import apps
from django.db import transaction
from graphql import extend_schema, parse

from cms.schema import schema
from cms.settings import api as api_settings

from .access import gaps, listening, registry
from .access.arguing import Arguing
from .access.reading import Access, Seen
from .access.writing import OURS, Writing

pytestmark = pytest.mark.django_db
SCHEMA = schema._schema
# Types whose objects have an id.
WITH_ID = frozenset(name for name, kind in SCHEMA.type_map.items() if "id" in getattr(kind, "fields", {}))
actors = pytest.mark.parametrize("actor", registry.ACTORS)
# What is not there yet.
GROWN = """
type Invoice implements Node { id: ID! amount: Int! lines: [InvoiceLine!]! }
type InvoiceLine { text: String! }
input PayInvoiceInput { id: ID! discounts: [DiscountInput!] }
input DiscountInput { couponId: ID! }
type PayInvoicePayload { invoice: Invoice }
extend type Query { invoice(id: ID!): Invoice }
extend type Project { invoices(search: String): [Invoice!]! }
extend type Mutation { payInvoice(input: PayInvoiceInput!): PayInvoicePayload! }
extend type Subscription { invoiceEvents(projectId: ID!): ProjectEvent! }
extend input MediaFilter { invoiceId: ID }
"""


@pytest.fixture(scope="module")
def access(django_db_setup, django_db_blocker):
    """The worlds, for all tests of this module; and nothing is left of them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield Access(registry.build(WITH_ID), SCHEMA)
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def writing(access):
    return Writing(access)


@pytest.fixture(scope="module")
def arguing(access):
    return Arguing(access)


@pytest.fixture(scope="module")
def seen(access, writing):
    """All that an actor is shown by queries, subscriptions and payloads, each asked once."""
    kept: dict[str, Seen] = {}

    def all_of(actor):
        if actor not in kept:
            kept[actor] = access.read(actor) | listening.listen(access, actor) | writing.attempts(actor)
        return kept[actor]

    return all_of


@pytest.fixture(autouse=True)
def _limits_of_any_caller(settings):
    settings.OPERATION_LIMITS = api_settings.OPERATION_LIMITS


@actors
def test_an_actor_is_shown_all_that_is_for_them_and_not_one_byte_more(access, seen, actor):
    # What is not for them fails where it is shown.
    shown = seen(actor).markers

    missing = {marker.place for marker in access.worlds.rows.markers if actor in marker.seen_by} - {
        marker.place for marker in shown
    }
    assert missing == set()
    assert {marker for marker in access.worlds.rows.markers if actor in marker.seen_by} == shown


@actors
def test_what_an_actor_asks_about_others_is_answered_as_if_they_were_nowhere(arguing, actor):
    arguing.argue(actor)


@pytest.mark.parametrize("actor", registry.ACTORS[1:])
def test_an_actor_changes_nothing_that_is_not_theirs_and_is_told_nothing_of_it(writing, actor):
    writing.refuse(actor, writing.refusals(actor))


def test_searches_find_what_is_there(arguing):
    # Else the test above would be passed by a search that finds nothing.
    assert arguing.without_difference("creator") == set()


def test_every_part_of_the_schema_is_covered(access, seen):
    found = [*gaps.uncovered(SCHEMA), *gaps.without_values(access)]
    assert found == []
    assert gaps.never_shown(SCHEMA, seen("creator") | seen("admin")) == []


def test_every_model_has_rows_or_a_reason_for_none(access):
    models = {model for label in OURS for model in apps.get_app_config(label).get_models()}
    without = registry.merged("without_rows")

    assert models - access.worlds.rows.made.keys() - without.keys() == set()
    assert access.worlds.rows.made.keys() & without.keys() == set()


def test_what_is_added_to_the_schema_has_to_be_covered(access, seen):
    grown = extend_schema(SCHEMA, parse(GROWN))

    found = [*gaps.uncovered(grown), *gaps.without_values(Access(access.worlds, grown))]
    found += gaps.never_shown(grown, seen("creator") | seen("admin"))

    where = "of its subject in tests/api/access/"
    assert set(found) == {
        f"Call invoice: add it to `roots` {where}.",
        f"Call payInvoice: add it to `mutations` {where}.",
        f"Call invoiceEvents: add it to `subscriptions` {where}.",
        f"Give payInvoice a row for id: `ids` of its Case in `mutations` {where}.",
        f"Give payInvoice a row for couponId: `ids` of its Case in `mutations` {where}.",
        f"Give Project.invoices.search values to try: `arguments` {where}.",
        f"Give Query.invoice.id values to try: `arguments` {where}.",
        f"Give MediaFilter.invoiceId values to try: `arguments` {where}.",
        *(
            f"{name} was always null or empty: add rows for it in `fill`, or say why in `never` {where}."
            for name in (
                *("Query.invoice", "Mutation.payInvoice", "Subscription.invoiceEvents", "Project.invoices"),
                *("Invoice.id", "Invoice.amount", "Invoice.lines", "InvoiceLine.text", "PayInvoicePayload.invoice"),
            )
        ),
    }
