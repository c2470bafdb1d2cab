import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def count_offers(apps, schema_editor):
    apps.get_model("conversation", "Session").objects.update(last_offer=models.F("offer"))


class Migration(migrations.Migration):

    dependencies = [
        ('conversation', '0004_notices'),
        ('media', '0006_words'),
        ('workflow', '0002_default_workflow'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Presence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('connection', models.CharField(max_length=32, unique=True)),
                ('seen_at', models.DateTimeField()),
                ('typing_until', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Summary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField()),
                ('model', models.CharField(help_text='What wrote it.', max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name_plural': 'summaries',
            },
        ),
        migrations.CreateModel(
            name='TurnChunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('attempt', models.PositiveIntegerField()),
                ('offset', models.PositiveIntegerField()),
                ('text', models.TextField()),
            ],
            options={
                'ordering': ['attempt', 'offset'],
            },
        ),
        migrations.RemoveField(
            model_name='session',
            name='context',
        ),
        migrations.AddField(
            model_name='message',
            name='on_active_path',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='message',
            name='step',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='messages', to='workflow.workflowstep'),
        ),
        migrations.AddField(
            model_name='session',
            name='has_own_title',
            field=models.BooleanField(default=False, help_text='A person gave the title.'),
        ),
        migrations.AddField(
            model_name='session',
            name='last_offer',
            field=models.PositiveIntegerField(default=0, help_text='The highest number that an offer has had.'),
        ),
        migrations.RunPython(count_offers, migrations.RunPython.noop),
        migrations.AddField(
            model_name='turn',
            name='idempotency_digest',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='turn',
            name='idempotency_key',
            field=models.CharField(blank=True, max_length=100, null=True),
        ),
        migrations.AddField(
            model_name='turn',
            name='requested_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='requested_turns', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='sessionevent',
            name='type',
            field=models.CharField(choices=[('message_added', 'Message added'), ('turn_updated', 'Turn updated'), ('choices_offered', 'Choices offered'), ('step_changed', 'Step changed'), ('session_updated', 'Session updated'), ('task_updated', 'Task updated'), ('path_changed', 'Path changed')], max_length=30),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['session', 'on_active_path', 'seq'], name='message_on_path'),
        ),
        migrations.AddConstraint(
            model_name='turn',
            constraint=models.UniqueConstraint(fields=('session', 'requested_by', 'idempotency_key'), name='turn_idempotency_key_unique'),
        ),
        migrations.AddField(
            model_name='presence',
            name='session',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='presences', to='conversation.session'),
        ),
        migrations.AddField(
            model_name='presence',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='presences', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='summary',
            name='message',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='summary', to='conversation.message'),
        ),
        migrations.AddField(
            model_name='turnchunk',
            name='turn',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='conversation.turn'),
        ),
        migrations.AddIndex(
            model_name='presence',
            index=models.Index(fields=['session', 'seen_at'], name='presence_in_session'),
        ),
        migrations.AddConstraint(
            model_name='turnchunk',
            constraint=models.UniqueConstraint(fields=('turn', 'attempt', 'offset'), name='turn_chunk_offset_unique'),
        ),
    ]
