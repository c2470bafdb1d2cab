"""What is malformed gets a typed answer, and nothing is half-written."""

import base64
import json
import logging

import pytest

from content.projects import services
from content.projects.models import Project
from tests.conftest import gid

from .documents import SCHEMA, call

CREATE = """mutation ($title: String!, $key: String) {
  createProject(input: {title: $title, genre: DRAMA, idempotencyKey: $key}) {
    project { id title } errors { code message field } } }"""
UPLOAD = """mutation { createUpload(input: {projectId: "x", filename: "x", mimeType: "x", fileSize: %s}) {
  errors { code } } }"""
DESCRIBE = """mutation ($d: String) { createProject(input: {title: "T", genre: DRAMA, description: $d}) {
  errors { code field } } }"""
NODE = "query ($id: ID!) { node(id: $id) { id } }"
DEEP = "[" * 100_000


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b"5",
        b'"{ me { id } }"',
        b"[]",
        b'[{"query": "{ me { id } }"}]',
        b"{}",
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ["{ me { id } }"]}',
        b'{"query": ""}',
        b'{"query": "{ me { id } }", "variables": 5}',
        b'{"query": "{ me { id } }", "variables": []}',
        b'{"query": "{ me { id } }", "operationName": {}}',
        b'{"query": "{ me { id } }", "extensions": "x"}',
        b'{"query": "{ me { id } }", "variables": {"a": NaN}}',
        b"\xff\xfe{\x00",
        b'{"query": "\xff"}',
        DEEP.encode(),
        b'{"query": "{ me { id } }", "variables": {"a": ' + DEEP.encode() + b"}}",
    ],
    ids=range(20),
)
def test_a_body_that_is_no_request_is_the_callers_fault(api, collaborator, body):
    response = api(collaborator).client.generic("POST", "/graphql/", body, content_type="application/json")

    assert response.status_code == 400


@pytest.mark.parametrize(
    "parameters", [{"query": "{ me { id } }", "variables": "{"}, {"query": "{"}, {"query": "x" * 9}]
)
def test_the_same_by_get(api, collaborator, parameters):
    response = api(collaborator).client.get("/graphql/", parameters)

    assert response.status_code == 400 or response.json()["errors"][0]["extensions"]["code"] == "INVALID"


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ nothing }",
        "{ me { id nothing } }",
        "{ project { id } }",
        "{ projects(filters: {genres: [WESTERN]}) { edges { cursor } } }",
        '{ projects(first: "many") { edges { cursor } } }',
        "{ projects(first: 99999999999) { edges { cursor } } }",
        'mutation { createProject(input: {title: "T", genre: WESTERN}) { project { id } } }',
        "mutation { createProject(input: {genre: DRAMA}) { project { id } } }",
        'mutation { createProject(input: {title: "T", genre: DRAMA, createdBy: "x"}) { project { id } } }',
        UPLOAD % "1.5",
        UPLOAD % "9007199254740993",
        UPLOAD % '"1"',
        "{ me { " + "activeProjects { createdBy { " * 3_000 + "id" + "} }" * 3_000 + " } }",
    ],
)
def test_what_does_not_fit_the_schema_is_invalid(api, collaborator, query):
    answer = api(collaborator)(query)

    assert answer.data is None
    assert set(answer.top_codes) == {"INVALID"}
    assert not Project.objects.exists()


def test_a_variable_that_does_not_fit_is_invalid(api, collaborator):
    for value in (5, None, ["a"], {"a": 1}):
        answer = api(collaborator)(CREATE, title=value)

        assert (answer.data, answer.top_codes) == (None, ["INVALID"])


MALFORMED = [
    "",
    "x",
    "!!!",
    "1",
    "Project:1",
    "é",
    "\x00",
    encoded("Project"),
    encoded("Project:"),
    encoded(":1"),
    encoded("Project:x"),
    encoded("Project:-1"),
    encoded("Project:1.0"),
    encoded("Project:" + "9" * 18),
    encoded("Project:" + "9" * 400),
    encoded("Project:१"),
    encoded("Nothing:1"),
    "A" * 5_000,
]


