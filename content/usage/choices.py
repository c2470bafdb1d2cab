"""What a model is called for."""

from django.db import models


class Purpose(models.TextChoices):
    """Why a call was made."""

    REPLY = "reply", "Reply"
    REPAIR = "repair", "Repair of a reply's structure"
    SUMMARY = "summary", "Summary of a long conversation"
