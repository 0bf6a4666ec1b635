import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("manifests", "0010_national_number_once"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SignedStop",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("nonce", models.CharField(max_length=64)),
                ("fingerprint", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(choices=[("recorded", "Recorded"), ("parked", "Not recorded")], max_length=10),
                ),
                ("content", models.TextField()),
                ("reasons", models.TextField(default="[]")),
                ("signed_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                (
                    "sent_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "stop",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="signings", to="manifests.stop"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [models.UniqueConstraint(fields=("stop", "nonce"), name="signed_stop_once")],
            },
        ),
    ]
