"""Documents whose text goes on are marked, those that were cut at 100,000 characters too."""

from django.db import migrations, models
from django.db.models.functions import Length

# White space at the end of what was kept had been dropped.
NEARLY_ALL = 99_000


def mark(apps, schema_editor):
    texts = apps.get_model("media", "MediaText").objects.annotate(length=Length("text"))
    texts.filter(length__gte=NEARLY_ALL).update(is_cut=True)


class Migration(migrations.Migration):
    dependencies = [("media", "0006_words")]
    operations = [
        migrations.AddField(
            model_name="mediatext",
            name="is_cut",
            field=models.BooleanField(default=False, help_text="Whether the document goes on."),
        ),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
