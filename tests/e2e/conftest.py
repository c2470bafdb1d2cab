"""Real headless Chromium."""

import os
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import CHROMIUM, SWITCHES
from tests.live import PASSWORD


def fill_in_sign_in(page: Page, name: str) -> None:
    """Sign in as `<name>@example.com`, one of the demo's people, on the page that asks for it."""
    page.get_by_label(re.compile("e-?mail", re.I)).fill(f"{name}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


# Playwright's event loop runs in this thread while it is started, which other tests must not meet.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("Chromium is required here and was not found.")
        pytest.skip("Chromium was not found.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser profile of its own. Whatever the page's console calls an error fails the test."""
    complaints: list[str] = []
    contexts = []

    def make(base_url: str, **options: object) -> Page:
        context = chromium.new_context(base_url=base_url, viewport={"width": 1280, "height": 900}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []
