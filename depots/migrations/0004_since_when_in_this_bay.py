from django.db import migrations, models
from django.db.models import F


def from_the_arrival(apps, schema_editor):
    apps.get_model("depots", "Stay").objects.filter(moved_at=None).update(moved_at=F("entered_at"))


class Migration(migrations.Migration):

    dependencies = [("depots", "0003_places_and_counts")]

    operations = [
        migrations.RunPython(from_the_arrival, migrations.RunPython.noop),
        migrations.AlterField("stay", "moved_at", models.DateTimeField()),
    ]
