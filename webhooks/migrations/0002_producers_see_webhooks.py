"""Producers of a site that is there already get the rights that those of a new one begin with."""

from django.db import migrations

from cms.accounts.groups import grant
from cms.accounts.services import PRODUCERS


def give_rights(apps, schema_editor):
    using = schema_editor.connection.alias
    group = apps.get_model("auth", "Group").objects.using(using).filter(name=PRODUCERS).first()
    if group is not None:
        grant(apps, using, group, "webhooks.webhook", ("view",))
        grant(apps, using, group, "webhooks.webhookdelivery", ("view", "change"))


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give_rights, migrations.RunPython.noop)]
