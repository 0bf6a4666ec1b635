"""Drums at the counter without a manifest: who may start it, who may confirm it, and that all happens or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from depots.models import Bay, Depot, Stay
from manifests.counter import Signed, sign
from manifests.models import Discrepancy, Manifest, WalkIn
from manifests.services import depart, draft, issue
from manifests.services.counter import Brought, confirm_walk_in, decline_walk_in, start_walk_in
from manifests.walk_ins import find_firms, get_walk_in, state_at, usual_wastes, waiting_at_counter, waiting_for_firm
from tests.world import DRUM, NOW, PASSWORD, World
from wastetrack.districts.services import set_figure
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership, Organisation, Pin
from wastetrack.signing import set_pin
from wastetrack.waste.models import Container, ContainerState, WasteStream
from wastetrack.waste.services import log_waste, save_stream

PIN = "402938"


@pytest.fixture
def stream(world: World) -> WasteStream:
    """A usual waste of the firm."""
    return save_stream(actor=world.actor("firm"), container=world.drum(), now=NOW)


def start(world: World, *drums: Brought, firm: str = "firm", by: str = "depot", now: Any = NOW) -> WalkIn:
    place, of = world.depots["depot"], world.organisations[firm]
    return start_walk_in(actor=world.actor(by), depot=place, firm=of, drums=drums, now=now)


def confirm(world: World, walk_in: WalkIn, by: str = "firm", now: Any = NOW, **signed: str) -> WalkIn:
    signed = signed or {"password": PASSWORD}
    return sign(actor=world.actor(by), walk_in_id=walk_in.pk, signed=Signed(**signed), now=now)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refusal:
        call()
    found = refusal.value
    return found.errors[0].code if found.code == "invalid_fields" and found.errors else found.code


def bays_of(*drums: Container) -> list[str]:
    """In which bay each drum stands."""
    here = dict(Stay.objects.filter(container__in=drums, left_at=None).values_list("container", "bay__code"))
    return [here[drum.pk] for drum in drums]


def payload(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Entry.objects.filter(kind=kind).latest("id").payload)
    return found


# --- it happens ---


def test_a_drum_and_a_new_one_are_on_a_manifest_and_received_at_one_stroke(world: World, stream: WasteStream) -> None:
    drum = world.drum(mass_kg="20")
    depot, firm = world.organisations["depot"], world.organisations["firm"]
    walk_in = start(world, Brought(20_300, container=drum), Brought(7_500, stream=stream, bay="A2"))
    assert (Manifest.objects.count(), Container.objects.get(pk=drum.pk).holder) == (0, firm)
    done = confirm(world, walk_in)
    manifest = Manifest.objects.get()
    assert (done.state, done.manifest, manifest.state) == ("confirmed", manifest, "received")
    assert (manifest.sender, manifest.carrier, manifest.receiver, manifest.self_delivered) == (firm, firm, depot, True)
    old, new = Container.objects.get(pk=drum.pk), Container.objects.latest("pk")
    assert (old.mass_g, new.mass_g) == (20_300, 7_500)
    assert {old.holder, new.holder} == {depot}
    assert (new.generator, new.stream, new.waste_code) == (firm, stream, stream.waste_code)
    assert {old.state, new.state} == {ContainerState.STORED}
    assert bays_of(new) == ["A2"]
    assert manifest.legs.get().driver_name == "演示用户 firm"


def test_a_drum_from_the_workshop_goes_through_the_firms_store(world: World) -> None:
    site = world.depots["firm"].site

    drum = log_waste(actor=world.actor("firm"), site=site, data=DRUM, now=NOW)
    confirm(world, start(world, Brought(18_500, container=drum)))
    kinds = list(Entry.objects.filter(subject=drum.subject).order_by("id").values_list("kind", flat=True))
    assert kinds == [f"container.{verb}" for verb in ("log", "store", "commit", "depart", "receive")]


def test_a_full_store_of_the_firm_keeps_no_drum_from_the_counter(world: World, stream: WasteStream) -> None:
    """New or logged: in the firm's store it stands on paper, in no bay, and breaks no rule there."""
    own = world.depots["firm"]
    logged = log_waste(actor=world.actor("firm"), site=own.site, data=DRUM, now=NOW)
    Bay.objects.create(depot=own, code="F1", places=0, capacity_g=1)
    confirm(world, start(world, Brought(18_500, container=logged), Brought(7_500, stream=stream)))
    new = Container.objects.latest("pk")
    for drum in (logged, new):
        stored = Entry.objects.get(subject=drum.subject, kind="container.store")
        said = json.loads(stored.payload)
        assert (said["depot_name"], said["bay"]) == (own.name, "")
        assert "broken" not in said
    assert set(bays_of(logged, new)) <= {"A1", "A2"}
    assert refused(lambda: world.drum()) == "no_room"