@pytest.mark.parametrize("value", MALFORMED)
def test_a_malformed_id_is_an_unknown_id(api, collaborator, value):
    caller = api(collaborator)

    assert caller(NODE, id=value).data in ({"node": None}, None)
    for name in ("project", "session", "task"):
        assert (caller(f"query ($id: ID!) {{ {name}(id: $id) {{ id }} }}", id=value).data or {name: None}) == {
            name: None
        }
    answer = caller("query ($id: ID!) { media(projectId: $id) { edges { cursor } } }", id=value)
    assert answer.top_codes in (["NOT_FOUND"], ["INVALID"])


@pytest.mark.parametrize(
    "name",
    sorted(
        name for name in SCHEMA.mutation_type.fields if name not in {"login", "logout", "updateMe", "createProject"}
    ),
)
def test_every_mutation_on_something_unknown_says_not_found_and_names_the_field(api, collaborator, name):
    field = SCHEMA.mutation_type.fields[name]
    inputs = SCHEMA.type_map[field.args["input"].type.of_type.name].fields
    # The first that names an object.
    key = next(it for it in inputs if it in ("id", "ids") or it.endswith(("Id", "Ids")))
    is_list = key == "ids"
    payload = SCHEMA.type_map[field.type.of_type.name]
    result = " ".join(call(it, inner) for it, inner in payload.fields.items() if it != "errors")

    document = "mutation { " + call(name, field, {key: "no-id"}, f"{result} errors {{ code field message }}") + " }"
    value = api(collaborator)(document).value

    # In a list the place is named too.
    path = [key, "0"] if is_list else [key]
    assert value["errors"] == [{"code": "NOT_FOUND", "field": path, "message": value["errors"][0]["message"]}]
    assert not any(value[it] for it in payload.fields if it != "errors")


def test_an_id_of_another_type_is_an_unknown_id(api, producer, project, session):
    caller = api(producer)

    assert caller("query ($id: ID!) { project(id: $id) { id } }", id=gid(session)).value is None
    assert caller("query ($id: ID!) { session(id: $id) { id } }", id=gid(project)).value is None


def test_an_id_with_something_added_is_an_unknown_id(api, producer, project):
    caller = api(producer)

    assert caller(NODE, id=gid(project)).value == {"id": gid(project)}
    for value in (gid(project) + "!", gid(project) + "==", "." + gid(project), gid(project) + " "):
        assert caller(NODE, id=value).value is None


@pytest.mark.parametrize("text", ["a\x00b", "half \ud800 a pair"])
def test_text_that_no_database_takes_is_invalid_with_the_field(api, collaborator, text):
    caller = api(collaborator)

    created = caller(CREATE, title=text)
    preferences = caller(
        "mutation ($p: JSON) { updateMe(input: {preferences: $p}) { errors { code field } } }",
        p={"deep": [{"x": text}]},
    )
    nested = caller(DESCRIBE, d=text)

    assert (created.error["code"], created.error["field"]) == ("INVALID", ["title"])
    assert preferences.error == {"code": "INVALID", "field": ["preferences"]}
    assert nested.error == {"code": "INVALID", "field": ["description"]}
    assert not Project.objects.exists()


def test_such_text_in_a_query_is_invalid(api, collaborator):
    caller = api(collaborator)
    search = "query ($s: String) { projects(filters: {search: $s}) { edges { cursor } } }"

    assert caller(search, s="a\x00b").top_codes == ["INVALID"]
    assert caller(search, s="\ud800").top_codes == ["INVALID"]
    assert caller('{ projects(filters: {search: "a\\u0000"}) { edges { cursor } } }').top_codes == ["INVALID"]
    assert caller(search, s="word " * 500).top_codes == ["INVALID"]
    assert caller(search, s="50% of_a 'quote\" \\ back").value == {"edges": []}


