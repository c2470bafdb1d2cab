"""Session, Message, Turn, Choice and the session's event log."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from content.workflow.models import WorkflowStep

from .choices import ACTIVE_TURN, MessageRole, SessionState, TurnStatus
from .search_index import MessageWords

__all__ = [
    "MAX_MESSAGE_LENGTH",
    "Choice",
    "Message",
    "MessageAttachment",
    "MessageWords",
    "Presence",
    "Session",
    "SessionEvent",
    "Summary",
    "Turn",
    "TurnChunk",
]

MAX_MESSAGE_LENGTH = 2_000


class Session(models.Model):
    """A conversation about a project. Private to its user and admins until `shared` with the members."""

    project = models.ForeignKey("projects.Project", on_delete=models.CASCADE, related_name="sessions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sessions")
    title = models.CharField(max_length=200)
    shared = models.BooleanField(default=False, help_text="The project's members may read and write in it.")
    current_step = models.ForeignKey(WorkflowStep, on_delete=models.PROTECT, related_name="sessions")
    state = models.CharField(max_length=20, choices=SessionState, default=SessionState.ACTIVE)
    has_own_title = models.BooleanField(default=False, help_text="A person gave the title.")
    # The last message of the active path: replies form a tree, and the model sees one path of it.
    active_leaf = models.ForeignKey("Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    offer = models.PositiveIntegerField(default=0, help_text="The number of the present offer of choices.")
    # An earlier branch's offer may be the present one again.
    last_offer = models.PositiveIntegerField(default=0, help_text="The highest number that an offer has had.")
    last_message_seq = models.PositiveBigIntegerField(default=0)
    last_event_seq = models.PositiveBigIntegerField(default=0)
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)
    idempotency_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at", "-pk"]
        indexes = [
            models.Index(fields=["user", "-updated_at", "-id"], name="session_mine_newest_first"),
            models.Index(fields=["project", "-updated_at", "-id"], name="session_newest_in_project"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SessionState.values), name="session_state_is_known"),
            models.UniqueConstraint(
                fields=["project", "user", "idempotency_key"], name="session_idempotency_key_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Message(models.Model):
    """One utterance. `seq` has no gaps within its session, over all branches."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveBigIntegerField()
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="replies")
    # Whether it is an ancestor of the session's active leaf, or the leaf: kept so that reading a path is one range.
    on_active_path = models.BooleanField(default=True)
    # Where the session was in the workflow once this was said (and, of a reply, once its effects were applied).
    step = models.ForeignKey(WorkflowStep, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages")
    role = models.CharField(max_length=20, choices=MessageRole)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages"
    )
    content = models.TextField(blank=True)
    selected_choice = models.ForeignKey(
        "Choice", null=True, blank=True, on_delete=models.SET_NULL, related_name="selections"
    )
    attachments: models.ManyToManyField = models.ManyToManyField(
        "media.Media", through="MessageAttachment", related_name="messages", blank=True
    )
    # The turn whose reply this is; a user's message has turns of its own (Turn.message).
    turn = models.OneToOneField("Turn", null=True, blank=True, on_delete=models.CASCADE, related_name="reply")
    # The turn of which the server says here what of the files could not be given to the model.
    notice_of = models.OneToOneField("Turn", null=True, blank=True, on_delete=models.CASCADE, related_name="notice")
    interrupted = models.BooleanField(default=False, help_text="The reply was stopped part-way.")
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)
    idempotency_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["seq"]
        indexes = [models.Index(fields=["session", "on_active_path", "seq"], name="message_on_path")]
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="message_seq_unique_in_session"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="message_seq_from_one"),
            models.CheckConstraint(condition=Q(role__in=MessageRole.values), name="message_role_is_known"),
            models.CheckConstraint(
                condition=Q(turn__isnull=True) | Q(role=MessageRole.ASSISTANT),
                name="only_replies_have_a_turn",
            ),
            models.CheckConstraint(
                condition=Q(notice_of__isnull=True) | Q(role=MessageRole.SYSTEM), name="only_the_server_gives_notice"
            ),
            models.UniqueConstraint(
                fields=["session", "author", "idempotency_key"], name="message_idempotency_key_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.seq}"


class MessageAttachment(models.Model):
    """A media item that was sent with a message, in the sender's order."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachment_rows")
    media = models.ForeignKey("media.Media", on_delete=models.CASCADE, related_name="attachment_rows")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["message", "media"], name="attachment_once_per_message"),
            models.UniqueConstraint(fields=["message", "position"], name="attachment_position_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.media} on {self.message}"


class Turn(models.Model):
    """One answer in the making: the queue of record, the lease, the outcome."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="turns")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="turns")
    # Who asked for it, and pays: a reply may be regenerated by another than its message's author.
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="requested_turns"
    )
    # Of a regenerated reply; a message's first turn is found by the message's key.
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)
    idempotency_digest = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=20, choices=TurnStatus, default=TurnStatus.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    text = models.TextField(blank=True, help_text="What the reply holds so far.")
    model = models.CharField(max_length=200, blank=True)
    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.TextField(blank=True)
    retry_after = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds.")
    notes = models.JSONField(default=list, blank=True, help_text="What of the reply was refused, and why.")
    cancel_requested = models.BooleanField(default=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    # Takeovers after a crash are counted from here; a person's retry starts the count anew.
    attempts_before = models.PositiveIntegerField(default=0)
    queued_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["status", "lease_expires_at"],
                condition=Q(status__in=ACTIVE_TURN),
                name="turn_under_way",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["session"], condition=Q(status__in=ACTIVE_TURN), name="one_turn_under_way_per_session"
            ),
            models.CheckConstraint(condition=Q(status__in=TurnStatus.values), name="turn_status_is_known"),
            models.UniqueConstraint(
                fields=["session", "requested_by", "idempotency_key"], name="turn_idempotency_key_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"Turn {self.pk} ({self.get_status_display()})"

    @property
    def is_active(self) -> bool:
        """Queued or running."""
        return self.status in ACTIVE_TURN


class TurnChunk(models.Model):
    """A piece of a growing reply: appended, so that saving costs the same however long the reply is.

    `offset` counts UTF-16 code units from the reply's beginning.
    """

    turn = models.ForeignKey(Turn, on_delete=models.CASCADE, related_name="chunks")
    attempt = models.PositiveIntegerField()
    offset = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["attempt", "offset"]
        constraints = [
            models.UniqueConstraint(fields=["turn", "attempt", "offset"], name="turn_chunk_offset_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.turn_id}.{self.attempt} from {self.offset}"


class Summary(models.Model):
    """What was said on a path up to and with `message`, in few words, for a model whose input is limited."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="summary")
    text = models.TextField()
    model = models.CharField(max_length=200, help_text="What wrote it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "summaries"

    def __str__(self) -> str:
        return f"Summary up to {self.message}"


class Presence(models.Model):
    """One open subscription to a session: who is here, as long as it says so."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="presences")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presences")
    connection = models.CharField(max_length=32, unique=True)
    seen_at = models.DateTimeField()
    typing_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["session", "seen_at"], name="presence_in_session")]

    def __str__(self) -> str:
        return f"{self.user} in {self.session}"


