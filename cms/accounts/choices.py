"""What a person may be, and the plans they may be on."""

from dataclasses import dataclass

from django.conf import settings
from django.db import models


class UserRole(models.TextChoices):
    """Product rights: an admin may do everything, a producer has the admin door, a user has not."""

    USER = "user", "User"
    ADMIN = "admin", "Admin"
    PRODUCER = "producer", "Producer"


class SubscriptionTier(models.TextChoices):
    """The plans."""

    FREE = "free", "Free"
    PRO = "pro", "Pro"
    ENTERPRISE = "enterprise", "Enterprise"


class TokenScope(models.TextChoices):
    """The rights of an access token."""

    READ = "read", "Read"
    WRITE = "write", "Write"
    MANAGE_TOKENS = "tokens:manage", "List, create and revoke access tokens"
    ANY_DOCUMENT = "documents:any", "Run documents that are not trusted ones"


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """How many unarchived projects a plan's owner may have, how many episodes each, bytes of media in all, and tokens
    of the director's model in a calendar month.
    """

    max_projects: int
    max_episodes_per_project: int
    max_storage: int
    max_tokens: int


# Of any budget: what a JSON number holds exactly.
MAX_TOKENS = 2**53

PLAN_LIMITS = {
    SubscriptionTier.FREE: PlanLimits(1, 3, settings.STORAGE_QUOTAS["FREE"], settings.MONTHLY_TOKENS["FREE"]),
    SubscriptionTier.PRO: PlanLimits(10, 24, settings.STORAGE_QUOTAS["PRO"], settings.MONTHLY_TOKENS["PRO"]),
    SubscriptionTier.ENTERPRISE: PlanLimits(
        1_000, 100, settings.STORAGE_QUOTAS["ENTERPRISE"], settings.MONTHLY_TOKENS["ENTERPRISE"]
    ),
}
