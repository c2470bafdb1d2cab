"""Who is here: one row for each open subscription, which counts as long as its server says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from cms.accounts.choices import UserRole
from cms.accounts.models import User
from cms.realtime import send_hint
from content.projects.models import Membership
from content.projects.services import require_unarchived

from .models import Presence, Session
from .policy import SessionAction, SessionPolicy

# Typing that is not said again ends by itself.
TYPING = timedelta(seconds=6)
# Saying it again sooner changes nothing.
REPEAT = timedelta(seconds=1)
# Heartbeats without which a row is that of a server that died, and those after which it is deleted: a server that was
# only held up renews it.
STALE, SWEPT = 8 / 3, 8.0


@dataclass(frozen=True, slots=True)
class Participant:
    """A person who is here, however many tabs they have open."""

    user: User
    typing: bool


@dataclass(frozen=True, slots=True)
class Presences:
    """Who is here at a moment, in the order of coming; `until` is when that may change by itself."""

    people: Sequence[Participant]
    until: datetime | None
    at: datetime = field(default_factory=timezone.now)
    seq: None = None


def _heartbeats(count: float) -> timedelta:
    return timedelta(seconds=count * settings.PRESENCE_HEARTBEAT_SECONDS)


def presence_group(session_id: int) -> str:
    """The channel group of those who want to know who is here."""
    return f"presence.{session_id}"


def hint_presence(session_id: int) -> None:
    """After the commit, have subscribers look who is here."""
    group = presence_group(session_id)
    transaction.on_commit(lambda: send_hint(group, {"type": group}))


def present() -> QuerySet[Presence]:
    """The rows that count now, in the order of coming: those of people who see the session, as SessionPolicy has it."""
    member = Membership.objects.filter(project=OuterRef("session__project"), user=OuterRef("user"))
    theirs = Q(session__user=F("user")) | Q(session__shared=True)
    admin = Q(user__role=UserRole.ADMIN) | Q(user__is_superuser=True)
    rows = Presence.objects.filter(seen_at__gt=timezone.now() - _heartbeats(STALE), user__is_active=True)
    return rows.filter(admin | Q(theirs, Exists(member))).select_related("user").order_by("pk")


def presences(rows: Iterable[Presence]) -> Presences:
    """What rows of one session that count now say together."""
    now = timezone.now()
    users: dict[int, User] = {}
    typing: set[int] = set()
    ends = []
    for row in rows:
        users.setdefault(row.user_id, row.user)
        ends.append(row.seen_at + _heartbeats(STALE))
        if row.typing_until is not None and row.typing_until > now:
            typing.add(row.user_id)
            ends.append(row.typing_until)
    people = [Participant(user, pk in typing) for pk, user in users.items()]
    return Presences(people, min(ends, default=None), now)


def set_typing(*, user: User, session_id: int, typing: bool) -> Session:
    """Let the others see that a person who is here is typing, for six seconds, or is no longer.

    Raises NOT_FOUND, CONFLICT (archived).
    """
    session = SessionPolicy(user).get(SessionAction.SPEAK, session_id, field="session_id")
    require_unarchived(session.project)
    now = timezone.now()
    mine = Presence.objects.filter(session=session, user=user, seen_at__gt=now - _heartbeats(STALE))
    ends = list(mine.values_list("typing_until", flat=True))
    was_typing = any(end is not None and end > now for end in ends)
    if not typing:
        stop_typing(session, user)
    elif any(end is None or end <= now + TYPING - REPEAT for end in ends):
        mine.update(typing_until=now + TYPING)
        # Who knows already looks again when it would have ended.
        if not was_typing:
            hint_presence(session.pk)
    return session


def stop_typing(session: Session, user: User) -> None:
    """A person is done with typing: they said so, or sent it."""
    typing = Presence.objects.filter(session=session, user=user, typing_until__gt=timezone.now())
    if typing.update(typing_until=None):
        hint_presence(session.pk)


def sweep_presences() -> None:
    """Forget the rows of servers that died."""
    dead = Presence.objects.filter(seen_at__lt=timezone.now() - _heartbeats(SWEPT))
    # A deletion of nothing would still ask for SQLite's one right to write.
    if dead.exists():
        dead.delete()
