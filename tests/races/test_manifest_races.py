"""Two parties act on one manifest at once: exactly one wins where they exclude each other, and the books stay whole.

Runs on SQLite and on PostgreSQL. After every race the log has no gap, every drum one place, and no gram is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from depots.models import Stay
from depots.regroup import split
from manifests import services as manifests
from manifests.models import Correction, Discrepancy, Line, Manifest, Stop
from manifests.rounds import requests_of
from manifests.services import Receipt, Treated, collecting, corrections, rounds
from manifests.services.counter import Brought, confirm_walk_in, start_walk_in
from tests.races.test_races import entries, won
from tests.world import NOW, World
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import attest, history_of
from wastetrack.ledger.services import seal
from wastetrack.lifecycle.models import Series
from wastetrack.parties.models import Vehicle
from wastetrack.units import grams
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container, Derivation

Together = Callable[[list[Callable[[], Any]]], list[Any]]
GONE = ("emptied", "voided")


def fresh(manifest: Manifest) -> Manifest:
    """As another process reads it."""
    return Manifest.objects.select_related("sender", "receiver", "carrier").get(pk=manifest.pk)


def codes(results: list[Any]) -> list[str]:
    """The refusals' codes."""
    return [result for result in results if isinstance(result, str)]


@pytest.fixture(autouse=True)
def _books(world: World) -> Iterator[None]:
    """Whatever won: the log is gapless and intact, a drum stands in one place, and nothing was lost or made."""
    yield
    seal()
    found = list(Entry.objects.order_by("index").values_list("index", flat=True))
    assert found == list(range(len(found)))
    subjects = sorted(set(Entry.objects.values_list("subject", flat=True)))
    assert attest(list(history_of(subjects)), whole=subjects).intact
    standing = Stay.objects.filter(left_at=None).values_list("container", flat=True)
    assert len(set(standing)) == len(standing)
    for drum in Container.objects.all():
        # One that was turned away is committed to its next manifest while it is on the lorry still.
        rides = Line.objects.filter(container=drum, followed_by__isnull=False).exists()
        assert (drum.pk in standing) == (drum.state in ("stored", "committed") and not rides), drum.state
    for parent in Container.objects.filter(state="emptied"):
        assert Derivation.objects.filter(parent=parent).aggregate(all=Sum("mass_g"))["all"] == parent.mass_g


def carrier2(world: World) -> Any:
    organisation = world.add("carrier2", "carrier", role="driver")
    world.permit("carrier2", "", kind="transport")
    Vehicle.objects.create(organisation=organisation, plate="浙A20002", capacity_g=10_000_000)
    return organisation


def receipt(world: World, manifest: Manifest, outcome: str = "accepted", kg: str = "18.5", by: str = "depot") -> Any:
    """A call that receives every line of it."""
    lines = list(manifest.lines.select_related("container"))
    mass_g = grams(kg) if outcome == "accepted" else None
    found = [Receipt(line, outcome, mass_g=mass_g, reason="r") for line in lines]
    actor, depot = world.actor(by), world.depots[by]
    return lambda: manifests.receive(actor=actor, manifest=fresh(manifest), receipts=found, depot=depot, now=NOW)


def received(world: World, *outcomes: str, kg: str = "18.5", to: str = "depot") -> Manifest:
    manifest = world.delivered(*(world.drum() for _ in outcomes), to=to)
    lines = list(manifest.lines.select_related("container"))
    found = [
        Receipt(line, outcome, mass_g=grams(kg) if outcome == "accepted" else None, reason="r")
        for line, outcome in zip(lines, outcomes, strict=True)
    ]
    actor, depot = world.actor(to), world.depots[to]
    return manifests.receive(actor=actor, manifest=manifest, receipts=found, depot=depot, now=NOW)


def proposal(world: World, manifest: Manifest, kg: str = "19", by: str = "firm", cancels: bool = False) -> Any:
    """A call that proposes another mass for its first drum, or to call it off."""
    code = manifest.lines.select_related("container")[0].container.code
    changes = {} if cancels else {"lines": [{"container": code, "mass_kg": kg}]}
    asked: dict[str, Any] = {"reason": "r", "changes": changes, "cancels": cancels, "now": NOW}
    actor = world.actor(by)
    return lambda: corrections.propose(actor=actor, manifest=fresh(manifest), **asked)


