"""Fills a migrated site with watched lorries and sweeps what is due: `python -m benchmarks._sweep 1000 10000 99999`.

The first number is how many are due at a time, the others among how many. Prints seconds for each of them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as hour
from functools import partial
from typing import Any

import django
from django.db import connection, transaction

TIMES, CHUNKS = 3, 10
HERE = "330602"


def grow(world: Any, last: int, first_day: date, rows: int) -> int:
    """Put so many more lorries on record, all to be inspected on a day, their deadlines set; returns the last key."""
    from tests.toys import INSPECTION
    from tests.world import NOW, ZONE
    from wastetrack.alerts.models import Alert
    from wastetrack.parties.models import Vehicle

    warn_at = datetime.combine(first_day - timedelta(days=10), hour.min, ZONE)
    due_at = datetime.combine(first_day, hour(23, 59, 59), ZONE)
    lorries, alerts = Vehicle._meta.db_table, Alert._meta.db_table
    firm = world.organisations["firm"].pk
    adapt, adapt_day = connection.ops.adapt_datetimefield_value, connection.ops.adapt_datefield_value
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {lorries} (organisation_id, plate, permit_number, valid_to, ended_at) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s) "
            "SELECT %s, 'T' || (%s + i), '', %s, %s FROM n",
            [rows, firm, last, adapt_day(first_day), adapt(NOW)],
        )
        cursor.execute(
            f"INSERT INTO {alerts} (state, severity, kind, about, organisation_id, division, clause, warn_at, due_at, "
            "next_at, for_district, note, details) "
            "SELECT 'watching', 0, %s, 'vehicle:' || id, organisation_id, %s, '', %s, %s, %s, %s, '', "
            """'{"plate":"' || plate || '"}' """
            f"FROM {lorries} WHERE id > %s",
            [INSPECTION.kind, HERE, adapt(warn_at), adapt(due_at), adapt(warn_at), False, last],
        )
        cursor.execute(f"SELECT max(id) FROM {lorries}")
        return int(cursor.fetchone()[0])


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def figure_set(world: Any) -> float:
    """Seconds of a district's setting a figure that times all of them; taken back again."""
    from tests.world import NOW
    from wastetrack.districts.services import set_figure

    def request() -> None:
        with transaction.atomic():
            set_figure(actor=world.actor("regulator"), key="toy.inspection_days", value=20, source="演示", now=NOW)
            transaction.set_rollback(True)

    return min(timed(request) for _ in range(TIMES))


def measure(due: int, sizes: list[int]) -> list[dict[str, Any]]:
    """For each size the seconds of a sweep that raises so many, of one that raises none, of a figure's change."""
    from tests.toys import INSPECTION
    from tests.world import NOW, build_world
    from wastetrack.alerts.registry import register
    from wastetrack.alerts.services import sweep
    from wastetrack.parties.models import Vehicle

    register(INSPECTION)
    world = build_world()
    sweep(NOW)
    there, found = 0, []
    last = Vehicle.objects.order_by("-pk").values_list("pk", flat=True)[0]
    moment = NOW
    for size in sizes:
        days = [moment.date() + timedelta(days=11 + number) for number in range(TIMES)]
        for first_day in days:
            last = grow(world, last, first_day, due)
        rest = size - there - TIMES * due
        for number in range(CHUNKS):
            last = grow(world, last, NOW.date() + timedelta(days=1_000 + 30 * number), rest // CHUNKS)
        there = size
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        idle = min(timed(partial(sweep, moment)) for _ in range(TIMES))
        spent = []
        for _ in range(TIMES):
            moment += timedelta(days=1)
            begun = time.perf_counter()
            moved = sweep(moment)
            spent.append(time.perf_counter() - begun)
            if moved < due:
                raise RuntimeError(f"{moved} raised, not {due}")
        found.append({"watched": size, "seconds": min(spent), "idle": idle, "figure": figure_set(world)})
    return found


if __name__ == "__main__":
    django.setup()
    first, *others = map(int, sys.argv[1:])
    print(json.dumps(measure(first, others)))
