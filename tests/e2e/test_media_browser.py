"""Files on the chat page, in a real browser: many at once, of every kind, prepared and shown live."""

import base64
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, StorageState, expect

from tests.live import ROOT, LiveServer
from tests.media import samples

from .conftest import fill_in_sign_in

SCREENSHOTS = ROOT / "var" / "screenshots"
PREPARE_TIMEOUT = 30_000
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
DROP = """async ([selector, files]) => {
  const data = new DataTransfer();
  for (const [name, type, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    data.items.add(new File([bytes], name, { type }));
  }
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector(selector).dispatchEvent(event);
  }
}"""
# A worker of the test's own: it begins when the test says so, which makes what is seen before a certainty.
WORKER = """
import pathlib, sys, time
from content.media import processing
gate = pathlib.Path(sys.argv[-1])
while True:
    if gate.exists():
        processing.work()
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    if not (ROOT / "frontend" / "dist" / "chat.js").exists():
        pytest.skip("The chat page is not built: Node 20+ is missing.")
    return embedded(MEDIA_WORKERS="0")


@contextmanager
def worker(server: LiveServer) -> Iterator[Path]:
    """A process that prepares media as soon as, and as long as, the file whose path is given exists."""
    gate = server.folder / "prepare"
    code = f"import sys; sys.argv.append({str(gate)!r})\n{WORKER}"
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    process = subprocess.Popen(command, cwd=ROOT, env=server.env | {"MEDIA_WORKERS": "1"})
    try:
        yield gate
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def signed_in(server: LiveServer, chromium: Browser) -> StorageState:
    """The producer's cookies, for every browser of these tests."""
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/")
    fill_in_sign_in(page, "producer")
    expect(page).to_have_url(re.compile("/projects/"))
    state = context.storage_state()
    context.close()
    return state


def start(page: Page, title: str) -> None:
    """Begin a project and its conversation."""
    page.goto("/projects/")
    page.locator("#new-project > summary").click()
    page.get_by_label("Title").fill(title)
    page.locator("#id_description").fill("A night ferry.")
    page.get_by_label("Genre").select_option(label="Thriller")
    page.get_by_role("button", name=re.compile("Create project")).click()
    expect(page.get_by_test_id("connection")).to_have_text("Connected")


def drop(page: Page, *files: tuple[str, str, bytes]) -> None:
    """Drop files, given by name, the system's idea of their type, and content."""
    encoded = [[name, kind, base64.b64encode(content).decode()] for name, kind, content in files]
    page.evaluate(DROP, ['[data-testid="composer"]', encoded])


def upload(page: Page, name: str) -> Locator:
    return page.get_by_test_id("upload").filter(has_text=name)


def attachment(page: Page, name: str) -> Locator:
    return page.get_by_test_id("attachment").filter(has_text=name)


def expect_picture(picture: Locator) -> None:
    """A picture that the browser could load and show."""
    expect(picture).to_be_visible(timeout=PREPARE_TIMEOUT)
    picture.evaluate("(image) => image.decode()")
    assert picture.evaluate("(image) => image.naturalWidth") > 0


def expect_poster(film: Locator) -> None:
    video = film.locator("video")
    expect(video).to_have_attribute("poster", re.compile("thumbnail"), timeout=PREPARE_TIMEOUT)
    load = "async (video) => { const p = new Image(); p.src = video.poster; await p.decode(); return p.naturalWidth }"
    assert video.evaluate(load) > 0