class Choice(models.Model):
    """One card of an offer. Its effect is fixed when it is offered, and the model cannot change it."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="choice_rows")
    offer = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    # The reply that it was offered with; none for the first offer of a session.
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="choice_rows")
    slug = models.SlugField(max_length=80)
    title = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    icon = models.CharField(max_length=16, blank=True)
    estimated_time = models.CharField(max_length=40, blank=True)
    is_recommended = models.BooleanField(default=False)
    is_manual_override = models.BooleanField(default=False)
    leads_to = models.SlugField(max_length=80, blank=True, help_text="The step that choosing it moves to.")
    submits = models.SlugField(max_length=80, blank=True, help_text="The task type that choosing it starts.")
    finishes = models.BooleanField(default=False)

    class Meta:
        ordering = ["offer", "position"]
        constraints = [
            models.UniqueConstraint(fields=["session", "offer", "position"], name="choice_position_unique_in_offer"),
            models.UniqueConstraint(fields=["session", "offer", "slug"], name="choice_slug_unique_in_offer"),
        ]

    def __str__(self) -> str:
        return self.title


class SessionEvent(models.Model):
    """One entry of a session's ordered log, which subscriptions replay."""

    class Type(models.TextChoices):
        """What happened; the API's event types."""

        MESSAGE_ADDED = "message_added", "Message added"
        TURN_UPDATED = "turn_updated", "Turn updated"
        CHOICES_OFFERED = "choices_offered", "Choices offered"
        STEP_CHANGED = "step_changed", "Step changed"
        SESSION_UPDATED = "session_updated", "Session updated"
        TASK_UPDATED = "task_updated", "Task updated"
        PATH_CHANGED = "path_changed", "Path changed"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    type = models.CharField(max_length=30, choices=Type)
    payload = models.JSONField(default=dict, help_text="Ids of objects, and values as they were.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="session_event_seq_unique"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="session_event_seq_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}:{self.seq} {self.type}"
