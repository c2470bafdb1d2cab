import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversation", "0003_initial")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="notice_of",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notice",
                to="conversation.turn",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("notice_of__isnull", True), ("role", "system"), _connector="OR"),
                name="only_the_server_gives_notice",
            ),
        ),
    ]
