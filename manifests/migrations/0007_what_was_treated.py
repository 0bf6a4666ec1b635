import django.db.models.deletion
from django.db import migrations, models


def from_their_lines(apps, schema_editor):
    for treatment in apps.get_model("manifests", "Treatment").objects.select_related("line__manifest").iterator():
        treatment.container_id = treatment.line.container_id
        treatment.plant_id = treatment.line.manifest.receiver_id
        treatment.save(update_fields=["container_id", "plant_id"])


class Migration(migrations.Migration):

    # On PostgreSQL a table that a transaction has written to cannot be altered in it.
    atomic = False

    dependencies = [("manifests", "0006_transfer_measures"), ("waste", "0004_treated_and_disputed")]

    operations = [
        migrations.RunPython(from_their_lines, migrations.RunPython.noop),
        migrations.AlterField(
            "treatment",
            "container",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="treatments", to="waste.container"
            ),
        ),
        migrations.AlterField(
            "treatment",
            "plant",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="treatments", to="parties.organisation"
            ),
        ),
    ]
