"""People and their access tokens."""

from cms.accounts.models import AccessToken, KnownAddress, User

from .markers import NOBODY
from .subjects import Case, Every, Subject
from .worlds import ADMIN, Rows, World

# Who knows whom: themselves, those they share a project with, and admins.
KNOWN_BY = {
    "creator": {"creator", "collaborator", "producer"},
    "collaborator": {"collaborator", "creator"},
    "producer": {"producer", "creator"},
    "user": {"user"},
    "stranger": {"stranger"},
    "admin": set(),
}
ROLES = {"admin": "admin", "producer": "producer"}
ENOUGH_SCOPES = ["read", "write", "tokens:manage"]


def add_people(rows: Rows) -> dict[str, User]:
    """The actors who sign in, and `former`, who worked on the victim's project once."""
    people = {name: _person(rows, name, frozenset(known_by) | {ADMIN}) for name, known_by in KNOWN_BY.items()}
    former = frozenset({"creator", "collaborator", ADMIN})
    # The name stays with what they made; nobody but admins is told an address any more.
    people["former"] = _person(rows, "former", former, address_seen_by=frozenset({ADMIN}))
    return people


def _person(rows: Rows, name: str, seen_by: frozenset[str], address_seen_by: frozenset[str] | None = None) -> User:
    markers, account, own = rows.markers, frozenset({name, ADMIN}), frozenset({name})
    # More than the numbers that stand for what was used.
    tokens = markers.number("a part of User.max_tokens_override", NOBODY)
    markers.sum([tokens] * 9, "User.max_tokens_override", account)
    episodes = markers.number("a part of User.max_episodes_override", NOBODY)
    markers.sum([episodes] * 2, "User.max_episodes_override", account)
    return rows.add(
        User,
        seen_by,
        {
            "email": address_seen_by or seen_by,
            "preferences": own,
            "max_projects_override": account,
        },
        max_episodes_override=episodes * 2,
        max_tokens_override=tokens * 9,
        max_storage_override=None,
        role=ROLES.get(name, "user"),
        tier="enterprise",
        is_superuser=name == ADMIN,
        is_staff=name == ADMIN,
    )


def fill(world: World) -> None:
    world.rows["owner"] = world.owner
    for name, person, actor in (
        ("token", world.owner, world.owner_name),
        ("members_token", world.member, world.member_name),
    ):
        if person is None or AccessToken.objects.filter(user=person).exists():
            continue
        own = frozenset({actor})
        ends = world.all.markers.date("AccessToken.expires_at", own, ahead=True)
        world.add(AccessToken, name, seen_by=own, user=person, scopes=ENOUGH_SCOPES, expires_at=ends)
        world.add(KnownAddress, seen_by=NOBODY, user=person)
    if world.member is not None:
        world.rows["member"] = world.member


def fill_later(world: World) -> None:
    """A token that is limited to the project, which is there by now."""
    own = frozenset({world.owner_name})
    ends = world.all.markers.date("AccessToken.expires_at", own, ahead=True)
    token = world.add(AccessToken, seen_by=own, user=world.owner, scopes=["read"], expires_at=ends, is_limited=True)
    token.projects.add(world.rows["project"])


NO_LOGIN = {"email": "nobody@example.com", "password": "not it"}
SUBJECT = Subject(
    fill=fill,
    hidden={
        User: "password last_login",
        AccessToken: "digest",
        KnownAddress: "digest used_at",
    },
    roots={
        "me": [{}],
        "tokens": [{"first": 50}],
        "node": [{"id": Every((User, AccessToken))}],
    },
    mutations={
        "login": Case(values=NO_LOGIN, refused=dict.fromkeys((*KNOWN_BY, "anonymous"), "INVALID")),
        "logout": Case(values={"everywhere": True}),
        "updateMe": Case(values={"name": "Somebody"}),
        "createToken": Case(
            {"projectIds": ("project",)},
            {"name": "A script", "scopes": ["WRITE"]},
            # A token may be limited to projects that one is a member of, which admins are not by themselves.
            refused={ADMIN: "NOT_FOUND"},
        ),
        "revokeToken": Case({"id": "token"}),
    },
    unmarked={
        "SubscriptionPlan.maxStorage": "the plan's",
        "SubscriptionPlan.projectsUsed": "a count",
        "CreateTokenPayload.secret": "the new token's",
    },
    never={
        "AuthPayload.token": "the password is wrong; tests/accounts has the right one",
        "AuthPayload.expiresAt": "the same",
        "AuthPayload.user": "the same",
    },
)
