"""Who may do what with a project's media, by every door: each person, by cookie and by Bearer, at each address,
query and mutation. What the subscription `projectEvents` shows to whom is in tests/e2e/test_media.py.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client, override_settings

from cms.accounts.choices import SubscriptionTier, UserRole
from cms.accounts.models import User
from cms.accounts.services import save_with_role
from cms.accounts.tokens import issue_token
from cms.api.ids import parse_id
from content.media import addresses, vectors
from content.media.models import Media, MediaTag, ProcessingJob, Upload
from content.projects.models import ProjectEvent
from content.projects.services import add_collaborator, archive_project, create_project, remove_collaborator
from conversation import sessions, turns

from . import samples
from .conftest import Api, after_commit, gid, png, process
from .test_serving import body

# Each test's changes are rolled back inside of the world's transaction.
pytestmark = pytest.mark.django_db
MEMBERS, OUTSIDERS, NOBODY = ("owner", "collaborator"), ("stranger", "removed"), ("anonymous", "deactivated")
PEOPLE = (*MEMBERS, "admin", *OUTSIDERS, *NOBODY)
CALLERS = [
    *((person, "cookie") for person in PEOPLE),
    *((person, "Bearer") for person in PEOPLE if person != "anonymous"),
]
# One file of each kind; what is at its addresses differs.
KINDS = ("picture", "film", "sound", "script")


@dataclass
class World:
    """A project of the owner's with media of all kinds, and everybody who might ask for them."""

    people: dict[str, User]
    media: dict[str, Media] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    # The API's ids, for queries.
    ids: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, Client] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def get(self, person: str, way: str, address: str) -> int:
        """The status of what somebody gets at an address."""
        client, headers = self._caller(person, way)
        response = client.get(address, headers=headers)
        body(response)
        return response.status_code

    def ask(self, person: str, way: str, query: str) -> dict[str, Any]:
        """The answer to a document, in which `$name` stands for the API's id of that name."""
        client, headers = self._caller(person, way)
        document = re.sub(r"\$(\w+)", lambda found: f'"{self.ids[found[1]]}"', query)
        response = client.post("/graphql/", {"query": document}, content_type="application/json", headers=headers)
        after_commit()
        answer: dict[str, Any] = response.json()
        return answer

    def _caller(self, person: str, way: str) -> tuple[Client, dict[str, str]]:
        if way == "cookie":
            return self.cookies[person], {}
        return Client(), {"Authorization": f"Bearer {self.tokens[person]}"}


def _person(name: str, role: str = UserRole.USER) -> User:
    user = User(email=f"{name}@access.example", name=name.title(), role=role, tier=SubscriptionTier.PRO)
    user.set_unusable_password()
    return save_with_role(user)


def _world() -> World:
    people = {name: _person(name) for name in ("owner", "collaborator", "removed", "deactivated")}
    people |= {"admin": _person("admin", UserRole.ADMIN), "stranger": _person("stranger", UserRole.PRODUCER)}
    world = World(people)
    for name, user in people.items():
        world.cookies[name] = Client()
        world.cookies[name].force_login(user)
        world.tokens[name] = issue_token(user)[0]
    world.cookies["anonymous"] = Client()
    _fill(world)
    # Those who could, and cannot any more.
    project = world.media["picture"].project
    remove_collaborator(user=people["owner"], project_id=project.pk, user_id=people["removed"].pk)
    User.objects.filter(pk=people["deactivated"].pk).update(is_active=False)
    after_commit()
    return world


def _fill(world: World) -> None:
    people, owner = world.people, Api(world.people["owner"])
    project = create_project(user=people["owner"], title="The Tide Clock", genre="drama", episode_count=3)
    for name in ("collaborator", "removed", "deactivated"):
        add_collaborator(user=people["owner"], project_id=project.pk, email=people[name].email)
    old = owner.media(project, png(colour="red"), "lighthouse.png")
    files = {
        "film": (samples.mp4(), "take.mp4", "video/mp4", {}),
        "sound": (samples.wav(), "voice.wav", "audio/wav", {}),
        "script": (samples.pdf(), "script.pdf", "application/pdf", {}),
        "picture": (png(), "lighthouse.png", "image/png", {"replacesMediaId": old["id"]}),
    }
    world.ids |= {"project": gid(project), "old": old["id"]}
    for name, (content, filename, mime, more) in files.items():
        made = owner.media(project, content, filename, mime, **more)
        assert made["status"] == "ACTIVE"
        world.ids[name] = made["id"]
        media = world.media[name] = Media.objects.get(pk=parse_id(made["id"], "Media"))
        world.addresses |= {
            f"{name}, file": addresses.file_url(media),
            f"{name}, thumbnail": addresses.thumbnail_url(media) or "",
            f"{name}, in the storage": media.file.url,
            f"{name}, thumbnail in the storage": f"/files/{media.thumbnail}",
        }
    _sign(world, world.media["film"])
    picture = world.media["picture"].image
    assert picture is not None
    world.addresses["picture, rendition"] = picture.get_rendition("max-40x40").url
    script = world.media["script"].document
    assert script is not None
    world.addresses["script, Wagtail's own"] = script.url
    _talk(world)
    theirs = create_project(user=people["stranger"], title="Elsewhere", genre="drama")
    world.ids["elsewhere"] = gid(theirs)
    world.ids["own"] = Api(people["stranger"]).media(theirs, png(), "own.png")["id"]
    world.ids["their_session"] = gid(sessions.start_session(user=people["stranger"], project_id=theirs.pk))


