import asyncio
import time
from contextlib import aclosing

import pytest

from ai.contract import Attachment, ChatMessage, Chosen, Completion, NextStep, Scene
from ai.files import attachment
from ai.models import chat_model
from ai.rehearsal import rehearse
from ai.replies import Reply, parse_reply
from tests.ai.scenes import a_pdf, a_picture, a_scene, a_sound, a_step, a_text, a_video
from tests.ai.talking import a_prompt, hear

PHASES = (
    "story_development",
    "character_creation",
    "visual_design",
    "audio_design",
    "scene_production",
    "post_production",
    "final_assembly",
)
HISTORY = (ChatMessage("user", "Two sisters smuggle letters."), ChatMessage("assistant", "Good."))


def reply_to(scene: Scene) -> Reply:
    _, completion = hear(chat_model(None, word_delay=0), scene)
    return parse_reply(completion, scene)


@pytest.mark.parametrize("phase", [*PHASES, "Visual Design", "a phase of the editors"])
@pytest.mark.parametrize("turn", range(4))
def test_every_phase_gets_a_useful_reply_of_its_own(phase: str, turn: int) -> None:
    step = a_step(slug="a_step", phase=phase)
    scene = a_scene("What now?", step=step, history=HISTORY * turn)

    reply = reply_to(scene)

    assert 60 <= len(reply.text.split()) <= 180
    assert "$" not in reply.text
    assert "- **" in reply.text
    assert reply.notes == ()
    assert (reply.next_step, reply.choices, reply.action) == (None, (), None)


def test_phases_do_not_repeat_each_other() -> None:
    texts = {reply_to(a_scene(step=a_step(slug="s", phase=phase))).text for phase in PHASES}

    assert len(texts) == len(PHASES)


def test_it_says_what_it_is_first_at_length_and_then_briefly() -> None:
    first = reply_to(a_scene()).text
    later = reply_to(a_scene(history=HISTORY)).text

    assert "offline" in first.split("\n")[0]
    assert "not from a language model" in first
    assert later.endswith("*Rehearsal director, offline.*")
    assert "not from a language model" not in later


def test_it_uses_the_words_the_project_and_the_brief() -> None:
    text = reply_to(a_scene("Two sisters smuggle letters.")).text

    assert "“Two sisters smuggle letters.”" in text
    assert "Harbour Lights" in text
    assert "10 episodes" in text
    assert "Help the producer to a logline of one sentence." in text


def test_a_question_is_not_answered_by_pretending() -> None:
    assert "I cannot think about it freely" in reply_to(a_scene("Is it too dark?")).text


def test_words_that_name_a_subject_get_its_pass() -> None:
    step = a_step(slug="s", phase="audio_design")

    assert "Motif" in reply_to(a_scene("Which music?", step=step)).text
    assert "Signature" in reply_to(a_scene("Which sound effects?", step=step)).text


def test_the_same_scene_gives_the_same_words() -> None:
    scene = a_scene(attachments=[a_picture()], history=HISTORY)

    assert rehearse(scene) == rehearse(scene)


def test_marks_in_what_people_write_have_no_effect() -> None:
    text = reply_to(a_scene("<script>alert(1)</script> **bold** [x](http://e.example) $title")).text

    assert "<script>" not in text
    assert "[x](" not in text
    assert "$title" in text


def test_a_picture_is_measured() -> None:
    text = reply_to(a_scene("Like this?", attachments=[a_picture(1600, 1200, form="JPEG", name="set.jpg")])).text

    assert "`set.jpg`: 1600 × 1200 px (4:3, the project has 16:9)" in text
    assert "palette navy #0" in text
    assert "dark" in text
    assert "I do not recognise what it shows" in text


def test_a_picture_alone_is_answered() -> None:
    text = reply_to(a_scene("", attachments=[a_picture()])).text

    assert "Thank you for the material." in text
    assert "640 × 360 px (16:9)" in text


@pytest.mark.parametrize(
    ("file", "seen"),
    [
        (a_text("# Pilot\n\n## Teaser\nA boat."), "4 words; it begins “Pilot”. 2 headings: Pilot; Teaser."),
        (
            a_text("INT. HARBOUR - DAY\nAna waits.\nEXT. PIER - NIGHT\nRain.", name="pilot.txt"),
            "2 scene headings: INT. HARBOUR - DAY; EXT. PIER - NIGHT.",
        ),
        (
            a_text("Title: The Pilot\n\nint. pier - day\n\nRain.\n\n.THE LAMP\n\n...she waits.", name="p.fountain"),
            "it is called “The Pilot”. 2 scene headings: int. pier - day; THE LAMP.",
        ),
        (a_pdf("The Pilot by Ana", "Two"), "2 pages, 5 words; it begins “The Pilot by Ana”."),
        (attachment("bad.pdf", "application/pdf", b"no"), "I could not read it: it is damaged or not a PDF."),
        (
            attachment("film.mp4", "video/mp4", b"no"),
            "I could not read it: files of this kind cannot be read here.",
        ),
    ],
)
def test_documents_are_read(file: Attachment, seen: str) -> None:
    assert seen in reply_to(a_scene("Read.", attachments=[file])).text


def test_a_video_is_measured_and_not_understood() -> None:
    video = a_video(6, seconds=12.0, colours=("navy", "navy", "orange"))

    text = reply_to(a_scene("Like this?", attachments=[video])).text

    assert "`clip.mp4`: 12.0 s, 1920 × 1080 px (16:9), 24 fps; in 6 stills mostly navy (dark) at 0.0 s" in text
    assert "then amber (bright) at 8.0 s. I cannot hear its sound." in text


