"""Sessions with branches, turns in every state, choices, who is here, and the log."""

from datetime import timedelta

from django.utils import timezone

from content.workflow.models import WorkflowStep
from conversation.models import (
    Choice,
    Message,
    MessageAttachment,
    MessageWords,
    Presence,
    Session,
    SessionEvent,
    Summary,
    Turn,
    TurnChunk,
)
from conversation.search import index_message

from .markers import NOBODY, Actors
from .subjects import Case, Column, Every, Subject
from .worlds import World

OFFER = 7


def fill(world: World) -> None:
    owner = frozenset({world.owner_name})
    # The last ones of those that somebody sees are walked on from.
    _Talk(world, "busy", world.everyone, owner, world.owner, shared=True).begin("queued")
    _Talk(world, "paused", world.everyone, owner, world.owner, shared=True, state="paused").begin("cancelled")
    _Talk(world, "private", world.owners, owner, world.owner).hold("running")
    _Talk(world, "shared", world.everyone, owner, world.owner, shared=True).hold("failed")
    if world.member is not None:
        own = frozenset({world.member_name})
        _Talk(world, "members", world.members, own, world.member).hold("running")


class _Talk:
    """A session and all that was said in it, by one person."""

    def __init__(
        self, world: World, name: str, seen_by: Actors, author_name: Actors, author: object, **values: object
    ) -> None:
        self.world, self.name, self.seen_by = world, name, seen_by
        self.author, self.author_name = author, author_name
        self.step = WorkflowStep.objects.filter(live=True).order_by("order")[0]
        self.session = self.add(
            Session,
            "session",
            project=world.rows["project"],
            user=author,
            current_step=self.step,
            offer=OFFER,
            last_offer=OFFER,
            **values,
        )

    def add(self, model, name="", /, **values):
        """A row that those who see the session are to be shown."""
        row = self.world.add(model, f"{self.name}_{name}" if name else "", seen_by=self.seen_by, **values)
        if model is Message and row.role != "system":
            index_message(row)
        return row

    def begin(self, status: str) -> None:
        """A question, and no more."""
        self.turn(status, self.say("message"), name=f"{status}_turn")

    def hold(self, last: str) -> None:
        """A question with two answers, the first offering choices, and another that takes one; its turn is `last`."""
        image = self.world.rows["image"]
        first = self.say("first")
        done = self.turn("completed", first, name="completed_turn")
        reply = self.reply("reply", done, first)
        self.reply("other_reply", self.turn("completed", first), first, on_active_path=False, interrupted=True)
        self.add(Message, session=self.session, role="system", parent=reply, idempotency_key=None)
        taken = self.offer(OFFER - 1, reply)
        self.offer(OFFER, None)
        second = self.say("message", parent=reply, selected_choice=taken)
        Session.objects.filter(pk=self.session.pk).update(active_leaf=second)
        self.add(MessageAttachment, message=second, media=image, position=0)
        turn = self.turn(last, second, name=f"{last}_turn")
        if last == "running":
            self.add(TurnChunk, turn=turn, attempt=turn.attempts, offset=0)
        self.add(Summary, message=reply)
        self.meet()
        self.tell(second, turn)
        if self.name == "shared":
            self.world.rows |= {"completed_turn": done}

    def say(self, name, **values):
        return self.add(
            Message, name, session=self.session, role="user", author=self.author,
            to={"idempotency_key": self.author_name}, **values,
        )  # fmt: skip

    def reply(self, name, turn, message, **values):
        return self.add(
            Message, name, session=self.session, role="assistant", turn=turn, parent=message, idempotency_key=None,
            **values,
        )  # fmt: skip

    def turn(self, status, message, name=""):
        values = {} if status == "failed" else {"error_code": "", "error_message": "", "retry_after": None}
        if status == "failed":
            values = {"error_code": "PROVIDER_FAILED"}
        return self.add(
            Turn, name, session=self.session, message=message, status=status, requested_by=self.author,
            to={"text": NOBODY if status == "running" else self.seen_by}, **values,
        )  # fmt: skip

    def offer(self, number, message):
        effect = {"leads_to": "", "submits": ""}
        card = self.add(
            Choice, "choice", session=self.session, offer=number, position=0, message=message, is_recommended=True,
            **effect,
        )  # fmt: skip
        self.add(
            Choice, session=self.session, offer=number, position=1, message=message, is_manual_override=True, **effect
        )
        return card

    def meet(self) -> None:
        now = timezone.now()
        self.add(
            Presence, session=self.session, user=self.author, seen_at=now + timedelta(hours=1),
            typing_until=now + timedelta(hours=1),
        )  # fmt: skip

    def tell(self, message, turn) -> None:
        markers, kinds = self.world.all.markers, SessionEvent.Type
        step = {"id": self.step.pk, "slug": "a", "phase": self.step.phase, "order": 1, "required": True}
        for name in ("title", "description"):
            step[name] = markers.word(f"SessionEvent.payload step {name}", self.seen_by)
        progress = {"current_phase": self.step.phase, "completed_steps": [], "overall_progress": 0}
        payloads = {
            kinds.MESSAGE_ADDED: {"message": message.pk},
            kinds.TURN_UPDATED: {"turn": turn.pk},
            kinds.CHOICES_OFFERED: {"offer": OFFER},
            kinds.STEP_CHANGED: {"step": step, "progress": progress},
            kinds.SESSION_UPDATED: {},
            kinds.PATH_CHANGED: {},
        }
        for kind, payload in payloads.items():
            self.add(SessionEvent, session=self.session, type=kind, payload=payload)


