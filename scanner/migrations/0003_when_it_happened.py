from django.db import migrations, models
from django.db.models import F


def as_scanned(apps, schema_editor):
    apps.get_model("scanner", "Scan").objects.filter(happened_at=None).update(happened_at=F("scanned_at"))


class Migration(migrations.Migration):

    dependencies = [("scanner", "0002_devices_and_flags")]

    operations = [
        migrations.RunPython(as_scanned, migrations.RunPython.noop),
        migrations.AlterField("scan", "happened_at", models.DateTimeField()),
    ]