def test_files_of_every_kind_are_sent_at_once_and_prepared_live(
    server: LiveServer, signed_in: StorageState, open_page: Callable[..., Page]
) -> None:
    film = samples.mp4(seconds=2)
    page, other = (open_page(server.url, storage_state=signed_in) for _ in range(2))
    with worker(server) as gate:
        start(page, "Every Kind")
        drop(
            page,
            ("mood.png", "image/png", samples.png(320, 180)),
            ("IMG_0001.HEIC", "", samples.heic(320, 240)),
            ("take.mp4", "video/mp4", film),
            ("broken.mp4", "video/mp4", film[: len(film) // 2]),
            ("voice.mp3", "audio/mpeg", samples.mp3()),
            ("script.pdf", "application/pdf", samples.pdf()),
            ("pilot.fountain", "", samples.fountain()),
            ("logo.svg", "image/svg+xml", SVG),
            ("innocent.png", "image/png", SVG),
        )

        # Each succeeds or fails by itself, in words; what succeeded can be sent before its preview is there.
        expect(page.get_by_test_id("upload-summary")).to_have_text("7 of 9 files uploaded, 2 failed", timeout=15_000)
        expect(upload(page, "logo.svg")).to_contain_text("This kind of file is not taken")
        expect(upload(page, "innocent.png")).to_contain_text("scripts")
        expect(upload(page, "take.mp4")).to_contain_text("Preparing preview")
        page.get_by_test_id("composer").fill("Everything I have on the ferry.")
        page.get_by_test_id("send").click()
        expect(page.get_by_test_id("problem")).to_contain_text("Not every file could be uploaded")
        page.get_by_test_id("send-rest").click()
        expect(page.get_by_test_id("attachment")).to_have_count(7)
        expect(page.get_by_test_id("preparing")).to_have_count(7)
        page.get_by_role("button", name="Remove failed").click()
        expect(page.get_by_test_id("upload")).to_have_count(0)

        # Another browser sees the same, and how it changes.
        other.goto(page.url)
        expect(other.get_by_test_id("preparing")).to_have_count(7)
        gate.touch()
        for seen in (page, other):
            expect_poster(attachment(seen, "take.mp4"))
            expect_picture(seen.get_by_alt_text("Waveform of voice.mp3"))
            expect_picture(seen.get_by_alt_text("First page of script.pdf"))
            expect_picture(seen.get_by_alt_text("mood", exact=True))
            expect_picture(seen.get_by_alt_text("IMG_0001.HEIC"))
            expect(attachment(seen, "broken.mp4").get_by_test_id("media-error")).to_be_visible()
            expect(seen.get_by_test_id("preparing")).to_have_count(0)
        expect(attachment(other, "IMG_0001.HEIC").get_by_role("link")).to_have_attribute("download", "IMG_0001.HEIC")

        # The broken film is made whole behind the scenes: trying again in one browser shows in the other.
        (stored,) = (path for path in (server.folder / "media").rglob("*.mp4") if path.stat().st_size < len(film))
        stored.write_bytes(film)
        attachment(page, "broken.mp4").get_by_role("button", name=re.compile("Try again")).click()
        for seen in (page, other):
            expect_poster(attachment(seen, "broken.mp4"))
            expect(seen.get_by_test_id("media-error")).to_have_count(0)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    other.screenshot(path=SCREENSHOTS / "media.png")

    # A film plays in its place, and can be wound forward: the browser asks for the part that it needs.
    answers: list[int] = []
    other.on("response", lambda response: answers.append(response.status) if "/media/" in response.url else None)
    shown = attachment(other, "take.mp4")
    shown.get_by_test_id("play").click()
    video = shown.locator("video")
    expect(video).to_have_js_property("controls", True)
    other.wait_for_function("(video) => video.currentTime > 0", arg=video.element_handle())
    video.evaluate("(video) => { video.pause(); video.currentTime = 1.5 }")
    other.wait_for_function("(video) => !video.seeking && video.currentTime === 1.5", arg=video.element_handle())
    assert 206 in answers


def test_many_files_go_a_few_at_a_time_and_wait_for_the_next_message(
    server: LiveServer, signed_in: StorageState, open_page: Callable[..., Page]
) -> None:
    page = open_page(server.url, storage_state=signed_in)
    start(page, "Many Files")
    at_once = most_at_once = 0

    def begun(route: Route) -> None:
        nonlocal at_once, most_at_once
        at_once += 1
        most_at_once = max(most_at_once, at_once)
        route.continue_()

    def ended(url: str) -> None:
        nonlocal at_once
        at_once -= "/uploads/" in url

    page.route("**/uploads/**", begun)
    page.on("requestfinished", lambda request: ended(request.url))
    drop(page, *((f"note-{index}.txt", "text/plain", f"Scene {index}".encode()) for index in range(12)))
    expect(page.get_by_test_id("upload-summary")).to_have_text("12 of 12 files uploaded", timeout=20_000)
    assert 1 <= most_at_once <= 3
    expect(page.get_by_test_id("upload-later")).to_contain_text("2 more are kept in the project")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("attachment")).to_have_count(10)
    expect(page.get_by_test_id("upload")).to_have_count(2)


def test_an_upload_that_was_interrupted_goes_on_when_it_is_tried_again(
    server: LiveServer, signed_in: StorageState, chromium: Browser
) -> None:
    # Not by `open_page`: a browser's own complaint about the lost connection is no fault of the page.
    context = chromium.new_context(base_url=server.url, storage_state=signed_in, viewport={"width": 360, "height": 740})
    page = context.new_page()
    start(page, "A Hiccup")
    page.route("**/uploads/**", lambda route: route.abort("connectionreset"), times=1)
    drop(page, ("mood.png", "image/png", samples.png()), ("take.mp4", "video/mp4", samples.mp4()))
    failed = page.locator('[data-testid="upload"][data-status="failed"]')
    expect(failed).to_contain_text("interrupted")
    failed.get_by_role("button", name=re.compile("Try again")).click()
    expect(page.get_by_test_id("upload-summary")).to_have_text("2 of 2 files uploaded")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("attachment")).to_have_count(2)
    # Nothing sticks out of a narrow window.
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    context.close()