def settled(world: World, manifest: Manifest, verb: str, by: str) -> Any:
    """A call that approves, declines or withdraws the open proposal."""
    asked: dict[str, Any] = {"reason": "r"} if verb == "decline" else {}
    actor, do = world.actor(by), getattr(corrections, verb)
    return lambda: do(actor=actor, manifest=fresh(manifest), now=NOW, **asked)


# --- before it departs ---


def test_two_drafts_name_one_drum_among_others(world: World, together: Together) -> None:
    first, shared, last = (world.drum() for _ in range(3))
    drafts = [world.draft(first, shared), world.draft(last, shared)]
    firm = world.actor("firm")
    results = together([lambda m=m: manifests.issue(actor=firm, manifest=m, now=NOW) for m in drafts])
    assert (won(results), codes(results)) == (1, ["container_not_free"])
    assert sorted(Container.objects.values_list("state", flat=True)) == ["committed", "committed", "stored"]


def test_issued_and_revised_at_once(world: World, together: Together) -> None:
    first, second = world.drum(), world.drum()
    draft, firm = world.draft(first), world.actor("firm")
    carriers = [world.organisations["carrier"]]
    wanted = manifests.Wanted(world.organisations["depot"], [second], carriers=carriers)
    results = together(
        [
            lambda: manifests.issue(actor=firm, manifest=fresh(draft), now=NOW),
            lambda: manifests.revise(actor=firm, manifest=fresh(draft), wanted=wanted, now=NOW),
        ]
    )
    assert won(results) in (1, 2)
    assert set(codes(results)) <= {"illegal_state"}
    # What was issued is what its lines say.
    (line,) = Line.objects.filter(manifest=draft).select_related("container")
    state = fresh(draft).state
    assert (state, line.container.state) in (("issued", "committed"), ("draft", "stored"))
    assert Container.objects.filter(state="committed").count() == entries("manifest.issue")


def test_cancelled_and_departed_at_once(world: World, together: Together) -> None:
    manifest = world.issued(world.drum(), world.drum())
    results = together(
        [
            lambda: manifests.cancel(actor=world.actor("firm"), manifest=fresh(manifest), reason="演示", now=NOW),
            lambda: manifests.depart(actor=world.actor("carrier"), manifest=fresh(manifest), now=NOW),
        ]
    )
    assert (won(results), codes(results)) == (1, ["illegal_state"])
    drums = set(Container.objects.values_list("state", flat=True))
    assert (fresh(manifest).state, drums) in (("cancelled", {"stored"}), ("in_transit", {"in_transit"}))


def test_departed_twice_at_once(world: World, together: Together) -> None:
    manifest, carrier = world.issued(world.drum()), world.actor("carrier")
    call = lambda: manifests.depart(actor=carrier, manifest=fresh(manifest), now=NOW)  # noqa: E731
    results = together([call, call])
    assert (won(results), codes(results)) == (1, ["illegal_state"])
    assert manifest.legs.filter(departed_at__isnull=False).count() == 1


def test_two_loads_come_onto_one_vehicle_at_once(world: World, together: Together) -> None:
    """Each fits alone; both together are more than the vehicle may carry."""
    Vehicle.objects.update(capacity_g=30_000)
    loads = [world.issued(world.drum()) for _ in range(2)]
    carrier = world.actor("carrier")
    results = together([lambda m=m: manifests.depart(actor=carrier, manifest=fresh(m), now=NOW) for m in loads])
    assert (won(results), codes(results)) == (1, ["vehicle_overloaded"])


def test_a_walk_in_and_a_draft_of_its_drum_at_once(world: World, together: Together) -> None:
    drum = world.drum()
    draft = world.draft(drum)
    depot, firm = world.depots["depot"], world.organisations["firm"]
    brought = [Brought(18_500, container=drum)]
    walk_in = start_walk_in(actor=world.actor("depot"), depot=depot, firm=firm, drums=brought, now=NOW)
    results = together(
        [
            lambda: manifests.issue(actor=world.actor("firm"), manifest=fresh(draft), now=NOW),
            lambda: confirm_walk_in(actor=world.actor("firm"), walk_in=walk_in, now=NOW),
        ]
    )
    assert won(results) == 1
    assert set(codes(results)) <= {"container_not_free", "not_your_container", "not_the_firms"}
    assert Line.objects.filter(container=drum, manifest__issued_at__isnull=False).count() == 1


