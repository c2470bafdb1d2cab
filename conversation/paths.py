"""The tree of a session's messages, one path of which is active: the model sees that path only."""

from collections.abc import Iterable

from django.db.models import Prefetch

from ai.graph import Graph
from cms.api.loading import related, related_list
from content.projects.models import Project
from content.projects.progress import Progress, progress_of
from content.workflow.cards import step_cards
from content.workflow.models import WorkflowStep
from content.workflow.services import published_graph

from . import events
from .choices import MessageRole
from .models import Message, Session
from .offers import offer, offer_again
from .sessions import current_project_step

# Rows that one statement marks: databases limit the parameters of one.
BATCH = 1_000

Parents = dict[int, int | None]


def move_to(session: Session, leaf: Message | None, step: WorkflowStep | None) -> None:
    """Let the active path end with `leaf` (None: before the first message) and the session go on at `step`.

    The session's step, its offer of choices and the project's progress follow. A step that is no longer published is
    replaced by the project's present one, as resuming does; an unknown one (None) leaves the session where it is.
    The caller holds the row locks of the project and the session, and no turn is under way.
    """
    if session.active_leaf_id == (leaf.pk if leaf else None):
        return
    graph = published_graph()
    before = progress_of(session.project, graph)
    _mark(session, leaf)
    session.active_leaf = leaf
    session.save(update_fields=["active_leaf", "updated_at"])
    events.path_changed(session)
    _go_on_at(session, step, graph, before)


def _go_on_at(session: Session, step: WorkflowStep | None, graph: Graph, before: Progress) -> None:
    # Its completed steps are kept with a row that was loaded: they are others on the new path.
    project = Project.objects.get(pk=session.project_id)
    wanted = step or session.current_step
    here = wanted if wanted.live else current_project_step(project)
    after = progress_of(project, graph)
    if here != session.current_step or after != before:
        session.current_step = here
        session.save(update_fields=["current_step", "updated_at"])
        events.step_changed(session, here, after)
    if here != step:
        offer(session, step_cards(here), session.active_leaf)
        events.choices_offered(session)
    elif offer_again(session):
        events.choices_offered(session)


def _mark(session: Session, leaf: Message | None) -> None:
    """Write which messages are on the active path, where that changes."""
    joining, fork = _climb(leaf.pk if leaf else None, _beside(session))
    leaving = Message.objects.filter(session=session, on_active_path=True, seq__gt=_seq(fork))
    leaving.update(on_active_path=False)
    for start in range(0, len(joining), BATCH):
        Message.objects.filter(pk__in=joining[start : start + BATCH]).update(on_active_path=True)


def _beside(session: Session) -> Parents:
    """The parents of the messages that are not on the active path, by seq."""
    beside = Message.objects.filter(session=session, on_active_path=False).order_by("seq")
    return dict(beside.values_list("pk", "parent_id"))


def _climb(message_id: int | None, beside: Parents) -> tuple[list[int], int | None]:
    """The messages from this one up that are beside the active path, and the message of it that they follow."""
    branch = []
    while message_id is not None and message_id in beside:
        branch.append(message_id)
        message_id = beside[message_id]
    return branch, message_id


def _seq(message_id: int | None) -> int:
    return Message.objects.values_list("seq", flat=True).get(pk=message_id) if message_id else 0


def newest_leaf(session: Session, message: Message) -> Message | None:
    """The end of the path through a message: of the active one, where it is on that, else the newest below it."""
    if message.on_active_path:
        return session.active_leaf
    return Message.objects.select_related("step").get(pk=_newest_below(message.pk, _beside(session)))


def _newest_below(message_id: int, beside: Parents) -> int:
    below = newest = message_id
    found = {below}
    for pk, parent in beside.items():
        if parent in found:
            found.add(pk)
            newest = pk
    return newest


def path_through(session: Session, message: Message | None) -> list[int]:
    """Keys of the messages from the first one through `message` to its newest leaf; without it of the active path."""
    on_path = Message.objects.filter(session=session, on_active_path=True).order_by("seq")
    if message is None or message.on_active_path:
        return list(on_path.values_list("pk", flat=True))
    beside = _beside(session)
    branch, fork = _climb(_newest_below(message.pk, beside), beside)
    return [*on_path.filter(seq__lte=_seq(fork)).values_list("pk", flat=True), *reversed(branch)]


def siblings_of(message: Message) -> list[Message]:
    """What else was said in a message's place, by seq, and the message itself.

    Of a reply: all replies to the same user's message, whatever notices stand between; of a notice likewise. Of a
    user's message: those that follow the same message, and of a first one all first ones.
    """
    if message.role == MessageRole.USER:
        return _said_instead(message)
    made_by = "turn" if message.role == MessageRole.ASSISTANT else "notice_of"
    turn = related(message, made_by)
    if turn is None:
        return [message]
    turns = related_list(related(turn, "message"), "turns")
    return _by_seq(related(each, "reply" if made_by == "turn" else "notice") for each in turns)


def _said_instead(message: Message) -> list[Message]:
    said = Message.objects.filter(role=MessageRole.USER).order_by("seq")
    parent = related(message, "parent")
    if parent is not None:
        return related_list(parent, Prefetch("replies", said, to_attr="_said_after"))
    first = Prefetch("messages", said.filter(parent=None), to_attr="_said_first")
    return related_list(related(message, "session"), first)


def _by_seq(messages: Iterable[Message | None]) -> list[Message]:
    return sorted((message for message in messages if message is not None), key=lambda message: message.seq)
