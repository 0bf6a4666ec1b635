import django.db.models.deletion
import django_fsm
from django.conf import settings
from django.db import migrations, models


def grade(apps, schema_editor):
    """What is open already is as grave as its state says."""
    alerts = apps.get_model("alerts", "Alert").objects
    alerts.filter(state="warned").update(severity=2)
    alerts.filter(state="overdue").update(severity=3)


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0002_initial'),
        ('parties', '0005_vehicles_that_ended'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AlsoTold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.CreateModel(
            name='Bookmark',
            fields=[
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('after', models.BigIntegerField(default=-1)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Recheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('division', models.CharField(blank=True, max_length=6)),
                ('about', models.CharField(blank=True, max_length=80)),
                ('after', models.BigIntegerField(default=0)),
                ('next_at', models.DateTimeField(db_index=True)),
                ('daily', models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name='alert',
            name='for_district',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='alert',
            name='severity',
            field=models.PositiveSmallIntegerField(choices=[(0, 'Quiet'), (1, 'Notice'), (2, 'Warning'), (3, 'Alarm')], default=0),
        ),
        migrations.AlterField(
            model_name='alert',
            name='due_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='alert',
            name='state',
            field=django_fsm.FSMField(choices=[('watching', 'Watching'), ('warned', 'Due soon'), ('overdue', 'Overdue'), ('escalated', 'With the district'), ('resolved', 'Resolved')], default='watching', max_length=50, protected=True),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('severity__gt', 0)), fields=['division', 'severity'], name='alert_of_district'),
        ),
        migrations.AddField(
            model_name='alsotold',
            name='alert',
            field=models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='also_told', to='alerts.alert'),
        ),
        migrations.AddField(
            model_name='alsotold',
            name='organisation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='parties.organisation'),
        ),
        migrations.AddField(
            model_name='recheck',
            name='organisation',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='parties.organisation'),
        ),
        migrations.AddConstraint(
            model_name='alsotold',
            constraint=models.UniqueConstraint(fields=('organisation', 'alert'), name='also_told_once'),
        ),
        migrations.AddConstraint(
            model_name='recheck',
            constraint=models.UniqueConstraint(condition=models.Q(('daily', True)), fields=('kind',), name='recheck_daily_once'),
        ),
        migrations.RunPython(grade, migrations.RunPython.noop),
    ]
