"""Full text of messages: a table of lexemes with each database's own index over it, and the words that are there."""

import django.db.models.deletion
from django.db import migrations, models

import content.media.search_index
from conversation.choices import MessageRole
from conversation.search_index import lexemes_of

SQLITE = (
    """CREATE VIRTUAL TABLE message_words_index USING fts5(
        lexemes, content='message_words', content_rowid='message_id', detail=none, columnsize=0,
        tokenize="ascii tokenchars '.'"
    )""",
    """CREATE TRIGGER message_words_added AFTER INSERT ON message_words BEGIN
        INSERT INTO message_words_index(rowid, lexemes) VALUES (new.message_id, new.lexemes);
    END""",
    """CREATE TRIGGER message_words_removed AFTER DELETE ON message_words BEGIN
        INSERT INTO message_words_index(message_words_index, rowid, lexemes)
        VALUES ('delete', old.message_id, old.lexemes);
    END""",
    """CREATE TRIGGER message_words_changed AFTER UPDATE ON message_words BEGIN
        INSERT INTO message_words_index(message_words_index, rowid, lexemes)
        VALUES ('delete', old.message_id, old.lexemes);
        INSERT INTO message_words_index(rowid, lexemes) VALUES (new.message_id, new.lexemes);
    END""",
)
# Without the list of pending entries, which every search would have to read through.
POSTGRESQL = ("CREATE INDEX message_words_index ON message_words USING gin (lexemes) WITH (fastupdate = off)",)
BATCH = 500


def create_index(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    # PostgreSQL's goes with its table, as triggers do.
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE message_words_index")


def fill(apps, schema_editor):
    Message = apps.get_model("conversation", "Message")
    Words = apps.get_model("conversation", "MessageWords")
    said = (
        Message.objects.exclude(role=MessageRole.SYSTEM).order_by("pk").values_list("pk", "session__project", "content")
    )
    made = []
    for pk, project, text in said.iterator(chunk_size=BATCH):
        made.append(Words(message_id=pk, lexemes=lexemes_of(project, text)))
        if len(made) == BATCH:
            Words.objects.bulk_create(made)
            made.clear()
    Words.objects.bulk_create(made)


class Migration(migrations.Migration):
    dependencies = [("conversation", "0005_tree_chunks_presence")]
    operations = [
        migrations.CreateModel(
            name="MessageWords",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="conversation.message",
                    ),
                ),
                ("lexemes", content.media.search_index.LexemesField()),
            ],
            options={"db_table": "message_words"},
        ),
        migrations.RunPython(create_index, drop_index),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
