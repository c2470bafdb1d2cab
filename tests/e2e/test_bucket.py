"""A picture goes from a page to the bucket and back, in a real browser under its CORS and the pages' policy."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.buckets import Bucket
from tests.live import ROOT, LiveServer, manage

from .conftest import fill_in_sign_in
from .test_browser import DROP, new_project, picture

pytest_plugins = ["tests.bucket_fixture"]


@pytest.fixture
def server(embedded: Callable[..., LiveServer], bucket: Bucket) -> LiveServer:
    if not (ROOT / "frontend" / "dist" / "chat.js").exists():
        pytest.skip("The chat page is not built: Node 20+ is missing.")
    return embedded(**bucket.environment)


def test_a_dropped_picture_is_sent_to_the_bucket_and_shown_from_there(
    server: LiveServer, bucket: Bucket, open_page: Callable[..., Page]
) -> None:
    manage(server.env | {"PUBLIC_URL": server.url}, "setup_bucket")
    page = open_page(server.url)
    calls: list[tuple[str, str]] = []
    page.on("request", lambda request: calls.append((request.method, request.url)))
    page.goto("/")
    fill_in_sign_in(page, "producer")
    new_project(page, "Bucket Film")
    page.evaluate(DROP, ['[data-testid="composer"]', picture(), "red-door.png", "image/png"])
    expect(page.get_by_test_id("upload")).to_have_attribute("data-status", "ready", timeout=20_000)
    page.get_by_test_id("composer").fill("This red is the colour of the ferry's door.")
    page.get_by_test_id("send").click()
    shown = page.get_by_test_id("attachment").locator("img")
    expect(shown).to_be_visible(timeout=20_000)
    shown.evaluate("(image) => image.decode()")
    assert shown.evaluate("(image) => image.naturalWidth") > 0
    origin = bucket.configured.origin
    assert [url for method, url in calls if method == "PUT" and not url.startswith(f"{origin}/")] == []
    assert {method for method, url in calls if url.startswith(f"{origin}/")} == {"PUT", "GET"}
    expect(page.get_by_test_id("message").last).to_contain_text("320", timeout=30_000)
    assert bucket.stored()
