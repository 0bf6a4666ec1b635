"""Two watches for tests, each whole in one piece: a lorry's inspection has a day, its load is a level.

The facts are the lorries on record: `valid_to` is the last day of the inspection, `capacity_g` what it is loaded with,
`permit_number` the ids of organisations that are to be told. A lorry whose plate is BROKEN cannot be looked at. They
have ended, so that no watch but the toys looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from tests.world import NOW, ZONE, World
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, subjects_themselves
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.models import Vehicle
from wastetrack.parties.visibility import audience
from wastetrack.regulations.parameters import Parameter


def _toys() -> Any:
    """All but the lorry that the world's carrier has."""
    return Vehicle.objects.exclude(plate__startswith="浙D")


LORRIES = Subjects(
    rows=_toys,
    about=lambda lorry: f"vehicle:{lorry.pk}",
    organisation="organisation_id",
    division="organisation__division",
)


def _lorries(abouts: Sequence[str]) -> list[Vehicle]:
    found = _toys().filter(pk__in=[about.partition(":")[2] for about in abouts]).select_related("organisation")
    if any(lorry.plate == "BROKEN" for lorry in found):
        raise ZeroDivisionError("this lorry cannot be looked at")
    return list(found)


def _of(lorry: Vehicle, **when: Any) -> Deadline:
    return Deadline(
        about=f"vehicle:{lorry.pk}",
        organisation_id=lorry.organisation_id,
        division=lorry.organisation.division,
        details={"plate": lorry.plate},
        also=[int(pk) for pk in lorry.permit_number.split()],
        **when,
    )


def find_inspections(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    lorries = [lorry for lorry in _lorries(abouts) if lorry.valid_to]
    figures = look.figures("toy", {(lorry.organisation.division, lorry.organisation_id) for lorry in lorries})
    for lorry in lorries:
        days = int(figures[lorry.organisation.division, lorry.organisation_id]["inspection_days"])
        assert lorry.valid_to is not None
        yield _of(
            lorry,
            warn_at=datetime.combine(lorry.valid_to - timedelta(days=days), time.min, ZONE),
            due_at=datetime.combine(lorry.valid_to, time(23, 59, 59), ZONE),
        )


def find_loads(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    lorries = _lorries(abouts)
    figures = look.figures("toy", {(lorry.organisation.division, lorry.organisation_id) for lorry in lorries})
    for lorry in lorries:
        most = figures[lorry.organisation.division, lorry.organisation_id]["load_kg"] * 1000
        loaded = lorry.capacity_g or 0
        if loaded * 10 >= most * 8:
            yield _of(lorry, over=Decimal(loaded) > most)


INSPECTION = Watch(
    kind="toy_inspection",
    title="Inspection of a toy lorry",
    sentences={
        "warned": "%(plate)s of %(organisation)s is to be inspected by %(due)s: %(days)d days left.",
        "overdue": "%(plate)s of %(organisation)s should have been inspected by %(due)s: %(days)d days over.",
    },
    action="Have it inspected",
    link="/toys/%(plate)s",
    find=find_inspections,
    on={"toy.*": subjects_themselves},
    subjects=LORRIES,
    legal=False,
    parameters={
        "toy.inspection_days": Parameter(10, "calendar days", "ours", "D", name="Toy inspections", stricter="higher")
    },
)
LOAD = Watch(
    kind="toy_load",
    title="Load of a toy lorry",
    sentences={
        "warned": "%(plate)s of %(organisation)s has been nearly full since %(since)s.",
        "overdue": "%(plate)s of %(organisation)s has been too heavy since %(due)s: %(days)d days.",
    },
    action="Unload it",
    link="/toys/%(plate)s",
    find=find_loads,
    on={"toy.*": subjects_themselves},
    subjects=LORRIES,
    legal=False,
    parameters={"toy.load_kg": Parameter(1000, "kg", "ours", "D", name="Toy loads", stricter="lower")},
)


def lorry(world: World, plate: str = "浙T00001", firm: str = "firm", **facts: Any) -> Vehicle:
    """A lorry that has just been put on record."""
    with transaction.atomic():
        made = Vehicle.objects.create(organisation=world.organisations[firm], plate=plate, ended_at=NOW, **facts)
        _tell(world, made, "toy.make", NOW)
    return made


def untold(world: World, count: int, **facts: Any) -> None:
    """So many lorries of which the log says nothing."""
    firm = world.organisations["firm"]
    there = Vehicle.objects.count()
    Vehicle.objects.bulk_create(
        Vehicle(organisation=firm, plate=f"浙T{there + number:05}", ended_at=NOW, **facts) for number in range(count)
    )


def change(world: World, row: Vehicle, now: datetime = NOW, kind: str = "toy.load", **facts: Any) -> None:
    """Facts of the lorry change, and the log says so."""
    with transaction.atomic():
        Vehicle.objects.filter(pk=row.pk).update(**facts)
        _tell(world, row, kind, now)


def _tell(world: World, row: Vehicle, kind: str, now: datetime) -> None:
    readers = audience([row.organisation_id], [row.organisation.division])
    record(world.actor("firm"), [Fact(kind, f"vehicle:{row.pk}", readers)], now=now)


def day(days: int) -> date:
    """The local day so many days after NOW's."""
    return NOW.date() + timedelta(days=days)
