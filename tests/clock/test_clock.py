"""Four hundred days of a seeded district, swept at random moments: every alert that should fire fires exactly once.

What should fire is computed by the oracle from the diary of what happened; the two are compared by day and state.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import replace
from datetime import date

import pytest

from depots.models import Bay
from manifests.models import Approval, Contract
from tests.clock.district import District
from tests.clock.oracle import Oracle
from tests.world import ZONE
from wastetrack.alerts.models import Alert, AlertState
from wastetrack.alerts.registry import forget, register, watch_of
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Vehicle

START, YEAR = date(2025, 8, 20), 400
DAYS = int(os.environ.get("CLOCK_DAYS", YEAR))
"""Fewer where the same is run again on another database."""
SEEDS = [int(seed) for seed in os.environ.get("CLOCK_SEEDS", "1").split()]
"""More of them where somebody asks for a longer run."""

OFTEN = {
    *("storage", "unlabelled", "storage_point", "bay_full", "neighbours", "plan", "receipt", "transit"),
    *("deviation", "discrepancy", "permit_expiry", "permit_renewal", "permit_mass", "vehicle_expiry", "approval"),
    *("contract_expiry", "ledger_silent", "generation_jump", "declaration", "management_plan"),
}
"""Kinds that a year of this district sees: of what never happens nothing would be shown."""

Row = tuple[str, str, str, date | None, date | None, date | None, date | None]
"""Kind, subject, who answers, and the days on which it was opened, overdue, escalated, resolved."""


def expected(district: District) -> list[Row]:
    """What the oracle says."""
    bays = {bay.pk: (bay.bund_l, bay.capacity_g, bay.places) for bay in Bay.objects.all()}
    names = {one.uscc: name for name, one in district.world.organisations.items()}
    own = defaultdict(list)
    wrote = Entry.objects.filter(kind__startswith="container.").order_by("id")
    for uscc, at in wrote.values_list("organisation_uscc", "recorded_at"):
        own[names[uscc]].append(at.astimezone(ZONE))
    oracle = Oracle(district.diary, bays, district.world.depots, own)
    return sorted(((one.kind, one.about, one.who, *one.days) for one in oracle.told()), key=str)


def happened(district: District) -> list[Row]:
    """What the log says."""
    names = {one.pk: name for name, one in district.world.organisations.items()}
    abouts = {f"organisation:{one.uscc}": f"organisation:{name}" for name, one in district.world.organisations.items()}
    abouts |= {f"vehicle:{one.pk}": one.plate for one in Vehicle.objects.all()}
    abouts |= {f"contract:{one.pk}": one.number for one in Contract.objects.all()}
    abouts |= {f"approval:{one.pk}": one.number for one in Approval.objects.all()}
    days: dict[str, dict[str, date]] = defaultdict(dict)
    for kind, subject, at in (
        Entry.objects.filter(kind__startswith="alert.").order_by("id").values_list("kind", "subject", "event_time")
    ):
        state = {"warn": "opened", "fall_due": "overdue", "escalate": "escalated", "resolve": "resolved"}[kind[6:]]
        day = at.astimezone(ZONE).date()
        assert state not in days[subject], f"{subject} was {state} twice"
        days[subject][state] = day
        days[subject].setdefault("opened", day)
    return sorted(
        (
            (
                alert.kind,
                abouts.get(alert.about, alert.about),
                names[alert.organisation_id],
                *(days[alert.subject].get(state) for state in ("opened", "overdue", "escalated", "resolved")),
            )
            for alert in Alert.objects.exclude(state=AlertState.WATCHING)
        ),
        key=str,
    )


def told(rows: list[Row]) -> str:
    return "\n".join(" ".join(map(str, row)) for row in rows[:40])


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_every_alert_that_should_fire_fires_exactly_once(db: None, seed: int) -> None:
    district = District(seed, START)
    district.live(DAYS)
    wanted, found = expected(district), happened(district)
    missing = [row for row in wanted if row not in found]
    beyond = [row for row in found if row not in wanted]
    assert not missing and not beyond, f"missing:\n{told(missing)}\nnot expected:\n{told(beyond)}"  # noqa: PT018
    assert len(found) == len(set(found)) == len(wanted)
    assert {kind for kind, *_ in found} >= (OFTEN if DAYS >= YEAR else {"receipt", "transit"})


@pytest.mark.once
def test_the_oracle_misses_a_watch_that_does_not_look(db: None) -> None:
    """The same district, a few weeks of it, with a watch that the log does not wake: the two come to differ."""
    whole = watch_of("transit")
    forget(whole)
    blind = register(replace(whole, on={}))
    try:
        district = District(1, START)
        district.live(40)
        differing = set(expected(district)) ^ set(happened(district))
    finally:
        forget(blind)
        register(whole)
    assert {row[0] for row in differing} == {"transit"}