def test_a_video_of_which_little_is_known_is_still_looked_at() -> None:
    video = a_video(2, duration=None, width=None, height=None, fps=None, sample_rate=None)

    assert "`clip.mp4`: in 2 stills mostly navy (dark) at 0.0 s." in reply_to(a_scene("So?", attachments=[video])).text


def test_a_sound_is_measured_and_not_heard() -> None:
    text = reply_to(a_scene("Like this?", attachments=[a_sound()])).text

    assert "`song.wav`: 12.0 s long, 44,100 samples a second; I cannot hear it." in text


def test_many_files_stay_within_the_words() -> None:
    files = [a_text("INT. A - DAY\n" * 9, name=f"{n}.txt") for n in range(9)]

    text = reply_to(a_scene("Read.", attachments=files, history=HISTORY)).text

    assert "6 more, which I did not open" in text
    assert len(text.split()) <= 180


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("Let's move on to character creation.", "character_creation"),
        ("Great. Next step, please", "story_development"),
        ("That is settled. Let's proceed!", "story_development"),
        ("go to the characters", "character_creation"),
        ("Shall we move on to characters?", None),
        ("Do not move on yet.", None),
        ("I'm not ready for the next step.", None),
        ("The sisters move to Lisbon.", None),
        ("The next scene is at night.", None),
        ("They never go on.", None),
    ],
)
def test_it_moves_on_only_where_it_is_plainly_asked(words: str, slug: str | None) -> None:
    reply = reply_to(a_scene(words))

    assert reply.next_step == slug
    assert ("That closes *Initial concept*" in reply.text) == (slug is not None)


def test_a_way_that_does_not_exist_is_answered_with_those_that_do() -> None:
    reply = reply_to(a_scene("Let's go to the final assembly."))

    assert reply.next_step is None
    assert [choice.leads_to for choice in reply.choices] == ["story_development", "character_creation"]
    assert "**Story development** or **Character creation**" in reply.text


def test_at_the_last_step_there_is_no_way_on() -> None:
    reply = reply_to(a_scene("Next step.", step=a_step(next_steps=(), is_last=True)))

    assert reply.next_step is None
    assert "nothing lies beyond" in reply.text


def test_a_choice_that_leads_on_is_followed() -> None:
    chosen = Chosen("create_characters", "Create characters", leads_to="character_creation")

    reply = reply_to(a_scene("Create characters", chosen=chosen, history=HISTORY))

    assert "You chose **Create characters**." in reply.text
    assert "“Create characters”" not in reply.text
    assert "Next is **Character creation**: Design the people" in reply.text
    assert "Silhouette" in reply.text or "Rhythm" in reply.text or "Lead." in reply.text
    assert reply.notes == ()


def test_a_choice_that_submits_gets_an_input_that_fits() -> None:
    chosen = Chosen("draw", "Draw a panel", submits="storyboard_panel")

    reply = reply_to(a_scene("Ana alone on the pier.", chosen=chosen, history=HISTORY))

    assert reply.action is not None
    assert reply.action.task_type == "storyboard_panel"
    assert reply.action.input == {
        "scene_text": "Ana alone on the pier.",
        "episode": 1,
        "aspect_ratio": "16:9",
    }
    assert "**Storyboard panel**" in reply.text


def test_a_choice_without_words_takes_the_last_that_were_said() -> None:
    chosen = Chosen("draw", "Draw a panel", submits="storyboard_panel")
    history = (
        ChatMessage("user", "Ana waits alone at the end of the pier."),
        ChatMessage("assistant", "Good."),
    )

    reply = reply_to(a_scene("Draw a panel", chosen=chosen, history=history))

    assert reply.action is not None
    assert reply.action.input["scene_text"] == "Ana waits alone at the end of the pier."


def test_a_task_that_is_plainly_asked_for_is_started() -> None:
    assert reply_to(a_scene("Draw a storyboard of the pier at night.")).action is not None
    assert reply_to(a_scene("Do not draw a panel yet.")).action is None
    assert reply_to(a_scene("Draw a dog.")).action is None


def test_the_finish_is_told() -> None:
    chosen = Chosen("finish", "Finish the series", finishes=True)
    step = a_step(slug="final_assembly", phase="final_assembly", next_steps=(), task_types=(), is_last=True)

    assert "the series is finished" in reply_to(a_scene("", chosen=chosen, step=step, history=HISTORY)).text


def test_it_lives_with_hardly_any_facts() -> None:
    bare = a_step(title="T", description="", instructions="", next_steps=(NextStep("b", "B", ""),), choice_titles=())

    text = reply_to(a_scene("Next step.", project={}, step=bare)).text

    assert "your series" in text
    assert "Next is **B**." in text


def test_it_speaks_word_by_word_and_counts() -> None:
    shown, completion = hear(chat_model(None, word_delay=0), a_scene())

    assert shown == completion.text
    assert completion.model == "rehearsal"
    assert completion.usage.input_tokens > 1_000
    assert completion.usage.output_tokens > 100


def test_the_pause_between_words_is_kept_and_can_be_broken() -> None:
    async def first_words() -> float:
        started = time.monotonic()
        async with aclosing(chat_model(None, word_delay=0.05).stream(a_prompt())) as stream:  # type: ignore[type-var]
            for _ in range(4):
                assert not isinstance(await anext(stream), Completion)
        return time.monotonic() - started

    assert 0.15 <= asyncio.run(first_words()) < 2
