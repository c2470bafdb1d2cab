"""Who is here, in the API."""

from collections.abc import Iterable
from typing import cast

import strawberry

from cms.accounts.types import User
from cms.api.loading import together

from . import presence


@strawberry.type(description="Somebody who has the session open now, in however many tabs.")
class Participant:
    user: User = strawberry.field(description="Who it is.")
    typing: bool = strawberry.field(description="Whether they are typing.")


def participants(people: Iterable[presence.Participant]) -> list[Participant]:
    """People in the API's form."""
    people = list(people)
    together(each.user for each in people)
    return [Participant(user=cast("User", each.user), typing=each.typing) for each in people]
