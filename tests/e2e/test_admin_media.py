"""The media library in a real browser: adding files, and tagging several at once."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.admin.pictures import png
from tests.live import LiveServer

from .test_admin_pages import enter


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    return embedded()


def test_a_producer_adds_files_each_for_itself_and_tags_them_together(
    server: LiveServer, open_page: Callable[..., Page]
) -> None:
    # given
    page = open_page(server.url)
    enter(page, "producer")
    page.goto("/admin/media/")
    page.get_by_role("link", name="Add media").click()
    # when three are sent of which one is none of ours
    page.get_by_label("Files", exact=True).set_input_files([
        {"name": "harbour.png", "mimeType": "image/png", "buffer": png()},
        {"name": "page.html", "mimeType": "text/html", "buffer": b"<script>alert(1)</script>"},
        {"name": "Episode 1.md", "mimeType": "", "buffer": b"# Episode 1"},
    ])  # fmt: skip
    # then two are added and processed, and one is told why not
    files = page.locator("[data-media-upload-files] li")
    expect(files.filter(has_text="page.html")).to_contain_text("are not taken")
    for name in ("harbour.png", "Episode 1.md"):
        expect(files.filter(has_text=name).locator("[data-words]")).to_have_text("Added", timeout=30_000)
    expect(page.get_by_text("2 of 3 added, 1 not")).to_be_visible()

    # when both are ticked and tagged
    page.goto("/admin/media/")
    rows = page.locator("tbody tr")
    rows.filter(has_text="harbour").get_by_role("checkbox").check()
    rows.filter(has_text="Episode 1").get_by_role("checkbox").check()
    page.get_by_role("link", name="Add tags to the selected media").click()
    page.get_by_label("Tags to add").fill("night, sea")
    page.get_by_role("button", name="Add the tags").click()
    # then both show it, and the thumbnail is there
    expect(page.get_by_text("2 media were changed.")).to_be_visible()
    for name in ("harbour", "Episode 1"):
        expect(rows.filter(has_text=name).get_by_label("Tags").get_by_role("listitem")).to_have_text(["night", "sea"])
    picture = rows.filter(has_text="harbour").locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 64

    # when a new version of one is added
    page.get_by_role("link", name="harbour", exact=True).click()
    page.get_by_role("link", name="Add a new version").click()
    page.get_by_label("Files", exact=True).set_input_files(
        {"name": "harbour-2.png", "mimeType": "image/png", "buffer": png("red")}
    )
    expect(files.locator("[data-words]")).to_have_text("Added", timeout=30_000)
    with page.expect_popup() as opened:
        files.get_by_role("link", name="Open").click()
    # then it leads to the one before
    expect(opened.value.get_by_role("link", name="version 1, harbour.png")).to_be_visible()
