"""Carriage: departing, handing over on the way, arriving; each leg is its own carrier's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from manifests import services as manifests
from manifests.drive_pages import DRIVEN
from manifests.models import Leg, Line, Manifest
from manifests.selectors import aboard, legs_of, lines_of
from manifests.services import Receipt
from manifests.turns import turn_of, waiting
from manifests.verbs import Sent, perform
from tests.world import NOW, PASSWORD, World, later
from wastetrack.errors import Invalid, Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Permit, Pin, Vehicle
from wastetrack.signing import set_pin
from wastetrack.waste.models import Container

PIN = "402938"
CARRIERS = ("second", "third", "fourth")


@pytest.fixture
def roads(world: World) -> World:
    """The world with three more carriers, each with a vehicle, and their drivers' PINs."""
    for number, name in enumerate(CARRIERS, 2):
        world.add(name, "carrier", role="driver")
        world.permit(name, "", kind="transport")
        Vehicle.objects.create(organisation=world.organisations[name], plate=f"浙D0000{number}", capacity_g=10_000_000)
        set_pin(actor=world.actor(name), password=PASSWORD, pin=PIN, now=NOW)
    return world


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    found = refused.value.errors[0].code if refused.value.errors else refused.value.code
    return str(found)


def hand(world: World, manifest: Manifest, to: str = "second", by: str = "carrier", **more: Any) -> Manifest:
    given: dict[str, Any] = {"place": "绍兴北服务区", "now": NOW, **more}
    return manifests.hand_over(actor=world.actor(by), manifest=manifest, carrier=world.organisations[to], **given)


def take(world: World, manifest: Manifest, by: str = "second", **more: Any) -> Manifest:
    return manifests.take_over(actor=world.actor(by), manifest=manifest, **{"now": NOW, **more})


def do(world: World, verb: str, manifest: Manifest, by: str, **sent: Any) -> Manifest:
    said = Sent(**{"password": PASSWORD, **sent})
    return perform(verb, actor=world.actor(by), number=manifest.number, sent=said, now=NOW)


def sees(world: World, name: str, what: Manifest | Container) -> bool:
    return bool(type(what).objects.visible_to(world.actor(name)).filter(pk=what.pk).exists())


def way(manifest: Manifest) -> list[tuple[str, bool, bool]]:
    """Each leg: whose, departed, arrived."""
    legs = manifest.legs.select_related("carrier").order_by("position")
    return [(leg.carrier.name.removeprefix("演示"), bool(leg.departed_at), bool(leg.arrived_at)) for leg in legs]


def planned(world: World, *names: str) -> Manifest:
    """A departed manifest with further carriers named in it."""
    carriers = [world.organisations[name] for name in ("carrier", *names)]
    actor = world.actor("firm")
    manifest = manifests.draft(
        actor=actor, receiver=world.organisations["depot"], carriers=carriers, containers=[world.drum()], now=NOW
    )
    manifest = manifests.issue(actor=actor, manifest=manifest, now=NOW)
    return manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=NOW)


# --- departing ---


def test_a_departure_is_signed_for_what_was_there(world: World) -> None:
    manifest = world.issued(world.drum())
    digest = manifests.digest_of(manifest, list(manifest.lines.select_related("container")), [])
    manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    data = Entry.objects.get(kind="manifest.depart").data
    assert data["meaning"] == "depart"
    assert data["content"]["manifest_sha256"] == digest
    assert data["content"]["vehicle"] == data["vehicle"] == "浙D00001"


def test_a_plate_is_known_however_it_is_typed_and_else_checked(world: World) -> None:
    manifest = world.issued(world.drum())
    go: dict[str, Any] = {"actor": world.actor("carrier"), "manifest": manifest, "now": NOW}
    for plate, code in (("浙DO0001", "plate_format"), ("D00001", "plate_format"), ("浙A99999", "unknown_vehicle")):
        assert code_of(lambda plate=plate: manifests.depart(**go, plate=plate)) == code
    assert manifests.depart(**go, plate="浙d·0 0-001").legs.get().plate == "浙D00001"


