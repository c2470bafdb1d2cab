"""The ledger: what of it members see, and what owners alone."""

from django.utils import timezone

from content.usage.models import ModelPrice, MonthlyUsage, ProjectUsage, Reservation, UsageEntry

from .markers import NOBODY, Actors
from .subjects import Subject
from .worlds import ADMIN, World

SUMMED = ("input_tokens", "output_tokens", "cost")


def fill(world: World) -> None:
    project = world.rows["project"]
    month = timezone.now().date().replace(day=1)
    entries = [
        _entry(world, world.owner, world.rows["shared_session"], world.rows["shared_failed_turn"]),
        _entry(world, world.owner, world.rows["private_session"], world.rows["private_running_turn"]),
    ]
    own: Actors = frozenset({world.owner_name, ADMIN})
    _sums(world, entries, "the owner's usage", own)
    if world.member is not None:
        theirs = [
            _entry(world, world.member, world.rows["shared_session"], None),
            _entry(world, world.member, world.rows["members_session"], world.rows["members_running_turn"]),
        ]
        is_all = not UsageEntry.objects.filter(user=world.member).exclude(project=project).exists()
        _sums(world, theirs, "the member's usage", world.everyone if is_all else world.owners)
        entries += theirs
    _sums(world, entries, "the project's usage", world.everyone)
    for person, audience in ((world.owner, own), (world.member, frozenset({world.member_name, ADMIN}))):
        if person is not None and not MonthlyUsage.objects.filter(user=person).exists():
            world.add(MonthlyUsage, seen_by=audience, user=person, period=month)
    world.add(ProjectUsage, project=project)
    turn = world.rows["private_running_turn"]
    world.add(Reservation, seen_by=NOBODY, turn=turn, user=world.owner, project=project, period=month)


def _entry(world, user, session, turn) -> UsageEntry:
    # Every entry has a model of its own, and by model all members see what was used.
    return world.add(
        UsageEntry,
        user=user,
        project=world.rows["project"],
        session=session,
        turn=turn,
        attempt=1,
        number=1,
        period=timezone.now().date().replace(day=1),
    )


def _sums(world: World, entries: list[UsageEntry], place: str, seen_by: Actors) -> None:
    for column in SUMMED:
        world.all.markers.sum((int(getattr(entry, column)) for entry in entries), f"{column} of {place}", seen_by)


SUBJECT = Subject(
    fill=fill,
    hidden={
        UsageEntry: "input_price output_price at",
        MonthlyUsage: "",
        ProjectUsage: "",
        Reservation: "tokens created_at",
    },
    without_rows={ModelPrice: "the API has no prices, only what something cost"},
    unmarked={
        **dict.fromkeys(
            (f"{kind}.unpricedTokens" for kind in ("Usage", "ModelUsage", "UserUsage", "SpentTokens")),
            "everything here has a price",
        ),
        "Usage.currency": "the site's",
        "Usage.periodEnd": "the end of the month",
    },
)
