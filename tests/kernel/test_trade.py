"""Rules of the trade that the main job does not cross: refusals, returns, settlements, treatment in parts, stock."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from depots.models import Bay, Depot, Stay
from depots.selectors import bay_fills, stock, totals
from depots.services import check_in, put_away, void
from manifests import services as manifests
from manifests.deviation import limits_in, severity_of
from manifests.models import Discrepancy, Line, Manifest
from manifests.services import Receipt, Treated
from scanner.services import Answer, ScanRequest, scan
from tests.world import DRUM, NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.errors import Invalid, NotPermitted, Refused
from wastetrack.parties.models import Organisation, Permit, Site, Vehicle
from wastetrack.waste.models import Container
from wastetrack.waste.services import log_waste


def scanned(world: World, name: str, drum: Container, nonce: str, **more: Any) -> Answer:
    request = ScanRequest(nonce, drum.code, more.pop("intent", "check_in"), **more)
    return scan(actor=world.actor(name), request=request, now=more.pop("now", NOW))


def receive(world: World, manifest: Manifest, *receipts: Receipt, at: Any = NOW) -> Manifest:
    name = "plant" if "treater" in manifest.receiver.role_set else "depot"
    return manifests.receive(
        actor=world.actor(name), manifest=manifest, receipts=receipts, depot=world.depots[name], now=at
    )


def line_of(manifest: Manifest, drum: Container) -> Line:
    return Line.objects.select_related("container").get(manifest=manifest, container=drum)


# --- stock ---


def test_a_drum_in_the_workshop_is_stored_by_a_scan_of_its_own_firm(world: World) -> None:
    site = world.depots["firm"].site
    drum = log_waste(actor=world.actor("firm"), site=site, data=DRUM, now=NOW)
    assert drum.state == "logged"
    assert scanned(world, "firm", drum, "1").verdict == "accepted"
    assert scanned(world, "firm", drum, "2").reason == "already_here"
    assert [stay.container_id for stay in stock(world.depots["firm"])] == [drum.pk]


def test_a_voided_drum_leaves_stock_and_clock(world: World) -> None:
    drum = world.drum()
    void(actor=world.actor("firm"), container=drum, reason="重复", now=NOW)
    assert not stock(world.depots["firm"]).exists()
    assert not Alert.objects.filter(about=drum.subject, resolved_at=None).exists()
    assert scanned(world, "firm", drum, "1").reason == "voided"


def test_a_full_bay_takes_no_more_and_the_next_one_is_proposed(world: World) -> None:
    bay = Bay.objects.get(depot=world.depots["depot"], code="A1")
    Bay.objects.filter(pk=bay.pk).update(capacity_g=30_000)
    first, second, third = world.drum(), world.drum(), world.drum()
    world.delivered(first, second, third)
    assert scanned(world, "depot", first, "1", bay="A1").verdict == "accepted"
    assert scanned(world, "depot", second, "2", bay="A1").reason == "bay_full"
    assert scanned(world, "depot", second, "3").verdict == "accepted"
    assert {fill.bay.code: fill.containers for fill in bay_fills(world.depots["depot"])} == {"A1": 1, "A2": 1}


def test_a_drum_moves_between_bays_of_its_depot_only(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum, "1", bay="A1")
    bay = Bay.objects.get(depot=world.depots["depot"], code="A2")
    put_away(actor=world.actor("depot"), container=drum, bay=bay, now=NOW)
    assert stock(world.depots["depot"]).get().bay == bay
    foreign = Bay.objects.filter(depot=world.depots["depot2"]).first()
    assert foreign is not None
    with pytest.raises(Refused, match="not_here"):
        put_away(actor=world.actor("depot2"), container=drum, bay=foreign, now=NOW)
    with pytest.raises(NotPermitted, match="not_your_depot"):
        put_away(actor=world.actor("depot"), container=drum, bay=foreign, now=NOW)


def test_a_container_has_one_place_whatever_the_code_believes(world: World) -> None:
    from django.db import IntegrityError, transaction

    drum = world.drum()
    with pytest.raises(IntegrityError), transaction.atomic():
        Stay.objects.create(container=drum, depot=world.depots["firm2"], entered_at=NOW, mass_in_g=1)


def test_stock_figures(world: World) -> None:
    world.drum(accumulation_start="2025-11-01")
    world.drum(accumulation_start="2025-12-01")
    world.drum()
    sweep(NOW)
    figures = totals(world.depots["firm"], now=NOW)
    assert (figures.containers, figures.mass_g, figures.overdue, figures.due_soon) == (3, 55_500, 1, 1)


# --- issuing ---


def test_every_problem_is_named_at_once(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["carrier"]).update(valid_to=date(2026, 1, 1))
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="HW31")
    manifest = world.draft(world.drum())
    with pytest.raises(Refused) as refused:
        manifests.issue(actor=world.actor("firm"), manifest=manifest, now=NOW)
    assert [error.code for error in refused.value.errors] == ["permit_lacks_code", "carrier_permit_expired"]
    assert Manifest.objects.get(pk=manifest.pk).state == "draft"


def test_an_expired_permit_says_so(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=date(2026, 11, 19))
    with pytest.raises(Refused, match="permit_expired"):
        world.issued(world.drum())


def test_a_permit_in_its_last_day_still_counts(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(valid_to=NOW.date())
    assert world.issued(world.drum()).state == "issued"


def test_a_single_code_of_a_permit_is_enough(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="900-249-08")
    assert world.issued(world.drum()).state == "issued"
    with pytest.raises(Refused, match="permit_lacks_code"):
        world.issued(world.drum(waste_code="900-214-08", form="L"))


def test_drafts_are_for_own_stored_drums_of_one_site(world: World) -> None:
    firm, depot = world.actor("firm"), world.organisations["depot"]
    with pytest.raises(Invalid) as foreign:
        manifests.draft(actor=firm, receiver=depot, containers=[world.drum("firm2")], now=NOW)
    assert foreign.value.errors[0].code == "not_your_container"
    with pytest.raises(Invalid) as nothing:
        manifests.draft(actor=firm, receiver=depot, containers=[], now=NOW)
    assert nothing.value.errors[0].code == "no_lines"
    drum = world.drum()
    world.issued(drum)
    drum.refresh_from_db()
    with pytest.raises(Refused, match="container_not_free"):
        manifests.draft(actor=firm, receiver=depot, containers=[drum], now=NOW)


def test_a_cancelled_manifest_frees_its_drums(world: World) -> None:
    drum = world.drum()
    manifest = world.issued(drum)
    with pytest.raises(NotPermitted):
        manifests.cancel(actor=world.actor("depot"), manifest=manifest, reason="x", now=NOW)
    manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="x", now=NOW)
    drum.refresh_from_db()
    assert drum.state == "stored"
    assert world.issued(drum).state == "issued"


def test_after_departure_nothing_is_cancelled(world: World) -> None:
    manifest = world.departed(world.drum())
    with pytest.raises(Refused, match="illegal_state"):
        manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="x", now=NOW)


def test_the_carrier_names_one_of_its_vehicles(world: World) -> None:
    manifest = world.issued(world.drum())
    carrier = world.actor("carrier")
    with pytest.raises(Invalid) as unknown:
        manifests.depart(actor=carrier, manifest=manifest, plate="浙A99999", now=NOW)
    assert unknown.value.errors[0].code == "unknown_vehicle"
    Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00002")
    with pytest.raises(Invalid) as which:
        manifests.depart(actor=carrier, manifest=manifest, now=NOW)
    assert which.value.errors[0].code == "vehicle_missing"
    gone = manifests.depart(actor=carrier, manifest=manifest, plate="浙d·00002", now=NOW)
    assert gone.legs.get().plate == "浙D00002"


def test_times_stay_in_order(world: World) -> None:
    manifest = world.issued(world.drum())
    carrier = world.actor("carrier")
    for at, code in ((later(1), "time_in_future"), (later(-1), "time_out_of_order")):
        with pytest.raises(Invalid) as refused:
            manifests.depart(actor=carrier, manifest=manifest, departed_at=at, now=NOW)
        assert refused.value.errors[0].code == code


# --- receipt ---


def test_receive_before_depart_is_refused(world: World) -> None:
    drum = world.drum()
    manifest = world.issued(drum)
    assert scanned(world, "depot", drum, "1").reason == "not_departed"
    with pytest.raises(Refused, match="illegal_state"):
        receive(world, manifest, Receipt(line_of(manifest, drum)))


def test_a_carrier_who_forgot_to_deliver_stops_nobody(world: World) -> None:
    first, second = world.drum(), world.drum()
    manifest = world.departed(first, second)
    assert scanned(world, "depot", first, "1").verdict == "accepted"
    manifest.refresh_from_db()
    assert (manifest.state, manifest.delivered_at) == ("delivered", NOW)
    assert scanned(world, "depot", second, "2").verdict == "accepted"
    manifest.refresh_from_db()
    assert manifest.state == "received"
    assert manifest.legs.get().arrived_at == NOW


def test_another_depot_is_told_and_shown_nothing(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    answer = scanned(world, "depot2", drum, "1")
    assert (answer.reason, answer.container) == ("wrong_depot", None)


def test_a_neighbour_firm_cannot_tell_a_hidden_drum_from_none(world: World) -> None:
    drum = world.drum()
    assert scanned(world, "firm2", drum, "1").reason == "unknown_code"
    assert scanned(world, "firm2", drum, "2", intent="lookup").reason == "unknown_code"


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [("aa", "received"), ("ar", "partly_received"), ("rr", "rejected")],
)
def test_the_last_line_decides_the_manifest(world: World, outcomes: str, state: str) -> None:
    drums = [world.drum(), world.drum()]
    manifest = world.delivered(*drums)
    receipts = [
        Receipt(line_of(manifest, drum), "accepted" if outcome == "a" else "rejected", None, "破损")
        for drum, outcome in zip(drums, outcomes, strict=True)
    ]
    assert receive(world, manifest, *receipts).state == state
    if "r" in outcomes:
        with pytest.raises(Refused, match="not_taken_back"):
            manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW)


def test_a_refused_drum_goes_home_and_its_clock_goes_on(world: World) -> None:
    drum = world.drum(accumulation_start="2026-11-01")
    due = drum.storage_deadline
    manifest = world.delivered(drum)
    receive(world, manifest, Receipt(line_of(manifest, drum), "rejected", None, "标签不符"))
    assert scanned(world, "depot", drum, "1").reason in {"no_manifest", "wrong_depot"}
    assert scanned(world, "firm", drum, "2").verdict == "accepted"
    drum.refresh_from_db()
    assert (drum.state, drum.holder_id, drum.storage_deadline) == ("stored", world.organisations["firm"].pk, due)
    assert Alert.objects.filter(about=drum.subject, state="watching").count() == 1
    assert manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW).state == "closed"


def test_being_sent_and_refused_resets_no_clock(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum, "1")
    drum.refresh_from_db()
    due, at = drum.storage_deadline, later(200)
    manifest = world.delivered(drum, sender="depot", to="plant", now=at)
    receive(world, manifest, Receipt(line_of(manifest, drum), "rejected", None, "超量"), at=at)
    manifests.take_back(
        actor=world.actor("depot"), line=line_of(manifest, drum), depot=world.depots["depot"], now=later(201)
    )
    drum.refresh_from_db()
    assert drum.storage_deadline == due


def test_a_line_is_received_once(world: World) -> None:
    drum, other = world.drum(), world.drum()
    manifest = world.delivered(drum, other)
    receive(world, manifest, Receipt(line_of(manifest, drum)))
    with pytest.raises(Refused, match="line_already_received"):
        receive(world, manifest, Receipt(line_of(manifest, drum)))


# --- differences in mass ---


@pytest.mark.parametrize(
    ("declared", "received", "severity"),
    [
        (100_000, 103_000, None),
        (100_000, 103_001, "notice"),
        (100_000, 96_999, "notice"),
        (10_000_000, 10_050_000, None),
        (10_000_000, 10_050_001, "notice"),
        (100_000, 110_000, "notice"),
        (100_000, 110_001, "significant"),
        (18_500, 17_900, "notice"),
    ],
)
def test_limits_of_deviation(db: None, declared: int, received: int, severity: str | None) -> None:
    assert severity_of(limits_in("330602"), declared, received) == severity


@pytest.fixture
def disputed(world: World) -> tuple[Manifest, Line]:
    drum = world.drum()
    manifest = world.delivered(drum)
    line = line_of(manifest, drum)
    receive(world, manifest, Receipt(line, mass_g=15_000))
    return manifest, line


def test_a_difference_is_settled_when_both_state_the_same(world: World, disputed: tuple[Manifest, Line]) -> None:
    manifest, line = disputed
    depot, firm = world.actor("depot"), world.actor("firm")
    say: dict[str, Any] = {"manifest": manifest, "line": line, "note": "", "now": NOW}
    with pytest.raises(NotPermitted):
        manifests.settle(actor=world.actor("carrier"), mass_kg="15", **say)
    manifests.settle(actor=depot, mass_kg="15.2", **say)
    with pytest.raises(Refused, match="settle_differs"):
        manifests.settle(actor=firm, mass_kg="18.5", **say)
    with pytest.raises(Refused, match="already_stated"):
        manifests.settle(actor=depot, mass_kg="15.2", **say)
    assert Discrepancy.objects.get().settled_at is None
    manifests.settle(actor=firm, mass_kg="15.2", **say)
    assert Discrepancy.objects.get().settled_at == NOW
    assert Container.objects.get(pk=line.container_id).mass_g == 15_200
    with pytest.raises(Refused, match="no_discrepancy"):
        manifests.settle(actor=firm, mass_kg="15.2", **say)


def test_a_drum_that_has_gone_on_does_not_block_the_settlement(world: World, disputed: tuple[Manifest, Line]) -> None:
    manifest, line = disputed
    drum = Container.objects.get(pk=line.container_id)
    world.departed(drum, sender="depot", to="plant")
    for name in ("depot", "firm"):
        manifests.settle(actor=world.actor(name), manifest=manifest, line=line, mass_kg="15.2", note="", now=NOW)
    drum.refresh_from_db()
    assert drum.mass_g == 15_000
    assert manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW).state == "closed"


# --- treatment ---


@pytest.fixture
def at_plant(world: World) -> tuple[Manifest, Line]:
    drum = world.drum()
    manifest = world.delivered(drum, to="plant")
    line = line_of(manifest, drum)
    receive(world, manifest, Receipt(line))
    return manifest, line


def treat(world: World, manifest: Manifest, *treatments: Treated, name: str = "plant") -> Manifest:
    return manifests.treat(actor=world.actor(name), manifest=manifest, treatments=treatments, now=NOW)


def test_a_drum_may_be_treated_in_parts_but_not_beyond_its_mass(world: World, at_plant: tuple[Manifest, Line]) -> None:
    manifest, line = at_plant
    treat(world, manifest, Treated(line.container, "R9", 10_000, NOW))
    assert Container.objects.get(pk=line.container_id).state == "stored"
    with pytest.raises(Refused, match="treated_too_much"):
        treat(world, manifest, Treated(line.container, "R9", 8_501, NOW))
    with pytest.raises(Refused, match="not_treated"):
        manifests.close(actor=world.actor("plant"), manifest=manifest, now=NOW)
    treat(world, manifest, Treated(line.container, "D10", 8_500, NOW))
    drum = Container.objects.get(pk=line.container_id)
    assert (drum.state, drum.storage_deadline) == ("treated", None)
    assert not stock(world.depots["plant"]).exists()
    assert scanned(world, "plant", drum, "1").reason == "treated"


@pytest.mark.parametrize(
    ("method", "code"), [("X1", "unknown_method"), ("", "unknown_method"), ("C5", "method_not_final")]
)
def test_a_treatment_names_how_the_waste_ended(
    world: World, at_plant: tuple[Manifest, Line], method: str, code: str
) -> None:
    manifest, line = at_plant
    with pytest.raises(Invalid) as refused:
        treat(world, manifest, Treated(line.container, method, 18_500, NOW))
    assert refused.value.errors[0].code == code


def test_treatment_comes_after_receipt_and_by_a_plant(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum, to="plant")
    line = line_of(manifest, drum)
    with pytest.raises(Refused, match="illegal_state"):
        treat(world, manifest, Treated(line.container, "R9", 18_500, NOW))
    with pytest.raises(NotPermitted):
        treat(world, manifest, Treated(line.container, "R9", 18_500, NOW), name="depot")
    second = world.drum()
    to_depot = world.delivered(second)
    receive(world, to_depot, Receipt(line_of(to_depot, second)))
    with pytest.raises(Refused, match="not_a_treater"):
        treat(world, to_depot, Treated(second, "R9", 18_500, NOW), name="depot")


# --- storage limits ---


def test_the_clock_follows_the_holder(world: World) -> None:
    drum = world.drum(accumulation_start="2026-11-01")
    assert drum.storage_deadline is not None
    assert drum.storage_deadline.astimezone(NOW.tzinfo).date() == date(2027, 11, 1)
    world.delivered(drum)
    drum.refresh_from_db()
    assert drum.storage_deadline is None
    scanned(world, "depot", drum, "1")
    drum.refresh_from_db()
    assert drum.storage_deadline.astimezone(NOW.tzinfo).date() == date(2027, 11, 20)
    assert drum.storage_clause == "storage_one_year"


def test_a_collection_permit_gives_ninety_working_days(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(kind="collection")
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum, "1")
    drum.refresh_from_db()
    assert drum.storage_clause == "collection_permit_90_days"
    assert drum.storage_deadline is not None
    assert drum.storage_deadline < later(150)


def test_own_drum_of_another_site_is_not_stored_here_twice(world: World) -> None:
    drum = world.drum()
    site = Site.objects.create(organisation=world.organisations["firm"], code="X" * 22, name="二厂", division="330602")
    second = Depot.objects.create(site=site, name="二库", kind="storage_point", facility_code="TS002")
    with pytest.raises(Refused, match="wrong_depot"):
        check_in(actor=world.actor("firm"), container=drum, depot=second, now=NOW)
    assert Organisation.objects.filter(pk=world.organisations["firm"].pk).exists()


# --- what must not come back ---


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [error.code for error in refused.value.errors]


def test_a_forgotten_draft_takes_nothing_out_of_anothers_store(world: World) -> None:
    drum = world.drum()
    forgotten = world.draft(drum, to="depot2")
    world.delivered(drum)
    scanned(world, "depot", drum, "1")
    with pytest.raises(Refused) as refused:
        manifests.issue(actor=world.actor("firm"), manifest=forgotten, now=NOW)
    assert codes(refused) == ["not_your_container"]
    assert stock(world.depots["depot"]).get().container == drum


def test_a_manifest_takes_only_what_stands_at_its_site(world: World) -> None:
    drum = world.drum()
    draft = world.draft(drum)
    site = Site.objects.create(organisation=world.organisations["firm"], code="X" * 22, name="二厂", division="330602")
    Stay.objects.update(depot=Depot.objects.create(site=site, name="二库", kind="storage_point", facility_code="TS002"))
    with pytest.raises(Refused) as refused:
        manifests.issue(actor=world.actor("firm"), manifest=draft, now=NOW)
    assert codes(refused) == ["not_at_site"]


def test_nobody_voids_a_drum_that_has_been_on_the_road(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    scanned(world, "depot", drum, "1")
    with pytest.raises(Refused, match="already_handed_over"):
        void(actor=world.actor("firm"), container=drum, reason="x", now=NOW)
    other = world.drum()
    manifest = world.delivered(other)
    receive(world, manifest, Receipt(line_of(manifest, other), "rejected", None, "破损"))
    scanned(world, "firm", other, "2")
    with pytest.raises(Refused, match="already_handed_over"):
        void(actor=world.actor("firm"), container=other, reason="x", now=NOW)


def test_nobody_voids_a_drum_that_stood_with_another_firm(world: World) -> None:
    drum = world.drum()
    Stay.objects.create(
        container=drum, depot=world.depots["depot"], entered_at=NOW, moved_at=NOW, mass_in_g=drum.mass_g, left_at=NOW
    )
    with pytest.raises(Refused, match="already_handed_over"):
        void(actor=world.actor("firm"), container=drum, reason="x", now=NOW)


def test_a_plant_treats_only_what_stands_with_it(world: World, at_plant: tuple[Manifest, Line]) -> None:
    manifest, line = at_plant
    world.add("plant2", "treater")
    world.add_depot("plant2", "plant_store", permit=world.permit("plant2", "HW08"))
    drum = Container.objects.get(pk=line.container_id)
    world.departed(drum, sender="plant", to="plant2")
    for mass_g in (1_000, 18_500):
        with pytest.raises(Refused, match="not_here"):
            treat(world, manifest, Treated(line.container, "R9", mass_g, NOW))


def test_a_partly_treated_drum_is_not_sent_on_at_its_full_mass(world: World, at_plant: tuple[Manifest, Line]) -> None:
    manifest, line = at_plant
    world.add("plant2", "treater")
    world.permit("plant2", "HW08")
    treat(world, manifest, Treated(line.container, "R9", 10_000, NOW))
    with pytest.raises(Refused) as refused:
        world.issued(Container.objects.get(pk=line.container_id), sender="plant", to="plant2")
    assert codes(refused) == ["partly_treated"]


def test_a_slip_in_a_statement_is_no_dead_end(world: World, disputed: tuple[Manifest, Line]) -> None:
    manifest, line = disputed
    say: dict[str, Any] = {"manifest": manifest, "line": line, "note": "", "now": NOW}
    manifests.settle(actor=world.actor("firm"), mass_kg="15.8", **say)
    manifests.settle(actor=world.actor("firm"), mass_kg="15.2", **say)
    manifests.settle(actor=world.actor("depot"), mass_kg="15.2", **say)
    assert Container.objects.get(pk=line.container_id).mass_g == 15_200


@pytest.mark.parametrize("mass_kg", ["1.85", "60000", "13.4", "20.4"])
def test_a_settlement_stays_near_what_was_weighed(world: World, disputed: tuple[Manifest, Line], mass_kg: str) -> None:
    manifest, line = disputed
    with pytest.raises(Refused, match="settle_out_of_range"):
        manifests.settle(actor=world.actor("firm"), manifest=manifest, line=line, mass_kg=mass_kg, note="", now=NOW)


def test_a_settled_mass_outlives_a_cancelled_manifest(world: World, disputed: tuple[Manifest, Line]) -> None:
    manifest, line = disputed
    onward = world.issued(Container.objects.get(pk=line.container_id), sender="depot", to="plant")
    for name in ("firm", "depot"):
        manifests.settle(actor=world.actor(name), manifest=manifest, line=line, mass_kg="18", note="", now=NOW)
    manifests.cancel(actor=world.actor("depot"), manifest=onward, reason="演示", now=NOW)
    assert Container.objects.get(pk=line.container_id).mass_g == 18_000


def test_a_depot_without_room_says_so(world: World) -> None:
    Bay.objects.filter(depot=world.depots["depot"]).update(capacity_g=10_000)
    drum = world.drum()
    world.delivered(drum)
    assert scanned(world, "depot", drum, "1").reason == "no_room"
    assert not stock(world.depots["depot"]).exists()


def test_who_was_named_on_a_cancelled_manifest_sees_nothing_more(world: World) -> None:
    drum = world.drum()
    manifest = world.issued(drum, to="depot2")
    depot2 = world.actor("depot2")
    assert Container.objects.visible_to(depot2).exists()
    manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="演示", now=NOW)
    assert not Container.objects.visible_to(depot2).exists()
    assert not Container.objects.visible_to(world.actor("carrier")).exists()
    assert Container.objects.visible_to(world.actor("regulator")).exists()
    drum.refresh_from_db()
    world.delivered(drum)
    scanned(world, "depot", drum, "1")
    assert not Container.objects.visible_to(depot2).exists()


def test_a_device_whose_clock_is_behind_moves_no_clock_of_ours(world: World) -> None:
    drum = log_waste(actor=world.actor("firm"), site=world.depots["firm"].site, data=DRUM, now=NOW)
    long_ago = NOW.replace(year=2001)
    scanned(world, "firm", drum, "1", scanned_at=long_ago)
    assert Stay.objects.get().entered_at == NOW
    drum.refresh_from_db()
    manifest = world.delivered(drum, now=later(1))
    receive(world, manifest, Receipt(line_of(manifest, drum), "rejected", None, "破损"), at=later(1))
    request = ScanRequest("2", drum.code, "check_in", scanned_at=long_ago)
    assert scan(actor=world.actor("firm"), request=request, now=later(2)).verdict == "accepted"
    assert Stay.objects.get(left_at=None).entered_at == later(1)


def test_waste_of_others_goes_into_no_storage_point(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    own = Depot.objects.create(
        site=world.depots["depot"].site, name="自有", kind="storage_point", facility_code="TS009"
    )
    with pytest.raises(Refused, match="wrong_depot"):
        manifests.receive(
            actor=world.actor("depot"),
            manifest=manifest,
            receipts=[Receipt(line_of(manifest, drum))],
            depot=own,
            now=NOW,
        )


def test_the_district_of_the_place_sees_what_stands_there(world: World) -> None:
    Site.objects.filter(pk=world.depots["depot"].site_id).update(division="330111")
    world.depots["depot"].site.refresh_from_db()
    drum = world.drum()
    world.delivered(drum)
    assert not Container.objects.visible_to(world.actor("regulator2")).exists()
    scanned(world, "depot", drum, "1")
    assert Container.objects.visible_to(world.actor("regulator2")).get() == drum


def test_a_drum_of_another_site_comes_by_manifest(world: World) -> None:
    site = Site.objects.create(organisation=world.organisations["firm"], code="X" * 22, name="二厂", division="330602")
    drum = log_waste(actor=world.actor("firm"), site=site, data=DRUM, now=NOW)
    assert scanned(world, "firm", drum, "1").reason == "wrong_depot"


LIQUID: dict[str, Any] = {"form": "L", "hazards": "C", "container_kind": "plastic_drum"}
ACID = {**LIQUID, "waste_code": "900-300-34", "name": "废酸"}
ALKALI = {**LIQUID, "waste_code": "900-352-35", "name": "废碱"}


def test_what_reacts_stands_in_no_bay_together(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="HW08 HW34 HW35")
    acid, alkali, third = world.drum(**ACID), world.drum(**ALKALI), world.drum(**ACID)
    world.delivered(acid, third)
    world.delivered(alkali)
    scanned(world, "depot", acid, "1")
    assert scanned(world, "depot", alkali, "2", bay="A1").reason == "bay_incompatible"
    assert scanned(world, "depot", alkali, "3").verdict == "accepted"
    assert {stay.container_id: stay.bay and stay.bay.code for stay in stock(world.depots["depot"])} == {
        acid.pk: "A1",
        alkali.pk: "A2",
    }
    Bay.objects.filter(depot=world.depots["depot"], code="A1").update(capacity_g=20_000)
    assert scanned(world, "depot", third, "4").reason == "no_safe_bay"
