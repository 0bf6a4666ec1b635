"""Tries of a PIN at the same moment: each is counted. Runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.world import NOW, PASSWORD, World
from wastetrack.parties.models import Pin
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
