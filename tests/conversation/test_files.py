"""Attached files: what of them reaches the model over HTTP, and what people are told that did not."""

import base64
import io
import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from cms.accounts.models import User
from content.media.choices import MediaStatus
from content.media.models import Media, MediaText
from conversation import outcomes
from conversation.models import Message, Session, Turn
from conversation.notices import HEADING
from conversation.transcript import entries, messages_of
from tests.ai.fault_server import FaultServer
from tests.ai.fault_talk import Asked
from tests.conftest import Api, gid
from tests.media import samples

from .talking import say, state

MakeApi = Callable[..., Api]
Finish = Callable[[Turn], Turn]
TurnWith = Callable[..., Turn]
Stored = Callable[..., Media]

AUDIO = {"duration": 2.0, "sample_rate": 48_000}


@pytest.fixture(autouse=True)
def _forget(provider: FaultServer) -> None:
    provider.asked.clear()


@pytest.fixture
def sound(stored: Stored) -> Media:
    return stored(samples.wav(), "audio/wav", "song.wav", **AUDIO)


def shown(asked: Asked) -> list[Image.Image]:
    """The pictures of a request, decoded."""
    return [Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB") for uri in asked.pictures]


def words(asked: Asked) -> str:
    """What the user said last, with all that was put beside it."""
    content = asked.body["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def notice(session: Session) -> str:
    """What the server told of the files; "" where it told nothing."""
    return "".join(session.messages.filter(role="system").values_list("content", flat=True))


def path_of(media: Media) -> Path:
    return Path(default_storage.path(media.file_path))


def with_hole(mp4: bytes, size: int) -> Callable[[Path], None]:
    """Make a film `size` bytes larger by a box that players skip, without writing it."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(mp4 + struct.pack(">I4sQ", 1, b"free", size))
            file.truncate(len(mp4) + size)

    return write


def test_video_reaches_the_model_as_stills_in_their_order_with_their_times(
    turn_with: TurnWith, provider: FaultServer, session: Session, stored: Stored
) -> None:
    # given
    video = stored(samples.mp4(2.0, 640, 360), "video/mp4", "take.mp4", width=640, height=360, duration=2.0, fps=24.0)
    # when
    turn = turn_with("ok", attachmentIds=[gid(video)])
    # then
    assert turn.status == "completed"
    (asked,) = provider.asked_of("ok")
    stills = shown(asked)
    assert len(stills) == 8
    assert all(still.width * still.height <= 256 * 32 * 32 for still in stills)
    assert all(abs(still.width / still.height - 16 / 9) < 0.05 for still in stills)
    # The film's ground grows greener while it plays.
    greens = [still.getpixel((still.width * 3 // 4, still.height * 3 // 4))[1] for still in stills]  # type: ignore[index]
    assert greens == sorted(greens)
    assert greens[-1] - greens[0] > 100
    parts = asked.body["messages"][-1]["content"]
    captions = [part["text"] for part in parts[:-1] if part["type"] == "text"]
    assert [part["type"] for part in parts] == [*["text", "image_url"] * 8, "text"]
    assert [caption.split(", at ")[0] for caption in captions] == [f"[take.mp4, still {n} of 8" for n in range(1, 9)]
    times = [float(caption.split(", at ")[1].removesuffix(" s]")) for caption in captions]
    assert times == sorted(set(times))
    assert "Attached video: take.mp4 (2.0 s, 640 × 360 px, 24 frames a second)" in words(asked)
    assert f"{HEADING}\n\n- `take.mp4`: shown as 8 stills, from {times[0]} s to {times[-1]} s" in notice(session)


@pytest.mark.parametrize(("mime_type", "filename"), [("image/heic", "set.heic"), ("image/avif", "set.avif")])
def test_picture_of_a_format_that_models_do_not_know_is_converted(
    turn_with: TurnWith, provider: FaultServer, session: Session, stored: Stored, mime_type: str, filename: str
) -> None:
    # given
    data = samples.heic(320, 200) if mime_type == "image/heic" else samples.avif(320, 200)
    # when
    turn_with("ok", attachmentIds=[gid(stored(data, mime_type, filename))])
    # then
    (asked,) = provider.asked_of("ok")
    assert asked.pictures[0].startswith("data:image/jpeg;base64,")
    (picture,) = shown(asked)
    assert picture.size == (320, 200)
    red, _, blue = picture.getpixel((40, 40))  # type: ignore[misc]
    assert red > 150 > blue
    assert [message.role for message in session.messages.all()] == ["user", "assistant"]


def test_long_document_is_cut_to_the_budget_and_that_is_said(
    turn_with: TurnWith, provider: FaultServer, session: Session, stored: Stored, settings: Any
) -> None:
    # given
    settings.MODEL_INPUT_TOKENS = 6_000
    script = stored(b"INT. HARBOUR - NIGHT\n" * 5_000, "text/plain", "script.txt")
    # when
    turn_with("ok", attachmentIds=[gid(script)])
    # then
    (asked,) = provider.asked_of("ok")
    sent = words(asked).count("INT. HARBOUR")
    assert 200 < sent < 1_000
    told_model = "".join(message["content"] for message in asked.body["messages"]) + json.dumps(asked.body["tools"])
    assert len(told_model.encode()) / 3.5 < 6_000
    told = notice(session)
    assert "- `script.txt`: only its first " in told
    assert abs(int(told.split("first ")[1].split(" ")[0].replace(",", "")) - sent * 21) < 21


def test_words_that_were_extracted_before_are_given_and_the_file_is_not_opened(
    turn_with: TurnWith, provider: FaultServer, session: Session, stored: Stored
) -> None:
    # given
    script = stored(samples.pdf("Parsed"), "application/pdf", "script.pdf")
    MediaText.objects.update_or_create(media=script, defaults={"text": "Extracted"})
    default_storage.delete(script.file_path)
    # when
    turn_with("ok", attachmentIds=[gid(script)])
    # then
    assert "Extracted" in words(provider.asked_of("ok")[0])
    assert notice(session) == ""


def test_files_that_are_still_being_processed_are_given_as_far_as_they_can(
    turn_with: TurnWith, provider: FaultServer, session: Session, stored: Stored
) -> None:
    # given
    waiting = {"status": MediaStatus.PROCESSING, "width": None, "height": None, "duration": None, "fps": None}
    script = stored(samples.fountain(), "text/x-fountain", "pilot.fountain", status=MediaStatus.PROCESSING)
    video = stored(samples.webm(1.0), "video/webm", "take.webm", **waiting)
    # when
    turn = turn_with("ok", attachmentIds=[gid(script), gid(video)])
    # then
    assert turn.status == "completed"
    (asked,) = provider.asked_of("ok")
    assert "EXT. LISBON DOCKS - NIGHT" in words(asked)
    assert len(shown(asked)) == 8
    assert "pilot.fountain" not in notice(session)


def test_sound_is_told_by_its_measures_and_the_chat_says_that_nobody_hears_it(
    turn_with: TurnWith, provider: FaultServer, session: Session, sound: Media, api: MakeApi, producer: User
) -> None:
    # given
    default_storage.delete(sound.file_path)
    # when
    turn = turn_with("ok", attachmentIds=[gid(sound)])
    # then
    assert turn.status == "completed"
    assert "which you cannot hear: song.wav (2.0 s, sound at 48,000 Hz)" in words(provider.asked_of("ok")[0])
    messages = [edge["node"] for edge in state(api(producer), session)["messages"]["edges"]]
    assert [(message["seq"], message["role"]) for message in messages] == [(1, "USER"), (2, "SYSTEM"), (3, "ASSISTANT")]
    assert "<code>song.wav</code>: the director cannot hear sound" in messages[1]["html"]
    assert messages[1]["turn"] is None
    assert messages[1]["author"] is None
    rows = list(messages_of(session))
    assert [entry.speaker for entry in entries(session, rows)] == [producer.name, "System", "Director"]


def test_broken_missing_and_failed_files_are_said_and_the_turn_completes(
    turn_with: TurnWith, provider: FaultServer, session: Session, stored: Stored
) -> None:
    # given
    broken = stored(samples.jpeg(320, 200), "image/jpeg", "broken.jpg")
    path_of(broken).write_bytes(b"\xff\xd8\xff\xe0 nothing")
    film = stored(samples.mp4(1.0), "video/mp4", "broken.mp4")
    path_of(film).write_bytes(samples.mp4(1.0)[:300])
    gone = stored(samples.png(), "image/png", "gone.png")
    default_storage.delete(gone.file_path)
    failing = stored(samples.wav(), "audio/wav", "failed.wav", status=MediaStatus.PROCESSING)
    ids = [gid(media) for media in (broken, film, gone, failing)]

    def processing_fails() -> None:
        Media.objects.filter(pk=failing.pk).update(status=MediaStatus.FAILED, error_message="The sound is damaged.")

    # when
    turn = turn_with("ok", attachmentIds=ids, before=processing_fails)
    # then
    assert turn.status == "completed"
    assert provider.asked_of("ok")[0].pictures == []
    told = notice(session).splitlines()[2:]
    assert [line.split("`")[1] for line in told] == ["broken.jpg", "broken.mp4", "gone.png", "failed.wav"]
    assert told[0].endswith("it is damaged or not a picture.")
    assert told[2].endswith("its file is gone.")
    assert told[3].endswith("it could not be processed: The sound is damaged.")


def test_ten_files_share_the_budget(
    turn_with: TurnWith, provider: FaultServer, session: Session, stored: Stored, settings: Any
) -> None:
    # given
    settings.MODEL_INPUT_TOKENS = 8_000
    pictures = [stored(samples.jpeg(800, 600), "image/jpeg", f"{n}.jpg") for n in range(6)]
    films = [stored(samples.mp4(1.0), "video/mp4", f"{n}.mp4") for n in range(2)]
    texts = [stored(b"word " * 20_000, "text/plain", f"{n}.txt") for n in range(2)]
    # when
    turn_with("ok", attachmentIds=[gid(media) for media in (*texts, *films, *pictures)])
    # then
    (asked,) = provider.asked_of("ok")
    sizes = [picture.size for picture in shown(asked)]
    assert min(width * height for width, height in sizes[:6]) > max(width * height for width, height in sizes[6:])
    assert len(sizes) >= 6 + 2 * 2
    text = sum(len(str(part)) for part in asked.body["messages"] if isinstance(part["content"], str)) + len(
        words(asked)
    )
    assert text / 3.5 + sum(width * height for width, height in sizes) / 1024 < 8_000
    told = [line.split("`")[1] for line in notice(session).splitlines()[2:]]
    assert told == ["0.txt", "1.txt", "0.mp4", "1.mp4"]


def test_nothing_is_said_where_all_was_given(
    turn_with: TurnWith, session: Session, stored: Stored, provider: FaultServer
) -> None:
    files = [stored(samples.png(), "image/png", "a.png"), stored(samples.markdown(), "text/markdown", "b.md")]
    turn_with("ok", attachmentIds=[gid(media) for media in files])
    assert [message.role for message in session.messages.all()] == ["user", "assistant"]


def test_endpoint_that_takes_no_pictures_is_sent_none_and_that_is_said(
    turn_with: TurnWith, session: Session, stored: Stored, provider: FaultServer, settings: Any
) -> None:
    # given
    settings.QWEN3VL_PICTURES = False
    # when
    turn_with("ok", attachmentIds=[gid(stored(samples.png(), "image/png", "set.png"))])
    # then
    (asked,) = provider.asked_of("ok")
    assert asked.pictures == []
    assert "you cannot see them (say so if they matter): set.png" in words(asked)
    assert "- `set.png`: the director cannot see pictures." in notice(session)


def test_rehearsal_director_measures_what_it_is_given_and_the_chat_says_the_rest(
    session: Session, stored: Stored, api: MakeApi, producer: User, finish: Finish, sound: Media
) -> None:
    # given
    film = stored(samples.mp4(2.0), "video/mp4", "take.mp4", width=320, height=180, duration=2.0, fps=24.0)
    script = stored(samples.fountain(), "text/x-fountain", "pilot.fountain")
    # when
    say(api(producer), session, "Look.", attachmentIds=[gid(media) for media in (film, sound, script)])
    turn = finish(Turn.objects.get())
    # then
    assert "`take.mp4`: 2.0 s, 320 × 180 px (16:9), 24 fps; in 8 stills mostly" in turn.text
    assert "`song.wav`: 2.0 s long, 48,000 samples a second; I cannot hear it." in turn.text
    assert "it is called “The Tide Clock”. 1 scene heading: EXT. LISBON DOCKS - NIGHT." in turn.text
    assert [line.split("`")[1] for line in notice(session).splitlines()[2:]] == ["take.mp4", "song.wav"]


def test_retry_says_it_once(
    turn_with: TurnWith, session: Session, sound: Media, api: MakeApi, producer: User, settings: Any, finish: Finish
) -> None:
    # given
    failed = turn_with("cut", attachmentIds=[gid(sound)])
    assert failed.status == "failed"
    first = session.messages.get(role="system")
    # when
    settings.QWEN3VL_MODEL = "ok"
    assert api(producer)("RetryTurn", input={"id": gid(failed)}).codes == []
    turn = finish(failed)
    # then
    assert (turn.status, turn.attempts) == ("completed", 2)
    assert [message.role for message in session.messages.all()] == ["user", "system", "assistant"]
    added = session.events.filter(type="message_added").order_by("seq")
    assert [event.payload["message"] for event in added] == [turn.message_id, first.pk, turn.reply.pk]


def test_runner_that_takes_over_says_it_once(
    session: Session, sound: Media, turn_with: TurnWith, finish: Finish
) -> None:
    # given
    def die_after_the_notice() -> None:
        turn = Turn.objects.get()
        dying = outcomes.claim(turn.pk, "ok")
        assert dying is not None
        assert outcomes.give_notice(dying, "An earlier runner said this.")
        Turn.objects.update(lease_expires_at=timezone.now())

    # when
    turn = turn_with("ok", attachmentIds=[gid(sound)], before=die_after_the_notice)
    # then
    assert (turn.status, turn.attempts) == ("completed", 2)
    assert [message.role for message in session.messages.all()] == ["user", "system", "assistant"]
    assert "cannot hear sound" in notice(session)


def test_runner_that_lost_its_turn_says_nothing(session: Session, sound: Media, api: MakeApi, producer: User) -> None:
    # given
    say(api(producer), session, attachmentIds=[gid(sound)])
    late = outcomes.claim(Turn.objects.get().pk, "ok")
    assert late is not None
    Turn.objects.update(attempts=2)
    # then
    assert outcomes.give_notice(late, "Too late.") is False
    assert notice(session) == ""


def test_what_was_said_is_corrected_where_a_retry_can_give_the_file(
    turn_with: TurnWith, session: Session, stored: Stored, api: MakeApi, producer: User, settings: Any, finish: Finish
) -> None:
    # given
    picture = stored(samples.png(), "image/png", "set.png")
    hidden = path_of(picture).rename(path_of(picture).with_suffix(".hidden"))
    failed = turn_with("cut", attachmentIds=[gid(picture)])
    assert "its file is gone" in notice(session)
    # when
    hidden.rename(path_of(picture))
    settings.QWEN3VL_MODEL = "ok"
    api(producer)("RetryTurn", input={"id": gid(failed)})
    finish(failed)
    # then
    assert notice(session) == "All attached files have now been given to the director."
    said = Message.objects.get(notice_of=failed)
    assert [event.payload["message"] for event in session.events.filter(type="message_added")].count(said.pk) == 2
    assert said.seq == 2


def test_notice_is_never_sent_to_the_model(
    turn_with: TurnWith, session: Session, sound: Media, provider: FaultServer
) -> None:
    # given
    turn_with("ok", attachmentIds=[gid(sound)])
    assert notice(session)
    # when
    turn_with("ok-tool")
    # then
    (asked,) = provider.asked_of("ok-tool")
    assert asked.roles == ["system", "user", "assistant", "user"]
    assert HEADING not in str(asked.body)
    assert "song.wav" in asked.body["messages"][1]["content"]


def test_files_of_old_messages_are_named_and_not_sent_again(
    turn_with: TurnWith, stored: Stored, provider: FaultServer
) -> None:
    # given
    old = stored(samples.png(), "image/png", "old.png")
    turn_with("ok", attachmentIds=[gid(old)])
    for n in range(3):
        turn_with("ok", attachmentIds=[gid(stored(samples.png(), "image/png", f"{n}.png"))])
    provider.asked.clear()
    # when
    turn_with("ok")
    # then
    (asked,) = provider.asked_of("ok")
    assert len(asked.pictures) == 3
    assert "[Attached then and not sent again: old.png]" in asked.body["messages"][1]["content"]


def test_earlier_video_is_shown_again_in_fewer_stills_unless_it_is_large(
    turn_with: TurnWith, stored: Stored, provider: FaultServer
) -> None:
    # given
    film = stored(samples.mp4(1.0), "video/mp4", "take.mp4")
    turn_with("ok", attachmentIds=[gid(film)])
    for size, stills in ((film.file_size, 3), (2 * 1024**3, 0)):
        Media.objects.update(file_size=size)
        provider.asked.clear()
        # when
        turn_with("ok")
        # then
        assert len(provider.asked_of("ok")[0].pictures) == stills
    assert "[Attached then and not sent again: take.mp4]" in str(provider.asked_of("ok")[0].body)


def test_strangers_file_name_has_no_effect_in_the_chat(
    turn_with: TurnWith, session: Session, stored: Stored, api: MakeApi, producer: User
) -> None:
    # given
    name = "`<b>[x](http://e.example)![y](http://e.example/y.png).wav"
    sound = stored(samples.wav(), "audio/wav", "song.wav", filename=name, **AUDIO)
    # when
    turn_with("ok", attachmentIds=[gid(sound)])
    # then
    html = state(api(producer), session)["messages"]["edges"][1]["node"]["html"]
    assert "<a" not in html
    assert "<img" not in html
    assert "<code>'&lt;b&gt;[x](http://e.example)![y](http://e.example/y.png).wav</code>" in html


def test_huge_files_are_never_read_whole(
    turn_with: TurnWith, session: Session, stored: Stored, provider: FaultServer
) -> None:
    # given
    film = stored(samples.mp4(1.0), "video/mp4", "huge.mp4", duration=1.0)
    with_hole(samples.mp4(1.0), 1024**3)(path_of(film))
    sound = stored(samples.wav(), "audio/wav", "huge.wav", **AUDIO)
    with path_of(sound).open("ab") as file:
        file.truncate(1024**3)
    # when
    tracemalloc.start()
    try:
        turn = turn_with("ok", attachmentIds=[gid(film), gid(sound)])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # then
    assert turn.status == "completed"
    assert len(provider.asked_of("ok")[0].pictures) == 8
    assert peak < 64 * 1024**2


@pytest.mark.parametrize(
    ("status", "words_"),
    [
        (MediaStatus.FAILED, "could not be processed and cannot be sent: The sound is damaged."),
        (MediaStatus.ARCHIVED, "is archived and cannot be sent"),
    ],
)
def test_file_that_failed_or_is_archived_is_refused_with_the_reason(
    session: Session, sound: Media, api: MakeApi, producer: User, status: str, words_: str
) -> None:
    Media.objects.filter(pk=sound.pk).update(status=status, error_message="The sound is damaged.")
    answer = say(api(producer), session, attachmentIds=[gid(sound)])
    assert (answer.error["code"], answer.error["field"]) == ("INVALID", ["attachmentIds"])
    assert words_ in answer.error["message"]
    assert not session.messages.exists()
