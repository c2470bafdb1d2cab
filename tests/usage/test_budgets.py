"""What stops people: the tokens of their month and of a project, before the provider is asked."""

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from cms.accounts.models import User
from content.projects.models import Project
from content.projects.services import create_project
from content.usage.models import MonthlyUsage, Reservation
from conversation import sessions
from conversation.models import Message, Session, Turn
from tests.ai.fault_server import FaultServer
from tests.conftest import Api, gid
from tests.conversation.talking import choose, say

from .conftest import ANSWER, BUDGET, CALL, ME, project_usage, queue

MakeApi = Callable[..., Api]
Spent = Callable[[], dict[str, Any]]


def set_budget(caller: Api, project: Project, tokens: int | None) -> Any:
    return caller(BUDGET, id=gid(project), tokens=tokens)


def test_a_spent_month_refuses_before_anything_is_written(
    metered: FaultServer, api: MakeApi, producer: User, session: Session, limited: Any, spent: Spent
) -> None:
    # given
    limited(CALL - 1)
    caller, asked = api(producer), len(metered.asked)
    events = session.events.count()
    # when
    answers = [say(caller, session), choose(caller, session, "develop_story")]
    # then
    for answer in answers:
        error = answer.error
        assert (error["code"], error["limit"], error["remaining"]) == ("LIMIT_EXCEEDED", CALL - 1, CALL - 1)
        assert all(word in error["message"] for word in ("Your Enterprise plan", "6,999", "7,000", "are left", "UTC"))
        assert answer.value["message"] is None
    assert (Message.objects.count(), Turn.objects.count(), Reservation.objects.count()) == (0, 0, 0)
    assert session.events.count() == events
    assert (spent()["used"], spent()["reserved"], len(metered.asked)) == (0, 0, asked)


def test_the_same_words_go_through_once_there_is_room(
    metered: FaultServer, api: MakeApi, producer: User, session: Session, limited: Any
) -> None:
    caller = api(producer)
    limited(0)
    assert say(caller, session, idempotencyKey="k").error["code"] == "LIMIT_EXCEEDED"
    limited(CALL)

    first = say(caller, session, idempotencyKey="k")
    limited(0)
    again = say(caller, session, idempotencyKey="k")

    assert (first.codes, again.codes) == ([], [])
    assert first.value["turn"]["id"] == again.value["turn"]["id"]


def test_every_way_to_have_the_director_answer_is_stopped(
    metered: FaultServer, settings: Any, api: MakeApi, producer: User, session: Session, limited: Any, finish: Any
) -> None:
    # given an answer, and then one that failed
    caller = api(producer)
    answered = finish(queue(caller, session))
    settings.QWEN3VL_MODEL = "401"
    failed = finish(queue(caller, session))
    assert failed.status == "failed"
    limited(ANSWER)
    before = list(Turn.objects.order_by("pk").values())
    # then
    replied = gid(Message.objects.get(turn=answered))
    said = gid(answered.message)
    refusals = [
        caller("RetryTurn", input={"id": gid(failed)}),
        caller("Regenerate", input={"messageId": replied}),
        caller("EditMessage", input={"messageId": said, "text": "Who left it?"}),
        say(caller, session),
    ]
    assert [answer.codes for answer in refusals] == [["LIMIT_EXCEEDED"]] * 4
    assert list(Turn.objects.order_by("pk").values()) == before
    assert not Reservation.objects.exists()


def test_a_project_has_a_budget_of_its_own(
    metered: FaultServer, api: MakeApi, producer: User, project: Project, session: Session, finish: Any, spent: Spent
) -> None:
    # given
    caller = api(producer)
    assert set_budget(caller, project, CALL + ANSWER - 1).value["project"] == {"tokenBudget": CALL + ANSWER - 1}
    finish(queue(caller, session))
    # when
    error = say(caller, session).error
    # then
    assert (error["code"], error["limit"], error["remaining"]) == ("LIMIT_EXCEEDED", CALL + ANSWER - 1, CALL - 1)
    assert "This project's owner" in error["message"]
    assert "do not renew" in error["message"]
    assert spent()["reserved"] == 0
    told = project_usage(caller, project)
    assert (told["limit"], told["left"], told["periodEnd"]) == (CALL + ANSWER - 1, CALL - 1, None)
    # and once it is cleared, there is no such limit
    assert set_budget(caller, project, None).codes == []
    assert say(caller, session).codes == []


