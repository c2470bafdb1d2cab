"""Scenes and files to test directors with."""

import io
from typing import Any

from PIL import Image, ImageDraw

from ai.contract import Attachment, ChatMessage, Content, NextStep, Scene, Step, TaskType
from ai.files import attachment
from ai.pictures import frame

PANEL_SCHEMA = {
    "title": "StoryboardPanelInput",
    "type": "object",
    "properties": {
        "scene_text": {"type": "string", "minLength": 1, "maxLength": 600},
        "episode": {"type": "integer", "minimum": 1, "maximum": 100},
        "aspect_ratio": {"enum": ["16:9", "4:3", "21:9"], "type": "string"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    },
    "required": ["scene_text", "episode"],
}


def a_step(**changes: Any) -> Step:
    values: dict[str, Any] = {
        "slug": "initial_concept",
        "title": "Initial concept",
        "description": "Find the idea that the series stands on.",
        "phase": "story_development",
        "instructions": "Help the producer to a logline of one sentence. Ask for the stakes first.",
        "next_steps": (
            NextStep("story_development", "Story development", "Give the season its structure."),
            NextStep("character_creation", "Character creation", "Design the people of the series."),
        ),
        "task_types": (TaskType("storyboard_panel", "Storyboard panel", PANEL_SCHEMA),),
        "choice_titles": ("Develop the story", "Create characters"),
        "is_last": False,
    }
    return Step(**(values | changes))


def a_scene(text: str = "Two sisters smuggle letters across a harbour.", **changes: Any) -> Scene:
    attachments = changes.pop("attachments", ())
    values: dict[str, Any] = {
        "project": {
            "title": "Harbour Lights",
            "description": "Two sisters keep a secret from a town that lives on gossip.",
            "genre": "drama",
            "episode_count": 10,
            "target_audience": "family",
            "aspect_ratio": "16:9",
            "episode_duration": 22,
            "quality_tier": "standard",
            "progress": 0,
        },
        "step": a_step(),
        "preferences": {"tone": "dry"},
        "summary": "",
        "pinned_facts": (),
        "history": (),
        "message": ChatMessage("user", text, tuple(attachments)),
    }
    return Scene(**(values | changes))


def picture_bytes(width: int = 640, height: int = 360, *, colour: str = "navy", form: str = "PNG") -> bytes:
    """A ground of a colour with an orange band on its left."""
    picture = Image.new("RGB", (width, height), colour)
    if width > 40 and height > 40:
        ImageDraw.Draw(picture).rectangle((0, 0, width // 4, height), fill="orange")
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def a_picture(
    width: int = 640, height: int = 360, *, colour: str = "navy", form: str = "PNG", name: str = "still.png"
) -> Attachment:
    return attachment(name, f"image/{form.lower()}", picture_bytes(width, height, colour=colour, form=form))


def a_text(text: str, name: str = "notes.md") -> Attachment:
    kinds = {"md": "text/markdown", "fountain": "text/x-fountain"}
    return attachment(name, kinds.get(name.rpartition(".")[2], "text/plain"), text.encode())


def a_video(
    count: int = 8,
    *,
    seconds: float = 12.0,
    size: tuple[int, int] = (640, 360),
    colours: tuple[str, ...] = ("navy",),
    name: str = "clip.mp4",
    **facts: Any,
) -> Attachment:
    """A video as it is after its frames were sampled."""
    stills = [
        frame(_jpeg(size, colours[place * len(colours) // count]), place * seconds / count) for place in range(count)
    ]
    known: dict[str, Any] = {"duration": seconds, "width": 1920, "height": 1080, "fps": 24.0, "sample_rate": 48_000}
    content = Content(stills=tuple(stills), **(known | facts))
    return Attachment(name, "video/mp4", lambda: content)


def _jpeg(size: tuple[int, int], colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def a_sound(name: str = "song.wav", **facts: Any) -> Attachment:
    content = Content(**({"duration": 12.0, "sample_rate": 44_100} | facts))
    return Attachment(name, "audio/wav", lambda: content)


def a_pdf(*pages: str, name: str = "script.pdf") -> Attachment:
    """A PDF of one line a page, written by hand: offsets and all."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, text in enumerate(pages):
        content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    body, offsets = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()
    return attachment(name, "application/pdf", body)