def test_a_carrier_whose_permit_ran_out_does_not_depart(world: World) -> None:
    manifest = world.issued(world.drum())
    Permit.objects.filter(kind="transport").update(valid_to=date(2026, 11, 19))
    go: dict[str, Any] = {"actor": world.actor("carrier"), "manifest": manifest}
    assert code_of(lambda: manifests.depart(**go, now=NOW)) == "carrier_permit_expired"
    Permit.objects.filter(kind="transport").update(valid_to=date(2026, 11, 20))
    assert manifests.depart(**go, now=NOW).state == "in_transit"


def test_a_vehicle_whose_certificate_ran_out_does_not_depart(world: World) -> None:
    manifest = world.issued(world.drum())
    go: dict[str, Any] = {"actor": world.actor("carrier"), "manifest": manifest, "now": NOW}
    Vehicle.objects.update(valid_to=date(2026, 11, 19))
    assert code_of(lambda: manifests.depart(**go)) == "vehicle_expired"
    Vehicle.objects.update(valid_to=date(2026, 11, 20))
    assert manifests.depart(**go).state == "in_transit"


def test_a_vehicle_carries_what_it_may_with_what_is_on_it_already(world: World) -> None:
    first, second = world.issued(world.drum()), world.issued(world.drum())
    go: dict[str, Any] = {"actor": world.actor("carrier"), "now": NOW}
    Vehicle.objects.update(capacity_g=18_499)
    assert code_of(lambda: manifests.depart(**go, manifest=first)) == "vehicle_overloaded"
    Vehicle.objects.update(capacity_g=36_999)
    manifests.depart(**go, manifest=first)
    assert code_of(lambda: manifests.depart(**go, manifest=second)) == "vehicle_overloaded"
    Vehicle.objects.update(capacity_g=37_000)
    assert manifests.depart(**go, manifest=second).state == "in_transit"


def test_nothing_departs_before_it_was_issued_or_in_the_future(world: World) -> None:
    manifest = world.issued(world.drum())
    go: dict[str, Any] = {"actor": world.actor("carrier"), "manifest": manifest, "now": NOW}
    moment = timedelta(seconds=1)
    assert code_of(lambda: manifests.depart(**go, departed_at=NOW - moment)) == "time_out_of_order"
    assert code_of(lambda: manifests.depart(**go, departed_at=NOW + moment)) == "time_in_future"


def test_departs_only_what_was_scanned(world: World) -> None:
    drums = [world.drum(), world.drum()]
    manifest = world.issued(*drums)
    actor = world.actor("carrier")
    manifests.load(actor=actor, container=drums[0], now=NOW)
    assert code_of(lambda: manifests.depart(actor=actor, manifest=manifest, now=NOW)) == "not_all_loaded"
    manifests.load(actor=actor, container=drums[1], now=NOW)
    assert manifests.depart(actor=actor, manifest=manifest, now=NOW).state == "in_transit"


def test_a_drum_that_is_not_on_it_is_not_loaded(world: World) -> None:
    other = world.drum()
    manifest, elsewhere = world.issued(world.drum()), world.issued(other)
    actor = world.actor("carrier")
    load: dict[str, Any] = {"actor": actor, "manifest": manifest.number, "now": NOW}
    assert code_of(lambda: manifests.load(**load, container=other)) == "other_manifest"
    assert code_of(lambda: manifests.load(**load, container=world.drum())) == "not_on_a_manifest"
    assert not Line.objects.filter(manifest=elsewhere, loaded_at__isnull=False).exists()


# --- handing over ---


