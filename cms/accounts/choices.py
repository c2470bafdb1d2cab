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


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """How many unarchived projects a plan's owner may have, how many episodes each, and bytes of media in all."""

    max_projects: int
    max_episodes_per_project: int
    max_storage: int


PLAN_LIMITS = {
    SubscriptionTier.FREE: PlanLimits(1, 3, settings.STORAGE_QUOTAS["FREE"]),
    SubscriptionTier.PRO: PlanLimits(10, 24, settings.STORAGE_QUOTAS["PRO"]),
    SubscriptionTier.ENTERPRISE: PlanLimits(1_000, 100, settings.STORAGE_QUOTAS["ENTERPRISE"]),
}
