"""Writes at the same moment, against real servers."""

from concurrent.futures import ThreadPoolExecutor

import pytest

CREATE = """mutation ($title: String!, $key: String) {
  createProject(input: {title: $title, genre: DRAMA, idempotencyKey: $key}) {
    project { id title } errors { code limit remaining } } }"""
ARCHIVE = "mutation ($id: ID!) { archiveProject(input: {id: $id}) { project { id } errors { code } } }"
RESTORE = "mutation ($id: ID!) { restoreProject(input: {id: $id}) { project { id } errors { code } } }"
UPDATE = """mutation ($id: ID!, $title: String!, $revision: Int!) {
  updateProject(input: {id: $id, title: $title, expectedRevision: $revision}) {
    project { title revision } errors { code } } }"""
PROJECTS = "{ projects(filters: {archived: null}) { edges { node { id title revision } } } }"
AT_ONCE = 6


def at_once(run, calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [next(iter(answer.values())) for answer in pool.map(lambda variables: run(**variables), calls)]


def codes(answers):
    return sorted([error["code"] for error in answer["errors"]] for answer in answers)


def creations_pass_no_limit(server):
    # given somebody on the free plan, which has room for one project
    client = server.sign_in("user")
    # when
    answers = at_once(lambda **them: client.run(CREATE, **them), [{"title": f"Title {n}"} for n in range(AT_ONCE)])
    # then
    assert codes(answers) == [[], *[["LIMIT_EXCEEDED"]] * (AT_ONCE - 1)]
    assert len(client.run(PROJECTS)["projects"]["edges"]) == 1
    # and given two archived ones beside none
    (edge,) = client.run(PROJECTS)["projects"]["edges"]
    client.run(ARCHIVE, id=edge["node"]["id"])
    second = client.run(CREATE, title="Second")["createProject"]["project"]["id"]
    client.run(ARCHIVE, id=second)
    # when both are restored
    ids = [{"id": edge["node"]["id"]}, {"id": second}] * 2
    answers = at_once(lambda **them: client.run(RESTORE, **them), ids)
    # then one of them has the place, and the other none
    assert {answer["project"]["id"] for answer in answers if answer["project"]} in ({edge["node"]["id"]}, {second})
    assert codes(answers) == [[], [], ["LIMIT_EXCEEDED"], ["LIMIT_EXCEEDED"]]


def one_key_makes_one_project(server):
    client = server.sign_in("collaborator")
    before = len(client.run(PROJECTS)["projects"]["edges"])

    answers = at_once(lambda **them: client.run(CREATE, **them), [{"title": "Once", "key": "once"}] * AT_ONCE)

    assert codes(answers) == [[]] * AT_ONCE
    assert len({answer["project"]["id"] for answer in answers}) == 1
    assert len(client.run(PROJECTS)["projects"]["edges"]) == before + 1


def one_revision_is_saved_once(server):
    client = server.sign_in("producer")
    node = client.run(PROJECTS)["projects"]["edges"][0]["node"]

    answers = at_once(
        lambda **them: client.run(UPDATE, **them),
        [{"id": node["id"], "title": f"Title {n}", "revision": node["revision"]} for n in range(AT_ONCE)],
    )

    assert codes(answers) == [[], *[["CONFLICT"]] * (AT_ONCE - 1)]
    (won,) = (answer["project"] for answer in answers if answer["project"])
    (stored,) = (e["node"] for e in client.run(PROJECTS)["projects"]["edges"] if e["node"]["id"] == node["id"])
    assert (stored["title"], stored["revision"]) == (won["title"], node["revision"] + 1)


@pytest.fixture(scope="module")
def server(embedded):
    return embedded()


def test_creations_and_restorations_at_once_pass_no_limit(server):
    creations_pass_no_limit(server)


def test_one_key_at_once_makes_one_project(server):
    one_key_makes_one_project(server)


def test_one_revision_is_saved_once(server):
    one_revision_is_saved_once(server)


@pytest.mark.services
@pytest.mark.xdist_group("production_like")
def test_the_same_holds_on_postgresql(production_like):
    server = production_like()
    creations_pass_no_limit(server)
    one_key_makes_one_project(server)
    one_revision_is_saved_once(server)
    server.stop()
