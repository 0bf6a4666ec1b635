"""Webhooks that somebody made while acting for another organisation wait for its own members to resume them."""

from django.db import migrations
from django.utils import timezone


def pause(apps, schema_editor):
    made = apps.get_model("ledger", "Entry").objects.filter(kind="webhook.create").exclude(via_uscc="")
    numbers = [int(subject.partition(":")[2]) for subject in made.values_list("subject", flat=True)]
    rows = apps.get_model("notices", "Webhook").objects.filter(pk__in=numbers, paused_at=None)
    rows.update(paused_at=timezone.now(), failing_since=None, attempts=0)


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "__first__"),
        ("notices", "0002_held_webhooks_and_replaced_addresses"),
    ]

    operations = [migrations.RunPython(pause, migrations.RunPython.noop)]
