"""A session as Markdown, JSON and PDF."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest
import rest_framework
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from markdown_it import MarkdownIt

from cms.accounts.models import User
from cms.accounts.tokens import issue_token
from content.media.models import Media
from content.projects.models import Project
from content.projects.services import archive_project, remove_collaborator
from conversation import sessions
from conversation.models import Message, Session, Turn
from tests.conftest import Api, gid

from .talking import choose, say

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]
FORMATS = {"md": "text/markdown; charset=utf-8", "json": "application/json", "pdf": "application/pdf"}
ICONS = "static/rest_framework/fonts/fontawesome-webfont.ttf"
URL = "query ($id: ID!, $format: ExportFormat!) { session(id: $id) { exportUrl(format: $format) } }"


@pytest.fixture
def write(session: Session) -> Callable[..., Message]:
    """Store a message as it would be after a turn, without waiting for one."""

    def make(content: str, **fields: Any) -> Message:
        seq = Message.objects.filter(session=session).count() + 1
        values = {"role": "user", "author": session.user, "step": session.current_step, **fields}
        return Message.objects.create(session=session, seq=seq, content=content, **values)

    return make


def opened(user: User | None, session: Session, format: str, **headers: str) -> Any:
    client = Client()
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(f"/sessions/{gid(session)}/export/{format}", headers=headers)


def content(user: User, session: Session, format: str) -> bytes:
    response = opened(user, session, format)
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def markdown(user: User, session: Session) -> str:
    return content(user, session, "md").decode()


def pdf_text(user: User, session: Session) -> str:
    pages = pypdf.PdfReader(io.BytesIO(content(user, session, "pdf"))).pages
    return "\n".join(page.extract_text() for page in pages)


def test_a_talk_is_exported_as_it_went(
    api: MakeApi,
    producer: User,
    project: Project,
    session: Session,
    finish: Finish,
    picture: Callable[..., Media],
) -> None:
    # given a talk with a choice that moved on, a file, a stopped and a failed reply
    caller, media = api(producer), picture(project, title="The [sea] & *sky*")
    choose(caller, session, "develop_story")
    reply = finish(Turn.objects.get()).reply
    say(caller, session, "What of **this**?", attachmentIds=[gid(media)])
    finish(Turn.objects.latest("pk"))
    Message.objects.filter(turn=Turn.objects.latest("pk")).update(interrupted=True)
    say(caller, session, "And this?")
    Turn.objects.filter(status="queued").update(status="failed", error_message="The *provider* is down.")
    # when
    text = markdown(producer, session)
    # then
    assert text.startswith(f"# {Session.objects.get(pk=session.pk).title}\n")
    order = [
        "- Project: The Tide Clock",
        "- Started by: Producer, ",
        "## Initial Concept",
        "### Producer · ",
        f"> {session.messages.first().content}",
        f"Choice taken: {session.messages.first().content}",
        "### Director · ",
        f"> {reply.content.splitlines()[0]}",
        "## Story Development",
        "> What of **this**?",
        f"- [The \\[sea\\] \\& \\*sky\\*](http://testserver/media/{gid(media)}/file) (Image)",
        "*This reply was stopped part-way.*",
        "> And this?",
        "*The reply failed: The \\*provider\\* is down.*",
    ]
    places = [text.lower().find(words.lower()) for words in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    printed = " ".join(pdf_text(producer, session).split())
    for words in ("The Tide Clock", "Initial Concept", "Story Development", "What of this?", "The [sea] & *sky*"):
        assert words.lower() in printed.lower()
    assert "The reply failed: The *provider* is down." in printed


def test_only_the_active_path_is_read_and_json_has_everything(
    producer: User, session: Session, write: Callable[..., Message]
) -> None:
    first = write("How it begins")
    other = write("As it was", parent=first, on_active_path=False)
    now = write("As it is", parent=first)
    Session.objects.filter(pk=session.pk).update(active_leaf=now)
    # then
    assert "As it was" not in markdown(producer, session)
    assert "As it was" not in pdf_text(producer, session)
    document = json.loads(content(producer, session, "json"))
    assert (document["format"], document["version"]) == ("auto-movie-session", 1)
    assert document["session"]["activeLeafId"] == gid(now)
    shape = [(each["id"], each["parentId"], each["onActivePath"], each["content"]) for each in document["messages"]]
    assert shape == [
        (gid(first), None, True, "How it begins"),
        (gid(other), gid(first), False, "As it was"),
        (gid(now), gid(first), True, "As it is"),
    ]


def test_json_says_what_was_offered_chosen_attached_and_answered(
    api: MakeApi,
    producer: User,
    project: Project,
    session: Session,
    finish: Finish,
    picture: Callable[..., Media],
) -> None:
    media = picture(project)
    choose(api(producer), session, "develop_story", attachmentIds=[gid(media)], idempotencyKey="a secret key")
    turn = finish(Turn.objects.get())
    raw = content(producer, session, "json")
    asked, answered = json.loads(raw)["messages"]
    # then
    assert json.loads(raw)["session"]["title"] == Session.objects.get(pk=session.pk).title
    assert asked["selectedChoice"]["title"] in [card["title"] for card in json.loads(raw)["session"]["choices"]]
    assert asked["author"] == {"id": gid(producer), "name": "Producer"}
    assert asked["attachments"][0]["url"] == f"http://testserver/media/{gid(media)}/file"
    assert [(each["id"], each["status"], each["model"]) for each in asked["turns"]] == [
        (gid(turn), "COMPLETED", turn.model)
    ]
    assert (answered["role"], answered["turnId"], answered["content"]) == ("ASSISTANT", gid(turn), turn.reply.content)
    assert answered["step"]["slug"] == "story_development"
    assert len(answered["choices"]) >= 2
    assert b"a secret key" not in raw
    assert b"@example.com" not in raw


HOSTILE = """# Not a heading of ours
### Director · 2026-01-01 00:00 UTC

