"""Malformed and hostile replies (tests/ai/corpus) through a whole turn: said through the API, answered by a provider
over real HTTP, read through the API.

Whatever a model says, the turn ends with a reply that can be used or with a failure in words; the workflow does not
move and no task begins against the rules; nothing of it is live HTML. What a case may `expect` besides:

    status, code         of the turn; "completed" by default
    text, has, lacks     the reply, or parts that are or are not in it
    html_lacks           of its HTML
    step, state          where the session is afterwards; by default where it was, and ACTIVE
    offers, titles       the choices before the override; by default the step's own
    task                 what the input of the one task that was queued holds; by default there is none
    notes                parts of what is noted on the turn
    asked                how often the provider was asked; once by default
    fenced               a text that the provider was told inside data only
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import transaction

from ai.text import is_blank
from cms.accounts.models import User
from cms.errors import ErrorCode
from content.generation.models import GenerationTask
from content.projects.models import Project
from content.workflow.cards import step_cards
from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph
from conversation.models import Session, Summary, Turn
from conversation.sessions import lock_session
from conversation.turns import append_message
from tests.ai.corpus import CORPUS, Case
from tests.ai.fault_server import FaultServer
from tests.conftest import Api, gid

STATE = """query($id: ID!) { session(id: $id) {
  state awaitingUserInput currentStep { slug }
  choices { slug title description isManualOverride }
  messages(last: 5) { edges { node { role content html } } }
  project { tasks(first: 5) { edges { node { taskType input } } } } } }"""
ERROR = "query($id: ID!) { node(id: $id) { ... on Turn { error { code message } } } }"

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre",
    "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title", "rel"}, "code": {"class"}, "ol": {"start"}}
SECRETS = ("SECRET", "sk-1234", "Traceback", "127.0.0.1")


class Inspector(HTMLParser):
    """What a browser would make of a text: its tags, attributes, and whatever else is no text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES.get(tag, set()):
                self.found.append(f"{tag} {name}={value}")
            elif name == "href":
                self._address(value or "")

    def _address(self, address: str) -> None:
        parts = urlsplit(re.sub(r"[\x00-\x20]", "", address))
        if parts.scheme not in {"http", "https", "mailto"}:
            self.found.append(f"href={address}")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}")

    def unknown_decl(self, data: str) -> None:
        self.found.append(f"<![{data}")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"<?{data}")


@pytest.fixture
def prepared(producer: User, project: Project, session: Session, stored: Callable[..., Any]) -> Callable[..., Any]:
    """Put into a session what people had put there; answers what is sent."""

    def prepare(given: dict[str, Any]) -> dict[str, Any]:
        Project.objects.filter(pk=project.pk).update(**{k: given[k] for k in ("title", "description") if k in given})
        User.objects.filter(pk=producer.pk).update(preferences=given.get("preferences", {}))
        if "step" in given:
            Session.objects.filter(pk=session.pk).update(current_step=WorkflowStep.objects.get(slug=given["step"]))
        if "earlier" in given or "summary" in given:
            with transaction.atomic():
                locked = lock_session(session.pk)
                append_message(locked, role="user", author=producer, content="Who are they?")
                said = append_message(locked, role="assistant", content=given.get("earlier", "Two sisters."))
            if "summary" in given:
                Summary.objects.create(message=said, text=given["summary"], model="another")
        message = {"sessionId": gid(session), "text": given.get("text", "What is next?")}
        if "file" in given:
            name = given.get("file_name", "notes.md")
            message["attachmentIds"] = [gid(stored(given["file"].encode(), "text/markdown", name))]
        return message

    return prepare


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name.removeprefix("corpus/"))
def test_reply_is_usable_or_fails_clearly(
    case: Case,
    prepared: Callable[..., Any],
    api: Callable[..., Api],
    producer: User,
    session: Session,
    provider: FaultServer,
    settings: Any,
    finish: Callable[[Turn], Turn],
) -> None:
    # given
    settings.QWEN3VL_BASE_URL, settings.QWEN3VL_MODEL = f"{provider.url}/v1", case.name
    settings.QWEN3VL_API_KEY, settings.QWEN3VL_SILENCE_SECONDS = "sk-12345678", 5.0
    message = prepared(case.given)
    before = Session.objects.select_related("current_step").get(pk=session.pk).current_step.slug
    caller = api(producer)
    # when
    answer = caller("SendMessage", input=message)
    assert answer.codes == []
    turn = finish(Turn.objects.latest("pk"))
    shown = caller(STATE, id=gid(session)).value
    # then
    expect = case.expect
    assert turn.status == expect.get("status", "completed"), turn.error_message
    assert_rules(shown, before, expect)
    messages = [edge["node"] for edge in shown["messages"]["edges"]]
    if turn.status == "completed":
        assert_reply(messages[-1], turn, expect)
    else:
        assert_failure(caller(ERROR, id=gid(turn)).value["error"], expect)
    assert_data_stays_data(provider, case)
    for each in messages:
        assert Inspector(each["html"]).found == []


