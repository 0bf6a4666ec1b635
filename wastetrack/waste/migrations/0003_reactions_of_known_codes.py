from django.db import migrations

from wastetrack.regulations.compatibility import groups_for


def from_the_code(apps, schema_editor):
    for name in ("Container", "WasteStream"):
        rows = apps.get_model("waste", name).objects.filter(reaction_groups=None)
        for code in rows.order_by().values_list("waste_code", flat=True).distinct():
            groups = groups_for(code)
            if groups is not None:
                rows.filter(waste_code=code).update(reaction_groups=" ".join(sorted(groups)))


class Migration(migrations.Migration):

    dependencies = [("waste", "0002_reactions_and_lineage")]

    operations = [migrations.RunPython(from_the_code, migrations.RunPython.noop)]
