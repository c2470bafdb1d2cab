"""Whose webhooks they are, and with whose rights they run."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from cms.accounts.callers import Caller
from cms.accounts.choices import TokenScope, UserRole
from cms.accounts.models import User
from cms.errors import forbidden, not_found
from content.projects.models import Membership
from content.projects.policy import ProjectPolicy
from conversation.policy import SessionPolicy

from .choices import EventLog
from .models import Webhook, WebhookDelivery


class WebhookPolicy:
    """What one person may do with webhooks: with their own everything; admins see, replay and delete all."""

    def __init__(self, user: User | None) -> None:
        self.user = user

    def visible(self) -> QuerySet[Webhook]:
        """The webhooks that the person may see; by a token that is limited to projects its own and theirs."""
        user = self.user
        if user is None or not user.is_active:
            return Webhook.objects.none()
        if user.is_admin:
            return Webhook.objects.all()
        own = Webhook.objects.filter(owner=user)
        if user.token is None or not user.is_limited:
            return own
        return own.filter(Q(token=user.token) | Q(project__in=user.token.projects.values("pk")))

    def deliveries(self) -> QuerySet[WebhookDelivery]:
        """The deliveries of visible webhooks."""
        return WebhookDelivery.objects.filter(webhook__in=self.visible())

    def get(self, pk: int, *, field: str = "id") -> Webhook:
        """The webhook. Raises NOT_FOUND where it is invisible."""
        webhook = self.visible().select_related("owner", "token").filter(pk=pk).first()
        if webhook is None:
            raise not_found("The webhook", field)
        return webhook

    def get_own(self, pk: int) -> Webhook:
        """The webhook, for what its owner alone may do. Raises NOT_FOUND, FORBIDDEN."""
        webhook = self.get(pk)
        if self.user is None or webhook.owner_id != self.user.pk:
            raise forbidden("Only the webhook's owner may do this.")
        return webhook


def sees(user: User, log: str, log_id: int) -> bool:
    """Whether a person may see the project or session whose log it is."""
    if log == EventLog.SESSION:
        return SessionPolicy(user).sees(log_id)
    return ProjectPolicy(user).visible().filter(pk=log_id).exists()


def listening(log: str, project_id: int) -> QuerySet[Webhook]:
    """The running webhooks whose owners might see a log of a project.

    The rule of thumb that keeps the number small: members and admins. Ask `sees` before anything is written.
    """
    member = Membership.objects.filter(project=project_id, user=OuterRef("owner"))
    return (
        Webhook.objects.filter(log=log, is_active=True, pause_reason="", owner__is_active=True)
        .filter(Q(project=None) | Q(project=project_id))
        .filter(Q(owner__is_superuser=True) | Q(owner__role=UserRole.ADMIN) | Exists(member))
        .order_by("pk")
    )


def bearer(webhook: Webhook) -> User | None:
    """Its owner as they are now, with no more rights than its token has; None where these have ended."""
    user = Caller(webhook.owner_id, webhook.token_id).user()
    if user is None or (user.token is not None and not user.token.has_scope(TokenScope.READ)):
        return None
    return user


def require_read(user: User) -> None:
    """Raises FORBIDDEN where the person came by a token that may not read what a webhook would be told."""
    if user.token is not None and not user.token.has_scope(TokenScope.READ):
        raise forbidden(f"A webhook reads with the rights of its token: use one with the scope {TokenScope.READ}.")