def test_custody_moves_when_the_next_carrier_signs_and_not_before(roads: World) -> None:
    drum = roads.drum()
    manifest = hand(roads, roads.departed(drum))
    drum.refresh_from_db()
    assert (manifest.state, manifest.carrier, manifest.next_carrier) == (
        "in_transit",
        roads.organisations["carrier"],
        roads.organisations["second"],
    )
    assert drum.holder == roads.organisations["carrier"]
    assert way(manifest) == [("carrier", True, False), ("second", False, False)]
    assert sees(roads, "second", manifest)
    assert sees(roads, "second", drum)
    manifest = take(roads, manifest)
    drum.refresh_from_db()
    assert (manifest.state, manifest.carrier, manifest.next_carrier) == (
        "in_transit",
        roads.organisations["second"],
        None,
    )
    assert (drum.holder, drum.state) == (roads.organisations["second"], "in_transit")
    assert way(manifest) == [("carrier", True, True), ("second", True, False)]
    leg = manifest.legs.get(position=2)
    assert (leg.place, leg.handed_over_at, leg.plate) == ("绍兴北服务区", NOW, "浙D00002")
    assert sees(roads, "carrier", manifest), "who carried a part of the way goes on reading"
    assert aboard("浙d·00001") == []
    assert aboard("浙d·00002") == [drum]


def test_each_leg_is_signed_by_its_own_carrier(roads: World) -> None:
    take(roads, hand(roads, roads.departed(roads.drum())))
    signed = Entry.objects.filter(kind__in=["manifest.hand_over", "manifest.take_over"]).order_by("id")
    assert [(entry.kind, entry.organisation_name, entry.data["meaning"]) for entry in signed] == [
        ("manifest.hand_over", "演示carrier", "hand_over"),
        ("manifest.take_over", "演示second", "take_over"),
    ]
    told, taken = (entry.data["content"] for entry in signed)
    assert (told["carrier"], told["place"]) == ("演示second", "绍兴北服务区")
    assert (taken["vehicle"], taken["place"]) == ("浙D00002", "绍兴北服务区")
    assert told["manifest_sha256"] != taken["manifest_sha256"], "the leg that was handed over has come to it"
    assert Entry.objects.get(kind="container.take_over").data["vehicle"] == "浙D00002"


def test_nobody_takes_over_what_was_offered_anew_since_it_was_shown(roads: World) -> None:
    manifest = hand(roads, roads.departed(roads.drum()))
    shown = manifests.digest_of(manifest, lines_of(manifest), legs_of(manifest))
    hand(roads, manifest, now=later(1), at=later(1))
    assert code_of(lambda: do(roads, "take-over", manifest, "second", shown=shown)) == "changed_since_shown"


def test_nothing_is_received_before_its_last_carrier_has_it(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    hand(roads, manifest, now=later(2), at=later(1))
    manifest = take(roads, manifest, now=later(2), at=later(1))
    receipts = [Receipt(manifest.lines.get())]
    said: dict[str, Any] = {"actor": roads.actor("depot"), "depot": roads.depots["depot"], "now": later(2)}

    def receive(at: Any) -> Manifest:
        return manifests.receive(**said, manifest=manifest, receipts=receipts, at=at)

    assert code_of(lambda: receive(later(0.9))) == "time_out_of_order"
    assert receive(later(1)).state == "received"


def test_three_carriers_and_each_only_its_own_leg(roads: World) -> None:
    manifest = take(roads, hand(roads, roads.departed(roads.drum())))
    for wrong in ("carrier", "third", "firm", "depot"):
        assert code_of(lambda wrong=wrong: hand(roads, manifest, "third", by=wrong)) == "not_your_part"
    manifest = take(roads, hand(roads, manifest, "third", by="second"), by="third")
    for wrong in ("carrier", "second"):
        deliver: dict[str, Any] = {"actor": roads.actor(wrong), "manifest": manifest, "now": NOW}
        assert code_of(lambda deliver=deliver: manifests.deliver(**deliver)) == "not_your_part"
    manifests.deliver(actor=roads.actor("third"), manifest=manifest, now=NOW)
    assert way(manifest) == [("carrier", True, True), ("second", True, True), ("third", True, True)]


def test_only_whom_it_was_handed_to_takes_it_over(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    assert code_of(lambda: take(roads, manifest)) == "not_your_part"
    hand(roads, manifest)
    for wrong in ("third", "carrier", "depot"):
        assert code_of(lambda wrong=wrong: take(roads, manifest, by=wrong)) == "not_your_part"
    take(roads, manifest)
    assert code_of(lambda: take(roads, manifest)) == "not_your_part"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"place": "  "}, "missing"),
        ({"place": "x" * 101}, "too_long"),
        ({"at": NOW + timedelta(seconds=1)}, "time_in_future"),
        ({"at": NOW - timedelta(seconds=1)}, "time_out_of_order"),
        ({"to": "depot"}, "not_a_carrier"),
        ({"to": "carrier"}, "handed_to_self"),
        ({"plate": "浙DI0002"}, "plate_format"),
    ],
)
def test_a_hand_over_that_cannot_be(roads: World, changed: dict[str, Any], code: str) -> None:
    manifest = roads.departed(roads.drum())
    assert code_of(lambda: hand(roads, manifest, **changed)) == code
    manifest.refresh_from_db()
    assert (manifest.next_carrier, manifest.legs.count()) == (None, 1)


