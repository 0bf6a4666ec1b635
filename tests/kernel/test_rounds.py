"""Collections and rounds: who may ask, what a vehicle may fetch, and that a signed stop is one manifest or none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from depots.models import Stay
from manifests.models import CollectionRequest, Leg, Manifest, Round, SignedStop, Stop
from manifests.rounds import (
    get_request,
    get_round,
    head_of,
    most_urgent_first,
    requests_of,
    rounds_of,
    seen_of,
    shown_digest,
    stops_here,
    stops_of,
    vehicles_for,
)
from manifests.sealing import Signer
from manifests.services.collecting import ask, withdraw
from manifests.services.rounds import Plan, cancel_round, change_round, finish_round, miss_stop, plan_round, start_round
from manifests.services.serving import New, ServeRequest, reasons_of, serve
from tests.world import DRUM, NOW, TODAY, World
from wastetrack.errors import Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Organisation, Permit, Pin, Site, Vehicle
from wastetrack.signing import set_pin
from wastetrack.telling import tell
from wastetrack.waste.models import Container, WasteStream
from wastetrack.waste.services import save_stream

PIN, DRIVER_PIN = "402938", "715204"


@pytest.fixture(autouse=True)
def _pins(world: World) -> None:
    for name, pin in (("firm", PIN), ("firm2", PIN), ("carrier", DRIVER_PIN)):
        set_pin(actor=world.actor(name), password="demo", pin=pin, now=NOW)


def codes(call: Callable[[], Any]) -> list[str]:
    """Every code by which a call is refused."""
    with pytest.raises(Refused) as refusal:
        call()
    return [error.code for error in refusal.value.errors] or [refusal.value.code]


def asked(world: World, *drums: Container, firm: str = "firm", depot: str = "depot", **more: Any) -> CollectionRequest:
    return ask(actor=world.actor(firm), depot=world.depots[depot], containers=drums, now=NOW, **more)


def the_vehicle() -> Vehicle:
    vehicle: Vehicle = Vehicle.objects.select_related("organisation").get(plate="浙D00001")
    return vehicle


def planned(world: World, *requests: CollectionRequest, **changes: Any) -> Round:
    plan = Plan(**{"vehicle": the_vehicle(), "day": TODAY, "requests": requests, **changes})
    return plan_round(actor=world.actor("depot"), depot=world.depots["depot"], plan=plan, now=NOW)


def started(world: World, *requests: CollectionRequest) -> Round:
    return start_round(actor=world.actor("carrier"), round_=planned(world, *requests), now=NOW)


def signed(
    round_: Round,
    *drums: Container,
    new: Any = (),
    nonce: str = "n1",
    firm: tuple[str, str] = ("firm", PIN),
    driver: str = DRIVER_PIN,
    **more: Any,
) -> ServeRequest:
    """A stop as both signed it on the phone."""
    stop: Stop = more.pop("stop", None) or round_.stops.all()[0]
    rows = [(str(stream.pk), seen_of(stream), mass) for stream, mass in new]
    shown = shown_digest(head_of(round_, stop), [(drum.code, seen_of(drum)) for drum in drums], rows)
    return ServeRequest(
        **{
            "nonce": nonce,
            "shown": shown,
            "drums": [drum.code for drum in drums],
            "new": [New(str(stream.pk), mass) for stream, mass in new],
            "firm": Signer(firm[1], firm[0]),
            "driver": Signer(driver),
            **more,
        }
    )


def done(world: World, round_: Round, *drums: Container, by: str = "carrier", now: Any = NOW, **how: Any) -> SignedStop:
    stop: Stop = how.get("stop") or round_.stops.order_by("position")[0]
    request = signed(round_, *drums, **how)
    return serve(actor=world.actor(by), round_id=round_.pk, stop_id=stop.pk, request=request, now=now)


def parked(outcome: SignedStop) -> list[str]:
    assert outcome.state == "parked"
    return [one.code for one in reasons_of(outcome)]


def state(request: CollectionRequest) -> str:
    return str(CollectionRequest.objects.get(pk=request.pk).state)


# --- asking ---


def test_a_firm_asks_and_the_depot_sees_it(world: World) -> None:
    drum = world.drum()
    request = asked(world, drum, window=" 14–16  点 ", note="后门")
    found: Any = get_request(world.actor("depot"), request.pk)
    assert (found.state, found.window, found.items.get().container, found.mass_g) == ("asked", "14–16 点", drum, 18_500)
    assert {row.pk for row in requests_of(world.actor("regulator"))} == {request.pk}


@pytest.mark.parametrize("who", ["firm2", "depot2", "carrier", "plant", "regulator2"])
def test_a_stranger_sees_no_request(world: World, who: str) -> None:
    request = asked(world, world.drum())
    assert codes(lambda: get_request(world.actor(who), request.pk)) == ["unknown_collection"]
    assert list(requests_of(world.actor(who))) == []


def test_a_usual_waste_may_be_asked_for(world: World) -> None:
    stream = save_stream(actor=world.actor("firm"), container=world.drum(), now=NOW)
    request = asked(world, wastes=[(stream, 200_000)])
    assert (request.items.get().stream, request.items.get().mass_g) == (stream, 200_000)


def test_what_cannot_be_asked_for(world: World) -> None:
    drum, other = world.drum(), world.drum("firm2")
    stream = save_stream(actor=world.actor("firm2"), container=other, now=NOW)
    assert codes(lambda: asked(world)) == ["no_lines"]
    assert codes(lambda: asked(world, drum, drum)) == ["duplicate_container"]
    assert codes(lambda: asked(world, other)) == ["not_your_container"]
    assert codes(lambda: asked(world, wastes=[(stream, 1_000)])) == ["unknown_stream"]
    assert codes(lambda: asked(world, drum, window="x" * 61, note="x" * 201)) == ["too_long", "too_long"]
    assert codes(lambda: asked(world, drum, depot="firm2")) == ["depot_not_near"]
    assert codes(lambda: asked(world, world.drum(waste_code="900-300-34", hazards=["C"], name="废酸"))) == [
        "permit_lacks_code"
    ]
    world.issued(drum)
    assert codes(lambda: asked(world, drum)) == ["container_not_free"]
    assert codes(lambda: asked(world, world.drum(), firm="regulator")) == ["not_your_part"]


def test_a_depot_of_another_city_is_not_asked(world: World) -> None:
    site = world.depots["depot"].site
    site.division = "330111"
    site.save()
    assert codes(lambda: asked(world, world.drum())) == ["depot_not_near"]


def test_a_drum_is_asked_for_once_and_again_after_it_was_withdrawn(world: World) -> None:
    drum = world.drum()
    request = asked(world, drum)
    assert codes(lambda: asked(world, drum)) == ["already_asked"]
    assert codes(lambda: withdraw(actor=world.actor("depot"), request=request, now=NOW)) == ["not_your_part"]
    withdraw(actor=world.actor("firm"), request=request, now=NOW)
    assert asked(world, drum).state == "asked"


def test_the_nearest_deadline_leads(world: World) -> None:
    later, urgent = asked(world, world.drum()), asked(world, world.drum(accumulation_start="2026-01-05"))
    waste = save_stream(actor=world.actor("firm"), container=world.drum(), now=NOW)
    vague = asked(world, wastes=[(waste, 1_000)])
    rows = [row.pk for row in most_urgent_first(requests_of(world.actor("depot")))]
    assert rows == [urgent.pk, later.pk, vague.pk]


# --- planning ---


def test_a_round_takes_its_requests_off_the_list(world: World) -> None:
    one, two = asked(world, world.drum()), asked(world, world.drum("firm2"), firm="firm2")
    round_ = planned(world, two, one)
    assert [stop.request_id for stop in round_.stops.all()] == [two.pk, one.pk]
    assert [state(one), state(two)] == ["planned", "planned"]
    assert get_round(world.actor("carrier"), round_.pk).carrier == world.organisations["carrier"]
    # Who is to fetch it must know where; nobody else does.
    assert get_request(world.actor("carrier"), one.pk).pk == one.pk


@pytest.mark.parametrize("who", ["firm", "depot2", "plant", "regulator2"])
def test_a_stranger_sees_no_round(world: World, who: str) -> None:
    round_ = planned(world, asked(world, world.drum()))
    assert codes(lambda: get_round(world.actor(who), round_.pk)) == ["unknown_round"]


def test_a_round_up_to_the_vehicles_last_gram(world: World) -> None:
    request = asked(world, world.drum(mass_kg="300"), world.drum(mass_kg="200"))
    Vehicle.objects.update(capacity_g=499_999)
    assert codes(lambda: planned(world, request)) == ["vehicle_overloaded"]
    Vehicle.objects.update(capacity_g=500_000)
    assert planned(world, request).state == "planned"


def test_all_problems_of_a_round_are_told_at_once(world: World) -> None:
    acid = world.drum(waste_code="900-300-34", reaction_groups=["2-A"], hazards=["C"], name="废酸")
    base = world.drum("firm2", waste_code="900-352-35", reaction_groups=["1-A"], hazards=["C"], name="废碱")
    Permit.objects.filter(kind="pilot").update(codes="HW08 HW34 HW35")
    one, two = asked(world, acid), asked(world, base, firm="firm2")
    Vehicle.objects.update(capacity_g=1_000, valid_to=TODAY - timedelta(days=1))
    Permit.objects.filter(kind="transport").update(valid_to=TODAY - timedelta(days=1))
    Permit.objects.filter(kind="pilot").update(codes="HW08 HW34")
    found = codes(lambda: planned(world, one, two))
    assert set(found) == {
        "vehicle_overloaded", "vehicle_expired", "carrier_permit_expired", "permit_lacks_code", "vehicle_incompatible",
    }  # fmt: skip
    assert Round.objects.count() == 0
    assert state(one) == "asked"


def test_what_no_round_takes(world: World) -> None:
    request, elsewhere = asked(world, world.drum()), asked(world, world.drum(), depot="depot2")
    assert codes(lambda: planned(world)) == ["no_stops"]
    assert codes(lambda: planned(world, request, request)) == ["duplicate_stop"]
    assert codes(lambda: planned(world, request, elsewhere)) == ["request_not_waiting"]
    assert codes(lambda: planned(world, request, day=TODAY - timedelta(days=1))) == ["date_in_past"]
    planned(world, request)
    assert codes(lambda: planned(world, request)) == ["request_not_waiting"]
    place, plan = world.depots["depot"], Plan(the_vehicle(), TODAY, [elsewhere])
    assert codes(lambda: plan_round(actor=world.actor("depot2"), depot=place, plan=plan, now=NOW)) == ["not_your_depot"]


def test_order_may_change_stops_come_and_go_and_the_round_may_be_called_off(world: World) -> None:
    one, two, three = (asked(world, world.drum()) for _ in range(3))
    round_ = planned(world, one, two)
    plan = Plan(the_vehicle(), TODAY + timedelta(days=1), [three, one])
    assert codes(lambda: change_round(actor=world.actor("carrier"), round_=round_, plan=plan, now=NOW)) == [
        "not_your_part"
    ]
    change_round(actor=world.actor("depot"), round_=round_, plan=plan, now=NOW)
    assert list(Stop.objects.filter(round=round_).values_list("request", flat=True)) == [three.pk, one.pk]
    assert [state(one), state(two), state(three)] == ["planned", "asked", "planned"]
    assert codes(lambda: cancel_round(actor=world.actor("carrier"), round_=round_, now=NOW)) == ["not_your_part"]
    cancel_round(actor=world.actor("depot"), round_=round_, now=NOW)
    assert [state(one), state(three)] == ["asked", "asked"]


def test_a_round_under_way_is_not_planned_anew(world: World) -> None:
    request = asked(world, world.drum())
    round_ = started(world, request)
    plan = Plan(the_vehicle(), TODAY, [request])
    assert codes(lambda: change_round(actor=world.actor("depot"), round_=round_, plan=plan, now=NOW)) == [
        "illegal_state"
    ]


def test_a_depot_knows_the_vehicles_that_came_before_and_no_others(world: World) -> None:
    assert vehicles_for(world.depots["depot"]) == []
    world.departed(world.drum())
    assert [one.plate for one in vehicles_for(world.depots["depot"])] == ["浙D00001"]
    assert vehicles_for(world.depots["depot2"]) == []


# --- the stops ---


def test_a_signed_stop_is_one_manifest_on_the_road(world: World) -> None:
    drums = [world.drum(), world.drum()]
    request = asked(world, *drums)
    round_ = started(world, request)
    outcome = done(world, round_, *drums)
    manifest = Manifest.objects.get()
    assert (outcome.state, manifest.state) == ("recorded", "in_transit")
    assert (manifest.sender, manifest.carrier, manifest.receiver) == tuple(
        world.organisations[name] for name in ("firm", "carrier", "depot")
    )
    assert Stop.objects.get().manifest == manifest
    assert (state(request), Leg.objects.get().plate) == ("served", "浙D00001")
    said = {one.kind: json.loads(one.payload) for one in Entry.objects.filter(subject=manifest.subject)}
    who = dict(Entry.objects.filter(subject=manifest.subject).values_list("kind", "username"))
    assert (who["manifest.issue"], who["manifest.depart"]) == ("firm", "carrier")
    assert (said["manifest.issue"]["confirmed"], said["manifest.issue"]["counter"]) == ("pin", "浙D00001")
    assert (said["manifest.depart"]["confirmed"], "counter" in said["manifest.depart"]) == ("pin", False)


def test_each_firm_has_a_manifest_of_its_own(world: World) -> None:
    mine, other = world.drum(), world.drum("firm2")
    round_ = started(world, asked(world, mine), asked(world, other, firm="firm2"))
    first, second = round_.stops.order_by("position")
    done(world, round_, mine, stop=first)
    done(world, round_, other, stop=second, nonce="n2", firm=("firm2", PIN))
    assert sorted(Manifest.objects.values_list("sender__name", flat=True)) == ["演示firm", "演示firm2"]


def test_another_drum_of_the_firm_and_a_new_one_may_come_along(world: World) -> None:
    drum, more = world.drum(), world.drum()
    stream = save_stream(actor=world.actor("firm"), container=drum, now=NOW)
    round_ = started(world, asked(world, drum))
    outcome = done(world, round_, more, new=[(stream, "7.5")])
    assert outcome.state == "recorded"
    lines = {(line.container.mass_g, line.container.state) for line in Manifest.objects.get().lines.all()}
    assert lines == {(18_500, "in_transit"), (7_500, "in_transit")}
    new = Container.objects.latest("pk")
    assert (new.stream, new.generator) == (stream, world.organisations["firm"])
    assert Container.objects.get(pk=drum.pk).state == "stored"


def test_what_is_on_the_vehicle_counts_to_its_last_gram(world: World) -> None:
    drum, other = world.drum(mass_kg="300"), world.drum("firm2", mass_kg="200")
    round_ = started(world, asked(world, drum), asked(world, other, firm="firm2"))
    first, second = round_.stops.order_by("position")
    done(world, round_, drum, stop=first)
    Vehicle.objects.update(capacity_g=499_999)
    sign: dict[str, Any] = {"stop": second, "firm": ("firm2", PIN)}
    assert parked(done(world, round_, other, nonce="n2", **sign)) == ["vehicle_overloaded"]
    Vehicle.objects.update(capacity_g=500_000)
    assert done(world, round_, other, nonce="n3", **sign).state == "recorded"


def test_what_reacts_with_what_is_on_the_vehicle_stays(world: World) -> None:
    Permit.objects.filter(kind="pilot").update(codes="HW08 HW34 HW35")
    acid = world.drum(waste_code="900-300-34", reaction_groups=["2-A"], hazards=["C"], name="废酸")
    base = world.drum("firm2", waste_code="900-352-35", reaction_groups=["1-A"], hazards=["C"], name="废碱")
    oil = world.drum("firm2", reaction_groups="none")
    round_ = started(world, asked(world, acid), asked(world, oil, firm="firm2"))
    first, second = round_.stops.order_by("position")
    done(world, round_, acid, stop=first)
    outcome = done(world, round_, base, stop=second, nonce="n2", firm=("firm2", PIN))
    assert parked(outcome) == ["vehicle_incompatible"]


def test_sent_twice_is_done_once_and_answered_the_same(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    first = done(world, round_, drum)
    entries = Entry.objects.count()
    again = done(world, round_, drum)
    assert (again.pk, Manifest.objects.count(), Entry.objects.count()) == (first.pk, 1, entries)
    other = world.drum()
    assert codes(lambda: done(world, round_, other)) == ["nonce_reused"]


def test_a_wrong_pin_parks_it_counts_once_and_both_sign_again(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    wrong: dict[str, Any] = {"firm": ("firm", "999111"), "driver": "888222"}
    for _ in range(2):
        assert parked(done(world, round_, drum, **wrong)) == ["wrong_pin", "wrong_at_counter"]
    assert dict(Pin.objects.values_list("user__username", "tries")) == {"firm": 1, "firm2": 0, "carrier": 1}
    assert (Manifest.objects.count(), Container.objects.get(pk=drum.pk).state) == (0, "stored")
    assert done(world, round_, drum, nonce="n2").state == "recorded"


def test_a_lock_parks_nothing_it_is_sent_again_later(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    for number in range(5):
        done(world, round_, drum, nonce=f"w{number}", driver="888222")
    assert codes(lambda: done(world, round_, drum, nonce="r")) == ["pin_locked"]
    assert not SignedStop.objects.filter(nonce="r").exists()
    assert done(world, round_, drum, nonce="r", now=NOW + timedelta(minutes=6)).state == "recorded"


def test_nobody_but_the_firm_signs_for_the_firm(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    for number, signer in enumerate([("firm2", PIN), ("carrier", DRIVER_PIN), ("viewer", PIN), ("nobody", PIN)]):
        assert parked(done(world, round_, drum, nonce=f"n{number}", firm=signer)) == ["wrong_at_counter"]


def test_a_driver_of_another_carrier_serves_nothing(world: World) -> None:
    world.add("carrier2", "carrier", role="driver")
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    assert codes(lambda: done(world, round_, drum, by="carrier2")) == ["unknown_round"]
    assert codes(lambda: done(world, round_, drum, by="depot")) == ["not_your_part"]
    assert codes(lambda: start_round(actor=world.actor("carrier2"), round_=round_, now=NOW)) == ["not_your_part"]
    stop = round_.stops.get()
    assert codes(lambda: miss_stop(actor=world.actor("depot"), round_=round_, stop=stop, reason="x", now=NOW)) == [
        "not_your_part"
    ]


def test_a_drum_of_a_firm_that_is_not_on_the_round_is_not_taken(world: World) -> None:
    drum, foreign = world.drum(), world.drum("firm2")
    round_ = started(world, asked(world, drum))
    assert parked(done(world, round_, drum, foreign)) == ["not_the_firms"]
    assert (Manifest.objects.count(), state(round_.stops.get().request)) == (0, "planned")


def test_what_became_impossible_is_parked_with_every_reason(world: World) -> None:
    drum, other = world.drum(), world.drum()
    round_ = started(world, asked(world, drum, other))
    request = signed(round_, drum, other)
    world.issued(drum)
    world.issued(other)
    stop = round_.stops.get()
    outcome = serve(actor=world.actor("carrier"), round_id=round_.pk, stop_id=stop.pk, request=request, now=NOW)
    assert parked(outcome) == ["container_not_free", "container_not_free"]
    first: Any = stops_of(round_)[0]
    assert [one.state for one in first.parked] == ["parked"]


def test_a_permit_that_ran_out_parks_it(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    Permit.objects.filter(kind="transport").update(valid_to=TODAY - timedelta(days=1))
    assert parked(done(world, round_, drum)) == ["carrier_permit_expired"]


def test_what_was_shown_is_what_is_signed(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    request = signed(round_, drum)
    Container.objects.filter(pk=drum.pk).update(mass_g=20_000)
    stop = round_.stops.get()
    outcome = serve(actor=world.actor("carrier"), round_id=round_.pk, stop_id=stop.pk, request=request, now=NOW)
    assert parked(outcome) == ["stop_changed"]


def test_a_stop_is_served_only_on_the_way_and_once(world: World) -> None:
    drum, more = world.drum(), world.drum()
    round_ = planned(world, asked(world, drum))
    assert parked(done(world, round_, drum, nonce="a", driver="888222")) == ["round_not_under_way"]
    # Where nothing is to be signed no PIN is tried.
    assert Pin.objects.get(user__username="carrier").tries == 0
    assert codes(lambda: finish_round(actor=world.actor("carrier"), round_=round_, now=NOW)) == ["illegal_state"]
    start_round(actor=world.actor("carrier"), round_=round_, now=NOW)
    assert done(world, round_, drum, nonce="b").state == "recorded"
    assert parked(done(world, round_, more, nonce="c")) == ["stop_settled"]
    finish_round(actor=world.actor("carrier"), round_=round_, now=NOW)
    assert Manifest.objects.count() == 1


def test_a_stop_of_another_round_is_unknown(world: World) -> None:
    mine, other = started(world, asked(world, world.drum())), started(world, asked(world, world.drum()))
    request = signed(mine, world.drum())
    call: dict[str, Any] = {"actor": world.actor("carrier"), "round_id": mine.pk, "request": request, "now": NOW}
    assert codes(lambda: serve(stop_id=other.stops.get().pk, **call)) == ["unknown_stop"]


def test_when_it_was_signed_is_believed_within_reason(world: World) -> None:
    drums = [world.drum(now=NOW - timedelta(hours=6), accumulation_start="2026-11-19") for _ in range(6)]
    round_ = started(world, *(asked(world, drum) for drum in drums))
    stops, later = list(round_.stops.order_by("position")), NOW + timedelta(hours=4)
    hour = timedelta(hours=1)
    told: list[dict[str, Any]] = [
        # A clock three days ahead: only how long it waited counts.
        {"signed_at": NOW + timedelta(days=3), "sent_at": NOW + timedelta(days=3) + hour},
        {"signed_at": NOW + 2 * hour},
        # A clock that is right: the sealed time as it stands, whatever the line took.
        {"signed_at": NOW + 3 * hour, "sent_at": later - timedelta(minutes=4)},
        # Before the driver set out nothing was signed.
        {"signed_at": NOW - hour},
        # Nor does a time of sending that no seal covers make it so.
        {"signed_at": later - hour, "sent_at": later + timedelta(days=40)},
    ]
    for number, how in enumerate(told):
        done(world, round_, drums[number], stop=stops[number], nonce=f"n{number}", now=later, **how)
    found = [Manifest.objects.get(stop=stop) for stop in stops[:5]]
    assert [one.departed_at for one in found] == [later - hour, NOW + 2 * hour, NOW + 3 * hour, later, later]
    assert [one.issued_at for one in found] == [one.departed_at for one in found]
    assert Stay.objects.filter(container=drums[1], left_at=NOW + 2 * hour).exists()
    ahead: dict[str, Any] = {"signed_at": later + hour, "stop": stops[5], "nonce": "x", "now": later}
    assert codes(lambda: done(world, round_, drums[5], **ahead)) == ["time_in_future"]


def test_the_log_keeps_the_times_as_the_phone_said_them(world: World) -> None:
    drum = world.drum()
    request = asked(world, drum)
    round_, later = started(world, request), NOW + timedelta(hours=4)
    told: dict[str, Any] = {
        "signed_at": NOW - timedelta(days=1),
        "signed_text": "2026-11-19T08:45:00.000+08:00",
        "sent_at": NOW + timedelta(days=40),
        "now": later,
    }
    said = {"signed_at": told["signed_text"], "sent_at": instant(told["sent_at"])}
    wrong = done(world, round_, drum, driver="888222", **told)
    right = done(world, round_, drum, nonce="n2", **told)
    assert [json.loads(one.content)["phone"] for one in (wrong, right)] == [said, said]
    for kind in ("round.park", "round.serve", "collection.serve"):
        entry = Entry.objects.get(kind=kind)
        assert (entry.data["phone"], entry.event_time) == (said, later), kind
        assert "2026-11-19 08:45" in " ".join(tell(kind, entry.data).lines)


@pytest.mark.parametrize("year", [1, 9998])
def test_no_time_is_too_odd(world: World, year: int) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    odd = NOW.replace(year=year)
    outcome = done(world, round_, drum, signed_at=odd, sent_at=NOW.replace(year=9999 - year))
    assert (outcome.state, outcome.signed_at) == ("recorded", NOW)


def test_no_drum_leaves_before_it_came(world: World) -> None:
    round_ = started(world, asked(world, world.drum()))
    late = world.drum(now=NOW + timedelta(hours=2))
    done(world, round_, late, now=NOW + timedelta(hours=3), signed_at=NOW + timedelta(hours=1))
    assert Manifest.objects.get().departed_at == NOW + timedelta(hours=2)


def test_a_stop_not_served_falls_back_into_the_list(world: World) -> None:
    one, two = asked(world, world.drum()), asked(world, world.drum())
    round_ = started(world, one, two)
    first, second = round_.stops.order_by("position")
    driver = world.actor("carrier")
    assert codes(lambda: miss_stop(actor=driver, round_=round_, stop=first, reason=" ", now=NOW)) == ["missing"]
    miss_stop(actor=driver, round_=round_, stop=first, reason="门锁着", now=NOW)
    assert (state(one), Stop.objects.get(pk=first.pk).phase) == ("asked", "missed")
    assert codes(lambda: miss_stop(actor=driver, round_=round_, stop=first, reason="x", now=NOW)) == ["stop_settled"]
    finish_round(actor=driver, round_=round_, now=NOW)
    assert (state(two), Stop.objects.get(pk=second.pk).phase) == ("asked", "missed")
    assert planned(world, two, one).stops.count() == 2


def test_the_depot_does_not_end_what_the_driver_has_begun(world: World) -> None:
    round_ = started(world, asked(world, world.drum()))
    depot = world.actor("depot")
    assert codes(lambda: finish_round(actor=depot, round_=round_, now=NOW)) == ["not_your_part"]
    assert codes(lambda: cancel_round(actor=depot, round_=round_, now=NOW)) == ["illegal_state"]
    assert Round.objects.get().state == "under_way"


HOUR = timedelta(hours=1)


def over(world: World, *drums: Container) -> tuple[Round, CollectionRequest]:
    """A round that its carrier finished two hours after it set out; its only stop fell back."""
    request = asked(world, *drums)
    round_ = started(world, request)
    finish_round(actor=world.actor("carrier"), round_=round_, now=NOW + 2 * HOUR)
    return round_, request


def test_a_stop_signed_before_the_end_is_served_after_it(world: World) -> None:
    drum = world.drum()
    round_, request = over(world, drum)
    assert (state(request), round_.stops.get().phase) == ("asked", "missed")
    outcome = done(world, round_, drum, now=NOW + 3 * HOUR, signed_at=NOW + HOUR)
    assert (outcome.state, outcome.signed_at) == ("recorded", NOW + HOUR)
    assert (state(request), round_.stops.get().phase) == ("served", "served")
    assert Manifest.objects.get().departed_at == NOW + HOUR
    assert Stop.objects.get().missed_at is None


def test_a_stop_signed_after_the_end_is_kept_and_not_done(world: World) -> None:
    drum = world.drum()
    round_, request = over(world, drum)
    later = NOW + 3 * HOUR
    told: list[dict[str, Any]] = [
        {},
        {"signed_at": NOW + 2 * HOUR},
        # A time that cannot be borne out is now.
        {"signed_at": NOW + HOUR, "sent_at": later + timedelta(days=40)},
    ]
    for number, how in enumerate(told):
        outcome = done(world, round_, drum, nonce=f"n{number}", now=later, driver="888222", **how)
        assert parked(outcome) == ["round_over"]
    assert json.loads(outcome.content)["drums"] == [drum.code]
    assert (state(request), Manifest.objects.count()) == ("asked", 0)
    assert Pin.objects.get(user__username="carrier").tries == 0


def test_a_late_stop_is_not_done_where_the_firm_waits_no_more(world: World) -> None:
    drum, later = world.drum(), NOW + 3 * HOUR
    round_, request = over(world, drum)
    again = planned(world, request)
    assert parked(done(world, round_, drum, now=later, signed_at=NOW + HOUR)) == ["round_over"]
    cancel_round(actor=world.actor("depot"), round_=again, now=NOW)
    withdraw(actor=world.actor("firm"), request=request, now=later)
    assert parked(done(world, round_, drum, nonce="n2", now=later, signed_at=NOW + HOUR)) == ["round_over"]
    assert Manifest.objects.count() == 0


def test_a_stop_that_its_driver_gave_up_stays_so(world: World) -> None:
    drum, driver = world.drum(), world.actor("carrier")
    round_ = started(world, asked(world, drum))
    miss_stop(actor=driver, round_=round_, stop=round_.stops.get(), reason="门锁着", now=NOW + 2 * HOUR)
    finish_round(actor=driver, round_=round_, now=NOW + 2 * HOUR)
    assert parked(done(world, round_, drum, now=NOW + 3 * HOUR, signed_at=NOW + HOUR)) == ["round_over"]


def test_a_carrier_no_longer_sees_whom_it_does_not_fetch_from(world: World) -> None:
    one, two, three = (asked(world, world.drum()) for _ in range(3))
    driver = world.actor("carrier")
    called_off = planned(world, one)
    cancel_round(actor=world.actor("depot"), round_=called_off, now=NOW)
    assert codes(lambda: get_round(driver, called_off.pk)) == ["unknown_round"]
    assert codes(lambda: get_request(driver, one.pk)) == ["unknown_collection"]
    assert list(rounds_of(driver)) == []
    round_ = started(world, two, three)
    assert {row.pk for row in requests_of(driver)} == {two.pk, three.pk}
    first, _second = round_.stops.order_by("position")
    miss_stop(actor=driver, round_=round_, stop=first, reason="没人", now=NOW)
    assert {row.pk for row in requests_of(driver)} == {three.pk}
    assert get_round(world.actor("depot"), called_off.pk).state == "cancelled"


def test_the_log_keeps_no_pin(world: World) -> None:
    drum = world.drum()
    round_ = started(world, asked(world, drum))
    done(world, round_, drum, driver="888222")
    done(world, round_, drum, nonce="n2")
    kept = "".join(
        [*Entry.objects.values_list("payload", flat=True), *SignedStop.objects.values_list("content", flat=True)]
    )
    assert [pin for pin in (PIN, DRIVER_PIN, "888222") if pin in kept] == []


def test_a_stop_shows_what_else_the_firm_has_and_nobody_elses(world: World, django_assert_max_num_queries: Any) -> None:
    drum, more = world.drum(), world.drum()
    world.drum("firm2")
    world.drum(waste_code="900-300-34", hazards=["C"], name="废酸")
    round_ = started(world, asked(world, drum))
    stops = stops_of(round_)
    with django_assert_max_num_queries(5):
        (here,) = stops_here(get_round(world.actor("carrier"), round_.pk), stops, NOW)
    assert [one.container for one in here.planned] == [drum]
    assert [one.container for one in here.others] == [more]


def test_a_firm_without_a_store_at_the_site_has_nothing_logged(world: World) -> None:
    firm: Organisation = world.organisations["firm"]
    site = Site.objects.create(
        organisation=firm, code=world.depots["firm"].site.code[:-2] + "9P", name="二厂", division="330602"
    )
    fields = {name: DRUM[name] for name in ("waste_code", "name", "form", "container_kind", "volume_l")}
    stream = WasteStream.objects.create(organisation=firm, site=site, hazards="T I", **fields)
    round_ = started(world, asked(world, wastes=[(stream, 10_000)]))
    assert parked(done(world, round_, new=[(stream, "10")])) == ["firm_has_no_store"]
