"""Documents of which only the beginning is kept: the director and the people are told that they go on."""

from collections.abc import Callable
from importlib import import_module

import pytest
from django.apps import apps

from cms.accounts.models import User
from content.media import decoding, processing
from content.media.models import Media, MediaText
from conversation.models import Session, Turn
from tests.ai.fault_server import FaultServer
from tests.conftest import Api, gid
from tests.media import samples
from tests.media.decoded import slow_clock

from .talking import say
from .test_files import notice, words


@pytest.fixture
def script(stored: Callable[..., Media], monkeypatch: pytest.MonkeyPatch) -> Media:
    """Five pages, of which two were read in time."""
    monkeypatch.setattr(decoding, "COMMAND", slow_clock("pdfs", 40))
    media = stored(samples.pdf("Mara waits here.", pages=5), "application/pdf", "script.pdf")
    processing.work()
    return media


def test_model_is_told_that_a_document_goes_on(
    turn_with: Callable[..., Turn], provider: FaultServer, session: Session, script: Media
) -> None:
    # when
    turn_with("ok", attachmentIds=[gid(script)])
    # then
    (asked,) = provider.asked_of("ok")
    assert words(asked).count("Mara waits here.") == 2
    told = "only its first 33 characters are given."
    assert f"The file 'script.pdf': {told}" in asked.body["messages"][0]["content"]
    assert f"- `script.pdf`: {told}" in notice(session)


def test_rehearsal_director_says_that_there_is_more(
    session: Session, script: Media, api: Callable[..., Api], producer: User, finish: Callable[[Turn], Turn]
) -> None:
    # when
    say(api(producer), session, "Look.", attachmentIds=[gid(script)])
    turn = finish(Turn.objects.get())
    # then
    assert "`script.pdf`: at least 6 words; it begins “Mara waits here.”" in turn.text


@pytest.mark.parametrize(("count", "told"), [(19_900, "at least 19,900 words"), (19_700, ": 19,700 words")])
def test_documents_that_were_cut_before_are_marked_by_the_migration(
    session: Session,
    stored: Callable[..., Media],
    api: Callable[..., Api],
    producer: User,
    finish: Callable[[Turn], Turn],
    count: int,
    told: str,
) -> None:
    # given a text of at most 100,000 characters, as they were kept before
    media = stored(samples.plain(), "text/plain", "script.txt")
    MediaText.objects.update_or_create(media=media, defaults={"text": "word " * count})
    # when
    import_module("content.media.migrations.0007_text_is_cut").mark(apps, None)
    # then
    say(api(producer), session, "Look.", attachmentIds=[gid(media)])
    assert told in finish(Turn.objects.get()).text
