"""What was there before: tokens were answers of `login`, people's addresses were entered by admins, and producers get
the rights that those of a new site begin with.
"""

from django.db import migrations
from django.db.models import Exists, F, OuterRef

from cms.accounts.groups import TOKEN_RIGHTS, grant
from cms.accounts.services import PRODUCERS
from cms.accounts.tokens import FULL


def keep_rights(apps, schema_editor):
    tokens = apps.get_model("accounts", "AccessToken").objects.using(schema_editor.connection.alias)
    tokens.update(is_sign_in=True, scopes=[scope.value for scope in FULL])


def trust_addresses(apps, schema_editor):
    using = schema_editor.connection.alias
    addresses = apps.get_model("account", "EmailAddress").objects.using(using)
    people = apps.get_model("accounts", "User").objects.using(using)
    addresses.filter(email=F("user__email")).update(verified=True)
    theirs = addresses.filter(user=OuterRef("pk"))
    for person in people.exclude(Exists(theirs.filter(email=OuterRef("email")))).iterator():
        has_primary = addresses.filter(user=person, primary=True).exists()
        addresses.create(user=person, email=person.email, verified=True, primary=not has_primary)


def give_rights(apps, schema_editor):
    using = schema_editor.connection.alias
    for group in apps.get_model("auth", "Group").objects.using(using).filter(name=PRODUCERS):
        grant(apps, using, group, "accounts.accesstoken", TOKEN_RIGHTS)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_access_token_rights"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunPython(step, migrations.RunPython.noop) for step in (keep_rights, trust_addresses, give_rights)
    ]
