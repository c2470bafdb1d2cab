"""A session's title: from its first exchange, until a person gives one."""

from collections.abc import Callable
from typing import Any

import pytest

from cms.accounts.models import User
from content.media.models import Media
from content.projects.models import Project
from conversation import sessions
from conversation.models import Session, SessionEvent, Turn
from tests.ai.fault_scenarios import SCENARIOS
from tests.conftest import Api, gid

from .talking import choose, say

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]
START = "mutation ($input: StartSessionInput!) { startSession(input: $input) { session { title } errors { code } } }"
LIST = """query ($search: String, $after: String) { sessions(search: $search, first: 1, after: $after) {
  edges { cursor node { title } } pageInfo { hasNextPage } } }"""


@pytest.fixture
def titled(api: MakeApi, producer: User, session: Session, finish: Finish) -> Callable[..., str]:
    """Say something, have it answered, and read the session's title."""

    def run(text: str, **rest: Any) -> str:
        assert say(api(producer), session, text, **rest).codes == []
        finish(Turn.objects.latest("pk"))
        return title_of(api(producer), session)

    return run


def title_of(caller: Api, session: Session) -> str:
    return caller("query ($id: ID!) { session(id: $id) { title } }", id=gid(session)).value["title"]


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Who keeps the lighthouse?", "Who keeps the lighthouse?"),
        ("# The *tide* clock\n\nIt runs backwards.", "The tide clock"),
        ("- **Ana** keeps `the light`\n- Carl does not", "Ana keeps the light"),
        ("See [the map](https://example.com/map), please", "See the map, please"),
        ("One line\nand the next", "One line and the next"),
        ("<b>Bold</b> & co", "<b>Bold</b> & co"),
        ("Turn \u202eback\u202c the\ttide", "Turn back the tide"),
        ("Η παλίρροια και ο фарос", "Η παλίρροια και ο фарос"),
        (
            "A keeper of a lighthouse finds a clock that runs backwards whenever the tide goes out",
            "A keeper of a lighthouse finds a clock that runs backwards…",
        ),
        ("x" * 100, "x" * 59 + "…"),
        ("灯" * 100, "灯" * 59 + "…"),
    ],
)
def test_the_first_words_name_the_session_once_they_are_answered(
    titled: Callable[..., str], said: str, title: str
) -> None:
    assert titled(said) == title
    assert len(title) <= 60


def test_until_then_it_has_a_number(api: MakeApi, producer: User, session: Session) -> None:
    say(api(producer), session)
    assert title_of(api(producer), session) == "Session 1"


def test_a_choice_alone_is_named_by_the_directors_first_sentence(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    # given
    choose(api(producer), session, "develop_story")
    turn = finish(Turn.objects.get())
    # then
    title = title_of(api(producer), session)
    assert title.rstrip("…")
    assert title.rstrip("…") in " ".join(turn.reply.content.replace("*", "").split())
    assert not title.startswith(("Session", "Develop"))
    assert len(title) <= 60


def test_words_added_to_a_choice_count_before_the_choice(
    api: MakeApi, producer: User, session: Session, finish: Finish
) -> None:
    choose(api(producer), session, "develop_story", text="Begin with the fog")
    finish(Turn.objects.get())
    assert title_of(api(producer), session) == "Begin with the fog"


def test_a_heading_of_the_reply_names_what_came_without_words(
    turn_with: Callable[..., Turn],
    picture: Callable[..., Media],
    api: MakeApi,
    producer: User,
    project: Project,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def heading(talk: Any) -> None:
        talk.say("Yes, that one.\n\n## The **Clock** Island\n\nMore.")
        talk.end()

    monkeypatch.setitem(SCENARIOS, "heading", heading)
    assert turn_with("heading", text="", attachmentIds=[gid(picture(project))]).status == "completed"
    assert title_of(api(producer), session) == "The Clock Island"


def test_the_second_exchange_changes_nothing(titled: Callable[..., str]) -> None:
    assert titled("The first words") == "The first words"
    assert titled("And others") == "The first words"


def test_a_failed_first_turn_leaves_the_naming_to_the_next(
    turn_with: Callable[..., Turn], api: MakeApi, producer: User, session: Session, finish: Finish, settings: Any
) -> None:
    assert turn_with("401", text="The first words").status == "failed"
    assert title_of(api(producer), session) == "Session 1"
    settings.QWEN3VL_BASE_URL = ""
    say(api(producer), session, "The second words")
    finish(Turn.objects.latest("pk"))
    assert title_of(api(producer), session) == "The first words"


def test_a_title_that_a_person_gave_stays(
    api: MakeApi, producer: User, project: Project, session: Session, finish: Finish
) -> None:
    # given one that was given at the start, and one that was renamed before the first reply
    caller = api(producer)
    named = sessions.start_session(user=producer, project_id=project.pk, title="Mine")
    rename = 'mutation ($id: ID!) { updateSession(input: {id: $id, title: " My  own "}) { errors { code } } }'
    assert caller(rename, id=gid(session)).codes == []
    # when
    for each in (named, session):
        say(caller, each)
        finish(Turn.objects.latest("pk"))
    # then
    assert title_of(caller, named) == "Mine"
    assert title_of(caller, session) == "My own"


def test_sharing_is_no_renaming(titled: Callable[..., str], producer: User, session: Session) -> None:
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    assert titled("The first words") == "The first words"


def test_subscribers_are_told_before_the_turn_ends(titled: Callable[..., str], session: Session) -> None:
    titled("The first words")
    types = list(SessionEvent.objects.filter(session=session).values_list("type", flat=True))
    # its start, then the naming, then what belongs to the reply
    assert types.count("session_updated") == 2
    assert types[types.index("session_updated", 1) :] == [
        "session_updated",
        "message_added",
        "choices_offered",
        "turn_updated",
    ]


def test_sessions_are_found_by_the_words_of_their_titles(
    api: MakeApi, producer: User, stranger: User, project: Project
) -> None:
    for title in ("The tide clock", "Fog over the clock", "Nothing"):
        sessions.start_session(user=producer, project_id=project.pk, title=title)
    caller = api(producer)
    # when
    first = caller(LIST, search="CLOCK the").value
    second = caller(LIST, search="CLOCK the", after=first["edges"][0]["cursor"]).value
    # then
    assert [edge["node"]["title"] for page in (first, second) for edge in page["edges"]] == [
        "Fog over the clock",
        "The tide clock",
    ]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert caller(LIST, search="100%").value["edges"] == []
    assert api(stranger)(LIST, search="clock").value["edges"] == []
