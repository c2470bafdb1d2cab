"""The Wagtail admin in a real browser: its pages work under our Content-Security-Policy, without a complaint."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cms.api.ids import global_id
from tests.live import LiveServer

from .conftest import fill_in_sign_in


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded()


def enter(page: Page, name: str) -> None:
    """Go to the admin, which leads to the sign-in page and back."""
    page.goto("/admin/")
    fill_in_sign_in(page, name)
    expect(page).to_have_url(re.compile("/admin/$"))


def test_a_producer_works_in_the_admin(server: LiveServer, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    enter(page, "producer")
    # Opening the chat starts a session.
    page.request.get(f"/projects/{global_id('Project', 1)}/chat/")

    page.get_by_role("link", name="Projects", exact=True).click()
    page.get_by_role("link", name="The Tide Clock").click()
    page.get_by_label("Episode duration").fill("31")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Project 'The Tide Clock' updated.")).to_be_visible()
    page.get_by_role("link", name="Sessions", exact=True).click()
    page.get_by_role("link", name=re.compile("Session 1")).first.click()
    expect(page.get_by_role("heading", name="Session 1", exact=True)).to_be_visible()
    expect(page.get_by_text("Offered at the beginning")).to_be_visible()
    page.get_by_role("link", name="The Tide Clock").click()
    expect(page.get_by_text("31 minutes each")).to_be_visible()
    expect(page.get_by_role("link", name="Workflow steps")).to_have_count(0)


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/projects/new/",
        "/admin/media/",
        "/admin/users/",
        "/admin/users/edit/2/",
        "/admin/account/",
        "/admin/images/add/",
        "/admin/snippets/workflow/workflowstep/edit/1/",
        "/admin/reports/site-history/",
    ],
)
def test_a_page_is_at_peace_with_the_policy(address: str, server: LiveServer, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    enter(page, "admin")

    response = page.goto(address)

    assert response is not None
    assert response.status == 200
    page.wait_for_load_state("networkidle")


def test_signing_out_by_the_menu(server: LiveServer, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    enter(page, "editor")

    page.locator(".sidebar-footer button").first.click()
    page.get_by_role("button", name="Log out").click()

    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.goto("/admin/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
