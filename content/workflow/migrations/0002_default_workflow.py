"""A new database starts with the shipped workflow; one that has steps keeps its own."""

from django.db import migrations

from content.workflow.default import load_default


class Migration(migrations.Migration):
    dependencies = [("workflow", "0001_initial")]

    operations = [migrations.RunPython(lambda apps, schema_editor: load_default(apps), migrations.RunPython.noop)]
