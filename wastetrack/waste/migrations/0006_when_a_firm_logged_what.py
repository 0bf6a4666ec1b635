
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('parties', '0005_vehicles_that_ended'),
        ('waste', '0005_shares'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='container',
            index=models.Index(fields=['generator', 'logged_at'], name='container_logged'),
        ),
    ]
