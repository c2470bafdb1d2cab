"""The table of words by which media are found. content.media.fulltext writes and reads it."""

from typing import Any

from django.db import models


class LexemesField(models.TextField):
    """Lexemes between spaces: a tsvector on PostgreSQL; on SQLite a text that triggers copy into an FTS5 table."""

    def db_type(self, connection: Any) -> str:
        return "tsvector" if connection.vendor == "postgresql" else "text"


class MediaWords(models.Model):
    """The words by which a media item is found, as `lexemes` gives them.

    On SQLite a migration that changes this table has to make its triggers anew (see 0006).
    """

    media = models.OneToOneField("media.Media", primary_key=True, on_delete=models.CASCADE, related_name="+")
    lexemes = LexemesField()

    class Meta:
        db_table = "media_words"

    def __str__(self) -> str:
        return f"Words of {self.media_id}"
