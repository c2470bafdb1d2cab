"""A session's transcript."""

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from content.media import processing
from content.media.services import create_media_from_bytes
from conversation import branches, offers, turns
from conversation.models import Message, Session, Turn

from .pictures import png

pytestmark = pytest.mark.django_db


def transcript(browser, session, **query):
    """The page, parsed."""
    response = browser.get(reverse("sessions:inspect", args=[session.pk]), query)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "html.parser")


def texts(page):
    """What was said, in the page's order."""
    return [text.get_text(" ", strip=True) for text in page.select("li.transcript-message .transcript-text")]


def test_it_tells_who_said_what_in_order_with_files_choices_and_tokens(producer, project, session, finish, door):
    picture = create_media_from_bytes(
        project_id=project.pk,
        user=producer,
        data=png(),
        mime_type="image/png",
        filename="harbour.png",
        values={},
    )
    processing.work()
    turn = turns.send_message(user=producer, session_id=session.pk, text="A *lost* hour", attachment_ids=[picture.pk])
    finish(turn)
    session.refresh_from_db()
    card = offers.present(session).filter(is_recommended=True).get()
    finish(turns.select_choice(user=producer, session_id=session.pk, choice_id=card.pk))

    page = transcript(door(producer), session)

    said = texts(page)
    assert said[0] == "A lost hour"
    assert page.select_one("li.transcript-message em").get_text() == "lost"
    speakers = [label.get_text() for label in page.select("li.transcript-message .transcript-label strong")]
    assert speakers == ["Producer", "Director", "Producer", "Director"]
    (thumbnail,) = page.select(".transcript-attachments img")
    assert door(producer).get(thumbnail["src"]).status_code == 200
    assert f"Chose “{card.title}”" in page.get_text(" ", strip=True)
    taken = [card.get_text(" ", strip=True) for card in page.select(".transcript-offer .is-taken")]
    assert len(taken) == 1
    assert card.title in taken[0]
    assert page.select(".transcript-opening .transcript-offer li")
    assert "tokens out" in page.get_text()


def test_what_went_wrong_is_told(producer, session, door):
    turn = turns.send_message(user=producer, session_id=session.pk, text="Hello?")
    Turn.objects.filter(pk=turn.pk).update(
        status="failed", error_code="PROVIDER_FAILED", error_message="The model did not answer.", attempts=3
    )

    words = transcript(door(producer), session).get_text(" ", strip=True)

    assert "Turn failed after 3 attempts PROVIDER_FAILED The model did not answer." in words


def test_what_the_model_writes_is_inert(producer, session, door):
    add_messages(session, 1, "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1))")

    page = transcript(door(producer), session)

    text = page.select_one(".transcript-text")
    assert not text.select("script, img, a[href^=javascript]")
    assert "<script>" in text.get_text()


def test_refused_parts_of_a_reply_are_noted(producer, session, finish, door):
    turn = finish(turns.send_message(user=producer, session_id=session.pk, text="Begin"))
    Turn.objects.filter(pk=turn.pk).update(notes=["The step 'nowhere' does not exist."])

    assert "The step 'nowhere' does not exist." in transcript(door(producer), session).get_text()


def test_it_costs_the_same_for_4_and_for_40_messages(producer, session, door):
    browser = door(producer)
    address = reverse("sessions:inspect", args=[session.pk])
    add_messages(session, 4)
    browser.get(address)
    with CaptureQueriesContext(connection) as four:
        browser.get(address)
    add_messages(session, 36)

    with CaptureQueriesContext(connection) as forty:
        browser.get(address)

    assert session.messages.count() == 40
    assert len(forty) == len(four)


def test_a_long_one_has_pages(producer, session, door):
    add_messages(session, 120)
    browser = door(producer)

    first, last = transcript(browser, session), transcript(browser, session, p=3)

    assert [len(texts(page)) for page in (first, last)] == [50, 20]
    assert texts(first)[0] == "Word 1"
    assert texts(last)[-1] == "Word 120"
    assert first.find("a", string="Later messages")["href"] == "?p=2"
    assert not last.find("a", string="Later messages")


