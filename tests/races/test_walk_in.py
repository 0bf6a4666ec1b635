"""Two confirm one walk-in at once: one manifest. Runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from manifests.counter import Signed, sign
from manifests.models import Manifest, WalkIn
from manifests.services.counter import Brought, decline_walk_in, start_walk_in
from manifests.walk_ins import get_walk_in
from tests.world import NOW, PASSWORD, World
from wastetrack.ledger.models import Entry
from wastetrack.signing import set_pin

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
    phone, counter = Signed(password=PASSWORD), Signed(username="firm", pin=PIN)
    firm, depot = world.actor("firm"), world.actor("depot")
    results = together(
        [
            lambda: sign(actor=firm, walk_in_id=walk_in.pk, signed=phone, now=NOW),
            lambda: sign(actor=depot, walk_in_id=walk_in.pk, signed=counter, now=NOW),
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
