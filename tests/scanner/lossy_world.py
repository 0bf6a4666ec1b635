"""Fills an empty site with a depot, drums in it and at its door: `python -m tests.scanner.lossy_world 300`.

Prints what a scanner there knows: token, depot, bays, the drums' codes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.utils import timezone

BAYS = 8
A_LOAD = 25


def build(drums: int) -> dict[str, Any]:
    """Half of the drums stand in the depot, half are at its door."""
    from depots.models import Bay
    from manifests import services as manifests
    from manifests.services import Receipt
    from tests.world import build_world
    from wastetrack.http import owner_of
    from wastetrack.ledger.services import seal

    now = timezone.localtime()
    world = build_world()
    depot = world.depots["depot"]
    bays = [Bay.objects.create(depot=depot, code=f"B{number}") for number in range(1, BAYS + 1)]
    stored: list[str] = []
    coming: list[str] = []
    for start in range(0, drums, A_LOAD):
        made = [
            world.drum(now=now, accumulation_start=now.date().isoformat(), mass_kg=f"{20 + number % 7}")
            for number in range(start, min(start + A_LOAD, drums))
        ]
        manifest = world.delivered(*made, now=now)
        if (start // A_LOAD) % 2 == 0:
            receipts = [Receipt(line) for line in manifest.lines.select_related("container")]
            manifests.receive(
                actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, bay=bays[0], now=now
            )
        (stored if (start // A_LOAD) % 2 == 0 else coming).extend(drum.short_code for drum in made)
    seal()
    return {
        "token": world.token("depot"),
        "owner": owner_of(world.actor("depot")),
        "depot": str(depot.pk),
        "bays": [bay.code for bay in bays],
        "stored": stored,
        "coming": coming,
    }


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(build(int(sys.argv[1]))))
