"""The table of words by which messages are found. conversation.search writes and reads it."""

from collections import Counter

from django.db import models

from content.media.lexemes import MOST_BYTES, stored_words
from content.media.search_index import LexemesField

# Of a very long message, so many characters.
MOST_READ = 200_000
# A message that has a word so often is about it.
OFTEN = 3


class MessageWords(models.Model):
    """The words by which a message is found, as `lexemes_of` gives them.

    On SQLite a migration that changes this table has to make its triggers anew (see 0006).
    """

    message = models.OneToOneField("Message", primary_key=True, on_delete=models.CASCADE, related_name="+")
    lexemes = LexemesField()

    class Meta:
        db_table = "message_words"

    def __str__(self) -> str:
        return f"Words of {self.message_id}"


def lexemes_of(project_id: int, content: str) -> str:
    """What is stored of a message, between spaces: its project, each of its words, and again those it has often."""
    counted = Counter(stored_words(content[:MOST_READ]))
    often = (often_lexeme(word) for word, count in counted.items() if count >= OFTEN)
    kept, size = [], 0
    for lexeme in (project_lexeme(project_id), *counted, *often):
        size += len(lexeme.encode()) + 1
        if size > MOST_BYTES:
            break
        kept.append(lexeme)
    return " ".join(kept)


def project_lexeme(project_id: int) -> str:
    """What the messages of a project have in common. No word holds a full stop."""
    return f"p.{project_id}"


def often_lexeme(word: str) -> str:
    """A word that a message has at least three times."""
    return f"o.{word}"
