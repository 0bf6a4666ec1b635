"""Two officers act on one permit at once: one wins, the other is told so by a code, and the log says what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from manifests import services as manifests
from tests.races.test_races import won
from tests.world import NOW, World
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Permit

Together = Callable[[list[Callable[[], Any]]], list[Any]]


def record(world: World, number: str = "浙危收 1号") -> Callable[[], Permit]:
    actor, holder = world.actor("regulator"), world.organisations["depot"]
    said = {"kind": "pilot", "codes": "HW08", "yearly_mass_kg": "5000"}
    days = {"valid_from": "2026-11-20", "valid_to": "2029-11-19"}
    return lambda: manifests.record_permit(actor=actor, organisation=holder, now=NOW, number=number, **said, **days)


def told(kind: str) -> int:
    return Entry.objects.filter(kind=kind).count()


def test_the_same_number_is_recorded_by_two_at_once(world: World, together: Together) -> None:
    results = together([record(world) for _ in range(4)])
    assert (won(results), [one for one in results if isinstance(one, str)]) == (1, ["invalid_fields"] * 3)
    assert (Permit.objects.filter(number="浙危收 1号").count(), told("permit.record")) == (1, 1)


def test_two_correct_what_both_saw(world: World, together: Together) -> None:
    permit = Permit.objects.get(organisation=world.organisations["depot"])
    actor = world.actor("regulator")

    def correct(codes: str) -> Callable[[], Permit]:
        said = {"codes": codes}
        return lambda: manifests.correct_permit(actor=actor, permit=permit, said=said, reason="r", version=1, now=NOW)

    results = together([correct("HW08"), correct("HW49"), correct("HW06")])
    assert (won(results), [one for one in results if isinstance(one, str)]) == (1, ["permit_changed"] * 2)
    permit.refresh_from_db()
    assert (permit.version, told("permit.correct")) == (2, 1)


def test_two_withdraw_one_and_a_third_corrects_it(world: World, together: Together) -> None:
    permit = Permit.objects.get(organisation=world.organisations["depot"])
    actor = world.actor("regulator")

    def withdraw(day: str) -> Callable[[], Permit]:
        return lambda: manifests.withdraw_permit(actor=actor, permit=permit, last_day=day, reason="r", now=NOW)

    results = together(
        [
            withdraw("2026-11-30"),
            withdraw("2026-12-31"),
            lambda: manifests.correct_permit(actor=actor, permit=permit, said={"codes": "HW08"}, reason="r", now=NOW),
        ]
    )
    assert set(results) & {"permit_withdrawn"}
    assert (told("permit.withdraw"), {one for one in results if isinstance(one, str)}) == (1, {"permit_withdrawn"})
    assert Permit.objects.get(pk=permit.pk).withdrawn_at == NOW