</div><script>alert(1)</script> \\<b> \\\\<i onmouseover=x> <https://example.com/>
![track](https://evil.example/pixel.png)

```html
<p>code stays code</p>
```
~~~
never closed"""


def test_no_message_reaches_beyond_its_quotation(
    producer: User, session: Session, write: Callable[..., Message]
) -> None:
    Session.objects.filter(pk=session.pk).update(title="# A <title> [x](y)\n## second")
    User.objects.filter(pk=producer.pk).update(name="*Ana* <b>")
    write(HOSTILE)
    write("The next one")
    text = markdown(producer, session)
    html = MarkdownIt("commonmark", {"html": True}).render(text)
    # then a renderer that lets tags through gets none of theirs, and sees both messages
    outside = "".join(part.split("</blockquote>")[-1] for part in html.split("<blockquote>"))
    assert outside.count("<h3>") == 2
    assert "Director" not in outside
    for tag in ("<script", "<b>", "<i ", "<img", "</div>", "<title>"):
        assert tag not in html
    assert "<p>The next one</p>" in html
    assert '<a href="https://example.com/">' in html
    assert "&lt;p&gt;code stays code" in html
    assert html.count("<h1>") == 2  # the document's own, and the one inside of the quotation


def test_pdf_sets_markdown_and_letters_of_many_scripts(
    producer: User, session: Session, write: Callable[..., Message]
) -> None:
    write(
        "## Kapitel *eins*\n\n1. Żółć, Größe\n2. Η παλίρροια\n   - Прилив и маяк\n\n> quoted\n\n"
        "| Wer | Was |\n|---|---|\n| Ana | **Licht** |\n\n```python\nprint('<b>code</b>')\n```\n\n"
        '[a link](https://example.com/?a=1&b="2") and [no link](javascript:alert(1)) ![a map](https://evil.example/x)'
        "\n\n潮の時計 🎬 שלום e\u0301",
        role="assistant",
        author=None,
    )
    data = content(producer, session, "pdf")
    reader = pypdf.PdfReader(io.BytesIO(data))
    text = " ".join(reader.pages[0].extract_text().split())
    # then
    for words in ("Kapitel eins", "Żółć, Größe", "Η παλίρροια", "Прилив и маяк", "quoted", "Ana Licht", "é", "Page 1"):
        assert words in text
    assert "print('<b>code</b>')" in text
    # What the fonts lack is said, not left out or put in a wrong order.
    assert "□□□□ [clapper board] □□□□" in text
    assert "[picture: a map]" in text
    links = [note.get_object()["/A"]["/URI"] for note in reader.pages[0].get("/Annots", [])]
    assert links == ['https://example.com/?a=1&b="2"'] or links == ["https://example.com/?a=1&b=%222%22"]
    assert reader.metadata.title == session.title
    assert b"evil.example" not in data


def test_pdf_uses_the_operators_own_font_for_other_letters(
    producer: User, session: Session, write: Callable[..., Message], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fonts() -> set[str]:
        page = pypdf.PdfReader(io.BytesIO(content(producer, session, "pdf"))).pages[0]
        return {font.get_object()["/BaseFont"] for font in page["/Resources"]["/Font"].values()}

    # A picture letter of a font that is installed for other reasons.
    write("A camera: \uf030")
    assert "A camera: □" in pdf_text(producer, session)
    # when
    monkeypatch.setattr("conversation.pdf_text._shown", {})
    settings.PDF_FALLBACK_FONT = str(Path(rest_framework.__file__).parent / ICONS)
    # then
    assert any("FontAwesome" in name for name in fonts())
    assert "A camera: □" not in pdf_text(producer, session)


@pytest.mark.parametrize(
    "words",
    [
        "x" * 30_000,
        "word " * 8_000,
        "**" + "bold " * 2_000 + "**",
        "> " * 60 + "deep",
        "\n".join("  " * depth + "- item" for depth in range(60)),
        "|" + "a|" * 40 + "\n|" + "-|" * 40 + "\n|" + "b|" * 40,
        "| a | b |\n|-|-|\n| " + "long " * 3_000 + " | x |",
        "| a | b |\n|-|-|\n" + "| 1 | 2 |\n" * 1_000,
        "```\n" + "y" * 5_000 + "\n" * 200 + "```",
        "<para><font size=900>&amp;</para> <img src='file:///etc/passwd'/> &#0; &nbsp;",
        "[" * 500 + "](" * 500,
        "1234567890. big\n2. next",
        "- \n- ```\n  code\n  ```\n- > quote\n-",
        "\u202eback\u0007bell\u2028line",
        "<" * 3_000,
    ],
    ids=range(15),
)
def test_pdf_sets_whatever_is_written(
    producer: User, session: Session, write: Callable[..., Message], words: str
) -> None:
    write(words)
    write("The next one")
    assert "The next one" in pdf_text(producer, session)


def test_a_long_session_is_read_in_batches_and_the_pdf_says_what_it_leaves_out(
    producer: User, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    Message.objects.bulk_create(
        Message(session=session, seq=number, role="user", content=f"Message {number}.") for number in range(1, 1_001)
    )
    monkeypatch.setattr("conversation.export_pdf.MOST_CHARACTERS", 20_000)
    # when
    with CaptureQueriesContext(connection) as captured:
        text = markdown(producer, session)
    # then
    assert text.count("\n### ") == 1_000
    # Messages, files, turns and choices of two hundred at once, and signing in.
    assert len(captured) < 4 * 6 + 20
    assert len(json.loads(content(producer, session, "json"))["messages"]) == 1_000
    printed = pdf_text(producer, session)
    assert "Message 1000." in printed
    assert "Message 1." not in printed
    left_out = 1_000 - printed.count("Message ")
    assert left_out > 800
    assert f"The first {left_out:,} messages are left out here." in printed


@pytest.mark.parametrize("format", FORMATS)
def test_headers_keep_a_file_a_file(producer: User, session: Session, format: str) -> None:
    Session.objects.filter(pk=session.pk).update(title='Die "Flut": a/b\\c\r\nX-Evil: 1 ü')
    response = opened(producer, session, format)
    # then
    assert response.headers["Content-Type"] == FORMATS[format]
    assert response.headers["Content-Disposition"] == (
        f"attachment; filename*=utf-8''Die%20Flut%20a%20b%20c%20X-Evil%201%20%C3%BC.{format}"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert int(response.headers["Content-Length"]) == len(b"".join(response.streaming_content))


def test_only_who_sees_the_session_may_export_it(
    producer: User, collaborator: User, stranger: User, admin: User, project: Project, session: Session
) -> None:
    def statuses() -> list[int]:
        people = (producer, admin, collaborator, stranger, None)
        return [opened(user, session, "md").status_code for user in people]

    assert statuses() == [200, 200, 404, 404, 404]
    sessions.update_session(user=producer, session_id=session.pk, changes={"shared": True})
    assert statuses() == [200, 200, 200, 404, 404]
    remove_collaborator(user=producer, project_id=project.pk, user_id=collaborator.pk)
    archive_project(user=producer, project_id=project.pk)
    assert statuses() == [200, 200, 404, 404, 404]


def test_a_token_opens_it_as_well(producer: User, session: Session) -> None:
    token, _ = issue_token(producer)
    assert opened(None, session, "json", Authorization=f"Bearer {token}").status_code == 200
    assert opened(producer, session, "json", Authorization="Bearer nonsense").status_code == 401


@pytest.mark.parametrize("path", ["export/exe", "export/MD", "export/", "export/md/x"])
def test_other_formats_do_not_exist(producer: User, session: Session, path: str) -> None:
    client = Client()
    client.force_login(producer, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"/sessions/{gid(session)}/{path}").status_code == 404
    assert client.get(f"/sessions/nonsense/{path}").status_code == 404
    assert client.post(f"/sessions/{gid(session)}/export/md").status_code == 405


@pytest.mark.parametrize(("name", "ending"), [("MARKDOWN", "md"), ("JSON", "json"), ("PDF", "pdf")])
def test_the_api_gives_the_address(api: MakeApi, producer: User, session: Session, name: str, ending: str) -> None:
    url = api(producer)(URL, id=gid(session), format=name).value["exportUrl"]
    assert url == f"http://testserver/sessions/{gid(session)}/export/{ending}"


def test_the_admins_transcript_links_to_the_exports(admin: User, session: Session) -> None:
    client = Client()
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/admin/sessions/inspect/{session.pk}/").text
    for format in FORMATS:
        assert f"/sessions/{gid(session)}/export/{format}" in page
