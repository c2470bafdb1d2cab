"""Full text: a table of lexemes with each database's own index over it, and the words of what is there already."""

import django.db.models.deletion
from django.db import migrations, models

import content.media.search_index
from content.media.lexemes import lexemes_of

SQLITE = (
    """CREATE VIRTUAL TABLE media_words_index USING fts5(
        lexemes, content='media_words', content_rowid='media_id', detail=none, columnsize=0,
        tokenize="ascii tokenchars '.'"
    )""",
    """CREATE TRIGGER media_words_added AFTER INSERT ON media_words BEGIN
        INSERT INTO media_words_index(rowid, lexemes) VALUES (new.media_id, new.lexemes);
    END""",
    """CREATE TRIGGER media_words_removed AFTER DELETE ON media_words BEGIN
        INSERT INTO media_words_index(media_words_index, rowid, lexemes) VALUES ('delete', old.media_id, old.lexemes);
    END""",
    """CREATE TRIGGER media_words_changed AFTER UPDATE ON media_words BEGIN
        INSERT INTO media_words_index(media_words_index, rowid, lexemes) VALUES ('delete', old.media_id, old.lexemes);
        INSERT INTO media_words_index(rowid, lexemes) VALUES (new.media_id, new.lexemes);
    END""",
)
# Without the list of pending entries, which every search would have to read through.
POSTGRESQL = ("CREATE INDEX media_words_index ON media_words USING gin (lexemes) WITH (fastupdate = off)",)


def create_index(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    # PostgreSQL's goes with its table, as triggers do.
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE media_words_index")


def fill(apps, schema_editor):
    Media = apps.get_model("media", "Media")
    Words = apps.get_model("media", "MediaWords")
    rows = Media.objects.order_by("pk").prefetch_related("tag_rows", "character_rows").select_related("text_row")
    made = (Words(media_id=row.pk, lexemes=lexemes_of(row)) for row in rows.iterator(chunk_size=100))
    for row in made:
        row.save(force_insert=True)


class Migration(migrations.Migration):
    dependencies = [("media", "0005_existing_media")]
    operations = [
        migrations.CreateModel(
            name="MediaWords",
            fields=[
                (
                    "media",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="media.media",
                    ),
                ),
                ("lexemes", content.media.search_index.LexemesField()),
            ],
            options={"db_table": "media_words"},
        ),
        migrations.RunPython(create_index, drop_index),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