# --- on the road ---


def test_handed_over_and_delivered_at_once(world: World, together: Together) -> None:
    manifest, other = world.departed(world.drum()), carrier2(world)
    carrier = world.actor("carrier")
    results = together(
        [
            lambda: manifests.hand_over(actor=carrier, manifest=fresh(manifest), carrier=other, place="p", now=NOW),
            lambda: manifests.deliver(actor=carrier, manifest=fresh(manifest), now=NOW),
        ]
    )
    # Handed over and then delivered after all is no contradiction; the other way round is.
    assert won(results) >= 1
    assert set(codes(results)) <= {"illegal_state"}
    after = fresh(manifest)
    assert (after.state, after.next_carrier_id, str(after.carrier)) == ("delivered", None, "演示carrier")
    assert not manifest.legs.filter(departed_at=None).exists()


def test_taken_over_and_delivered_at_once(world: World, together: Together) -> None:
    manifest, other = world.departed(world.drum()), carrier2(world)
    first, second = world.actor("carrier"), world.actor("carrier2")
    manifests.hand_over(actor=first, manifest=fresh(manifest), carrier=other, place="p", now=NOW)
    results = together(
        [
            lambda: manifests.take_over(actor=second, manifest=fresh(manifest), now=NOW),
            lambda: manifests.deliver(actor=first, manifest=fresh(manifest), now=NOW),
        ]
    )
    assert won(results) == 1
    assert set(codes(results)) <= {"not_your_part", "illegal_state"}
    after, drum = fresh(manifest), Container.objects.get()
    assert (after.state, str(after.carrier)) in (("in_transit", "演示carrier2"), ("delivered", "演示carrier"))
    assert (after.next_carrier_id, drum.holder_id) == (None, after.carrier_id)


def test_handed_to_two_carriers_at_once(world: World, together: Together) -> None:
    manifest, other = world.departed(world.drum()), carrier2(world)
    third = world.add("carrier3", "carrier")
    world.permit("carrier3", "", kind="transport")
    first = world.actor("carrier")
    results = together(
        [
            lambda to=to: manifests.hand_over(actor=first, manifest=fresh(manifest), carrier=to, place="p", now=NOW)
            for to in (other, third)
        ]
    )
    assert won(results) == 2
    after = fresh(manifest)
    (open_leg,) = manifest.legs.filter(departed_at=None)
    assert after.next_carrier_id == open_leg.carrier_id
    readers = Container.objects.get().readers()
    assert [f"o:{one.pk}" in readers for one in (other, third)].count(True) == 1


def test_received_twice_at_once(world: World, together: Together) -> None:
    manifest = world.delivered(world.drum(), world.drum())
    call = receipt(world, manifest)
    results = together([call, call])
    assert (won(results), codes(results)) == (1, ["line_already_received"])
    assert (entries("container.receive"), entries("manifest.receive")) == (2, 1)


def test_accepted_and_refused_at_once(world: World, together: Together) -> None:
    manifest = world.delivered(world.drum())
    results = together([receipt(world, manifest), receipt(world, manifest, "rejected")])
    assert (won(results), codes(results)) == (1, ["line_already_received"])
    drum = Container.objects.get()
    assert (fresh(manifest).state, drum.state) in (("received", "stored"), ("rejected", "in_transit"))


def test_received_and_called_off_at_once(world: World, together: Together) -> None:
    manifest = world.departed(world.drum())
    proposal(world, manifest, cancels=True)()
    results = together([receipt(world, manifest), settled(world, manifest, "approve", "carrier")])
    assert won(results) == 1
    assert set(codes(results)) <= {"already_received", "illegal_state", "correction_over"}
    drum = Container.objects.get()
    assert (fresh(manifest).state, drum.state) in (("received", "stored"), ("cancelled", "in_transit"))


