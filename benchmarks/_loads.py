"""Fills a migrated site with a firm's stored drums: `python -m benchmarks._loads 200 3`.

The first number is how many make a load, the second how many loads. Prints what the firm's program knows.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.utils import timezone


def loads(drums: int, count: int) -> dict[str, Any]:
    """So many loads of drums that are alike, and one in which no two are."""
    from tests.world import build_world
    from wastetrack.ledger.services import seal

    now = timezone.localtime()
    world = build_world()
    day = {"accumulation_start": now.date().isoformat()}
    alike = [[world.drum(now=now, **day, mass_kg="18.5").code for _ in range(drums)] for _ in range(count)]
    waste = "废矿物油与含矿物油废物"
    different = [
        world.drum(now=now, **day, mass_kg="18.5", name=f"{waste}{number}", harmful_components=f"苯系物{number}").code
        for number in range(drums)
    ]
    seal()
    names = {name: world.organisations[name].uscc for name in ("depot", "carrier")}
    return {"token": world.token("firm", now), "loads": [*alike, different], **names}


if __name__ == "__main__":
    django.setup()
    print(json.dumps(loads(*map(int, sys.argv[1:]))))
