"""Editors of a site that is there already get the rights that those of a new one begin with.

There are no prices to begin with: what a model costs is not ours to know.
"""

from django.db import migrations

from cms.accounts.groups import grant
from cms.accounts.services import EDITORS


def give_rights(apps, schema_editor):
    group = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name=EDITORS).first()
    if group is not None:
        grant(apps, schema_editor.connection.alias, group, "usage.modelprice", ("view", "add", "change", "delete"))


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give_rights, migrations.RunPython.noop)]