def test_delivered_and_called_off_at_once(world: World, together: Together) -> None:
    """Called off at the gate needs the receiver as well: the proposal that did not ask it does not hold there."""
    manifest = world.departed(world.drum())
    proposal(world, manifest, cancels=True)()
    results = together(
        [
            lambda: manifests.deliver(actor=world.actor("carrier"), manifest=fresh(manifest), now=NOW),
            settled(world, manifest, "approve", "carrier"),
        ]
    )
    assert won(results) >= 1
    assert fresh(manifest).state in ("delivered", "cancelled")
    assert entries("manifest.call_off") == (fresh(manifest).state == "cancelled")


# --- corrections ---


def test_two_corrections_at_once(world: World, together: Together) -> None:
    manifest = received(world, "accepted")
    results = together([proposal(world, manifest, "19", "firm"), proposal(world, manifest, "20", "depot")])
    assert (won(results), codes(results)) == (1, ["correction_open"])
    assert Correction.objects.filter(settled_at=None).count() == 1


@pytest.mark.parametrize("other", ["withdraw", "decline", "approve"])
def test_approved_and_ended_at_once(world: World, together: Together, other: str) -> None:
    manifest = received(world, "accepted")
    proposal(world, manifest, "20", "depot")()
    by = {"withdraw": "depot", "decline": "firm", "approve": "firm"}[other]
    results = together([settled(world, manifest, "approve", "firm"), settled(world, manifest, other, by)])
    assert (won(results), codes(results)) == (1, ["correction_over"])
    correction, drum = Correction.objects.get(), Container.objects.get()
    assert (correction.state, drum.mass_g, fresh(manifest).version) in (
        ("approved", 20_000, 2),
        ("withdrawn", 18_500, 1),
        ("declined", 18_500, 1),
    )
    assert entries("container.weigh") == (correction.state == "approved")


def test_treated_and_corrected_at_once(world: World, together: Together) -> None:
    """Either less is treated than there is, or the correction to less than that is refused."""
    manifest = received(world, "accepted", to="plant")
    proposal(world, manifest, "10", "plant")()
    (line,) = manifest.lines.select_related("container")
    treated = [Treated(line.container, "R9", grams("18.5"), NOW)]
    results = together(
        [
            lambda: manifests.treat(actor=world.actor("plant"), manifest=fresh(manifest), treatments=treated, now=NOW),
            settled(world, manifest, "approve", "firm"),
        ]
    )
    assert won(results) == 1
    assert set(codes(results)) <= {"treated_too_much", "treated", "correction_stale", "open_discrepancy"}
    drum = Container.objects.get()
    assert (drum.state, drum.mass_g, drum.treated_g) in (("treated", 18_500, 18_500), ("stored", 10_000, 0))


def test_regrouped_and_corrected_at_once(world: World, together: Together) -> None:
    """Whoever comes first: the parts hold what the drum held."""
    manifest = received(world, "accepted")
    proposal(world, manifest, "20", "depot")()
    drum = Container.objects.get()
    parts = [Part("steel_drum", Decimal(200), mass_g) for mass_g in (8_500, 10_000)]
    results = together(
        [
            lambda: split(actor=world.actor("depot"), container=drum, parts=parts, now=NOW),
            settled(world, manifest, "approve", "firm"),
        ]
    )
    assert won(results) in (1, 2)
    assert set(codes(results)) <= {"masses_differ", "invalid_fields"}
    leaves = Container.objects.exclude(state__in=GONE).aggregate(all=Sum("mass_g"))["all"]
    assert leaves == 20_000


# --- after the receipt ---


def test_both_sides_state_different_masses_at_once(world: World, together: Together) -> None:
    manifest = received(world, "accepted", kg="12")
    line = manifest.lines.get()

    def says(side: str, kg: str) -> Callable[[], Any]:
        said: dict[str, Any] = {"line": line, "mass_kg": kg, "note": "n", "now": NOW}
        return lambda: manifests.settle(actor=world.actor(side), manifest=fresh(manifest), **said)

    results = together([says("firm", "18.5"), says("depot", "12")])
    assert (won(results), codes(results)) == (1, ["settle_differs"])
    assert Discrepancy.objects.get().settled_at is None