def test_the_scale_is_believed_and_a_difference_opens_a_discrepancy(world: World) -> None:
    drum = world.drum(mass_kg="20")
    confirm(world, start(world, Brought(25_000, container=drum)))
    assert (Discrepancy.objects.get().severity, Container.objects.get().mass_g) == ("significant", 25_000)


def test_entries_say_who_did_it_for_whom_and_that_the_sender_brought_it(world: World, stream: WasteStream) -> None:
    confirm(world, start(world, Brought(7_500, stream=stream)))
    who = dict(Entry.objects.values_list("kind", "username"))
    assert {who[kind] for kind in ("walk_in.start", "container.receive", "manifest.receive")} == {"depot"}
    assert {who[kind] for kind in ("walk_in.confirm", "container.log", "manifest.issue", "manifest.depart")} == {"firm"}
    for kind in ("manifest.depart", "manifest.deliver", "container.depart"):
        assert payload(kind)["brought_by"] == "sender"
    assert payload("manifest.issue")["content"]["brought_by"] == "sender"
    # Typed at the counter, whoever signs where.
    place = world.depots["depot"].name
    assert payload("container.log")["counter"] == payload("container.store")["counter"] == place
    assert "counter" not in payload("walk_in.confirm")
    assert "counter" not in payload("manifest.issue")


def test_at_the_counter_the_firms_member_signs_by_name_and_pin(world: World) -> None:
    set_pin(actor=world.actor("firm"), password=PASSWORD, pin=PIN, now=NOW)
    walk_in = start(world, Brought(18_500, container=world.drum()))
    assert confirm(world, walk_in, by="depot", username="firm", pin=PIN).state == "confirmed"
    place = world.depots["depot"].name
    for kind in ("walk_in.confirm", "manifest.issue", "manifest.depart", "manifest.deliver", "container.commit"):
        entry = Entry.objects.filter(kind=kind).latest("id")
        assert (entry.username, entry.organisation_name) == ("firm", "演示firm")
        assert json.loads(entry.payload)["counter"] == place
    receipt = Entry.objects.get(kind="manifest.receive")
    assert (receipt.username, "counter" in json.loads(receipt.payload)) == ("depot", False)


def test_the_wanted_bays_are_kept_and_the_others_get_what_is_left(world: World, stream: WasteStream) -> None:
    first, second = Bay.objects.filter(depot=world.depots["depot"])
    Bay.objects.filter(pk=second.pk).update(places=1)
    Bay.objects.filter(pk=first.pk).update(places=2)
    drums = [Brought(1_000, stream=stream), Brought(1_000, stream=stream), Brought(1_000, stream=stream, bay="A1")]
    confirm(world, start(world, *drums))
    new = Container.objects.filter(stream=stream, holder=world.organisations["depot"]).order_by("code")
    assert sorted(bays_of(*new)) == ["A1", "A1", "A2"]
    assert bays_of(*new)[-1] == "A1"


# --- all or nothing ---


def test_what_stands_in_the_way_of_one_step_stands_in_the_way_of_all(world: World, stream: WasteStream) -> None:
    walk_in = start(world, Brought(7_500, stream=stream), Brought(8_000, stream=stream))
    Bay.objects.filter(depot=world.depots["depot"]).update(capacity_g=10_000, places=1)
    Bay.objects.filter(depot=world.depots["depot"], code="A2").update(capacity_g=1)
    before = (Entry.objects.count(), Container.objects.count(), Manifest.objects.count())
    assert refused(lambda: confirm(world, walk_in)) == "no_room"
    assert (Entry.objects.count(), Container.objects.count(), Manifest.objects.count()) == before
    assert WalkIn.objects.get().state == "waiting"
    Bay.objects.filter(depot=world.depots["depot"]).update(capacity_g=None, places=None)
    assert confirm(world, walk_in).state == "confirmed"


