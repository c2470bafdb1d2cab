"""What is there already gets its thumbnail, text and embedding, and counts towards the plan's storage."""

from django.db import migrations
from django.db.models import Sum


def queue(apps, schema_editor):
    Media = apps.get_model("media", "Media")
    Job = apps.get_model("media", "ProcessingJob")
    Project = apps.get_model("projects", "Project")
    keys = Media.objects.exclude(status="failed").values_list("pk", flat=True)
    Job.objects.bulk_create((Job(media_id=pk) for pk in keys.iterator()), batch_size=500)
    for project, used in Media.objects.order_by().values_list("project").annotate(Sum("file_size")):
        Project.objects.filter(pk=project).update(media_bytes=used)


class Migration(migrations.Migration):
    dependencies = [("media", "0004_processing_and_search")]
    operations = [migrations.RunPython(queue, migrations.RunPython.noop)]