def fill_later(world: World) -> None:
    """The events of tasks, which are there by now."""
    for name, audience in (("private", world.owners), ("members", world.members)):
        session, task = world.rows.get(f"{name}_session"), world.rows.get(f"{name}_task", world.rows["task"])
        if session is not None:
            kind = SessionEvent.Type.TASK_UPDATED
            world.add(SessionEvent, seen_by=audience, session=session, type=kind, payload={"task": task.pk})


MANAGED = {"collaborator": "FORBIDDEN"}
SUBJECT = Subject(
    fill=fill,
    hidden={
        Session: "last_message_seq idempotency_key idempotency_digest",
        Message: "idempotency_digest",
        MessageAttachment: "",
        Turn: "notes idempotency_key idempotency_digest lease_expires_at attempts_before queued_at",
        TurnChunk: "",
        Summary: "text model created_at",
        Presence: "connection",
        Choice: "",
        SessionEvent: "",
    },
    without_rows={MessageWords: "written by index_message, and never shown"},
    roots={
        "session": [{"id": Every((Session,))}],
        "sessions": [{"first": 30}],
        "searchMessages": [{"text": Column(Message, "content"), "first": 5}],
        "node": [{"id": Every((Session, Message, Turn))}],
    },
    subscriptions={"sessionEvents": [{"sessionId": Every((Session,)), "after": 0}]},
    arguments={
        "Query.sessions.projectId": [Every(names=("project", "archived_project"))],
        "Query.sessions.search": [Column(Session, "title")],
        "Query.searchMessages.text": [Column(Message, "content")],
        "Query.searchMessages.projectId": [Every(names=("project", "archived_project"))],
    },
    never=dict.fromkeys(("TurnDeltaEvent.seq", "PresenceEvent.seq"), "such events are not stored"),
    unmarked={
        "TurnDeltaEvent.offset": "where the reply begins",
        **dict.fromkeys(("TurnDeltaEvent.at", "PresenceEvent.at"), "the moment of telling"),
        **dict.fromkeys(("Highlight.offset", "Highlight.length"), "a place in a snippet"),
    },
    mutations={
        "startSession": Case({"projectId": "project"}),
        "updateSession": Case({"id": "shared_session"}, {"title": "Better"}, refused=MANAGED),
        "pauseSession": Case({"id": "shared_session"}, refused=MANAGED),
        "resumeSession": Case({"id": "paused_session"}, refused=MANAGED),
        "completeSession": Case({"id": "shared_session"}, refused=MANAGED),
        "sendMessage": Case({"sessionId": "shared_session", "attachmentIds": ("image",)}, {"text": "Hello"}),
        "selectChoice": Case({"sessionId": "shared_session", "choiceId": "shared_choice", "attachmentIds": ("image",)}),
        "cancelTurn": Case({"id": "busy_queued_turn"}),
        "retryTurn": Case({"id": "shared_failed_turn"}),
        "regenerate": Case({"messageId": "shared_reply"}),
        "editMessage": Case({"messageId": "shared_message", "attachmentIds": ("image",)}, {"text": "Rather this"}),
        "switchBranch": Case({"messageId": "shared_other_reply"}),
        "setTyping": Case({"sessionId": "shared_session"}, {"typing": True}),
    },
)
