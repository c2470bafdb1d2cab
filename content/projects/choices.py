"""The options of a project."""

from django.db import models


class Genre(models.TextChoices):
    """What kind of series it is."""

    ACTION = "action", "Action"
    COMEDY = "comedy", "Comedy"
    DRAMA = "drama", "Drama"
    HORROR = "horror", "Horror"
    SCI_FI = "sci-fi", "Sci-Fi"
    THRILLER = "thriller", "Thriller"
    ROMANCE = "romance", "Romance"
    DOCUMENTARY = "documentary", "Documentary"


class TargetAudience(models.TextChoices):
    """Whom it is for, with the rating that goes with it."""

    CHILDREN = "children", "Children (G)"
    FAMILY = "family", "Family (PG)"
    TEEN = "teen", "Teen (PG-13)"
    ADULT = "adult", "Adult (R)"


class ProjectStatus(models.TextChoices):
    """How far the production is, as its members see it."""

    CONCEPT = "concept", "Concept"
    PRE_PRODUCTION = "pre-production", "Pre-Production"
    PRODUCTION = "production", "Production"
    POST_PRODUCTION = "post-production", "Post-Production"
    COMPLETED = "completed", "Completed"
    ON_HOLD = "on-hold", "On Hold"


class AspectRatio(models.TextChoices):
    """The shape of the picture."""

    WIDESCREEN_16_9 = "16:9", "16:9 (Widescreen)"
    STANDARD_4_3 = "4:3", "4:3 (Standard)"
    CINEMATIC_21_9 = "21:9", "21:9 (Cinematic)"
    VERTICAL_9_16 = "9:16", "9:16 (Vertical)"
    SQUARE_1_1 = "1:1", "1:1 (Square)"


class QualityTier(models.TextChoices):
    """How much care, and money, generation takes."""

    DRAFT = "draft", "Draft"
    STANDARD = "standard", "Standard"
    PREMIUM = "premium", "Premium"


class MembershipRole(models.TextChoices):
    """The creator is the owner; the others collaborate."""

    OWNER = "owner", "Owner"
    COLLABORATOR = "collaborator", "Collaborator"