def test_a_drum_that_has_gone_elsewhere_meanwhile_is_not_taken(world: World) -> None:
    drum, other = world.drum(), world.drum()
    walk_in = start(world, Brought(18_500, container=drum), Brought(18_500, container=other))
    world.issued(other)
    assert refused(lambda: confirm(world, walk_in)) == "container_not_free"
    assert Container.objects.get(pk=drum.pk).state == "stored"


# --- who may start it ---


def test_only_the_depots_own_writers_start_one(world: World) -> None:
    drum = Brought(18_500, container=world.drum())
    for name in ("depot2", "firm", "plant", "regulator"):
        assert refused(lambda name=name: start(world, drum, by=name)) == "not_your_depot"
    world.memberships["depot"].role = "viewer"
    assert refused(lambda: start(world, drum)) == "read_only"
    assert not WalkIn.objects.exists()


def test_a_firms_own_storage_point_takes_nobody_elses(world: World) -> None:
    drum = Brought(18_500, container=world.drum("firm2"))
    call: dict[str, Any] = {
        "depot": world.depots["firm"],
        "firm": world.organisations["firm2"],
        "drums": [drum],
        "now": NOW,
    }
    assert refused(lambda: start_walk_in(actor=world.actor("firm"), **call)) == "no_walk_ins_here"


def test_only_firms_of_the_depots_district_that_can_sign_walk_in(world: World) -> None:
    drum = Brought(18_500, container=world.drum())
    near = world.depots["depot"]
    assert [firm.name for firm in find_firms(near, "演示firm")] == ["演示firm", "演示firm2"]
    firm = world.organisations["firm"]
    assert find_firms(near, firm.uscc.lower()) == [firm]
    assert find_firms(near, "演") == find_firms(near, "") == find_firms(near, "%") == []
    Organisation.objects.filter(pk=firm.pk).update(division="330111")
    assert refused(lambda: start(world, drum)) == "unknown_firm"
    Organisation.objects.filter(pk=firm.pk).update(division="330602")
    Membership.objects.filter(organisation=firm, role="operator").delete()
    assert refused(lambda: start(world, drum)) == "unknown_firm"
    assert refused(lambda: start(world, drum, firm="carrier")) == "unknown_firm"


def test_what_is_not_the_firms_or_not_free_is_named_at_its_place(world: World, stream: WasteStream) -> None:
    theirs, gone, fine = world.drum("firm2"), world.drum(), world.drum()
    world.issued(gone)
    gone = Container.objects.get(pk=gone.pk)
    with pytest.raises(Refused) as refusal:
        start(
            world, *(Brought(1_000, container=one) for one in (fine, theirs, gone, fine)), Brought(1_000, stream=stream)
        )
    assert [(error.field, error.code) for error in refusal.value.errors] == [
        ("drums.1.container", "not_the_firms"),
        ("drums.2.container", "container_not_free"),
        ("drums", "duplicate_container"),
    ]
    foreign = save_stream(actor=world.actor("firm2"), container=theirs, now=NOW)
    assert refused(lambda: start(world, Brought(1_000, stream=foreign))) == "unknown_stream"
    WasteStream.objects.filter(pk=stream.pk).update(active=False)
    assert refused(lambda: start(world, Brought(1_000, stream=WasteStream.objects.get(pk=stream.pk)))) == (
        "unknown_stream"
    )
    assert refused(lambda: start(world)) == "no_lines"


def test_a_drum_waits_at_one_counter_at_a_time(world: World) -> None:
    drum = Brought(18_500, container=world.drum())
    first = start(world, drum)
    assert refused(lambda: start(world, drum)) == "already_at_counter"
    decline_walk_in(actor=world.actor("depot"), walk_in=first, reason="", now=NOW)
    second = start(world, drum)
    assert start(world, drum, now=second.expires_at).state == "waiting"


