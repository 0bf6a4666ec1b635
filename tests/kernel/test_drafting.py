"""Drafts: from drums or from a usual waste, said anew, checked all at once; plans, approvals, paper, returns."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from PIL import Image

from depots.models import Bay, Depot, DepotKind, Stay
from depots.services import put_away
from manifests import services as manifests
from manifests.checks import approval_left, turned_away, yearly_left
from manifests.drafts import findings
from manifests.models import Approval, Line, Manifest
from manifests.plan import plan_of
from manifests.selectors import get_manifest, lines_of
from manifests.services import FromStream, Wanted
from manifests.services.planning import months_after
from manifests.turns import turn_of, waiting
from tests.world import NOW, TODAY, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.selectors import open_alerts
from wastetrack.alerts.services import sweep
from wastetrack.errors import Invalid, NotFound, NotPermitted, Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Organisation, Permit, Vehicle
from wastetrack.waste.models import Container, WasteStream

pytestmark = pytest.mark.once


def code_of(step: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refused:
        step()
    error = refused.value
    return error.errors[0].code if isinstance(error, Invalid) else error.code


def stream_of(world: World, name: str = "firm") -> WasteStream:
    stream: WasteStream = WasteStream.objects.create(
        organisation=world.organisations[name],
        site=world.depots[name].site,
        waste_code="900-249-08",
        name="废矿物油",
        form="L",
        hazards="T I",
        container_kind="tank",
        volume_l=1000,
    )
    return stream


def wanted(world: World, *drums: Container, to: str = "depot", **said: Any) -> Wanted:
    carriers = said.pop("carriers", [world.organisations["carrier"]])
    return Wanted(world.organisations[to], drums, carriers=carriers, **said)


def second_carrier(world: World, name: str = "carrier2", plate: str = "浙D00002") -> Organisation:
    carrier = world.add(name, "carrier", role="driver")
    world.permit(name, "", kind="transport")
    Vehicle.objects.create(organisation=carrier, plate=plate, capacity_g=5_000_000)
    return carrier


# --- drafts ---


def test_a_usual_waste_and_a_mass_make_a_draft(world: World) -> None:
    firm = world.actor("firm")
    manifest = manifests.draft(
        actor=firm,
        receiver=world.organisations["depot"],
        carrier=world.organisations["carrier"],
        from_streams=[FromStream(stream_of(world), 1_250_500)],
        contract="演示合同 1",
        now=NOW,
    )
    (line,) = lines_of(manifest)
    assert (line.mass_g, line.container.state, line.container.name) == (1_250_500, "stored", "废矿物油")
    assert manifest.contract == "演示合同 1"
    assert manifests.issue(actor=firm, manifest=manifest, now=NOW).state == "issued"


def test_a_draft_is_said_anew_and_keeps_its_number(world: World) -> None:
    first, second = world.drum(), world.drum()
    manifest = world.draft(first)
    manifests.revise(actor=world.actor("firm"), manifest=manifest, wanted=wanted(world, second, to="depot2"), now=NOW)
    again = Manifest.objects.get(pk=manifest.pk)
    assert (again.number, again.receiver.name) == (manifest.number, "演示depot2")
    assert [line.container_id for line in lines_of(again)] == [second.pk]
    assert Entry.objects.filter(kind="manifest.revise", subject=manifest.subject).count() == 1


def test_a_usual_waste_becomes_a_drum_only_once(world: World) -> None:
    firm, waste = world.actor("firm"), FromStream(stream_of(world), 1_000)
    manifest = manifests.draft(
        actor=firm, receiver=world.organisations["depot"], from_streams=[waste, waste], now=later(-3)
    )
    kept, spare = [line.container for line in lines_of(manifest)]

    def said(*drums: Container, **more: Any) -> list[int]:
        manifests.revise(actor=firm, manifest=manifest, wanted=wanted(world, *drums, **more), now=NOW)
        return [line.container_id for line in lines_of(manifest)]

    def states() -> dict[int, str]:
        return dict(Container.objects.values_list("pk", "state"))

    both = {kept.pk: "stored", spare.pk: "stored"}
    assert (said(from_streams=[waste, waste]), states()) == ([kept.pk, spare.pk], both)
    # By the edit page: named as drums.
    assert (said(kept, spare), states()) == ([kept.pk, spare.pk], both)
    assert said(kept, from_streams=[FromStream(waste.stream, 1_000, TODAY)])[0] == kept.pk
    assert states()[spare.pk] == "voided"
    told = Entry.objects.get(kind="container.void", subject=spare.subject)
    assert manifest.number in told.data["reason"]
    assert sorted(states().values()) == ["stored", "stored", "voided"]
    own = world.drum()
    said(kept, own)
    manifests.cancel(actor=firm, manifest=manifest, reason="演示", now=NOW)
    assert sorted(states().values()) == ["stored", "voided", "voided", "voided"]
    assert states()[own.pk] == "stored"


def test_a_drum_logged_for_a_draft_that_is_there_by_now_stays(world: World) -> None:
    firm, depot = world.actor("firm"), world.depots["firm"]
    waste = [FromStream(stream_of(world), grams) for grams in (1_000, 2_000, 3_000)]
    manifest = manifests.draft(actor=firm, receiver=world.organisations["depot"], from_streams=waste, now=NOW)
    placed, named, issued = [line.container for line in lines_of(manifest)]
    bay = Bay.objects.create(depot=depot, code="A1", capacity_g=5_000_000)
    put_away(actor=firm, container=placed, bay=bay, now=NOW)
    world.draft(named)
    world.issued(issued)
    manifests.cancel(actor=firm, manifest=manifest, reason="演示", now=NOW)
    states = [Container.objects.get(pk=drum.pk).state for drum in (placed, named, issued)]
    assert states == ["stored", "stored", "committed"]


def test_only_a_draft_is_said_anew_and_only_by_its_sender(world: World) -> None:
    drum = world.drum()
    manifest = world.draft(drum)
    asked = wanted(world, drum)
    for name in ("firm2", "depot", "carrier", "regulator"):
        with pytest.raises(NotPermitted):
            manifests.revise(actor=world.actor(name), manifest=manifest, wanted=asked, now=NOW)
    manifests.issue(actor=world.actor("firm"), manifest=manifest, now=NOW)
    assert (
        code_of(lambda: manifests.revise(actor=world.actor("firm"), manifest=manifest, wanted=asked, now=NOW))
        == "illegal_state"
    )


def test_drums_of_another_city_are_another_draft(world: World) -> None:
    drum, other = world.drum(), world.drum()
    manifest = world.draft(drum)
    site = manifest.sender_site
    far = type(site).objects.create(
        organisation=site.organisation, code=f"{site.code[:18]}002P", name="演示二厂", division="330111"
    )
    there = Depot.objects.create(site=far, name="演示二厂贮存", kind=DepotKind.STORAGE_POINT, facility_code="TS001")
    Stay.objects.filter(container=other).update(depot=there, bay=None)
    asked = wanted(world, other)
    assert code_of(lambda: manifests.revise(actor=world.actor("firm"), manifest=manifest, wanted=asked, now=NOW)) == (
        "other_city"
    )


def test_further_carriers_are_planned_legs_that_see_it_once_issued(world: World) -> None:
    carrier2 = second_carrier(world)
    drum = world.drum()
    both = [world.organisations["carrier"], carrier2]
    manifest = manifests.draft(
        actor=world.actor("firm"), receiver=world.organisations["depot"], carriers=both, containers=[drum], now=NOW
    )
    assert [(leg.position, leg.carrier_id) for leg in manifest.legs.all()] == [(2, carrier2.pk)]
    assert not Manifest.objects.visible_to(world.actor("carrier2")).exists()
    manifests.issue(actor=world.actor("firm"), manifest=manifest, now=NOW)
    assert get_manifest(world.actor("carrier2"), manifest.number).pk == manifest.pk
    assert Container.objects.visible_to(world.actor("carrier2")).filter(pk=drum.pk).exists()


def test_carriers_that_cannot_be(world: World) -> None:
    carrier, firm2 = world.organisations["carrier"], world.organisations["firm2"]

    def made(*carriers: Organisation) -> str:
        return code_of(
            lambda: manifests.draft(
                actor=world.actor("firm"),
                receiver=world.organisations["depot"],
                carriers=carriers,
                containers=[world.drum()],
                now=NOW,
            )
        )

    assert made(carrier, carrier) == "carrier_twice"
    assert made(carrier, firm2) == "not_a_carrier"
    assert made(*[carrier, second_carrier(world)] * 3) == "too_many"


# --- what must hold when it is issued ---


def codes(manifest: Manifest, now: datetime = NOW) -> set[str]:
    # Read anew: what came with an earlier look may be out of date.
    return {problem.code for problem in findings(Manifest.objects.get(pk=manifest.pk), now)[0]}


def test_all_problems_are_found_at_once_each_with_its_fix(world: World) -> None:
    from manifests.drafts import draft_json

    drum = world.drum()
    manifest = world.draft(drum)
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="HW34")
    Permit.objects.filter(organisation=world.organisations["carrier"]).update(valid_to=date(2026, 1, 1))
    Vehicle.objects.all().delete()
    found = draft_json(manifest, NOW)["problems"]
    assert {one["code"] for one in found} == {
        "permit_lacks_code",
        "carrier_permit_expired",
        "carrier_without_vehicle",
    }
    assert all(one["fix"]["text"] and one["fix"]["link"].startswith("/") for one in found)
    with pytest.raises(Refused) as refused:
        manifests.issue(actor=world.actor("firm"), manifest=manifest, now=NOW)
    assert {one.code for one in refused.value.errors} == {one["code"] for one in found}


def test_a_load_heavier_than_any_vehicle_of_the_carrier(world: World) -> None:
    drum = world.drum(mass_kg="18.5")
    manifest = world.draft(drum)
    Vehicle.objects.update(capacity_g=18_500)
    assert codes(manifest) == set()
    Vehicle.objects.update(capacity_g=18_499)
    assert codes(manifest) == {"too_heavy_for_carrier"}


def test_the_receivers_yearly_mass_with_the_margin_of_the_law(world: World) -> None:
    manifest = world.draft(world.drum(mass_kg="120"))
    permits = Permit.objects.filter(organisation=world.organisations["depot"])
    permits.update(yearly_mass_g=100_000)
    assert codes(manifest) == set()
    permits.update(yearly_mass_g=99_000)
    assert codes(manifest) == {"permit_mass_exceeded"}
    permits.update(yearly_mass_g=None)
    assert codes(manifest) == set()


def test_what_is_on_its_way_counts_as_taken(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(yearly_mass_g=100_000)
    world.issued(world.drum(mass_kg="100"))
    assert codes(world.draft(world.drum(mass_kg="20"))) == set()
    assert codes(world.draft(world.drum(mass_kg="20.001"))) == {"permit_mass_exceeded"}


# --- the plan ---


def warnings(manifest: Manifest) -> set[str]:
    return {warning.code for warning in findings(manifest, NOW)[1]}


def test_the_plan_warns_and_one_tap_raises_it(world: World) -> None:
    firm, depot = world.actor("firm"), world.organisations["depot"]
    site = world.depots["firm"].site
    manifest = world.draft(world.drum(mass_kg="30"))
    assert warnings(manifest) == {"no_plan"}
    plan: dict[str, Any] = {"actor": firm, "site": site, "year": 2026, "now": NOW}
    manifests.plan_transfer(**plan, waste_code="900-041-49", receiver=depot, mass_kg="100")
    assert warnings(manifest) == {"not_in_plan"}
    manifests.plan_transfer(**plan, waste_code="900-249-08", receiver=depot, mass_kg="30")
    assert warnings(manifest) == set()
    manifests.plan_transfer(**plan, waste_code="900-249-08", receiver=depot, mass_kg="29.999")
    assert warnings(manifest) == {"beyond_plan"}
    assert codes(manifest) == set()
    manifests.amend_plan(actor=firm, manifest=manifest, now=NOW)
    assert warnings(manifest) == set()
    manifests.issue(actor=firm, manifest=manifest, now=NOW)
    rows = {row.waste_code: (row.planned_g, row.sent_g) for row in plan_of(site, 2026)}
    assert rows == {"900-041-49": (100_000, 0), "900-249-08": (30_000, 30_000)}
    for name in ("firm2", "depot"):
        with pytest.raises(NotPermitted):
            manifests.amend_plan(actor=world.actor(name), manifest=manifest, now=NOW)


def test_a_plan_is_ones_own_and_makes_sense(world: World) -> None:
    site = world.depots["firm"].site
    said: dict[str, Any] = {
        "actor": world.actor("firm"),
        "site": site,
        "year": 2026,
        "waste_code": "900-249-08",
        "receiver": world.organisations["depot"],
        "mass_kg": "5",
        "now": NOW,
    }
    for change, code in (
        ({"year": 1999}, "year"),
        ({"waste_code": "999-999-99"}, "unknown_waste_code"),
        ({"receiver": world.organisations["firm"]}, "receiver_is_sender"),
        ({"receiver": world.organisations["firm2"]}, "not_a_receiver"),
        ({"method": "X1"}, "unknown_method"),
        ({"mass_kg": "0"}, "mass_zero"),
    ):
        assert code_of(lambda change=change: manifests.plan_transfer(**said | change)) == code
    with pytest.raises(NotPermitted):
        manifests.plan_transfer(**said | {"actor": world.actor("firm2")})


# --- out of the province ---


@pytest.fixture
def far(world: World) -> World:
    plant = world.organisations["plant"]
    Organisation.objects.filter(pk=plant.pk).update(division="310115")
    plant.refresh_from_db()
    return world


def approval(world: World, **said: Any) -> Approval:
    asked: dict[str, Any] = {
        "actor": world.actor("firm"),
        "number": "演示跨省 1",
        "receiver": world.organisations["plant"],
        "waste_codes": ["900-249-08"],
        "mass_kg": "40",
        "method": "R9",
        "valid_from": TODAY,
        "valid_to": date(2027, 11, 19),
        "now": NOW,
    }
    return manifests.record_approval(**asked | said)


def test_without_an_approval_nothing_leaves_the_province(far: World) -> None:
    manifest = far.draft(far.drum(mass_kg="30"), to="plant")
    assert codes(manifest) == {"approval_missing"}
    given = approval(far)
    manifests.issue(actor=far.actor("firm"), manifest=manifest, now=NOW)
    assert Manifest.objects.get(pk=manifest.pk).approval == given
    assert approval_left(given) == 10_000
    second = far.draft(far.drum(mass_kg="10.001"), to="plant")
    assert codes(second) == {"approval_used_up"}
    row = {"container": manifest.lines.get().container.code, "mass_kg": "40.001"}
    more: dict[str, Any] = {"actor": far.actor("firm"), "manifest": manifest, "reason": "写错", "now": NOW}
    with pytest.raises(Refused) as refused:
        manifests.propose(**more, changes={"lines": [row]})
    assert [error.code for error in refused.value.errors] == ["approval_used_up"]
    manifests.propose(**more, changes={"lines": [row | {"mass_kg": "40"}]})
    assert approval_left(given) == 0
    manifests.cancel(actor=far.actor("firm"), manifest=manifest, reason="演示", now=NOW)
    assert approval_left(given) == 40_000


def test_an_approval_names_wastes_and_days(far: World) -> None:
    given = approval(far)
    other = far.draft(far.drum(waste_code="900-041-49", name="废抹布", hazards=["T"]), to="plant")
    assert "approval_lacks_code" in codes(other)
    own = far.draft(far.drum(), to="plant")
    assert "approval_expired" in codes(own, datetime(2027, 11, 20, 9, tzinfo=NOW.tzinfo))
    assert given.waste_codes == "900-249-08"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": " "}, "missing"),
        ({"waste_codes": []}, "missing"),
        ({"waste_codes": ["1"]}, "unknown_waste_code"),
        ({"mass_kg": "-1"}, "mass_negative"),
        ({"method": "C5"}, "method_not_final"),
        ({"method": "?"}, "unknown_method"),
        ({"valid_to": None}, "missing"),
        ({"valid_to": TODAY - timedelta(days=1)}, "dates_out_of_order"),
        ({"valid_to": date(2027, 11, 20)}, "approval_too_long"),
        ({"valid_from": date(9999, 1, 1), "valid_to": date(9999, 12, 31)}, "year_out_of_reach"),
        ({"valid_from": date(1, 1, 1)}, "year_out_of_reach"),
    ],
)
def test_an_approval_that_cannot_be(far: World, change: dict[str, Any], code: str) -> None:
    assert code_of(lambda: approval(far, **change)) == code
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    ("first", "months", "last"),
    [
        (date(2026, 11, 20), 12, date(2027, 11, 19)),
        (date(2026, 1, 1), 12, date(2026, 12, 31)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
    ],
)
def test_months_that_begin_with_a_day(first: date, months: int, last: date) -> None:
    assert months_after(first, months) == last


def test_an_approval_ends_with_the_receivers_permit(far: World) -> None:
    Permit.objects.filter(organisation=far.organisations["plant"]).update(valid_to=date(2027, 3, 1))
    assert code_of(lambda: approval(far, valid_to=date(2027, 3, 2))) == "approval_too_long"
    assert approval(far, valid_to=date(2027, 3, 1)).valid_to == date(2027, 3, 1)


def test_an_approval_is_recorded_once_and_warned_of_before_it_ends(far: World) -> None:
    given = approval(far)
    assert code_of(lambda: approval(far)) == "approval_known"
    alert = Alert.objects.get(kind="approval")
    assert sweep(alert.warn_at - timedelta(seconds=1)) == 0
    sweep(alert.warn_at)
    assert Alert.objects.get(kind="approval").state == "warned"
    assert (given.valid_to - alert.warn_at.astimezone(NOW.tzinfo).date()).days == 30
    assert code_of(lambda: approval(far, number="2", receiver=far.organisations["depot"])) == "same_province"


# --- paper ---


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, kind)
    return out.getvalue()


def paper_draft(world: World, drum: Container, completed: datetime) -> Manifest:
    return manifests.draft(
        actor=world.actor("firm"),
        receiver=world.organisations["depot"],
        carrier=world.organisations["carrier"],
        containers=[drum],
        paper_number="纸 0007",
        paper_completed_at=completed,
        now=NOW,
    )


def test_paper_is_typed_in_with_its_scan_and_the_receiver_signs_its_own_part(world: World) -> None:
    drum = world.drum(accumulation_start="2026-11-10")
    firm, done = world.actor("firm"), later(-3)
    manifest = paper_draft(world, drum, done)
    said: dict[str, Any] = {
        "actor": firm,
        "manifest": manifest,
        "departed_at": done - timedelta(hours=2),
        "delivered_at": done,
        "plate": "浙D·00001",
        "driver": "演示驾驶员",
        "now": NOW,
    }
    assert code_of(lambda: manifests.type_in(**said)) == "paper_scan_missing"
    kept = manifests.attach(actor=firm, manifest=manifest, name="联单.png", content=picture(), now=NOW)
    assert kept == manifests.attach(actor=firm, manifest=manifest, name="again.png", content=picture(), now=NOW)
    manifests.type_in(**said)
    manifest = Manifest.objects.get(pk=manifest.pk)
    assert (manifest.state, manifest.departed_at, manifest.delivered_at) == ("delivered", said["departed_at"], done)
    assert [leg.plate for leg in manifest.legs.all()] == ["浙D00001"]
    assert not Alert.objects.filter(kind="paper").exists()
    departed = Entry.objects.get(kind="manifest.depart", subject=manifest.subject)
    assert departed.data["on_paper"] == "纸 0007"
    assert departed.organisation_name == "演示firm"
    manifests.receive(
        actor=world.actor("depot"),
        manifest=manifest,
        receipts=manifests.read_receipts(manifest, []),
        depot=world.depots["depot"],
        at=done + timedelta(hours=1),
        now=NOW,
    )
    assert Manifest.objects.get(pk=manifest.pk).state == "received"


def test_paper_that_does_not_come_is_warned_of_on_the_eighth_working_day(world: World) -> None:
    paper_draft(world, world.drum(), NOW)
    alert = Alert.objects.get(kind="paper")
    # 2026-11-20 is a Friday: the 8th working day after it is 2 December, the 10th is 4 December.
    assert alert.warn_at.astimezone(NOW.tzinfo).date() == date(2026, 12, 2)
    assert alert.due_at.astimezone(NOW.tzinfo).date() == date(2026, 12, 4)
    sweep(alert.due_at + timedelta(seconds=1))
    assert Alert.objects.get(kind="paper").state == "overdue"


def test_only_its_sender_hears_of_a_late_paper_draft(world: World) -> None:
    paper_draft(world, world.drum(), NOW)
    sweep(later(30))
    told = [open_alerts(world.actor(name)).filter(kind="paper").count() for name in ("firm", "regulator", "depot")]
    assert told == [1, 0, 0]
    entry = Entry.objects.get(kind="alert.fall_due", subject=Alert.objects.get(kind="paper").subject)
    assert [entry.addressed_to(world.actor(name)) for name in ("firm", "regulator")] == [True, False]


def typed_in(world: World, manifest: Manifest, departed: datetime, delivered: datetime, now: datetime = NOW) -> None:
    firm = world.actor("firm")
    if not manifest.attachments.exists():
        manifests.attach(actor=firm, manifest=manifest, name="联单.png", content=picture(), now=now)
    manifests.type_in(
        actor=firm,
        manifest=manifest,
        departed_at=departed,
        delivered_at=delivered,
        plate="浙D00001",
        driver="演示驾驶员",
        now=now,
    )


def test_the_books_of_a_drum_logged_after_its_paper_never_run_backwards(world: World) -> None:
    drum = world.drum(accumulation_start="2026-11-10")
    manifest = paper_draft(world, drum, later(-7))
    early = datetime(2026, 11, 9, 23, 59, tzinfo=NOW.tzinfo)
    assert code_of(lambda: typed_in(world, manifest, early, later(-7))) == "time_out_of_order"
    typed_in(world, manifest, early + timedelta(minutes=1), later(-7))
    stay = Stay.objects.get(container=drum)
    assert (stay.entered_at, stay.left_at) == (NOW, NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Stay.objects.filter(pk=stay.pk).update(left_at=later(-1))


def test_a_usual_waste_on_paper_was_filled_by_the_day_it_was_complete(world: World) -> None:
    manifest = manifests.draft(
        actor=world.actor("firm"),
        receiver=world.organisations["depot"],
        carrier=world.organisations["carrier"],
        from_streams=[FromStream(stream_of(world), 1_000)],
        paper_completed_at=later(-7),
        now=NOW,
    )
    assert lines_of(manifest)[0].container.accumulation_start == date(2026, 11, 13)
    typed_in(world, manifest, later(-7) - timedelta(hours=1), later(-7))
    assert Manifest.objects.get(pk=manifest.pk).state == "delivered"


def test_paper_is_late_by_its_delivery(world: World) -> None:
    """Tenth working day after 2026-11-06, a Friday: 20 November."""
    for late, day in ((False, 6), (True, 5)):
        delivered = datetime(2026, 11, day, 12, tzinfo=NOW.tzinfo)
        manifest = paper_draft(world, world.drum(accumulation_start="2026-11-01"), NOW)
        typed_in(world, manifest, delivered - timedelta(hours=2), delivered)
        departed, arrived = (
            Entry.objects.get(kind=f"manifest.{verb}", subject=manifest.subject) for verb in ("depart", "deliver")
        )
        assert departed.data["late"] is late
        assert arrived.data["completed_at"] == instant(NOW)
    manifest = paper_draft(world, world.drum(accumulation_start="2026-11-01"), later(-3))
    wrong = later(-2) + timedelta(seconds=1)
    assert code_of(lambda: typed_in(world, manifest, later(-4), wrong)) == "delivered_after_completed"
    typed_in(world, manifest, later(-4), later(-2))


def test_once_all_is_received_no_scan_is_added(world: World) -> None:
    manifest = paper_draft(world, world.drum(accumulation_start="2026-11-10"), later(-1))
    typed_in(world, manifest, later(-2), later(-1))
    sent: dict[str, Any] = {"actor": world.actor("firm"), "manifest": manifest, "name": "x", "now": NOW}
    manifests.attach(**sent, content=picture("JPEG"))
    manifests.receive(
        actor=world.actor("depot"),
        manifest=manifest,
        receipts=manifests.read_receipts(manifest, []),
        depot=world.depots["depot"],
        now=NOW,
    )
    assert code_of(lambda: manifests.attach(**sent, content=b"%PDF-1.7 more")) == "illegal_state"
    assert manifests.attach(**sent, content=picture("JPEG")).name == "x"


def test_what_is_wrong_with_paper(world: World) -> None:
    drum, firm = world.drum(accumulation_start="2026-11-10"), world.actor("firm")
    assert code_of(lambda: paper_draft(world, drum, later(1))) == "time_in_future"
    manifest = paper_draft(world, drum, later(-1))
    sent: dict[str, Any] = {"actor": firm, "manifest": manifest, "name": "x", "now": NOW}
    large = b"%PDF-" + b"x" * 10_485_760
    for content, code in ((b"MZ...", "scan_kind"), (picture()[:60], "scan_kind"), (large, "scan_too_large")):
        assert code_of(lambda content=content: manifests.attach(**sent, content=content)) == code
    with pytest.raises(NotPermitted):
        manifests.attach(**sent | {"actor": world.actor("depot")}, content=picture())
    plain = world.draft(world.drum())
    assert code_of(lambda: manifests.attach(**sent | {"manifest": plain}, content=picture())) == "not_on_paper"
    manifests.attach(actor=firm, manifest=manifest, name="x", content=picture("JPEG"), now=NOW)
    said: dict[str, Any] = {
        "actor": firm,
        "manifest": manifest,
        "departed_at": later(-2),
        "delivered_at": later(-1),
        "plate": "浙D00001",
        "driver": "演示",
        "now": NOW,
    }
    for change, code in (
        ({"departed_at": None}, "missing"),
        ({"departed_at": later(1)}, "time_in_future"),
        ({"delivered_at": later(-3)}, "time_out_of_order"),
        ({"driver": ""}, "missing"),
        ({"plate": "XYZ"}, "plate_format"),
    ):
        assert code_of(lambda change=change: manifests.type_in(**said | change)) == code
        assert Manifest.objects.get(pk=manifest.pk).state == "draft"


# --- drums that were turned away ---


def refused_all(world: World, *drums: Container) -> Manifest:
    manifest = world.delivered(*drums)
    rows = [{"container": drum.code, "outcome": "rejected", "reason": "演示"} for drum in drums]
    return manifests.receive(
        actor=world.actor("depot"),
        manifest=manifest,
        receipts=manifests.read_receipts(manifest, rows),
        depot=world.depots["depot"],
        now=NOW,
    )


def test_refused_drums_go_back_under_a_manifest_of_their_own(world: World) -> None:
    drums = [world.drum(), world.drum()]
    first = refused_all(world, *drums)
    assert code_of(lambda: manifests.close(actor=world.actor("depot"), manifest=first, now=NOW)) == "not_taken_back"
    back = manifests.send_back(actor=world.actor("depot"), manifest=first, now=NOW)
    assert manifests.send_back(actor=world.actor("depot"), manifest=first, now=NOW) == back
    assert (back.purpose, back.follows, back.receiver.name) == ("return", first, "演示firm")
    manifests.issue(actor=world.actor("depot"), manifest=back, now=NOW)
    assert {drum.state for drum in Container.objects.all()} == {"committed"}
    assert not turned_away(first).exists()
    manifests.depart(actor=world.actor("carrier"), manifest=back, now=NOW)
    manifests.receive(
        actor=world.actor("firm"),
        manifest=back,
        receipts=manifests.read_receipts(back, []),
        depot=world.depots["firm"],
        now=NOW,
    )
    for drum in Container.objects.all():
        assert (drum.state, drum.holder_id) == ("stored", world.organisations["firm"].pk)
        assert drum.storage_deadline is not None
    manifests.close(actor=world.actor("depot"), manifest=first, now=NOW)
    assert {line.taken_back_at for line in Line.objects.filter(manifest=first)} == {NOW}


def test_refused_drums_go_on_to_another_receiver(world: World) -> None:
    drum = world.drum()
    first = refused_all(world, drum)
    drum.refresh_from_db()
    onward = world.draft(drum, to="depot2")
    assert (onward.purpose, onward.follows) == ("onward", first)
    manifests.issue(actor=world.actor("firm"), manifest=onward, now=NOW)
    drum.refresh_from_db()
    with pytest.raises(Refused, match="container_not_free"):
        world.draft(drum, to="plant")
    manifests.depart(actor=world.actor("carrier"), manifest=onward, now=NOW)
    manifests.receive(
        actor=world.actor("depot2"),
        manifest=onward,
        receipts=manifests.read_receipts(onward, []),
        depot=world.depots["depot2"],
        now=NOW,
    )
    drum.refresh_from_db()
    assert (drum.state, drum.holder_id) == ("stored", world.organisations["depot2"].pk)
    assert manifests.close(actor=world.actor("depot"), manifest=first, now=NOW).state == "closed"


def test_a_return_called_off_before_departure_leaves_them_where_they_were(world: World) -> None:
    drum = world.drum()
    first = refused_all(world, drum)
    back = manifests.send_back(actor=world.actor("depot"), manifest=first, now=NOW)
    manifests.issue(actor=world.actor("depot"), manifest=back, now=NOW)
    manifests.cancel(actor=world.actor("depot"), manifest=back, reason="演示", now=NOW)
    drum.refresh_from_db()
    assert drum.state == "in_transit"
    assert turned_away(first).count() == 1
    taken = manifests.take_back(
        actor=world.actor("firm"), line=Line.objects.get(manifest=first), depot=world.depots["firm"], now=NOW
    )
    assert taken.state == "stored"


def test_who_may_send_back_and_on(world: World) -> None:
    drum = world.drum()
    first = refused_all(world, drum)
    drum.refresh_from_db()
    for name in ("firm", "carrier", "firm2"):
        with pytest.raises(NotPermitted):
            manifests.send_back(actor=world.actor(name), manifest=first, now=NOW)
    # Who refused it may send it back, but nowhere else.
    with pytest.raises(NotPermitted):
        world.draft(drum, sender="depot", to="plant")
    accepted = world.delivered(world.drum())
    with pytest.raises(Refused, match="nothing_turned_away"):
        manifests.send_back(actor=world.actor("depot"), manifest=accepted, now=NOW)
    with pytest.raises((Refused, NotFound)):
        world.draft(drum, sender="firm2", to="depot2")


def under_return(world: World) -> tuple[Container, Manifest, Manifest]:
    """A drum that the depot refused, on the lorry back to its firm."""
    drum = world.drum()
    first = refused_all(world, drum)
    back = manifests.send_back(actor=world.actor("depot"), manifest=first, now=NOW)
    manifests.issue(actor=world.actor("depot"), manifest=back, now=NOW)
    manifests.depart(actor=world.actor("carrier"), manifest=back, now=NOW)
    return drum, first, back


def test_a_first_manifest_closes_when_its_drums_are_home_not_before(world: World) -> None:
    _drum, first, back = under_return(world)
    depot = world.actor("depot")
    assert code_of(lambda: manifests.close(actor=depot, manifest=first, now=NOW)) == "not_taken_back"
    assert "close" not in turn_of(first, lines_of(first), depot).steps
    assert not waiting(depot).filter(pk=first.pk).exists()
    manifests.receive(
        actor=world.actor("firm"),
        manifest=back,
        receipts=manifests.read_receipts(back, []),
        depot=world.depots["firm"],
        now=NOW,
    )
    assert manifests.close(actor=depot, manifest=first, now=NOW).state == "closed"


def test_a_return_called_off_under_way_leaves_the_drum_to_its_firm(world: World) -> None:
    drum, first, back = under_return(world)
    manifests.propose(actor=world.actor("depot"), manifest=back, reason="演示", changes={}, now=NOW, cancels=True)
    manifests.approve(actor=world.actor("carrier"), manifest=back, now=NOW)
    assert Manifest.objects.get(pk=back.pk).state == "cancelled"
    drum.refresh_from_db()
    with pytest.raises((NotPermitted, Refused)):
        world.draft(drum, sender="depot", to="depot2")
    line = Line.objects.get(manifest=back)
    with pytest.raises(Refused, match="already_here"):
        manifests.take_back(actor=world.actor("depot"), line=line, depot=world.depots["depot"], now=NOW)
    assert turned_away(first).count() == 1
    taken = manifests.take_back(
        actor=world.actor("firm"), line=Line.objects.get(manifest=first), depot=world.depots["firm"], now=NOW
    )
    assert taken.holder_id == world.organisations["firm"].pk


def test_a_refused_return_waits_for_its_firm(world: World) -> None:
    drum, first, back = under_return(world)
    rows = [{"container": drum.code, "outcome": "rejected", "reason": "演示"}]
    manifests.receive(
        actor=world.actor("firm"),
        manifest=back,
        receipts=manifests.read_receipts(back, rows),
        depot=world.depots["firm"],
        now=NOW,
    )
    assert turned_away(first).count() == 1
    drum.refresh_from_db()
    assert world.draft(drum, to="depot2").follows == first


def test_what_goes_on_counts_in_the_plan_and_what_comes_home_in_no_yearly_mass(world: World) -> None:
    drum = world.drum()
    refused_all(world, drum)
    drum.refresh_from_db()
    onward = world.draft(drum, to="depot2")
    assert warnings(onward) == {"no_plan"}
    left = yearly_left([world.organisations["depot"]], TODAY)[world.organisations["depot"]]
    own = world.delivered(world.drum(), to="depot")
    manifests.receive(
        actor=world.actor("depot"),
        manifest=own,
        receipts=manifests.read_receipts(own, []),
        depot=world.depots["depot"],
        now=NOW,
    )
    (line,) = lines_of(own)
    line.container.refresh_from_db()
    away = world.delivered(line.container, sender="depot", to="plant")
    rows = [{"container": line.container.code, "outcome": "rejected", "reason": "演示"}]
    plant = world.actor("plant")
    manifests.receive(
        actor=plant,
        manifest=away,
        receipts=manifests.read_receipts(away, rows),
        depot=world.depots["plant"],
        now=NOW,
    )
    back = manifests.send_back(actor=plant, manifest=away, now=NOW)
    manifests.issue(actor=plant, manifest=back, now=NOW)
    now_left = yearly_left([world.organisations["depot"]], TODAY)[world.organisations["depot"]]
    assert left - now_left == 18_500


def test_what_bore_the_transfer_must_bear_it_when_it_departs(far: World) -> None:
    approval(far, valid_to=date(2026, 12, 1))
    manifest = far.issued(far.drum(), to="plant")
    said: dict[str, Any] = {"actor": far.actor("carrier"), "manifest": manifest}
    late = datetime(2026, 12, 2, 9, tzinfo=NOW.tzinfo)
    assert code_of(lambda: manifests.depart(**said, now=late)) == "approval_expired"
    assert manifests.depart(**said, now=later(1)).state == "in_transit"
    other = far.issued(far.drum())
    Permit.objects.filter(organisation=far.organisations["depot"]).update(valid_to=TODAY)
    fresh = Manifest.objects.get(pk=other.pk)
    assert code_of(lambda: manifests.depart(actor=far.actor("carrier"), manifest=fresh, now=later(1))) == (
        "permit_expired"
    )
