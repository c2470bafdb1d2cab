"""The chat page on a server that runs trusted documents alone."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from tests.live import ROOT, LiveServer

from .test_browser import new_project, sign_in


@pytest.fixture(scope="module")
def server(embedded: Callable[..., LiveServer]) -> LiveServer:
    if not (ROOT / "frontend" / "dist" / "chat.js").exists():
        pytest.skip("The chat page is not built: Node 20+ is missing.")
    return embedded(TRUSTED_DOCUMENTS_ONLY="1")


def test_the_chat_sends_hashes_and_no_documents(server: LiveServer, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    sent: list[dict[str, object]] = []

    def keep(request: Request) -> None:
        if request.url.endswith("/graphql/") and request.post_data:
            sent.append(json.loads(request.post_data))

    page.on("request", keep)
    sign_in(page, "producer")
    new_project(page, "Known by its hash")

    page.get_by_test_id("composer").fill("A film that only trusted operations may see.")
    page.get_by_test_id("composer").press("Enter")

    expect(page.get_by_test_id("message")).to_have_count(2, timeout=20_000)
    expect(page.get_by_test_id("choice-card")).to_have_count(3)
    expect(page.get_by_test_id("connection")).to_have_text("Connected")
    assert {"ChatSession", "SendMessage"} <= {body["operationName"] for body in sent}
    assert all("query" not in body and "persistedQuery" in body["extensions"] for body in sent)