def test_both_sides_state_the_same_mass_at_once(world: World, together: Together) -> None:
    manifest = received(world, "accepted", kg="12")
    line = manifest.lines.get()
    said: dict[str, Any] = {"line": line, "mass_kg": "12", "note": "n", "now": NOW}
    results = together(
        [
            lambda side=side: manifests.settle(actor=world.actor(side), manifest=fresh(manifest), **said)
            for side in ("firm", "depot")
        ]
    )
    assert won(results) == 2
    assert Discrepancy.objects.get().settled_at is not None
    assert not Container.objects.get().disputed


def test_sent_back_and_taken_back_at_once(world: World, together: Together) -> None:
    manifest = received(world, "rejected")
    back = manifests.send_back(actor=world.actor("depot"), manifest=fresh(manifest), now=NOW)
    line, store = manifest.lines.select_related("manifest", "container").get(), world.depots["firm"]
    results = together(
        [
            lambda: manifests.issue(actor=world.actor("depot"), manifest=fresh(back), now=NOW),
            lambda: manifests.take_back(actor=world.actor("firm"), line=line, depot=store, now=NOW),
        ]
    )
    assert won(results) == 1
    assert isinstance(codes(results)[0], str)
    line.refresh_from_db()
    assert (line.taken_back_at is None) != (line.followed_by_id is None)


def test_two_ways_back_at_once(world: World, together: Together) -> None:
    """The receiver returns it, its sender sends it on: one of the two gets the drum."""
    manifest = received(world, "rejected")
    drum = Container.objects.get()
    back = manifests.send_back(actor=world.actor("depot"), manifest=fresh(manifest), now=NOW)
    onward = world.draft(drum, to="depot2")
    results = together(
        [
            lambda: manifests.issue(actor=world.actor("depot"), manifest=fresh(back), now=NOW),
            lambda: manifests.issue(actor=world.actor("firm"), manifest=fresh(onward), now=NOW),
        ]
    )
    assert won(results) == 1
    followed = manifest.lines.get().followed_by
    assert followed is not None
    assert followed.state == "issued"
    assert Manifest.objects.filter(state="issued").count() == 1


def test_two_rounds_plan_one_request_at_once(world: World, together: Together) -> None:
    depot, keeper = world.depots["depot"], world.actor("depot")
    asked = collecting.ask(actor=world.actor("firm"), depot=depot, containers=[world.drum()], now=NOW)
    vehicle = Vehicle.objects.select_related("organisation").get()

    def plan() -> Any:
        wanted = list(requests_of(keeper).filter(pk=asked.pk))
        planned = rounds.Plan(vehicle, date(2026, 11, 21), wanted)
        return rounds.plan_round(actor=keeper, depot=depot, plan=planned, now=NOW)

    def one() -> Any:
        try:
            return plan()
        except Refused as refusal:
            return refusal.errors[0].code

    results = together([one, one])
    assert (won(results), codes(results)) == (1, ["request_not_waiting"])
    assert (Stop.objects.count(), entries("collection.plan")) == (1, 1)


def test_one_drum_is_asked_for_twice_at_once(world: World, together: Together) -> None:
    drum, depot, firm = world.drum(), world.depots["depot"], world.actor("firm")
    call = lambda: collecting.ask(actor=firm, depot=depot, containers=[drum], now=NOW)  # noqa: E731
    results = together([call, call])
    assert (won(results), codes(results)) == (1, ["invalid_fields"])


def test_many_drafts_at_once_have_numbers_without_gaps(world: World, together: Together) -> None:
    drums = [world.drum() for _ in range(12)]
    refused = world.drum()
    other = world.organisations["firm2"]

    def drafts(mine: list[Container]) -> list[str]:
        made = []
        for drum in mine:
            made.append(world.draft(drum).number)
            with pytest.raises(Refused):
                # A draft that fails takes no number along.
                manifests.draft(actor=world.actor("firm"), receiver=other, containers=[refused], now=NOW)
        return made

    results = together([lambda mine=drums[n::4]: drafts(mine) for n in range(4)])
    serials = sorted(int(number[-6:]) for result in results for number in result)
    assert serials == list(range(1, 13))
    assert Series.objects.get(key__startswith="manifest:").last == 12
