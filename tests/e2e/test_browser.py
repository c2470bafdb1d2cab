"""What a producer does in a browser: sign in, make a series, talk, choose, drop a picture, reload in mid-reply."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.live import ROOT, LiveServer

from .conftest import fill_in_sign_in

PICTURES = ROOT / "var" / "screenshots"
DROP = """async ([selector, bytes, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type }));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector(selector).dispatchEvent(event);
  }
}"""


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    if not (ROOT / "frontend" / "dist" / "chat.js").exists():
        pytest.skip("The chat page is not built: Node 20+ is missing.")
    return embedded(REHEARSAL_WORD_DELAY="0.03")


def sign_in(page: Page, name: str) -> None:
    page.goto("/")
    fill_in_sign_in(page, name)
    expect(page).to_have_url(re.compile("/projects/"))


def new_project(page: Page, title: str) -> None:
    page.locator("#new-project > summary").click()
    page.get_by_label("Title").fill(title)
    page.locator("#id_description").fill("A night ferry whose passengers never met on the way in.")
    page.get_by_label("Genre").select_option(label="Thriller")
    page.get_by_role("button", name=re.compile("Create project")).click()
    expect(page).to_have_url(re.compile("/sessions/"))
    expect(page.get_by_test_id("connection")).to_have_text("Connected")


def screenshot(page: Page, name: str) -> Path:
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    return path


def replies(page: Page) -> object:
    return page.locator('[data-testid="message"][data-role="ASSISTANT"]')


def picture() -> list[int]:
    file = io.BytesIO()
    Image.new("RGB", (320, 180), (200, 60, 40)).save(file, "PNG")
    return list(file.getvalue())


def test_producer_talks_a_series_into_being(server: LiveServer, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    sign_in(page, "producer")
    expect(page.get_by_test_id("project-card").first).to_contain_text("The Tide Clock")
    screenshot(page, "projects")
    new_project(page, "Night Ferry")
    expect(page.get_by_test_id("step-title")).to_contain_text("Initial Concept")

    # Talk: the reply streams in word by word, and can be read before it is finished.
    page.get_by_test_id("composer").fill("Six strangers, one ferry, and nobody at the wheel.")
    page.get_by_test_id("composer").press("Enter")
    growing = page.get_by_test_id("streaming-message")
    expect(growing).to_contain_text("rehearsal director")
    early = growing.inner_text()
    expect(growing).not_to_have_text(early)

    # Reload in mid-reply: what was said is still there, and it goes on.
    page.reload()
    expect(page.get_by_test_id("message").first).to_contain_text("Six strangers, one ferry")
    expect(growing).to_contain_text("rehearsal director")
    expect(page.get_by_test_id("message")).to_have_count(2, timeout=20_000)
    expect(growing).to_have_count(0)

    # Choose: the card moves the workflow; step and progress change.
    expect(page.get_by_test_id("choice-card")).to_have_count(3)
    expect(page.get_by_test_id("progress")).to_contain_text("0")
    page.get_by_test_id("choice-card").filter(has_text="Recommended").click()
    expect(page.get_by_test_id("step-title")).to_contain_text("Story Development", timeout=20_000)
    expect(page.get_by_test_id("progress")).to_contain_text("7")
    expect(page.get_by_test_id("choice-card").filter(has_text="Episode Breakdown")).to_be_visible()

    # Drop a picture: shown, stored as media of the project, and looked at by the director.
    page.evaluate(DROP, ['[data-testid="composer"]', picture(), "red-door.png", "image/png"])
    expect(page.get_by_test_id("upload")).to_have_attribute("data-status", "ready")
    page.get_by_test_id("composer").fill("This red is the colour of the ferry's door.")
    page.get_by_test_id("send").click()
    shown = page.get_by_test_id("attachment").locator("img")
    expect(shown).to_be_visible(timeout=20_000)
    expect(page.get_by_test_id("message").last).to_contain_text("320", timeout=30_000)
    assert page.evaluate("() => document.querySelector('[data-testid=attachment] img').naturalWidth") > 0
    expect(page.get_by_test_id("choice-card").first).to_be_visible(timeout=20_000)
    page.set_viewport_size({"width": 1280, "height": 1320})
    expect(page.get_by_test_id("jump-to-newest")).to_have_count(0)
    made = screenshot(page, "chat")
    assert made.stat().st_size > 20_000


def test_typing_is_possible_while_choices_are_shown_and_markdown_is_previewed(
    server: LiveServer, open_page: Callable[..., Page]
) -> None:
    page = open_page(server.url)
    sign_in(page, "admin")
    new_project(page, "Second Series")
    expect(page.get_by_test_id("choice-card").first).to_be_visible()
    composer = page.get_by_test_id("composer")
    expect(composer).to_be_enabled()
    expect(page.get_by_text("Press Enter to send, Shift+Enter for new line")).to_be_visible()
    composer.fill("A **bold** start")
    expect(page.get_by_test_id("char-count")).to_have_text("16/2000")
    page.get_by_test_id("markdown-toggle").click()
    expect(page.get_by_test_id("markdown-preview").locator("strong")).to_have_text("bold")
    composer.fill("x" * 2_001)
    composer.press("Enter")
    expect(page.get_by_test_id("message")).to_have_count(0)


def test_graphiql_is_served_by_us_and_asks_the_api(server: LiveServer, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    sign_in(page, "producer")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/graphql/")
    page.get_by_role("button", name=re.compile("Execute query")).click()
    expect(page.locator(".result-window")).to_contain_text("The Tide Clock")
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


def test_stranger_sees_nothing_of_it(server: LiveServer, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    sign_in(page, "producer")
    page.get_by_test_id("project-card").first.get_by_role("link").click()
    address = page.url
    other = open_page(server.url)
    sign_in(other, "stranger")
    expect(other.get_by_text("No projects yet")).to_be_visible()
    response = other.request.get(address)
    assert response.status == 404
    assert "The Tide Clock" not in response.text()