def test_nesting_without_end_is_invalid(api, collaborator):
    value: object = "x"
    for _ in range(200):
        value = [value]

    answer = api(collaborator)(
        "mutation ($p: JSON) { updateMe(input: {preferences: $p}) { errors { code field } } }", p={"deep": value}
    )

    assert answer.error == {"code": "INVALID", "field": ["preferences"]}


def test_numbers_that_json_does_not_know_are_invalid(api, collaborator):
    answer = api(collaborator)("mutation { updateMe(input: {preferences: {a: 1e999}}) { errors { code field } } }")

    assert answer.error == {"code": "INVALID", "field": ["preferences"]}
    collaborator.refresh_from_db()
    assert collaborator.preferences == {}


# ---- several mutations in one request ----


def test_mutations_of_one_request_run_in_order_and_each_fails_alone(api, producer):
    answer = api(producer)(
        """mutation {
          one: createProject(input: {title: "One", genre: DRAMA}) { project { title } errors { code } }
          empty: createProject(input: {title: " ", genre: DRAMA}) { project { title } errors { code field } }
          unknown: archiveProject(input: {id: "x"}) { project { title } errors { code } }
          two: createProject(input: {title: "Two", genre: DRAMA}) { project { title } errors { code } }
        }"""
    )

    assert answer.errors == []
    assert answer.data == {
        "one": {"project": {"title": "One"}, "errors": []},
        "empty": {"project": None, "errors": [{"code": "INVALID", "field": ["title"]}]},
        "unknown": {"project": None, "errors": [{"code": "NOT_FOUND"}]},
        "two": {"project": {"title": "Two"}, "errors": []},
    }
    assert list(Project.objects.order_by("pk").values_list("title", flat=True)) == ["One", "Two"]


def test_a_later_mutation_sees_what_an_earlier_one_wrote(api, producer, project):
    answer = api(producer)(
        """mutation ($id: ID!) {
          first: updateProject(input: {id: $id, title: "First", expectedRevision: 1}) { ...Answer }
          late: updateProject(input: {id: $id, title: "Late", expectedRevision: 1}) { ...Answer }
          second: updateProject(input: {id: $id, description: "Second", expectedRevision: 2}) { ...Answer }
        }
        fragment Answer on ProjectPayload { project { title revision } errors { code } }""",
        id=gid(project),
    )

    assert answer.data["first"] == {"project": {"title": "First", "revision": 2}, "errors": []}
    assert answer.data["late"] == {"project": None, "errors": [{"code": "CONFLICT"}]}
    assert answer.data["second"] == {"project": {"title": "First", "revision": 3}, "errors": []}


# ---- our own failures ----


def test_a_failure_of_ours_in_a_mutation_tells_a_request_id_and_no_more(api, producer, monkeypatch, caplog):
    # given
    def broken(owner):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(services, "require_project_left", broken)
    # when
    with caplog.at_level(logging.ERROR):
        caller = api(producer)
        response = caller.client.post(
            "/graphql/",
            {
                "query": 'mutation { a: createProject(input: {title: "A", genre: DRAMA}) { errors { code message } }'
                ' b: updateMe(input: {name: "Still here"}) { user { name } errors { code } } }'
            },
            content_type="application/json",
        )
    # then
    data = response.json()["data"]
    (error,) = data["a"]["errors"]
    assert error["code"] == "INTERNAL"
    assert response.headers["X-Request-ID"] in error["message"]
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text
    assert response.headers["X-Request-ID"] in caplog.text
    assert data["b"] == {"user": {"name": "Still here"}, "errors": []}
    assert not Project.objects.exists()


def test_a_failure_of_ours_in_a_query_too(api, producer, project, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("content.projects.types.progress_of", broken)
    response = api(producer).client.post(
        "/graphql/",
        json.dumps({"query": "{ projects { edges { node { title progress { currentPhase } } } } }"}),
        content_type="application/json",
    )

    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert response.headers["X-Request-ID"] in error["message"]
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text