def test_only_the_owner_and_admins_set_a_projects_budget(
    api: MakeApi, producer: User, collaborator: User, stranger: User, admin: User, project: Project
) -> None:
    set_budget(api(producer), project, 5)

    assert set_budget(api(collaborator), project, None).codes == ["FORBIDDEN"]
    assert set_budget(api(stranger), project, None).codes == ["NOT_FOUND"]
    assert set_budget(api(producer), project, -1).error["field"] == ["tokenBudget"]
    assert set_budget(api(producer), project, 2**53).codes == []
    assert project_usage(api(collaborator), project)["limit"] == 2**53
    assert set_budget(api(admin), project, 0).value["project"] == {"tokenBudget": 0}


def test_a_budget_that_is_larger_than_an_int_can_be_spent_too(
    metered: FaultServer, api: MakeApi, producer: User, session: Session, limited: Any, project: Project
) -> None:
    limited(2**40)
    queue(api(producer), session)
    MonthlyUsage.objects.update(used=2**40 - CALL)
    other = sessions.start_session(user=producer, project_id=project.pk)

    error = say(api(producer), other).error

    assert (error["code"], error["limit"], error["remaining"]) == ("LIMIT_EXCEEDED", None, 0)
    assert f"{2**40:,}" in error["message"]


def test_a_member_pays_for_what_they_ask_in_anothers_session(
    metered: FaultServer, api: MakeApi, producer: User, collaborator: User, session: Session, finish: Any, spent: Spent
) -> None:
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})

    finish(queue(api(collaborator), session))

    assert spent()["used"] == 0
    assert api(collaborator)(ME).value["usage"]["used"] == ANSWER


def test_who_used_what_is_for_the_owner_and_admins(
    metered: FaultServer,
    api: MakeApi,
    producer: User,
    collaborator: User,
    stranger: User,
    admin: User,
    project: Project,
    session: Session,
    finish: Any,
) -> None:
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    for user in (producer, collaborator, collaborator):
        finish(queue(api(user), session))

    for user in (producer, admin):
        told = project_usage(api(user), project)["byUser"]
        assert {row["user"]["name"]: row["inputTokens"] + row["outputTokens"] for row in told} == {
            "Producer": ANSWER,
            "Collaborator": 2 * ANSWER,
        }
    seen = project_usage(api(collaborator), project)
    assert (seen["byUser"], seen["used"]) == (None, 3 * ANSWER)
    assert api(stranger)("query ($id: ID!) { project(id: $id) { usage { used } } }", id=gid(project)).value is None
    others = """query ($id: ID!) { project(id: $id) { collaborators { usage { used } } } }"""
    assert api(producer)(others, id=gid(project)).value == {"collaborators": [{"usage": None}]}
    assert api(admin)(others, id=gid(project)).value == {"collaborators": [{"usage": {"used": 2 * ANSWER}}]}


def test_usage_of_many_costs_as_many_queries_as_of_one(
    metered: FaultServer, api: MakeApi, producer: User, admin: User, person: Any, finish: Any
) -> None:
    def one_more(number: int) -> None:
        project = create_project(user=producer, title=f"Series {number}", genre="drama")
        session = sessions.start_session(user=producer, project_id=project.pk)
        finish(queue(api(producer), session))

    query = """{ projects(first: 20) { edges { node { tokenBudget createdBy { usage { used byModel { cost } } }
      usage { used left cost byModel { model cost } byUser { user { name } cost } } } } }
      sessions(first: 20) { edges { node { usage { cost } } } } }"""

    def cost(user: User) -> int:
        caller = api(user)
        caller(query)
        with CaptureQueriesContext(connection) as captured:
            assert caller(query).errors == []
        return len(captured) - 2

    one_more(0)
    one = (cost(producer), cost(admin))
    for number in range(1, 5):
        one_more(number)

    # Memberships and projects; their models, counters, owners (of whom admins do not ask), spenders and these people;
    # their creators' models and counters; sessions and theirs.
    assert (cost(producer), cost(admin)) == one == (11, 10)
