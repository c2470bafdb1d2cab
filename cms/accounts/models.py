"""User, the tokens that clients without cookies carry, and the addresses from which people signed in."""

import datetime
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q, QuerySet

from .choices import MAX_TOKENS, PLAN_LIMITS, PlanLimits, SubscriptionTier, TokenScope, UserRole

MAX_TOKEN_NAME = 100
Rows = TypeVar("Rows", bound=QuerySet[Any])


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
        user = self.create_user(
            email,
            password,
            **{"name": "Admin", **fields, "role": UserRole.ADMIN, "is_staff": True, "is_superuser": True},
        )
        user.trust_address()
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Sign-in finds the address whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractUser):  # type: ignore[django-manager-missing]  # Wagtail's managers have no types
    """A person. `role` gives product rights; the plan limits what they may create.

    `token` is what this instance came by, None for a cookie. Every policy is asked with such an instance, so that a
    token's limits hold behind every door: see `is_limited` and `narrowed`.
    """

    token: "AccessToken | None" = None

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
    max_tokens_override = models.PositiveBigIntegerField(
        "tokens a month",
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_TOKENS)],
        help_text="Leave empty for the plan's number of tokens.",
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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new password ends all access tokens, whoever sets it and wherever."""
        # What set_password leaves until the password is saved; a hash that is only made anew leaves nothing.
        has_new_password = getattr(self, "_password", None) is not None and self.pk is not None
        super().save(*args, **kwargs)
        if has_new_password:
            self.access_tokens.all().delete()

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
        """May do everything. By a token that is limited to projects nobody is an admin."""
        return self.is_active and not self.is_limited and (self.is_superuser or self.role == UserRole.ADMIN)

    @property
    def is_limited(self) -> bool:
        """Came by a token that is limited to some projects."""
        return self.token is not None and self.token.is_limited

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's permissions are for the site as a whole."""
        return not self.is_limited and super().has_perm(perm, obj)

    def narrowed(self, rows: Rows, project: str) -> Rows:
        """Of rows those of the token's projects, which `project` names; all of them without such a token."""
        if self.token is None or not self.token.is_limited:
            return rows
        return rows.filter(**{f"{project}__in": self.token.projects.values("pk")})

    def trust_address(self) -> None:
        """Take the e-mail address for verified, and the only one: an admin vouches for it."""
        from allauth.account.models import EmailAddress

        addresses = EmailAddress.objects.filter(user=self)
        addresses.exclude(email=self.email).delete()
        EmailAddress.objects.update_or_create(user=self, email=self.email, defaults={"verified": True, "primary": True})

    @property
    def limits(self) -> PlanLimits:
        """The plan's limits, with this person's own where an admin has set them."""
        plan = PLAN_LIMITS[SubscriptionTier(self.tier)]
        return PlanLimits(
            plan.max_projects if self.max_projects_override is None else self.max_projects_override,
            plan.max_episodes_per_project if self.max_episodes_override is None else self.max_episodes_override,
            plan.max_storage if self.max_storage_override is None else self.max_storage_override * settings.GIGABYTE,
            plan.max_tokens if self.max_tokens_override is None else self.max_tokens_override,
        )


class AccessToken(models.Model):
    """A Bearer token. Only its SHA-256 is stored, so that a copy of the database opens nothing.

    Where it `is_limited` it reaches its `projects` alone, and nothing once they are gone.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens")
    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=MAX_TOKEN_NAME, help_text="What it is for, to know it again.")
    scopes = models.JSONField(default=list)
    is_limited = models.BooleanField("limited to projects", default=False)
    projects = models.ManyToManyField("projects.Project", blank=True, related_name="access_tokens")
    is_sign_in = models.BooleanField(default=False, help_text="The answer of `login`: a full sign-in.")
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="children",
        help_text="The token that created it, and with which it ends.",
    )
    created_at = models.DateTimeField("created", auto_now_add=True)
    expires_at = models.DateTimeField("expires")
    last_used_at = models.DateTimeField("last used", null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["user", "-created_at", "-id"], name="access_token_newest_first")]

    def __str__(self) -> str:
        return self.name

    def has_scope(self, scope: TokenScope) -> bool:
        """Whether it has this right."""
        return scope.value in self.scopes

    def bearer(self) -> User:
        """Whose it is, with no more rights than it has."""
        self.user.token = self
        return self.user


class KnownAddress(models.Model):
    """A network address from which a person has signed in, as a keyed hash.

    Strangers who guess the person's password elsewhere do not keep them from signing in there again.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="known_addresses")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="known_address_once_per_person")]

    def __str__(self) -> str:
        return f"{self.user}, {self.used_at:%Y-%m-%d}"
