"""The site's pages, without a browser's script."""

from collections.abc import Callable

from django.test import Client

from cms.accounts.models import User
from content.projects.models import Project
from content.projects.services import archive_project
from conversation.models import Session
from tests.conftest import gid


def browser(user: User | None = None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_who_is_not_signed_in_is_shown_the_way_in(db: None) -> None:
    assert browser().get("/").status_code == 200
    assert browser().get("/projects/").headers["Location"] == "/accounts/login/?next=/projects/"


def test_nobody_signs_up_by_themselves(db: None) -> None:
    form = {"email": "new@example.com", "password1": "a good password", "password2": "a good password"}
    assert browser().post("/accounts/signup/", form).status_code == 200
    assert not User.objects.exists()


def test_chat_of_a_project_opens_the_latest_session_or_starts_one(producer: User, project: Project) -> None:
    address = f"/projects/{gid(project)}/chat/"
    first = browser(producer).get(address).headers["Location"]
    assert first == f"/sessions/{gid(Session.objects.get())}/"
    assert browser(producer).get(address).headers["Location"] == first
    assert browser(producer).get(first).status_code == 200


def test_chat_of_an_archived_project_leads_back_with_the_reason(producer: User, project: Project) -> None:
    archive_project(user=producer, project_id=project.pk)
    page = browser(producer).get(f"/projects/{gid(project)}/chat/", follow=True)
    assert page.redirect_chain[-1][0] == "/projects/"
    assert "archived" in page.content.decode()


def test_pages_of_others_are_not_there(stranger: User, session: Session, project: Project) -> None:
    for address in (f"/sessions/{gid(session)}/", f"/projects/{gid(project)}/chat/", "/sessions/nonsense/"):
        page = browser(stranger).get(address)
        assert page.status_code == 404
        assert project.title not in page.content.decode()


def test_project_beyond_the_plan_is_refused_with_the_reason(person: Callable[..., User]) -> None:
    # given
    client, form = browser(person("free")), {"title": "One", "genre": "drama", "episode_count": 3}
    form["target_audience"] = "family"
    assert client.post("/projects/", form).status_code == 302
    # when
    page = client.post("/projects/", form | {"title": "Two"})
    # then
    assert page.status_code == 422
    assert "room for 1 project" in page.content.decode()
    assert Project.objects.count() == 1


def test_no_page_allows_inline_script(producer: User, session: Session) -> None:
    for address in ("/", "/projects/", f"/sessions/{gid(session)}/", "/graphql/"):
        page = browser(producer).get(address, headers={"Accept": "text/html"}, follow=True)
        scripts = page.headers["Content-Security-Policy"].split("script-src ")[1].split(";")[0]
        assert scripts == "'self'"
