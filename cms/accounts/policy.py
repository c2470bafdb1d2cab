"""What one may know of people, and of their access tokens."""

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from cms.api.loading import siblings
from cms.errors import forbidden, not_found

from .choices import TokenScope
from .models import AccessToken, User

if TYPE_CHECKING:
    from cms.api.context import Context


def may_see_address(context: "Context", person: User) -> bool:
    """One's own address, everyone's for admins, else those of people one shares a project with."""
    me = context.user
    if me is None:
        return False
    if me.pk == person.pk or me.is_admin:
        return True
    known: dict[int, bool] = context.cache.setdefault("coworkers", {})
    if person.pk not in known:
        asked = {user.pk for user in siblings(person)}
        coworkers = set(User.objects.filter(_shares_a_project(me), pk__in=asked).values_list("pk", flat=True))
        known.update({pk: pk in coworkers for pk in asked})
    return known[person.pk]


def _shares_a_project(me: User) -> Exists:
    """EXISTS, and not a join, which answers a row for every project that two people share."""
    shared = Q(memberships__project__memberships__user=me)
    if me.token is not None and me.is_limited:
        shared &= Q(memberships__project__in=me.token.projects.values("pk"))
    return Exists(User.objects.filter(shared, pk=OuterRef("pk")))


def visible_user(me: User | None, pk: int) -> User | None:
    """A person by key, for `node`: oneself, those one shares a project with, everyone for admins."""
    if me is None:
        return None
    people = User.objects.filter(is_active=True)
    if not me.is_admin and pk != me.pk:
        people = people.filter(_shares_a_project(me))
    return people.filter(pk=pk).first()


class TokenPolicy:
    """What one person may do with access tokens: with their own everything, where they signed in in full or came by a
    token that may; in the admin, admins see and revoke everybody's.
    """

    def __init__(self, user: User | None) -> None:
        self.user = user if user is not None and user.is_active else None

    def may_manage(self) -> bool:
        """Whether the person may list, create and revoke tokens by what they came with."""
        token = self.user.token if self.user else None
        return self.user is not None and (token is None or token.has_scope(TokenScope.MANAGE_TOKENS))

    def require_management(self) -> None:
        """Raises FORBIDDEN where the person may not manage tokens as they came."""
        if not self.may_manage():
            raise forbidden("This token may not manage tokens: sign in, or use one with the scope MANAGE_TOKENS.")

    def visible(self) -> QuerySet[AccessToken]:
        """The person's own tokens that have not expired; by a limited token itself and those that it created."""
        if self.user is None or not self.may_manage():
            return AccessToken.objects.none()
        token, tokens = self.user.token, self.user.access_tokens.filter(expires_at__gt=timezone.now())
        if token is not None and token.is_limited:
            tokens = tokens.filter(Q(pk=token.pk) | Q(parent=token))
        return tokens

    def get(self, pk: int) -> AccessToken:
        """A visible token. Raises NOT_FOUND."""
        token = self.visible().filter(pk=pk).first()
        if token is None:
            raise not_found("The token")
        return token

    def administered(self) -> QuerySet[AccessToken]:
        """The tokens that the person sees in the admin: everybody's for admins, none of which is told."""
        if self.user is not None and self.user.is_admin:
            return AccessToken.objects.filter(expires_at__gt=timezone.now())
        return self.visible()
