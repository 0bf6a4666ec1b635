from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("manifests", "0009_planned_legs"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="manifest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("national_number", ""), _negated=True),
                fields=("national_number",),
                name="manifest_national_number_once",
            ),
        ),
    ]
