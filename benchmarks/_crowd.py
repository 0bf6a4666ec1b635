"""Fills a migrated site with a crowd of drums: `python -m benchmarks._crowd 100000 20000`.

The first number is how many there are, the second how many of them stand in the depot. Prints what a scanner knows.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import django
from django.utils import timezone

BAYS, A_LOAD = 12, 25


def crowd(drums: int, standing: int, coming: int) -> dict[str, Any]:
    """So many treated drums, so many in the depot's bays, and some delivered to its gate."""
    from depots.models import Bay, Stay
    from tests.world import build_world
    from wastetrack.ledger.services import seal
    from wastetrack.regulations.identifiers import ContainerCode, short_code
    from wastetrack.waste.models import Container, ContainerReader

    now = timezone.localtime()
    world = build_world()
    depot, firm = world.depots["depot"], world.organisations["firm"]
    bays = [Bay.objects.create(depot=depot, code=f"C{number:02d}") for number in range(BAYS)]
    like = world.drum(now=now, accumulation_start=now.date().isoformat())
    containers = []
    for number in range(drums):
        day = now.date() - timedelta(days=1 + number // 999)
        code = str(ContainerCode(firm.uscc, "900-249-08", day, number % 999 + 1))
        containers.append(
            Container(
                state="stored" if number < standing else "treated",
                code=code,
                short_code=short_code(code),
                generator=firm,
                origin=like.origin,
                holder=depot.site.organisation if number < standing else firm,
                waste_code=like.waste_code,
                category=like.category,
                name=like.name,
                form=like.form,
                hazards=like.hazards,
                reaction_groups=like.reaction_groups,
                container_kind=like.container_kind,
                volume_l=like.volume_l,
                mass_g=18_500,
                accumulation_start=day,
                storage_deadline=now + timedelta(days=300) if number < standing else None,
                logged_at=now,
                reader_keys=like.reader_keys + f" o:{depot.organisation_id}",
            )
        )
    unique = list({one.short_code: one for one in containers}.values())
    made = Container.objects.bulk_create(unique, batch_size=2_000)
    keys = made[0].reader_keys.split()
    for start in range(0, len(made), 5_000):
        ContainerReader.objects.bulk_create(
            [ContainerReader(container=one, reader=key) for one in made[start : start + 5_000] for key in keys],
            batch_size=5_000,
        )
    here = [one for one in made if one.state == "stored"]
    Stay.objects.bulk_create(
        [
            Stay(container=one, depot=depot, bay=bays[number % BAYS], entered_at=now, moved_at=now, mass_in_g=18_500)
            for number, one in enumerate(here)
        ],
        batch_size=2_000,
    )
    gate = []
    for _ in range(0, coming, A_LOAD):
        load = [world.drum(now=now, accumulation_start=now.date().isoformat()) for _ in range(A_LOAD)]
        world.delivered(*load, now=now)
        gate += [drum.short_code for drum in load]
    seal()
    return {
        "token": world.token("depot"),
        "depot": str(depot.pk),
        "bays": [bay.code for bay in bays],
        "stored": [one.short_code for one in here],
        "coming": gate,
        "containers": len(made) + coming,
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(crowd(*map(int, sys.argv[1:4]))))