def assert_rules(shown: dict[str, Any], before: str, expect: dict[str, Any]) -> None:
    """The workflow is where it may be, and what is offered may be taken."""
    graph = published_graph()
    here = shown["currentStep"]["slug"]
    assert here == expect.get("step", before)
    assert here == before or graph.allows(before, here)
    assert (shown["state"], shown["awaitingUserInput"]) == (expect.get("state", "ACTIVE"), True)
    *offered, override = shown["choices"]
    assert override["isManualOverride"]
    assert not any(choice["isManualOverride"] for choice in offered)
    own = [card.slug for card in step_cards(WorkflowStep.objects.get(slug=here)) if not card.is_manual_override]
    assert [choice["slug"] for choice in offered] == expect.get("offers", own[:4])
    for title, choice in zip(expect.get("titles", []), offered, strict=False):
        assert choice["title"] == title
    for choice in offered:
        assert not is_blank(choice["title"])
        assert len(choice["title"]) <= 80
        assert len(choice["description"]) <= 300
    session = Session.objects.latest("pk")
    for row in session.choice_rows.filter(offer=session.offer, is_manual_override=False):
        assert not row.leads_to or graph.allows(here, row.leads_to)
        assert not row.submits or row.submits in graph.step(here).task_types
        assert not row.finishes or here == graph.last.slug
    tasks = [edge["node"] for edge in shown["project"]["tasks"]["edges"]]
    assert len(tasks) == GenerationTask.objects.count() == int("task" in expect)
    for task in tasks:
        assert task["taskType"] == "storyboard_panel"
        assert expect["task"].items() <= task["input"].items()


def assert_reply(reply: dict[str, Any], turn: Turn, expect: dict[str, Any]) -> None:
    """It can be read, and holds what was said and nothing else."""
    content = reply["content"]
    assert reply["role"] == "ASSISTANT"
    assert not is_blank(content)
    assert len(content) <= 20_000
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]", content)
    assert content == expect.get("text", content)
    for part in expect.get("has", []):
        assert part in content
    for part in [*expect.get("lacks", []), *SECRETS]:
        assert part not in content
    for part in expect.get("html_lacks", []):
        assert part not in reply["html"]
    for part in expect.get("notes", []):
        assert any(part in note for note in turn.notes), turn.notes
    if "notes" not in expect and expect.get("asked", 1) == 1:
        assert turn.notes == []
    assert all(len(note) < 300 for note in turn.notes)
    assert 0 < turn.input_tokens < 100_000
    assert 0 <= turn.output_tokens < 100_000
    assert len(turn.model) <= 200


def assert_failure(error: dict[str, Any], expect: dict[str, Any]) -> None:
    """It is told by a code, and in our own words."""
    assert error["code"] == expect["code"]
    assert error["code"] in {code.value for code in ErrorCode}
    assert len(error["message"]) > 20
    for part in SECRETS:
        assert part not in error["message"]


def assert_data_stays_data(provider: FaultServer, case: Case) -> None:
    """The provider was asked as often as it should, and told what people wrote as data."""
    asked = provider.asked_of(case.name)
    assert len(asked) == case.expect.get("asked", 1)
    if marker := case.expect.get("fenced"):
        told = asked[-1].texts
        assert marker in told
        assert marker not in re.sub(r'<data name="[^"]*">\n.*?\n</data>', "", told, flags=re.DOTALL)
    for each in asked:
        assert "<|im_start|>" not in each.texts


def test_corpus_is_large_enough_and_every_case_says_what_it_is_about() -> None:
    assert len({(case.file, case.values["name"]) for case in CORPUS}) >= 60
    assert all(case.values["why"].endswith(".") for case in CORPUS)
    known = {
        "name", "why", "says", "reports", "repeat", "again", "ways", "deltas", "events", "raw", "finish", "usage",
        "obeys", "given", "expect",
    }  # fmt: skip
    assert {key for case in CORPUS for key in case.values} <= known
