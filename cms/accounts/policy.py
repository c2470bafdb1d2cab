"""What one may know of people."""

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from cms.api.loading import siblings

from .models import User

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
    return Exists(User.objects.filter(pk=OuterRef("pk"), memberships__project__memberships__user=me))


def visible_user(me: User | None, pk: int) -> User | None:
    """A person by key, for `node`: oneself, those one shares a project with, everyone for admins."""
    if me is None:
        return None
    people = User.objects.filter(is_active=True)
    if not me.is_admin and pk != me.pk:
        people = people.filter(_shares_a_project(me))
    return people.filter(pk=pk).first()
