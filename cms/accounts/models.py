"""User and the tokens that clients without cookies carry."""

import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Q

from .choices import PLAN_LIMITS, PlanLimits, SubscriptionTier, UserRole


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail address, which is kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password they cannot sign in until one is set."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an admin (manage.py createsuperuser)."""
        return self.create_user(
            email,
            password,
            **{"name": "Admin", **fields, "role": UserRole.ADMIN, "is_staff": True, "is_superuser": True},
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        """Sign-in finds the address whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractUser):  # type: ignore[django-manager-missing]  # Wagtail's managers have no types
    """A person. `role` gives product rights; the plan limits what they may create."""

    # AbstractUser's names are replaced by one.
    username = None  # type: ignore[assignment]  # Django's own way of dropping an inherited field
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=150)
    role = models.CharField(max_length=20, choices=UserRole, default=UserRole.USER)
    preferences = models.JSONField(default=dict, blank=True, help_text="The person's own settings.")
    tier = models.CharField("plan", max_length=20, choices=SubscriptionTier, default=SubscriptionTier.FREE)
    max_projects_override = models.PositiveIntegerField(
        "projects", null=True, blank=True, help_text="Leave empty for the plan's number of projects."
    )
    max_episodes_override = models.PositiveIntegerField(
        "episodes per project",
        null=True,
        blank=True,
        help_text="Leave empty for the plan's number of episodes.",
    )
    max_storage_override = models.PositiveIntegerField(
        "storage in GB", null=True, blank=True, help_text="Leave empty for the plan's room for media."
    )

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]  # another model's manager

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(role__in=UserRole.values), name="user_role_is_known"),
            models.CheckConstraint(condition=Q(tier__in=SubscriptionTier.values), name="user_tier_is_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]

    @property
    def created_at(self) -> datetime.datetime:
        """When the person was added."""
        return self.date_joined

    @property
    def is_admin(self) -> bool:
        """May do everything."""
        return self.is_active and (self.is_superuser or self.role == UserRole.ADMIN)

    @property
    def limits(self) -> PlanLimits:
        """The plan's limits, with this person's own where an admin has set them."""
        plan = PLAN_LIMITS[SubscriptionTier(self.tier)]
        return PlanLimits(
            plan.max_projects if self.max_projects_override is None else self.max_projects_override,
            plan.max_episodes_per_project if self.max_episodes_override is None else self.max_episodes_override,
            plan.max_storage if self.max_storage_override is None else self.max_storage_override * settings.GIGABYTE,
        )


class AccessToken(models.Model):
    """A Bearer token. Only its SHA-256 is stored, so that a copy of the database opens nothing."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Token of {self.user} until {self.expires_at:%Y-%m-%d}"