def _sign(world: World, media: Media) -> None:
    fresh = addresses.signed_url(media, expires_in=600)
    with pytest.MonkeyPatch.context() as patch:
        now = time.time()
        patch.setattr(addresses.time, "time", lambda: now - 61)
        expired = addresses.signed_url(media, expires_in=60)
    values, at, mac = fresh.split(":")
    other = addresses.signed_url(world.media["sound"], expires_in=600).split(":")[0]
    world.addresses |= {
        "film, signed": fresh,
        "film, signature expired": expired,
        "film, signature changed": f"{values}:{at}:{mac[::-1]}",
        "film, signature of another": f"{other}:{at}:{mac}",
    }


def _talk(world: World) -> None:
    owner, picture = world.people["owner"], world.media["picture"]
    session = sessions.start_session(user=owner, project_id=picture.project_id)
    sessions.update_session(user=owner, session_id=session.pk, changes={"shared": True})
    turn = turns.send_message(
        user=owner, session_id=session.pk, text="Look", attachment_ids=[picture.pk], idempotency_key="look"
    )
    world.ids |= {"session": gid(session), "message": gid(turn.message)}


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    """Made once, by real uploads and real processing, in a transaction that is rolled back in the end."""
    folder = tmp_path_factory.mktemp("access")
    with django_db_blocker.unblock(), override_settings(MEDIA_ROOT=folder), transaction.atomic():
        cache.clear()
        yield _world()
        transaction.set_rollback(True)
    vectors.forget()


@pytest.fixture(autouse=True)
def _private_files(world) -> None:
    """The world has a folder of its own, for all of this module's tests."""


def column(person: str, members: Any, admin: Any, outsiders: Any, nobody: Any) -> Any:
    """The cell of a row that is meant for a person."""
    if person == "admin":
        return admin
    return members if person in MEMBERS else outsiders if person in OUTSIDERS else nobody


#                                members  admin  outsiders  nobody
ADDRESSES = {
    **{f"{kind}, {door}": (200, 200, 404, 404) for kind in KINDS for door in ("file", "thumbnail", "in the storage")},
    # Thumbnails have an address of their own, and none by their place.
    **{f"{kind}, thumbnail in the storage": (404, 404, 404, 404) for kind in KINDS},
    "picture, rendition": (200, 200, 404, 404),
    "script, Wagtail's own": (404, 404, 404, 404),
    "film, signed": (200, 200, 200, 200),
    "film, signature expired": (403, 403, 403, 403),
    "film, signature changed": (403, 403, 403, 403),
    "film, signature of another": (403, 403, 403, 403),
}


def test_the_table_knows_every_address(world):
    assert set(ADDRESSES) == set(world.addresses)
    assert all(world.addresses.values())


@pytest.mark.parametrize(("person", "way"), CALLERS)
def test_addresses(world, person, way):
    expected = {door: column(person, *row) for door, row in ADDRESSES.items()}
    if (person, way) == ("deactivated", "Bearer"):
        # A token that is good for nothing is said to be so, where anybody's is looked at.
        asked = [door for door, row in ADDRESSES.items() if len(set(row)) > 1]
        expected |= dict.fromkeys(asked, 401)
    assert {door: world.get(person, way, world.addresses[door]) for door in ADDRESSES} == expected


@pytest.mark.parametrize("person", OUTSIDERS)
def test_what_is_there_and_what_is_not_look_the_same(world, person):
    for name in KINDS:
        there = world.cookies[person].get(world.addresses[f"{name}, file"])
        absent = world.cookies[person].get("/media/TWVkaWE6OTk5OTk5/file")
        assert (there.status_code, there.content) == (absent.status_code, absent.content)


