"""Search in messages: what is found, by whom, and in which order."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.accounts.models import User
from content.projects.models import Project
from content.projects.services import add_collaborator, archive_project, create_project, remove_collaborator
from conversation import sessions
from conversation.models import Message, MessageWords, Session, Turn
from conversation.search import index_message
from tests.ai.fault_scenarios import SCENARIOS
from tests.conftest import Api, gid

from .talking import say

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]
Write = Callable[..., Message]
# Whose cookie it is: the session and the user.
SIGN_IN = 2
# One's projects, the page, its sessions, their projects, and the authors.
COST = 5


@pytest.fixture
def write(session: Session) -> Write:
    """Store a message as it would be after a turn, without waiting for one."""

    def make(content: str, within: Session | None = None, **fields: Any) -> Message:
        place = within or session
        seq = Message.objects.filter(session=place).count() + 1
        message = Message.objects.create(session=place, seq=seq, content=content, **{"role": "user", **fields})
        index_message(message)
        return message

    return make


def found(caller: Api, text: str, **rest: Any) -> list[str]:
    page = caller("SearchMessages", text=text, **rest).value
    return [edge["node"]["content"] for edge in page["edges"]]


def marked(caller: Api, text: str) -> str:
    """The first match's snippet, with brackets where it is highlighted."""
    match = caller("SearchMessages", text=text).value["edges"][0]
    units = match["snippet"].encode("utf-16-le")
    for place in reversed(match["highlights"]):
        start, end = 2 * place["offset"], 2 * (place["offset"] + place["length"])
        units = units[:start] + "[".encode("utf-16-le") + units[start:end] + "]".encode("utf-16-le") + units[end:]
    return units.decode("utf-16-le")


def test_what_was_said_and_answered_is_found_with_its_session(
    turn_with: Callable[..., Turn], api: MakeApi, producer: User, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(talk: Any) -> None:
        talk.say("A keeper who never sleeps.")
        talk.end()

    monkeypatch.setitem(SCENARIOS, "keeper", reply)
    turn_with("keeper", text="Who keeps the lighthouse?")
    caller = api(producer)
    # then
    assert found(caller, "lighthouse") == ["Who keeps the lighthouse?"]
    (edge,) = caller("SearchMessages", text="never sleeps").value["edges"]
    assert edge["node"]["content"] == "A keeper who never sleeps."
    assert edge["node"]["role"] == "ASSISTANT"
    assert edge["node"]["session"]["id"] == gid(session)
    assert edge["onActivePath"] is True


def test_what_the_server_itself_says_is_not_searched(api: MakeApi, producer: User, write: Write) -> None:
    write("The lighthouse could not be read.", role="system")
    assert found(api(producer), "lighthouse") == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Über dem Café", "uber CAFE"),
        ("der Straße nach", "STRASSE"),
        ("Η παλίρροια", "παλιρροια"),
        ("潮の時計が逆に回る", "時計"),
        ("潮の時計が逆に回る", "潮"),
        ("fog, fog-bound and foghorns", "foghorn"),
        ("the `tide_clock` of **Ana**", "ana clock tide"),
    ],
)
def test_words_are_compared_as_they_are_for_media(
    api: MakeApi, producer: User, write: Write, content: str, text: str
) -> None:
    write(content)
    write("something else")
    assert found(api(producer), text) == [content]


def test_all_words_must_be_there_and_only_the_last_may_be_begun(api: MakeApi, producer: User, write: Write) -> None:
    write("the fog over the harbour")
    write("the fog")
    caller = api(producer)
    assert found(caller, "fog harb") == ["the fog over the harbour"]
    assert found(caller, "harb fog") == []
    assert found(caller, "fog harb ") == []


def test_better_ones_come_first_and_of_equals_the_newest(api: MakeApi, producer: User, write: Write) -> None:
    texts = ["fog", "fog, and fog again; nothing but fog", "foghorn", "the fog", "a clock"]
    for text in texts:
        write(text)
    assert found(api(producer), "fog") == [texts[1], texts[3], texts[0], texts[2]]