def test_other_branches_are_a_link_away(producer, session, finish, door):
    # given three replies to the first message, and words after the first of them
    turn = finish(turns.send_message(user=producer, session_id=session.pk, text="Begin"))
    finish(turns.send_message(user=producer, session_id=session.pk, text="In the first branch"))
    for _ in range(2):
        finish(branches.regenerate(user=producer, message_id=turn.message_id))
    browser = door(producer)
    # when
    page = transcript(browser, session)
    # then
    assert numbers(page) == [1, 6]
    assert "2 other versions: #2 #5" in page.get_text(" ", strip=True)
    # when
    other = transcript(browser, session, at=2)
    # then
    assert numbers(other) == [1, 2, 3, 4]
    assert other.find("a", string="Read the active one")["href"] == "?"
    assert "In the first branch" in texts(other)
    # and nothing of another session, or that is no number, is opened
    for at in (999, "x", "9" * 30):
        assert numbers(transcript(browser, session, at=at)) == [1, 6]


def test_replies_of_a_message_that_the_path_ends_with_are_a_link_away(producer, session, finish, door):
    turn = finish(turns.send_message(user=producer, session_id=session.pk, text="Begin"))
    again = branches.regenerate(user=producer, message_id=turn.message_id)
    turns.cancel_turn(user=producer, turn_id=again.pk)

    page = transcript(door(producer), session)

    assert numbers(page) == [1]
    assert page.find("a", string="#2")["href"] == "?at=2#message-2"


def test_a_branch_opens_at_the_page_where_it_differs(producer, session, door):
    add_messages(session, 120)
    Message.objects.filter(session=session, seq__gt=60).update(on_active_path=False)

    page = transcript(door(producer), session, at=110)

    assert numbers(page) == list(range(101, 121))
    assert page.find("a", string="Earlier messages")["href"] == "?at=110&p=2"


def numbers(page):
    """The messages' numbers, in the page's order."""
    return [int(item["id"].removeprefix("message-")) for item in page.select("li.transcript-message")]


def test_a_session_is_only_read_here(admin, session, door):
    browser = door(admin)
    for name in ("edit", "delete", "copy", "usage", "history"):
        assert browser.get(f"/admin/sessions/{name}/{session.pk}/").status_code == 404
    assert browser.get("/admin/sessions/new/").status_code == 404


def test_the_list_is_filtered_by_what_one_may_see(producer, session, secret_session, secret_project, door):
    browser = door(producer)
    page = browser.get(reverse("sessions:index"))

    assert b"Session 1" in page.content
    form = page.context["filters"].form
    assert list(form.fields["project"].queryset) == [session.project]
    assert list(form.fields["user"].queryset) == [producer]
    found = browser.get(reverse("sessions:index_results"), {"state": "paused"})
    assert b"Session 1" not in found.content
    assert Session.objects.count() == 2


def add_messages(session, count, text="Word {}"):
    """Messages with all that a transcript shows beside them: turns, replies and choices."""
    start = session.messages.count()
    parent = session.messages.last()
    for number in range(start + 1, start + count + 1):
        role = "assistant" if number % 2 == 0 else "user"
        author = None if role == "assistant" else session.user
        said = Message.objects.create(
            session=session,
            seq=number,
            role=role,
            author=author,
            content=text.replace("{}", str(number)),
            parent=parent,
        )
        parent = said
        if role == "user":
            Turn.objects.create(session=session, message=said, status="completed", model="rehearsal")
        else:
            said.turn = session.turns.latest("pk")
            said.save(update_fields=["turn"])
            session.choice_rows.create(
                offer=100 + number, position=0, message=said, slug=f"card_{number}", title=f"Card {number}"
            )