def test_what_the_permit_does_not_cover_is_refused_before_anything_waits(world: World) -> None:
    drum = world.drum(waste_code="900-300-34", name="废酸", form="L", hazards=["C"])
    assert refused(lambda: start(world, Brought(1_000, container=drum))) == "permit_lacks_code"
    stream = save_stream(actor=world.actor("firm"), container=drum, now=NOW)
    taken = save_stream(actor=world.actor("firm"), container=world.drum(), now=NOW)
    assert usual_wastes(world.organisations["firm"], world.depots["depot"], NOW) == [taken]
    assert stream != taken


def test_a_new_drum_is_not_filled_from_tomorrow_on(world: World, stream: WasteStream) -> None:
    for day, code in (("2026-11-21", "date_in_future"), ("soon", "date_unreadable")):
        drum = Brought(1_000, stream=stream, accumulation_start=day)
        assert refused(lambda drum=drum: start(world, drum)) == code
    confirm(world, start(world, Brought(1_000, stream=stream, accumulation_start="2026-11-02")))
    assert str(Container.objects.latest("pk").accumulation_start) == "2026-11-02"


def test_a_firm_without_a_store_of_its_own_is_told_so_before_it_signs(world: World, stream: WasteStream) -> None:
    Stay.objects.all().delete()
    Depot.objects.filter(pk=world.depots["firm"].pk).delete()
    assert refused(lambda: start(world, Brought(1_000, stream=stream))) == "firm_has_no_store"


# --- the limit of what one may bring oneself ---


def test_more_than_the_limit_needs_a_carrier(world: World, stream: WasteStream) -> None:
    assert start(world, Brought(500_000, stream=stream)).pk
    assert refused(lambda: start(world, Brought(250_000, stream=stream), Brought(250_001, stream=stream))) == (
        "walk_in_too_heavy"
    )
    drums = [Brought(1, stream=stream)] * 41
    assert refused(lambda: start(world, *drums)) == "too_many"


def test_no_manifest_goes_without_a_carrier_because_it_says_so_itself(world: World) -> None:
    heavy = world.drum(mass_kg="501")
    sent: dict[str, Any] = {"actor": world.actor("firm"), "receiver": world.organisations["depot"], "now": NOW}
    manifest = draft(**sent, containers=[heavy], self_delivered=True)
    assert refused(lambda: issue(actor=world.actor("firm"), manifest=manifest, now=NOW)) == "walk_in_too_heavy"
    light = draft(**sent, containers=[world.drum()], self_delivered=True, carrier=world.organisations["carrier"])
    assert light.carrier == world.organisations["firm"]
    Manifest.objects.filter(pk=light.pk).update(carrier=world.organisations["firm2"])
    stolen = Manifest.objects.get(pk=light.pk)
    assert refused(lambda: issue(actor=world.actor("firm"), manifest=stolen, now=NOW)) == "not_a_carrier"
    Manifest.objects.filter(pk=light.pk).update(carrier=world.organisations["firm"])
    issued = issue(actor=world.actor("firm"), manifest=Manifest.objects.get(pk=light.pk), now=NOW)
    assert depart(actor=world.actor("firm"), manifest=issued, now=NOW).legs.get().vehicle is None


def test_the_limit_is_the_districts(world: World, stream: WasteStream) -> None:

    set_figure(actor=world.actor("regulator"), key="walk_in.max_kg", value="5", source="演示通知", now=NOW)
    assert refused(lambda: start(world, Brought(5_001, stream=stream))) == "walk_in_too_heavy"
    assert start(world, Brought(5_000, stream=stream)).pk


# --- who may confirm it ---


@pytest.fixture
def waiting(world: World) -> WalkIn:
    return start(world, Brought(18_500, container=world.drum()))


