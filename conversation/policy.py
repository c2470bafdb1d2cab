"""Who may see and speak in sessions: the one place that every door asks."""

from enum import Enum, auto

from django.db.models import Exists, OuterRef, Q, QuerySet

from cms.accounts.models import User
from cms.errors import forbidden, not_found
from content.projects.models import Membership

from .models import Message, Session, Turn


class SessionAction(Enum):
    """VIEW and SPEAK are everyone's who sees the session; MANAGE (share, title, state) is its user's.

    Admins may all.
    """

    VIEW = auto()
    SPEAK = auto()
    MANAGE = auto()


class SessionPolicy:
    """What one person may do with sessions. Losing membership of the project ends it all, for the user too."""

    def __init__(self, user: User | None) -> None:
        self.user = user

    def visible(self) -> QuerySet[Session]:
        """The sessions that the person may see: their own and shared ones, in projects they are members of."""
        sessions = Session.objects.all()
        if self.user is None or not self.user.is_active:
            return sessions.none()
        if self.user.is_admin:
            return sessions
        member = Membership.objects.of(self.user).filter(project=OuterRef("project"))
        return sessions.filter(Q(user=self.user) | Q(shared=True)).filter(Exists(member))

    def get(self, action: SessionAction, pk: int, *, field: str = "id") -> Session:
        """The session. Raises NOT_FOUND where it is invisible, FORBIDDEN where only its user may do this."""
        session = self.visible().filter(pk=pk).first()
        if session is None:
            raise not_found("The session", field)
        if action is SessionAction.MANAGE and not self.may_manage(session):
            raise forbidden("Only the person who started this session may do this.")
        return session

    def may_manage(self, session: Session) -> bool:
        """Whether the person may share, rename, pause, resume or complete it."""
        return self.user is not None and (self.user.is_admin or session.user_id == self.user.pk)

    def sees(self, session_id: int) -> bool:
        """Whether the person may see it now; asked again for every event of a subscription."""
        return self.visible().filter(pk=session_id).exists()

    def messages(self) -> QuerySet[Message]:
        """The messages of visible sessions."""
        return Message.objects.filter(session__in=self.visible())

    def turns(self) -> QuerySet[Turn]:
        """The turns of visible sessions."""
        return Turn.objects.filter(session__in=self.visible())
