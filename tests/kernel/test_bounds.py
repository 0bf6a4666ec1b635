"""A figure may be set to the most and the least that it may be: whatever it is, every watch can still be looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from manifests.models import Manifest
from tests.kernel.test_drafting import paper_draft
from tests.kernel.test_receipt import read, receive
from tests.kernel.test_watches_filings import file
from tests.kernel.test_watches_manifests import approved, certified, contracted, heavy, planned, same
from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert, Recheck
from wastetrack.alerts.registry import kinds
from wastetrack.alerts.services import sweep
from wastetrack.districts.models import Figure, OwnFigure
from wastetrack.districts.selectors import figures, figures_for, figures_here, own_here
from wastetrack.districts.services import set_figure, tighten
from wastetrack.districts.words import direction
from wastetrack.parties.models import Membership

pytestmark = pytest.mark.once

WATCHED = {
    *("storage", "unlabelled", "ledger_silent", "receipt", "paper", "deviation", "discrepancy", "approval", "plan"),
    *("permit_expiry", "permit_renewal", "vehicle_expiry", "contract_expiry", "management_plan", "declaration"),
}
"""Kinds that have something to look at here."""


@pytest.fixture
def district(world: World) -> World:
    """Stock, loads on the road and at the gate, differences, paper, permits, contracts, plans and filings."""
    world.drum(mass_kg="120")
    planned(world, "50")
    world.issued(heavy(world, "60"))
    world.departed(heavy(world, "100"))
    world.delivered(heavy(world, "100"))
    for kilos in ("100", "104", "150"):
        _received(world, world.delivered(heavy(world, "100")), kilos)
    paper_draft(world, world.drum(), NOW)
    approved(world)
    contracted(world)
    file(world, "plan", "2026", "2026-11-20", NOW)
    Membership.objects.filter(pk=world.memberships["carrier"].pk).update(role="operator")
    world.memberships["carrier"].refresh_from_db()
    certified(world, date(2026, 12, 31))
    return world


def _received(world: World, manifest: Manifest, kilos: str) -> None:
    receive(world, manifest, *read(manifest, same(manifest, kilos)), now=NOW)


Values = Iterator[tuple[str, str, object]]
"""Who sets which figure to what."""


def least(world: World) -> Values:
    return _of_district(world, "lower", lambda most: 0)


def a_half(world: World) -> Values:
    return _of_district(world, "lower", lambda most: "0.5")


def most(world: World) -> Values:
    return _of_district(world, "higher", lambda most: most)


def _of_district(world: World, way: str, value: Callable[[int], object]) -> Values:
    for table in figures_here("330602").values():
        for one in table:
            if direction(one.key, one.rule.confidence) in (way, "either"):
                yield "regulator", one.key, value(one.rule.most)


def strictest(world: World) -> Values:
    for name in ("firm", "depot", "carrier", "plant"):
        for one in own_here(world.organisations[name]):
            yield name, one.key, one.here.rule.most if one.stricter == "higher" else 0


@pytest.mark.parametrize("extreme", [least, a_half, most, strictest])
def test_every_figure_may_be_at_its_bounds(district: World, extreme: Callable[[World], Values], caplog: Any) -> None:
    sweep(NOW)
    assert set(Alert.objects.values_list("kind", flat=True)) >= WATCHED & set(kinds())
    for who, key, value in extreme(district):
        actor = district.actor(who)
        if who == "regulator":
            set_figure(actor=actor, key=key, value=value, source="演示", now=NOW)
        else:
            tighten(actor=actor, key=key, value=value, now=NOW)
    with caplog.at_level(logging.WARNING):
        for days in (0, 1, 40, 400):
            sweep(later(days))
    assert [record.getMessage() for record in caplog.records] == []
    assert not Recheck.objects.exclude(about="").exists()


def test_a_row_beyond_the_bounds_is_held_to_them(district: World) -> None:
    firm, key = district.organisations["firm"], "storage.warn_days"
    OwnFigure.objects.create(organisation=firm, key=key, value=99_999_999, set_at=NOW)
    Figure.objects.create(division="33", key=key, value=9_999_999, source="演示", set_at=NOW)
    assert figures("330602", "storage")["warn_days"] == 3650
    place = ("330602", firm.pk)
    assert figures_for("storage", [place])[place]["warn_days"] == 3650
    (here,) = [one for one in own_here(firm) if one.key == key]
    assert all(value == 3650 for value in (here.own, here.holds, here.here.value))
    sweep(later(365) + timedelta(days=1))
    assert Alert.objects.filter(kind="storage", organisation=firm, state="overdue").exists()
