"""Steering a conversation in a browser: another reply, the versions of a message, other words."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.live import ROOT, LiveServer

from .test_browser import new_project, sign_in


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    if not (ROOT / "frontend" / "dist" / "chat.js").exists():
        pytest.skip("The chat page is not built: Node 20+ is missing.")
    return embedded(REHEARSAL_WORD_DELAY="0.002")


def test_replies_are_regenerated_versions_turned_and_words_edited(
    server: LiveServer, open_page: Callable[..., Page]
) -> None:
    # given a message and its reply, in two browsers
    page = open_page(server.url)
    sign_in(page, "producer")
    new_project(page, "Night Ferry")
    watching = open_page(server.url)
    sign_in(watching, "producer")
    watching.goto(page.url)
    messages, seen = page.get_by_test_id("message"), watching.get_by_test_id("message")
    page.get_by_test_id("composer").fill("Six strangers, one ferry.")
    page.get_by_test_id("composer").press("Enter")
    expect(messages).to_have_count(2)
    expect(page.get_by_test_id("versions")).to_have_count(0)

    # A second reply takes the first one's place, in both.
    page.get_by_test_id("regenerate").click()
    expect(page.get_by_test_id("versions")).to_have_attribute("aria-label", "Version 2 of 2")
    expect(seen.last).to_have_attribute("data-seq", "3")
    expect(seen).to_have_count(2)

    # The first one is a click away, and the session follows it.
    page.get_by_role("button", name="Previous version").click()
    expect(messages.last).to_have_attribute("data-seq", "2")
    expect(seen.last).to_have_attribute("data-seq", "2")
    expect(page.get_by_role("button", name="Previous version")).to_be_disabled()

    # Other words begin a branch of their own.
    page.get_by_test_id("edit").click()
    editor = page.get_by_test_id("editor")
    expect(editor).to_have_value("Six strangers, one ferry.")
    editor.fill("Seven strangers, one ferry.")
    editor.press("Control+Enter")
    expect(messages.first).to_contain_text("Seven strangers")
    expect(seen.first).to_contain_text("Seven strangers")
    expect(messages).to_have_count(2)
    page.get_by_role("button", name="Previous version").click()
    expect(messages.first).to_contain_text("Six strangers")

    # A reload shows the same.
    page.reload()
    expect(messages.first).to_contain_text("Six strangers")
    expect(messages).to_have_count(2)