PAGE = "edges { node { id } }"
UNAUTHENTICATED, NOT_FOUND, SEES, NOTHING = "UNAUTHENTICATED", "NOT_FOUND", "sees it", "nothing"
# A document, and what comes of it: whether the id of `picture` is in the answer, or else the code of the refusal.
#                                members  admin  outsiders  nobody
QUERIES = {
    "node": ("{ node(id: $picture) { id } }", SEES, SEES, NOTHING, NOTHING),
    "node's signed address": (
        "{ node(id: $picture) { ... on Media { id signedUrl } } }",
        *(SEES, SEES, NOTHING, NOTHING),
    ),
    "media of all projects": (f"{{ media {{ {PAGE} }} }}", SEES, SEES, NOTHING, UNAUTHENTICATED),
    "media of the project": (
        f"{{ media(projectId: $project) {{ {PAGE} }} }}",
        *(SEES, SEES, NOT_FOUND, UNAUTHENTICATED),
    ),
    "media by a word": (
        f'{{ media(filters: {{search: "lighthouse"}}) {{ {PAGE} }} }}',
        *(SEES, SEES, NOTHING, UNAUTHENTICATED),
    ),
    "project's media": (
        f"{{ project(id: $project) {{ media {{ {PAGE} }} }} }}",
        *(SEES, SEES, NOTHING, UNAUTHENTICATED),
    ),
    "media's project's media": (
        f"{{ node(id: $film) {{ ... on Media {{ project {{ media {{ {PAGE} }} }} }} }} }}",
        *(SEES, SEES, NOTHING, NOTHING),
    ),
    "search by text": (
        '{ findMedia(projectId: $project, text: "lighthouse") { media { id } } }',
        *(SEES, SEES, NOT_FOUND, UNAUTHENTICATED),
    ),
    "search by likeness": (
        "{ findMedia(projectId: $project, similarTo: $old) { media { id } } }",
        *(SEES, SEES, NOT_FOUND, UNAUTHENTICATED),
    ),
    "message's attachments": (
        "{ node(id: $message) { ... on Message { attachments { id } } } }",
        *(SEES, SEES, NOTHING, NOTHING),
    ),
    "session's messages' attachments": (
        "{ session(id: $session) { messages { edges { node { attachments { id } } } } } }",
        *(SEES, SEES, NOTHING, UNAUTHENTICATED),
    ),
}


@pytest.mark.parametrize(("person", "way"), CALLERS)
def test_queries(world, person, way):
    found = {
        name: outcome(world.ask(person, way, query), world.ids["picture"]) for name, (query, *_) in QUERIES.items()
    }
    assert found == {
        name: UNAUTHENTICATED if (person, way) == ("deactivated", "Bearer") else column(person, *row)
        for name, (_, *row) in QUERIES.items()
    }


@pytest.mark.parametrize(("person", "way"), CALLERS)
def test_earlier_versions(world, person, way):
    query = "{ node(id: $picture) { ... on Media { previousVersions { id } } } }"
    expected = column(person, SEES, SEES, NOTHING, NOTHING)
    if (person, way) == ("deactivated", "Bearer"):
        expected = UNAUTHENTICATED
    assert outcome(world.ask(person, way, query), world.ids["old"]) == expected


@pytest.mark.parametrize("person", ["stranger", "admin"])
def test_nobody_searches_their_own_project_by_a_likeness_to_another(world, person):
    query = "{ findMedia(projectId: $elsewhere, similarTo: $picture) { media { id } } }"
    answer = world.ask(person, "cookie", query)
    if person == "stranger":
        assert outcome(answer, world.ids["picture"]) == NOT_FOUND
    else:
        # An admin may see both; what is found is of the project that was asked for.
        assert {match["media"]["id"] for match in answer["data"]["findMedia"]} <= {world.ids["own"]}


DONE = "done"
#                                members  admin  outsiders  nobody
MUTATIONS = {
    'updateMedia(input: {id: $picture, title: "Mine"})': (DONE, DONE, NOT_FOUND, UNAUTHENTICATED),
    "archiveMedia(input: {id: $picture})": (DONE, DONE, NOT_FOUND, UNAUTHENTICATED),
    "retryMedia(input: {id: $film})": (DONE, DONE, NOT_FOUND, UNAUTHENTICATED),
    'updateManyMedia(input: {ids: [$picture, $film], addTags: ["x"]})': (DONE, DONE, NOT_FOUND, UNAUTHENTICATED),
    'createUpload(input: {projectId: $project, filename: "a.png", fileSize: 9, mimeType: "image/png"})': (
        *(DONE, DONE, NOT_FOUND, UNAUTHENTICATED),
    ),
    "createUpload(input: {projectId: $project, replacesMediaId: $picture, "
    'filename: "a.png", fileSize: 9, mimeType: "image/png"})': (DONE, DONE, NOT_FOUND, UNAUTHENTICATED),
}