@pytest.mark.parametrize(
    ("by", "code"),
    [
        ("firm2", "unknown_walk_in"),
        ("depot2", "unknown_walk_in"),
        ("carrier", "unknown_walk_in"),
        ("regulator2", "unknown_walk_in"),
        ("regulator", "not_your_part"),
        ("viewer", "read_only"),
    ],
)
def test_nobody_else_confirms_or_declines_it(world: World, waiting: WalkIn, by: str, code: str) -> None:
    assert refused(lambda: confirm(world, waiting, by=by)) == code
    decline: dict[str, Any] = {"actor": world.actor(by), "walk_in": waiting, "reason": "", "now": NOW}
    assert refused(lambda: decline_walk_in(**decline)) in ("not_your_part", "read_only")
    assert WalkIn.objects.get().state == "waiting"


def test_the_depot_does_not_confirm_for_the_firm(world: World, waiting: WalkIn) -> None:
    set_pin(actor=world.actor("depot"), password=PASSWORD, pin=PIN, now=NOW)
    set_pin(actor=world.actor("firm2"), password=PASSWORD, pin=PIN, now=NOW)
    for signed in ({"password": PASSWORD}, {"pin": PIN}, {"username": "depot", "pin": PIN}):
        assert refused(lambda signed=signed: confirm(world, waiting, by="depot", **signed)) == "wrong_at_counter"
    assert refused(lambda: confirm(world, waiting, by="depot", username="firm2", pin=PIN)) == "wrong_at_counter"
    assert refused(lambda: confirm(world, waiting, by="depot", username="firm", password=PASSWORD)) == (
        "wrong_at_counter"
    )
    assert not Manifest.objects.exists()


def test_no_signature_but_the_firms_makes_it_happen(world: World, waiting: WalkIn) -> None:
    for name in ("depot", "depot2", "firm2", "carrier"):
        actor = world.actor(name)
        assert refused(lambda actor=actor: confirm_walk_in(actor=actor, walk_in=waiting, now=NOW)) == "not_your_part"
    assert WalkIn.objects.get().state == "waiting"


def test_who_acts_for_a_depot_from_elsewhere_does_not_weigh_for_it(world: World) -> None:
    depot = world.actor("depot")
    helper = Actor(depot.user, depot.organisation, depot.role, via=world.organisations["firm2"])
    drum = Brought(18_500, container=world.drum())
    place, firm = world.depots["depot"], world.organisations["firm"]
    assert refused(lambda: start_walk_in(actor=helper, depot=place, firm=firm, drums=[drum], now=NOW)) == (
        "not_your_part"
    )


def test_a_wrong_pin_signs_nothing_and_is_counted(world: World, waiting: WalkIn) -> None:
    set_pin(actor=world.actor("firm"), password=PASSWORD, pin=PIN, now=NOW)
    for _ in range(4):
        assert refused(lambda: confirm(world, waiting, by="depot", username="firm", pin="402939")) == "wrong_at_counter"
    assert refused(lambda: confirm(world, waiting, pin="402939")) == "wrong_pin"
    assert Pin.objects.get().tries == 5
    assert refused(lambda: confirm(world, waiting, by="depot", username="firm", pin=PIN)) == "pin_locked"
    assert refused(lambda: confirm(world, waiting, password="guess")) == "wrong_password"
    assert confirm(world, waiting).state == "confirmed"


def test_it_is_settled_once(world: World, waiting: WalkIn) -> None:
    set_pin(actor=world.actor("firm"), password=PASSWORD, pin=PIN, now=NOW)
    confirm(world, waiting)
    assert refused(lambda: confirm(world, waiting)) == "illegal_state"
    # What is settled asks for no PIN: it cannot be used to find one out.
    assert refused(lambda: confirm(world, waiting, by="depot", username="firm", pin="402939")) == "illegal_state"
    assert Pin.objects.get().tries == 0
    done = get_walk_in(world.actor("firm"), waiting.pk)
    assert refused(lambda: decline_walk_in(actor=world.actor("firm"), walk_in=done, reason="", now=NOW)) == (
        "illegal_state"
    )
    assert Manifest.objects.count() == 1