def test_pages_follow_each_other_while_messages_are_added(api: MakeApi, producer: User, write: Write) -> None:
    for number in range(5):
        write(f"fog {number}")
    write("fog fog fog")
    caller = api(producer)
    # when
    first = caller("SearchMessages", text="fog", first=2).value
    write("fog after the first page")
    second = caller("SearchMessages", text="fog", first=9, after=first["pageInfo"]["endCursor"]).value
    back = caller("SearchMessages", text="fog", last=2, before=second["edges"][0]["cursor"]).value
    # then
    texts = [edge["node"]["content"] for edge in first["edges"] + second["edges"]]
    assert texts == ["fog fog fog", "fog 4", "fog 3", "fog 2", "fog 1", "fog 0"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    # what came meanwhile is newer than "fog 4"
    assert [edge["node"]["content"] for edge in back["edges"]] == ["fog after the first page", "fog 4"]


def test_a_cursor_of_another_list_is_refused(api: MakeApi, producer: User, write: Write) -> None:
    write("fog")
    for cursor in ("WyJ4IiwgMV0", "W251bGwsIDFd", "nonsense"):
        assert api(producer)("SearchMessages", text="fog", after=cursor).top_codes == ["INVALID"]


def test_other_branches_are_searched_and_told_apart(api: MakeApi, producer: User, write: Write) -> None:
    write("the fog as it was", on_active_path=False)
    write("the fog as it is")
    edges = api(producer)("SearchMessages", text="fog").value["edges"]
    assert [edge["onActivePath"] for edge in edges] == [True, False]


def test_only_sessions_that_one_sees_are_searched(
    api: MakeApi,
    producer: User,
    collaborator: User,
    stranger: User,
    admin: User,
    person: Callable[..., User],
    project: Project,
    session: Session,
    write: Write,
) -> None:
    # given one session that is private, one that is shared, and one of somebody else's project
    guest = person("guest")
    add_collaborator(user=producer, project_id=project.pk, email=guest.email)
    shared = sessions.start_session(user=producer, project_id=project.pk)
    sessions.update_session(user=producer, session_id=shared.pk, changes={"shared": True})
    island = create_project(user=stranger, title="Island", genre="drama")
    elsewhere = sessions.start_session(user=stranger, project_id=island.pk)
    for place, text in ((session, "private fog"), (shared, "shared fog"), (elsewhere, "foreign fog")):
        write(text, place)
    # then
    assert found(api(producer), "fog") == ["shared fog", "private fog"]
    assert found(api(collaborator), "fog") == found(api(guest), "fog") == ["shared fog"]
    assert found(api(stranger), "fog") == ["foreign fog"]
    assert found(api(admin), "fog") == ["foreign fog", "shared fog", "private fog"]
    assert api()("SearchMessages", text="fog").top_codes == ["UNAUTHENTICATED"]
    # and of one project
    assert found(api(admin), "fog", projectId=gid(island)) == ["foreign fog"]
    assert found(api(producer), "fog", projectId=gid(project)) == ["shared fog", "private fog"]
    assert api(producer)("SearchMessages", text="fog", projectId=gid(island)).top_codes == ["NOT_FOUND"]
    # when one is no longer shared, and somebody removed
    remove_collaborator(user=producer, project_id=project.pk, user_id=guest.pk)
    assert found(api(guest), "fog") == []
    sessions.update_session(user=producer, session_id=shared.pk, changes={"shared": False})
    assert found(api(collaborator), "fog") == []


def test_so_many_projects_that_the_index_is_not_limited_to_them(
    api: MakeApi, producer: User, stranger: User, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversation.search.MOST_PROJECTS", 0)
    monkeypatch.setattr("conversation.search.MOST_FOUND", 1)
    island = create_project(user=stranger, title="Island", genre="drama")
    write("fog")
    write("foreign fog", sessions.start_session(user=stranger, project_id=island.pk))
    # Others' newer messages take nobody's place.
    assert found(api(producer), "fog") == ["fog"]
    assert found(api(stranger), "fog") == ["foreign fog"]


def test_of_a_word_that_is_everywhere_the_newest_count(
    api: MakeApi, producer: User, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversation.search.MOST_FOUND", 2)
    for text in ("fog fog fog", "fog", "a clock in the fog"):
        write(text)
    assert found(api(producer), "fog") == ["a clock in the fog", "fog"]
    assert found(api(producer), "clock") == ["a clock in the fog"]


def test_archived_projects_are_readable_and_so_searched(
    api: MakeApi, producer: User, project: Project, write: Write
) -> None:
    write("fog")
    archive_project(user=producer, project_id=project.pk)
    assert found(api(producer), "fog") == ["fog"]


def test_a_snippet_is_the_place_with_the_most_of_the_words(api: MakeApi, producer: User, write: Write) -> None:
    write("fog " + "and nothing else " * 30 + "but **fog** over\nthe 🎬 Harbour, harbour " + "for ever " * 60)
    # when
    snippet = marked(api(producer), "fog harbour")
    # then
    assert "**[fog]** over the 🎬 [Harbour], [harbour] for ever" in snippet
    assert snippet.startswith("… ")
    assert snippet.endswith(" …")
    assert len(snippet) < 260


@pytest.mark.parametrize(
    ("content", "text", "snippet"),
    [
        ("A cafe\u0301 by the sea", "café", "A [cafe\u0301] by the sea"),
        ("🎬🎬 Straße", "strasse", "🎬🎬 [Straße]"),
        ("逆に回る潮の時計", "時計", "逆に回る潮の[時計]"),
        ("潮の時計", "潮の時計", "[潮の時計]"),
        ("foghorns", "fog", "[foghorns]"),
        ("<script>alert('fog')</script>", "fog", "<script>alert('[fog]')</script>"),
        ("https://example.com/fog?x=1", "fog", "https://example.com/[fog]?x=1"),
    ],
)
def test_the_words_are_marked_where_they_are_written(
    api: MakeApi, producer: User, write: Write, content: str, text: str, snippet: str
) -> None:
    write(content)
    assert marked(api(producer), text) == snippet


def test_a_word_far_down_a_long_message_is_found(api: MakeApi, producer: User, write: Write) -> None:
    write("water " * 20_000 + "fog")
    assert len(found(api(producer), "fog")) == 1


@pytest.mark.parametrize("text", ["", "  ", "!?", "x" * 501])
def test_a_text_without_words_or_over_long_is_invalid(api: MakeApi, producer: User, text: str) -> None:
    assert api(producer)("SearchMessages", text=text).top_codes == ["INVALID"]


@pytest.mark.parametrize(
    "text", ['"', "fog*", "fog OR", "fog' | 'x", "p.1", "o.fog", "NOT fog", "fog:*", "(fog", "-fog"]
)
def test_no_character_of_a_query_is_an_operator(api: MakeApi, producer: User, write: Write, text: str) -> None:
    write("clock")
    answer = api(producer)("SearchMessages", text=text)
    assert answer.top_codes in ([], ["INVALID"])
    assert not answer.data or answer.value["edges"] == []


def test_what_is_rolled_back_is_not_found_and_what_is_deleted_is_gone(
    api: MakeApi, producer: User, session: Session, write: Write
) -> None:
    say(api(producer), session, "x" * 2_001)
    assert found(api(producer), "x") == []
    message = write("fog")
    message.delete()
    assert found(api(producer), "fog") == []


def test_twenty_matches_cost_as_many_queries_as_one(
    api: MakeApi, producer: User, project: Project, write: Write
) -> None:
    caller = api(producer)

    def cost() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as captured:
            edges = caller("SearchMessages", text="fog").value["edges"]
        return len(captured) - SIGN_IN, len(edges)

    write("fog", author=producer)
    cost()
    assert cost() == (COST, 1)
    for _ in range(19):
        write("fog", sessions.start_session(user=producer, project_id=project.pk), author=producer)
    assert cost() == (COST, 20)


def test_messages_that_were_there_before_are_indexed_by_the_migration(
    api: MakeApi, producer: User, session: Session, write: Write
) -> None:
    # given messages as they were before there was an index
    write("fog before")
    Message.objects.create(session=session, seq=2, role="system", content="what the server said of fog")
    MessageWords.objects.all().delete()
    assert found(api(producer), "fog") == []
    # when
    import_module("conversation.migrations.0006_message_words").fill(apps, None)
    # then
    assert found(api(producer), "fog") == ["fog before"]
