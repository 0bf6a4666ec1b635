from django.db import migrations
from django.db.models import Sum


def from_the_papers(apps, schema_editor):
    Container = apps.get_model("waste", "Container")
    treatments = apps.get_model("manifests", "Treatment").objects.order_by()
    for pk, mass_g in treatments.values_list("line__container").annotate(Sum("mass_g")):
        Container.objects.filter(pk=pk).update(treated_g=mass_g)
    open_ones = apps.get_model("manifests", "Discrepancy").objects.filter(settled_at=None)
    Container.objects.filter(pk__in=open_ones.values("line__container")).update(disputed=True)


class Migration(migrations.Migration):

    dependencies = [("manifests", "0003_loading"), ("waste", "0004_treated_and_disputed")]

    operations = [migrations.RunPython(from_the_papers, migrations.RunPython.noop)]
