"""Tries of a PIN at the same moment: each is counted. Runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.world import NOW, PASSWORD, World
from wastetrack.parties.models import Pin, Tries
from wastetrack.parties.pins import try_nobody
from wastetrack.parties.tries import TRIES, count_try
from wastetrack.signing import confirm_signer, set_pin

Together = Callable[[list[Callable[[], Any]]], list[Any]]
PIN = "402938"


def test_tries_at_once_are_counted_one_by_one(world: World, together: Together) -> None:
    firm = world.actor("firm")
    set_pin(actor=firm, password=PASSWORD, pin=PIN, now=NOW)
    results = together([lambda n=n: confirm_signer(firm, pin=f"73016{n}", now=NOW) for n in range(3)])
    assert Counter(results) == {"wrong_pin": 3}
    assert Pin.objects.get().tries == 3
    results = together([lambda n=n: confirm_signer(firm, pin=f"73016{n}", now=NOW) for n in range(6)])
    assert Counter(results) == {"wrong_pin": 2, "pin_locked": 4}
    assert Pin.objects.get().tries == 5


def test_tries_of_anything_at_once_are_counted_one_by_one(world: World, together: Together) -> None:
    for _ in range(TRIES - 2):
        count_try("one", now=NOW)
    results = together([lambda: count_try("one", now=NOW)] * 4)
    assert results.count("too_many_requests") == 2
    assert Tries.objects.get().tries == TRIES + 2
    results = together([lambda: try_nobody("somebody", NOW)] * 7)
    assert Counter(results) == {None: 5, "pin_locked": 2}
    assert Tries.objects.count() == 2