def test_a_carrier_without_a_permit_is_handed_nothing_and_takes_nothing(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    permits = Permit.objects.filter(organisation=roads.organisations["second"])
    permits.update(valid_to=date(2026, 11, 19))
    assert code_of(lambda: hand(roads, manifest)) == "carrier_permit_expired"
    permits.update(valid_to=date(2026, 11, 20))
    hand(roads, manifest)
    permits.update(valid_to=date(2026, 11, 19))
    assert code_of(lambda: take(roads, manifest)) == "carrier_permit_expired"


def test_the_next_vehicle_is_looked_at_as_the_first(roads: World) -> None:
    manifest = hand(roads, roads.departed(roads.drum()))
    with pytest.raises(Invalid) as unknown:
        take(roads, manifest, plate="浙D00001")
    (error,) = unknown.value.errors
    assert (error.code, error.params) == ("unknown_vehicle", {"plate": "浙D00001", "carrier": "演示second"})
    assert code_of(lambda: take(roads, manifest, plate="浙DO0002")) == "plate_format"
    mine = Vehicle.objects.filter(plate="浙D00002")
    mine.update(capacity_g=18_499)
    assert code_of(lambda: take(roads, manifest)) == "vehicle_overloaded"
    mine.update(capacity_g=None, valid_to=date(2026, 11, 19))
    assert code_of(lambda: take(roads, manifest)) == "vehicle_expired"
    mine.update(valid_to=None)
    assert take(roads, manifest).carrier == roads.organisations["second"]


def test_nothing_is_taken_over_before_it_was_handed_over(roads: World) -> None:
    manifest = hand(roads, roads.departed(roads.drum()), now=later(1), at=later(0.5))
    assert code_of(lambda: take(roads, manifest, now=later(1), at=later(0.4))) == "time_out_of_order"
    assert take(roads, manifest, now=later(1), at=later(0.5)).legs.get(position=1).arrived_at == later(0.5)
    deliver: dict[str, Any] = {"actor": roads.actor("second"), "manifest": manifest, "now": later(1)}
    assert code_of(lambda: manifests.deliver(**deliver, delivered_at=later(0.4))) == "time_out_of_order"


def test_it_may_be_said_again_of_another_carrier(roads: World) -> None:
    drum = roads.drum()
    manifest = hand(roads, roads.departed(drum))
    hand(roads, manifest, "third", place="杭州")
    assert way(manifest) == [("carrier", True, False), ("third", False, False)]
    assert not sees(roads, "second", manifest)
    assert not sees(roads, "second", drum)
    assert sees(roads, "third", manifest)
    assert sees(roads, "third", drum)
    assert code_of(lambda: take(roads, manifest, by="second")) == "not_your_part"
    assert take(roads, manifest, by="third").carrier == roads.organisations["third"]
    assert code_of(lambda: hand(roads, manifest, "second")) == "not_your_part"


# --- planned legs ---


def test_the_planned_leg_is_the_one_that_is_used(roads: World) -> None:
    manifest = planned(roads, "second")
    assert way(manifest) == [("carrier", True, False), ("second", False, False)]
    take(roads, hand(roads, manifest))
    assert way(manifest) == [("carrier", True, True), ("second", True, False)]


def test_a_carrier_nobody_planned_comes_right_after_the_present_one(roads: World) -> None:
    manifest = planned(roads, "second", "third")
    take(roads, hand(roads, manifest, "fourth"), by="fourth")
    assert [name for name, _departed, _arrived in way(manifest)] == ["carrier", "fourth", "second", "third"]


def test_a_planned_leg_stays_when_another_carrier_is_named_instead(roads: World) -> None:
    manifest = planned(roads, "second")
    hand(roads, manifest)
    hand(roads, manifest, "third")
    leg = manifest.legs.get(carrier=roads.organisations["second"])
    assert (leg.planned, leg.handed_over_at, leg.place) == (True, None, "")
    assert sees(roads, "second", manifest)
    take(roads, hand(roads, manifest, "second"))
    assert way(manifest) == [("carrier", True, True), ("second", True, False)]


def test_positions_are_the_order_of_the_way_though_a_planned_leg_was_passed_over(roads: World) -> None:
    manifest = planned(roads, "second", "third")
    take(roads, hand(roads, manifest, to="third"), by="third")
    assert [name for name, *_ in way(manifest)] == ["carrier", "third", "second"]
    manifest.refresh_from_db()
    take(roads, hand(roads, manifest, to="second", by="third"), by="second")
    assert way(manifest) == [("carrier", True, True), ("third", True, True), ("second", True, False)]


def test_who_takes_over_after_a_calling_off_was_proposed_must_agree_too(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    firm = roads.actor("firm")
    manifests.propose(actor=firm, manifest=manifest, reason="路断了", changes={}, cancels=True, now=NOW)
    take(roads, hand(roads, manifest))
    manifest.refresh_from_db()
    manifests.approve(actor=roads.actor("carrier"), manifest=manifest, now=NOW)
    manifest.refresh_from_db()
    assert manifest.state == "in_transit"
    manifests.deliver(actor=roads.actor("second"), manifest=manifest, now=NOW)
    for name in ("second", "depot"):
        manifest.refresh_from_db()
        assert manifest.state == "delivered"
        manifests.approve(actor=roads.actor(name), manifest=manifest, now=NOW)
    manifest.refresh_from_db()
    assert manifest.state == "cancelled"


@pytest.mark.parametrize("by_receipt", [False, True])
def test_a_leg_that_was_not_used_falls_away(roads: World, by_receipt: bool) -> None:
    manifest = planned(roads, "second", "third")
    drum = manifest.lines.get().container
    assert sees(roads, "third", manifest)
    assert sees(roads, "third", drum)
    hand(roads, manifest, "second")
    if by_receipt:
        receipts = [Receipt(line) for line in manifest.lines.select_related("container")]
        depot = roads.depots["depot"]
        manifests.receive(actor=roads.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    else:
        manifests.deliver(actor=roads.actor("carrier"), manifest=manifest, now=NOW)
    manifest.refresh_from_db()
    assert (way(manifest), manifest.next_carrier) == ([("carrier", True, True)], None)
    for name in ("second", "third"):
        assert not sees(roads, name, manifest)
        assert not sees(roads, name, drum)
    assert sees(roads, "carrier", manifest)
    assert sees(roads, "firm", drum)
    assert sees(roads, "depot", drum)
    kind = "manifest.receive" if by_receipt else "manifest.deliver"
    entry = Entry.objects.get(kind=kind)
    assert entry.data["fell_away"] == ["演示second", "演示third"]
    assert not entry.addressed_to(roads.actor("third"))


def test_who_took_it_over_does_not_fall_away(roads: World) -> None:
    manifest = planned(roads, "second", "third")
    take(roads, hand(roads, manifest))
    manifests.deliver(actor=roads.actor("second"), manifest=manifest, now=NOW)
    assert way(manifest) == [("carrier", True, True), ("second", True, True)]
    assert sees(roads, "second", manifest)
    assert not sees(roads, "third", manifest)


def test_what_has_begun_to_be_received_changes_no_carrier(roads: World) -> None:
    manifest = hand(roads, roads.departed(roads.drum(), roads.drum()))
    first = Receipt(next(iter(manifest.lines.select_related("container"))))
    depot = roads.depots["depot"]
    manifests.receive(actor=roads.actor("depot"), manifest=manifest, receipts=[first], depot=depot, now=NOW)
    assert code_of(lambda: hand(roads, manifest, "third")) == "illegal_state"
    assert code_of(lambda: take(roads, manifest)) == "not_your_part"


# --- by their outside names ---


def test_the_verbs_are_signed(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    body = {"carrier": roads.organisations["second"].uscc, "place": "绍兴北"}
    assert code_of(lambda: do(roads, "hand-over", manifest, "carrier", **body, password="no")) == "wrong_password"
    manifest = do(roads, "hand-over", manifest, "carrier", **body)
    assert code_of(lambda: do(roads, "take-over", manifest, "second", password="", pin="9")) == "wrong_pin"
    manifest = do(roads, "take-over", manifest, "second", password="", pin=PIN)
    assert manifest.carrier == roads.organisations["second"]
    said = Entry.objects.filter(subject=manifest.subject, kind__endswith="_over").order_by("id")
    assert [entry.data["confirmed"] for entry in said] == ["password", "pin"]


@pytest.mark.parametrize("uscc", ["", "91330699TXXXXXXXX0"])
def test_it_is_handed_to_somebody_who_is_there(roads: World, uscc: str) -> None:
    manifest = roads.departed(roads.drum())
    code = code_of(lambda: do(roads, "hand-over", manifest, "carrier", carrier=uscc, place="绍兴北"))
    assert code == ("unknown_organisation" if uscc else "missing")


def test_depart_by_the_next_carrier_is_its_taking_over(roads: World) -> None:
    manifest = do(roads, "depart", hand(roads, roads.departed(roads.drum())), "second")
    assert (manifest.state, manifest.carrier) == ("in_transit", roads.organisations["second"])


def test_the_second_driver_signs_on_the_first_ones_phone(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    body = {"carrier": roads.organisations["second"].uscc, "place": "绍兴北", "next_username": "second"}
    assert code_of(lambda: do(roads, "hand-over", manifest, "carrier", **body, next_pin="111")) == "wrong_at_counter"
    body["next_username"] = "third"
    assert code_of(lambda: do(roads, "hand-over", manifest, "carrier", **body, next_pin=PIN)) == "wrong_at_counter"
    manifest.refresh_from_db()
    assert manifest.next_carrier is None, "a wrong PIN of the one hands nothing over of the other"
    body["next_username"] = "second"
    manifest = do(roads, "hand-over", manifest, "carrier", **body, next_pin=PIN, vehicle="浙D·00002")
    assert (manifest.carrier, manifest.next_carrier) == (roads.organisations["second"], None)
    taken = Entry.objects.get(kind="manifest.take_over")
    assert (taken.username, taken.data["counter"], taken.data["confirmed"]) == ("second", "绍兴北", "pin")
    assert Entry.objects.get(kind="manifest.hand_over").username == "carrier"


def test_what_the_second_driver_cannot_take_is_not_handed_over_either(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    Vehicle.objects.filter(plate="浙D00002").update(capacity_g=1)
    body = {"carrier": roads.organisations["second"].uscc, "place": "绍兴北", "next_username": "second"}
    code = code_of(lambda: do(roads, "hand-over", manifest, "carrier", **body, next_pin=PIN))
    assert code == "vehicle_overloaded"
    manifest.refresh_from_db()
    assert (manifest.next_carrier, manifest.legs.count()) == (None, 1)


def test_nobody_else_tries_pins_at_a_hand_over(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    body = {"carrier": roads.organisations["second"].uscc, "place": "绍兴北", "next_username": "second"}
    for stranger in ("firm", "depot"):
        code = code_of(lambda stranger=stranger: do(roads, "hand-over", manifest, stranger, **body, next_pin="1"))
        assert code == "not_your_part"


@pytest.mark.parametrize(
    ("hinders", "code"),
    [
        ("arrived", "illegal_state"),
        ("no carrier", "not_a_carrier"),
        ("permit over", "carrier_permit_expired"),
        ("itself", "handed_to_self"),
    ],
)
def test_a_pin_is_only_looked_at_while_there_is_something_to_hand_over(roads: World, hinders: str, code: str) -> None:
    manifest = roads.delivered(roads.drum()) if hinders == "arrived" else roads.departed(roads.drum())
    name = {"no carrier": "depot", "itself": "carrier"}.get(hinders, "second")
    if name != "second":
        set_pin(actor=roads.actor(name), password=PASSWORD, pin=PIN, now=NOW)
    if hinders == "permit over":
        Permit.objects.filter(organisation=roads.organisations["second"]).update(valid_to=NOW.date() - timedelta(1))
    body = {"carrier": roads.organisations[name].uscc, "place": "绍兴北", "next_username": name}
    for _ in range(6):
        assert code_of(lambda: do(roads, "hand-over", manifest, "carrier", **body, next_pin="000")) == code
    assert Pin.objects.get(user__username=name).tries == 0


def test_arriving_without_having_signed_for_it_takes_a_signature(roads: World) -> None:
    manifest = hand(roads, roads.departed(roads.drum()))
    assert code_of(lambda: do(roads, "deliver", manifest, "second", password="")) == "password_missing"
    manifest = do(roads, "deliver", manifest, "second", password="", pin=PIN)
    assert (manifest.state, manifest.carrier) == ("delivered", roads.organisations["second"])
    assert way(manifest) == [("carrier", True, True), ("second", True, True)]
    assert Entry.objects.get(kind="manifest.take_over").data["confirmed"] == "pin"


def test_the_present_carrier_arrives_without_one_and_a_stranger_not_at_all(roads: World) -> None:
    manifest = planned(roads, "second")
    assert code_of(lambda: do(roads, "deliver", manifest, "second")) == "not_your_part"
    assert code_of(lambda: do(roads, "deliver", manifest, "third")) == "unknown_manifest"
    assert do(roads, "deliver", manifest, "carrier", password="").state == "delivered"


def test_the_receiver_may_say_that_it_is_there(roads: World) -> None:
    manifest = planned(roads, "second")
    assert do(roads, "deliver", manifest, "depot", password="").state == "delivered"
    assert way(manifest) == [("carrier", True, True)]


# --- whose turn ---


def steps(world: World, manifest: Manifest, name: str) -> tuple[str, ...]:
    found = turn_of(manifest, list(manifest.lines.select_related("container")), world.actor(name)).steps
    return tuple(verb for verb in found if verb in DRIVEN)


def test_each_is_offered_its_own_steps(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    assert steps(roads, manifest, "carrier") == ("deliver", "hand-over")
    manifest = hand(roads, manifest)
    assert steps(roads, manifest, "second") == ("take-over",)
    assert steps(roads, manifest, "carrier") == ("deliver", "hand-over")
    assert list(waiting(roads.actor("second"))) == [manifest]
    manifest = take(roads, manifest)
    assert (steps(roads, manifest, "carrier"), steps(roads, manifest, "second")) == ((), ("deliver", "hand-over"))
    assert list(waiting(roads.actor("carrier"))) == []


def test_a_reader_signs_nothing(roads: World) -> None:
    manifest = roads.departed(roads.drum())
    member = roads.memberships["carrier"]
    reader = Actor(member.user, member.organisation, "viewer")
    hands: dict[str, Any] = {"actor": reader, "manifest": manifest, "carrier": roads.organisations["second"]}
    assert code_of(lambda: manifests.hand_over(**hands, place="x", now=NOW)) == "read_only"
    assert Leg.objects.filter(manifest=manifest).count() == 1
