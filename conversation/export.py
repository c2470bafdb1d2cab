"""A session as a document to keep: what was said on its active path, or, as JSON, on every branch."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from content.media.addresses import file_url
from content.media.values import plain_words
from content.workflow.models import WorkflowStep

from .choices import MessageRole, TurnStatus
from .models import Choice, Message, MessageAttachment, Session, Turn
from .rendering import MARKDOWN
from .transcript import speaker_of

# Messages that are in memory at once.
BATCH = 200
LONGEST_NAME = 80
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]+')

Absolute = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that came with a message."""

    name: str
    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the active path. `step`: the step at which the talk goes on from here, where that is another."""

    message: Message
    speaker: str
    step: WorkflowStep | None
    attached: list[Attached]
    chosen: Choice | None
    remarks: list[str]


def said_in(session: Session, absolute: Absolute) -> Iterator[Said]:
    """The active path's messages in order. `absolute` makes an address of this site one that works from anywhere."""
    here: WorkflowStep | None = None
    before: WorkflowStep | None = None
    for message in messages_in_batches(session.messages.filter(on_active_path=True)):
        # A reply's step is where it led to; it was given where the message before it was.
        place = before if message.role == MessageRole.ASSISTANT and before is not None else message.step
        is_new = place is not None and place != here
        here, before = place or here, message.step
        yield Said(
            message=message,
            speaker=speaker_of(message),
            step=place if is_new else None,
            attached=[
                Attached(row.media.title, row.media.get_kind_display(), absolute(file_url(row.media)))
                for row in message.attachment_rows.all()
            ],
            chosen=message.selected_choice,
            remarks=list(_remarks(message)),
        )


def messages_in_batches(messages: QuerySet[Message]) -> Iterator[Message]:
    """The messages by seq with all that an export reads: a fixed number of queries for each 200."""
    rows = (
        messages.select_related("author", "selected_choice", "turn", "step")
        .prefetch_related(
            Prefetch("attachment_rows", MessageAttachment.objects.select_related("media")),
            Prefetch("turns", Turn.objects.select_related("reply").order_by("pk")),
            Prefetch("choice_rows", Choice.objects.order_by("offer", "position")),
        )
        .order_by("seq")
    )
    last = 0
    while batch := list(rows.filter(seq__gt=last)[:BATCH]):
        yield from batch
        last = batch[-1].seq


def _remarks(message: Message) -> Iterator[str]:
    """What a reader must be told beside the words."""
    if message.interrupted:
        yield "This reply was stopped part-way."
    for turn in message.turns.all():
        if turn.status == TurnStatus.FAILED:
            yield f"The reply failed: {turn.error_message or turn.error_code}"
        elif turn.status == TurnStatus.CANCELLED and getattr(turn, "reply", None) is None:
            yield "The reply was stopped before anything was said."
        elif turn.is_active:
            yield "The director was still answering when this was exported."


def facts_of(session: Session, exported_at: datetime) -> list[tuple[str, str]]:
    """What the head of a document says."""
    return [
        ("Project", session.project.title),
        ("Started by", f"{session.user.name}, {moment(session.created_at)}"),
        ("Present step", session.current_step.title),
        ("Exported", moment(exported_at)),
    ]


def moment(at: datetime) -> str:
    """A date and time for people everywhere."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def filename(session: Session, ending: str) -> str:
    """What an exported file is called: the title without what file systems do not take."""
    name = _NOT_IN_NAMES.sub(" ", plain_words(session.title))
    return f"{' '.join(name.split())[:LONGEST_NAME].strip(' .') or 'Session'}.{ending}"


_MARKS = re.compile(r"([\\`*_{}\[\]<>()#&~|!])")
# What begins a tag; addresses in angle brackets are none.
_TAG = re.compile(r"(\\*)<(?!https?://|mailto:)(?=[A-Za-z/!?])")


def write_markdown(session: Session, absolute: Absolute, out: TextIO) -> None:
    """The active path as CommonMark. What people and the director wrote stays in quotations, with its own Markdown.

    So no message can pretend to be another's, or reach beyond itself; tags and pictures in it are shown as written.
    """
    out.write(f"# {plain(session.title)}\n\n")
    for name, value in facts_of(session, timezone.now()):
        out.write(f"- {name}: {plain(value)}\n")
    for said in said_in(session, absolute):
        if said.step is not None:
            out.write(f"\n## {plain(said.step.title)}\n")
        out.write(f"\n### {plain(said.speaker)} · {moment(said.message.created_at)}\n\n")
        if said.message.content:
            out.write(_quoted(said.message.content))
        if said.chosen is not None:
            out.write(f"\nChoice taken: {plain(said.chosen.title)}\n")
        if said.attached:
            out.write("\nAttached:\n\n")
            out.writelines(f"- [{plain(file.name)}]({file.url}) ({plain(file.kind)})\n" for file in said.attached)
        out.writelines(f"\n*{plain(remark)}*\n" for remark in said.remarks)


def plain(text: str) -> str:
    """Text on one line in which no character means anything to Markdown."""
    return _MARKS.sub(r"\\\1", plain_words(text))


def _quoted(content: str) -> str:
    return "".join(f"> {line}".rstrip() + "\n" for line in _inert(content.replace("\r\n", "\n").replace("\r", "\n")))


def _inert(content: str) -> Iterator[str]:
    is_code = _code_lines(content) if _TAG.search(content) or "![" in content else set()
    for number, line in enumerate(content.split("\n")):
        yield line if number in is_code else _TAG.sub(_escaped, line).replace("![", "!\\[")


def _code_lines(content: str) -> set[int]:
    """Lines of blocks of code, where a backslash would be one."""
    blocks = (token.map for token in MARKDOWN.parse(content) if token.type in {"fence", "code_block"} and token.map)
    return {line for start, end in blocks for line in range(start, end)}


def _escaped(tag: re.Match[str]) -> str:
    slashes = tag.group(1)
    # After an odd number the bracket is one that was escaped already.
    return f"{slashes}<" if len(slashes) % 2 else f"{slashes}\\<"
