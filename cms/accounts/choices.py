"""What a person may be, and the plans they may be on."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """How many unarchived projects a plan's owner may have, and how many episodes each."""

    max_projects: int
    max_episodes_per_project: int


PLAN_LIMITS = {
    SubscriptionTier.FREE: PlanLimits(1, 3),
    SubscriptionTier.PRO: PlanLimits(10, 24),
    SubscriptionTier.ENTERPRISE: PlanLimits(1_000, 100),
}