@pytest.mark.parametrize("by", ["firm", "depot"])
def test_after_a_decline_nothing_can_be_confirmed(world: World, waiting: WalkIn, by: str) -> None:
    decline_walk_in(actor=world.actor(by), walk_in=waiting, reason=" nicht\nunser Fass ", now=NOW)
    assert payload("walk_in.decline")["reason"] == "nicht unser Fass"
    assert refused(lambda: confirm(world, waiting)) == "illegal_state"
    assert Container.objects.get().state == "stored"


def test_after_a_day_it_is_over(world: World, waiting: WalkIn) -> None:
    late = NOW + timedelta(hours=24)
    firm, depot = world.actor("firm"), world.actor("depot")
    assert list(waiting_for_firm(firm, late - timedelta(seconds=1))) == [waiting]
    assert not waiting_for_firm(firm, late).exists()
    assert not waiting_at_counter(depot, late).exists()
    assert (state_at(waiting, late), state_at(waiting, NOW)) == ("expired", "waiting")
    assert refused(lambda: confirm(world, waiting, now=late)) == "walk_in_expired"
    assert WalkIn.objects.get().state == "expired"
    assert Entry.objects.get(kind="walk_in.expire").role == "system"
    again = WalkIn.objects.get()
    assert refused(lambda: decline_walk_in(actor=firm, walk_in=again, reason="", now=late)) == "walk_in_expired"
    assert not Manifest.objects.exists()


@pytest.mark.parametrize(("by", "code"), [("viewer", "read_only"), ("regulator", "not_your_part")])
def test_who_may_not_decline_it_does_not_note_its_end_either(world: World, waiting: WalkIn, by: str, code: str) -> None:
    late, seen = NOW + timedelta(hours=24), get_walk_in(world.actor(by), waiting.pk)
    decline: dict[str, Any] = {"actor": world.actor(by), "walk_in": seen, "reason": "", "now": late}
    assert refused(lambda: decline_walk_in(**decline)) == code
    assert WalkIn.objects.get().state == "waiting"
    assert not Entry.objects.filter(kind="walk_in.expire").exists()


def test_what_runs_out_while_it_is_signed_is_not_confirmed(world: World, waiting: WalkIn) -> None:
    """The transaction itself looks at the time and at whose drum it is, whoever calls it."""
    late, firm = NOW + timedelta(hours=24), world.actor("firm")
    assert refused(lambda: confirm_walk_in(actor=firm, walk_in=waiting, now=late)) == "walk_in_expired"
    assert (WalkIn.objects.get().state, Manifest.objects.exists()) == ("waiting", False)
    soon = late - timedelta(seconds=1)
    assert confirm_walk_in(actor=firm, walk_in=waiting, now=soon).state == "confirmed"


def test_a_drum_that_is_no_longer_the_firms_is_not_confirmed(world: World, waiting: WalkIn) -> None:
    Container.objects.update(holder=world.organisations["firm2"])
    before = Entry.objects.count()
    assert refused(lambda: confirm(world, waiting)) == "not_the_firms"
    assert (WalkIn.objects.get().state, Entry.objects.count()) == ("waiting", before)


def test_who_weighed_must_still_work_there(world: World, waiting: WalkIn) -> None:
    Membership.objects.filter(user__username="depot").update(role="viewer")
    assert refused(lambda: confirm(world, waiting)) == "walk_in_stale"
    assert WalkIn.objects.get().state == "waiting"


# --- who sees what ---


def test_the_depot_sees_nothing_of_the_firms_drums_but_those_in_hand(world: World, stream: WasteStream) -> None:
    drum, hidden = world.drum(), world.drum()
    depot = world.actor("depot")
    start(world, Brought(18_500, container=drum))
    assert not Container.objects.visible_to(depot).filter(pk__in=[drum.pk, hidden.pk]).exists()
    confirm(world, WalkIn.objects.get())
    assert list(Container.objects.visible_to(depot)) == [drum]


def test_an_entry_is_read_by_both_and_the_district(world: World, waiting: WalkIn) -> None:
    entry = Entry.objects.get(kind="walk_in.start")
    firm, depot = world.organisations["firm"], world.organisations["depot"]
    assert set(entry.readers.split()) == {f"o:{firm.pk}", f"o:{depot.pk}", "d:33", "d:3306", "d:330602"}
