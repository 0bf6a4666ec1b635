"""Two confirm one walk-in at once: one manifest. And no walk-in waits for one who waits for it.

Runs on SQLite and on PostgreSQL; there only does a lock taken out of its order end in a deadlock.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from depots import services as store
from depots.models import Bay, Depot
from manifests.counter import Signed, sign
from manifests.models import Manifest, WalkIn
from manifests.services import counter, issue
from manifests.services.counter import Brought, confirm_walk_in, decline_walk_in, start_walk_in
from manifests.walk_ins import get_walk_in
from tests.scanner.test_steps import scanned
from tests.world import DRUM, NOW, PASSWORD, World
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Site
from wastetrack.regulations.identifiers import make_site_code
from wastetrack.signing import set_pin
from wastetrack.waste.models import WasteStream
from wastetrack.waste.services import STREAM_FIELDS, log_waste, save_stream

Together = Callable[[list[Callable[[], Any]]], list[Any]]
PIN = "402938"


def waiting(world: World) -> WalkIn:
    return start_walk_in(
        actor=world.actor("depot"),
        depot=world.depots["depot"],
        firm=world.organisations["firm"],
        drums=[Brought(18_500, container=world.drum())],
        now=NOW,
    )


def test_phone_and_counter_confirm_at_once(world: World, together: Together) -> None:
    set_pin(actor=world.actor("firm"), password=PASSWORD, pin=PIN, now=NOW)
    walk_in = waiting(world)
    phone, at_counter = Signed(password=PASSWORD), Signed(username="firm", pin=PIN)
    firm, depot = world.actor("firm"), world.actor("depot")
    results = together(
        [
            lambda: sign(actor=firm, walk_in_id=walk_in.pk, signed=phone, now=NOW),
            lambda: sign(actor=depot, walk_in_id=walk_in.pk, signed=at_counter, now=NOW),
            lambda: sign(actor=firm, walk_in_id=walk_in.pk, signed=phone, now=NOW),
        ]
    )
    assert Counter(result if isinstance(result, str) else type(result).__name__ for result in results) == {
        "WalkIn": 1,
        "illegal_state": 2,
    }
    assert (Manifest.objects.count(), Entry.objects.filter(kind="walk_in.confirm").count()) == (1, 1)
    assert Entry.objects.filter(kind="container.receive").count() == 1


def test_confirmed_and_declined_at_once(world: World, together: Together) -> None:
    walk_in = waiting(world)
    firm, depot = world.actor("firm"), world.actor("depot")
    theirs = get_walk_in(depot, walk_in.pk)
    results = together(
        [
            lambda: sign(actor=firm, walk_in_id=walk_in.pk, signed=Signed(password=PASSWORD), now=NOW),
            lambda: decline_walk_in(actor=depot, walk_in=theirs, reason="", now=NOW),
        ]
    )
    assert sorted(isinstance(result, str) for result in results) == [False, True]
    assert "illegal_state" in results
    state = WalkIn.objects.get().state
    assert (state, Manifest.objects.count()) in (("confirmed", 1), ("declined", 0))


# --- nobody waits in a circle ---

OIL: dict[str, Any] = {"waste_code": "900-214-08", "form": "L", "name": "废油"}
Call = Callable[[], Any]


def brought(world: World, *drums: Brought, firm: str = "firm") -> Call:
    """A walk-in of these, to be confirmed by its firm."""
    depot, of = world.depots["depot"], world.organisations[firm]
    walk_in = start_walk_in(actor=world.actor("depot"), depot=depot, firm=of, drums=drums, now=NOW)
    return lambda: confirm_walk_in(actor=world.actor(firm), walk_in=walk_in, now=NOW).state


def after(seconds: float, call: Call) -> Call:
    def run() -> Any:
        time.sleep(seconds)
        return call()

    return run


def slowly(monkeypatch: pytest.MonkeyPatch, name: str, where: Any = store) -> None:
    """Whoever has done this step stays with it for a while."""
    real = getattr(where, name)

    def step(*args: Any, **named: Any) -> Any:
        done = real(*args, **named)
        time.sleep(0.4)
        return done

    monkeypatch.setattr(where, name, step)


def test_a_wanted_bay_against_a_receipt_that_looks_at_all_bays(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_in = brought(world, Brought(1_000, container=world.drum(), bay="A2"), Brought(1_000, container=world.drum()))
    drum = world.drum("firm2")
    world.delivered(drum, sender="firm2")
    slowly(monkeypatch, "lock_bays")
    results = together([walk_in, after(0.55, lambda: scanned(world, "depot", drum.code, "1").verdict)])
    assert results == ["confirmed", "accepted"]


def test_logged_drums_against_the_firms_own_check_in(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, firm = world.depots["firm"], world.actor("firm")
    Bay.objects.create(depot=own, code="F1")
    first, second = (log_waste(actor=firm, site=own.site, data=DRUM, now=NOW) for _ in range(2))
    walk_in = brought(world, Brought(1_000, container=first), Brought(1_000, container=second))
    slowly(monkeypatch, "lock_bays")
    results = together([walk_in, after(0.2, lambda: scanned(world, "firm", second.code, "1").verdict)])
    # Whoever came first: the other finds it stored, or on the road.
    assert results[0] == "confirmed"
    assert results[1] in ("accepted", "refused")


def test_drums_named_crosswise_against_a_manifest_that_is_issued(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = world.drum(), world.drum()
    walk_in = brought(world, Brought(1_000, container=second), Brought(1_000, container=first))
    draft = world.draft(first, second)
    slowly(monkeypatch, "lock", counter)
    issued = after(0.2, lambda: issue(actor=world.actor("firm"), manifest=draft, now=NOW).state)
    assert together([walk_in, issued]) == ["confirmed", "not_your_container"]


def test_new_drums_of_two_wastes_against_logging_one(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    Bay.objects.create(depot=world.depots["firm"], code="F1")
    rags, oil = usual(world), usual(world, **OIL)
    walk_in = brought(world, Brought(1_000, stream=rags), Brought(1_000, stream=oil))
    slowly(monkeypatch, "lock_bays")
    results = together([walk_in, after(0.2, lambda: world.drum(**OIL).state)])
    assert results == ["confirmed", "stored"]


def test_two_walk_ins_with_new_drums_of_two_wastes_crosswise(
    world: World, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From two sites, so that their manifests are of two series: only those of the drums are the same."""
    own = world.depots["firm"]
    code = make_site_code(own.site.organisation.uscc, 2)
    site = Site.objects.create(organisation=own.site.organisation, code=code, name="演示二厂", division="330111")
    Depot.objects.create(site=site, name="演示二厂贮存", kind=own.kind, facility_code="TS002")
    rags, oil = usual(world), usual(world, **OIL)
    one = [Brought(1_000, stream=stream) for stream in (rags, oil)]
    other = [Brought(1_000, stream=elsewhere(stream, site)) for stream in (oil, rags)]
    calls = [brought(world, *one), brought(world, *other)]
    slowly(monkeypatch, "make_container")
    assert together(calls) == ["confirmed", "confirmed"]


def test_a_draft_of_the_drum_at_the_counter(world: World, together: Together) -> None:
    drum = world.drum()
    walk_in = brought(world, Brought(1_000, container=drum))

    def drafted() -> str:
        with transaction.atomic():
            state = world.draft(drum).state
            time.sleep(0.6)
        return str(state)

    assert together([drafted, after(0.2, walk_in)]) == ["draft", "confirmed"]


def elsewhere(stream: WasteStream, site: Site) -> WasteStream:
    """The same waste at another site."""
    same = {name: getattr(stream, name) for name in STREAM_FIELDS}
    return WasteStream.objects.create(organisation=stream.organisation, site=site, **same)


def usual(world: World, **changes: Any) -> WasteStream:
    """A usual waste of the firm."""
    return save_stream(actor=world.actor("firm"), container=world.drum(**changes), now=NOW)