@pytest.mark.parametrize(("person", "way"), CALLERS)
def test_mutations(world, person, way):
    Media.objects.filter(pk=world.media["film"].pk).update(status="failed")
    before = state()
    for mutation, row in MUTATIONS.items():
        expected = column(person, *row)
        with transaction.atomic():
            assert outcome(world.ask(person, way, change(mutation))) == expected, mutation
            assert (state() == before) == (expected != DONE), mutation
            transaction.set_rollback(True)


@pytest.mark.parametrize("way", ["cookie", "Bearer"])
@pytest.mark.parametrize("mutation", ["completeUpload(input: {id: $ticket})", "cancelUpload(input: {id: $ticket})"])
def test_a_ticket_is_its_owners_alone(world, way, mutation):
    ticket = Api(world.people["owner"]).send(world.media["picture"].project, png(), "later.png", "image/png")
    world.ids["ticket"] = ticket["id"]
    before = state()
    for person in PEOPLE[1:]:
        if (person, way) in CALLERS:
            expected = UNAUTHENTICATED if person in NOBODY else NOT_FOUND
            assert outcome(world.ask(person, way, change(mutation))) == expected, person
            assert state() == before
    assert outcome(world.ask("owner", way, change(mutation))) == DONE


def change(mutation: str) -> str:
    """The document of a mutation."""
    return f"mutation {{ {mutation} {{ errors {{ code }} }} }}"


# What a stranger may do with their own things, with the ids of what is not theirs.
THEFTS = (
    "createUpload(input: {projectId: $elsewhere, replacesMediaId: $picture, "
    'filename: "a.png", fileSize: 9, mimeType: "image/png"})',
    'updateManyMedia(input: {ids: [$own, $picture], addTags: ["x"]})',
    "updateProject(input: {id: $elsewhere, styleReferenceIds: [$picture]})",
    'sendMessage(input: {sessionId: $their_session, text: "Look", attachmentIds: [$picture]})',
    'submitTask(input: {projectId: $elsewhere, taskType: "animatic", input: {mediaIds: [$picture]}})',
)


@pytest.mark.parametrize("mutation", THEFTS)
def test_nobody_takes_anothers_media_into_their_own_things(world, mutation):
    before = state()
    assert outcome(world.ask("stranger", "cookie", change(mutation))) in {NOT_FOUND, "INVALID"}
    assert state() == before


def test_membership_that_comes_back_opens_everything_again(world):
    # Else the tables would be right for a reason that they do not name.
    owner, project = world.people["owner"], world.media["picture"].project
    for name in OUTSIDERS:
        add_collaborator(user=owner, project_id=project.pk, email=world.people[name].email)
    for name in OUTSIDERS:
        for door, (members, *_) in ADDRESSES.items():
            assert world.get(name, "cookie", world.addresses[door]) == members, door
        for query, members, *_ in QUERIES.values():
            assert outcome(world.ask(name, "Bearer", query), world.ids["picture"]) == members


def test_files_of_an_archived_project_are_as_private_as_before(world):
    archive_project(user=world.people["owner"], project_id=world.media["picture"].project_id)
    for person in PEOPLE:
        for door, row in ADDRESSES.items():
            assert world.get(person, "cookie", world.addresses[door]) == column(person, *row), (person, door)


def test_a_file_that_is_not_processed_yet_or_has_failed_is_as_private_as_any(world):
    process()
    for status in ("processing", "failed", "draft", "archived"):
        Media.objects.update(status=status)
        for person in PEOPLE:
            expected = column(person, 200, 200, 404, 404)
            assert world.get(person, "cookie", world.addresses["film, file"]) == expected, (status, person)


def outcome(answer: dict[str, Any], wanted: str = "") -> str:
    """The code of a refusal; else whether `wanted` is in what was answered; else that it was done."""
    if answer.get("errors"):
        code: str = answer["errors"][0]["extensions"]["code"]
        assert not wanted or wanted not in str(answer)
        return code
    (value,) = answer["data"].values()
    if not wanted:
        return value["errors"][0]["code"] if value["errors"] else DONE
    return SEES if f"'{wanted}'" in str(value) else NOTHING


def state() -> list[Any]:
    """Everything that a change of media or tickets would change."""
    return [
        list(model._default_manager.order_by("pk").values())
        for model in (Media, MediaTag, ProcessingJob, Upload, ProjectEvent)
    ]
