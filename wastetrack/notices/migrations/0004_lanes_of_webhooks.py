from typing import Any
from urllib.parse import urlsplit

from django.db import migrations, models


def note_hosts(apps: Any, schema_editor: Any) -> None:
    """What was read from the address each time is a column now."""
    webhooks = apps.get_model("notices", "Webhook").objects
    for pk, url in webhooks.values_list("pk", "url"):
        webhooks.filter(pk=pk).update(host=urlsplit(url).hostname or "")


class Migration(migrations.Migration):

    dependencies = [
        ('notices', '0003_pause_what_agents_made'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhook',
            name='slow',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='webhook',
            name='host',
            field=models.CharField(db_index=True, default='', max_length=500),
            preserve_default=False,
        ),
        migrations.RunPython(note_hosts, migrations.RunPython.noop),
    ]
