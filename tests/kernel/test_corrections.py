"""Corrections after a signature: who may propose, who must agree, and what follows when all have."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from manifests import services as manifests
from manifests.corrections import totals_json
from manifests.models import Correction, Discrepancy, Line, Manifest
from manifests.selectors import legs_of, lines_of
from manifests.services import Receipt
from manifests.turns import turn_of, waiting
from manifests.verbs import Sent, perform
from tests.world import NOW, PASSWORD, TODAY, World, later
from wastetrack.alerts.models import Alert
from wastetrack.errors import Invalid, NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Permit, Vehicle
from wastetrack.waste.models import Container, Derivation


def received(world: World, *drums: Container, mass_g: int | None = None, to: str = "depot") -> Manifest:
    manifest = world.delivered(*drums, to=to)
    receipts = [Receipt(line, mass_g=mass_g) for line in manifest.lines.select_related("container")]
    return manifests.receive(
        actor=world.actor(to), manifest=manifest, receipts=receipts, depot=world.depots[to], now=NOW
    )


def propose(
    world: World, who: str, manifest: Manifest, *rows: dict[str, Any], now: Any = NOW, **own: Any
) -> Correction:
    changes = {"lines": list(rows), **own}
    return manifests.propose(actor=world.actor(who), manifest=manifest, reason="写错", changes=changes, now=now)


def approve(world: World, who: str, manifest: Manifest, now: Any = NOW) -> Correction:
    return manifests.approve(actor=world.actor(who), manifest=manifest, now=now)


def code_of(call: Any) -> str:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


def field_codes(call: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        call()
    return {error.field: error.code for error in caught.value.errors}


def line_of(manifest: Manifest, drum: Container) -> Line:
    return Line.objects.get(manifest=manifest, container=drum)


def mass(drum: Container) -> int:
    return Container.objects.get(pk=drum.pk).mass_g


# --- who proposes, who agrees ---


def test_before_anybody_signed_there_is_nothing_to_correct(world: World) -> None:
    drum = world.drum()
    manifest = world.draft(drum)
    row = {"container": drum.code, "mass_kg": "19"}
    assert code_of(lambda: propose(world, "firm", manifest, row)) == "still_a_draft"


def test_before_departure_only_the_sender_has_signed_and_it_holds_at_once(world: World) -> None:
    drum = world.drum()
    manifest = world.issued(drum)
    correction = propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "19.25"})
    manifest.refresh_from_db()
    assert (correction.consents.count(), Correction.objects.get().state) == (0, "approved")
    assert (line_of(manifest, drum).mass_g, mass(drum), manifest.version) == (19_250, 19_250, 2)
    assert Correction.objects.get().version == 2


def test_before_departure_no_correction_goes_past_permits_and_vehicles(world: World) -> None:
    Permit.objects.filter(organisation=world.organisations["depot"]).update(yearly_mass_g=20_000)
    Vehicle.objects.update(capacity_g=200_000)
    drum = world.drum()
    manifest = world.issued(drum)
    with pytest.raises(Refused) as caught:
        propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "250"})
    assert [error.code for error in caught.value.errors] == ["permit_mass_exceeded", "too_heavy_for_carrier"]
    assert (mass(drum), Correction.objects.exists()) == (18_500, False)
    # What it uses up itself is not counted twice.
    propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "24"})
    assert mass(drum) == 24_000


def test_what_is_not_of_the_drums_is_corrected_whatever_has_run_out_since(world: World) -> None:
    manifest = world.issued(world.drum())
    Permit.objects.filter(organisation=world.organisations["depot"]).update(codes="HW31")
    propose(world, "firm", manifest, contract="合同 1")
    assert Manifest.objects.get(pk=manifest.pk).contract == "合同 1"


def test_on_the_road_sender_and_carrier_must_agree(world: World) -> None:
    drum = world.drum()
    manifest = world.departed(drum)
    correction = propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "19"})
    assert [one.organisation_id for one in correction.consents.all()] == [world.organisations["carrier"].pk]
    assert mass(drum) == 18_500
    approve(world, "carrier", manifest)
    assert mass(drum) == 19_000


def test_of_two_carriers_both_must_agree(world: World) -> None:
    drum = world.drum()
    manifest = world.departed(drum)
    world.add("carrier2", "carrier", role="driver")
    world.permit("carrier2", "", kind="transport")
    Vehicle.objects.create(organisation=world.organisations["carrier2"], plate="浙D00002", capacity_g=10_000_000)
    manifest = manifests.hand_over(
        actor=world.actor("carrier"),
        manifest=manifest,
        carrier=world.organisations["carrier2"],
        place="服务区",
        now=NOW,
    )
    manifest = manifests.take_over(actor=world.actor("carrier2"), manifest=manifest, now=NOW)
    propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "19"})
    approve(world, "carrier", manifest)
    assert mass(drum) == 18_500
    assert code_of(lambda: approve(world, "carrier", manifest)) == "already_agreed"
    approve(world, "carrier2", manifest)
    assert mass(drum) == 19_000


def test_after_a_receipt_sender_and_receiver_agree_and_the_carrier_is_not_asked(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    correction = propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "18.6"})
    assert [one.organisation_id for one in correction.consents.all()] == [world.organisations["firm"].pk]
    row = {"container": drum.code, "mass_kg": "18.7"}
    assert code_of(lambda: propose(world, "carrier", manifest, row)) == "correction_open"
    manifests.withdraw(actor=world.actor("depot"), manifest=manifest, now=NOW)
    assert code_of(lambda: propose(world, "carrier", manifest, row)) == "nothing_signed"


def test_the_carriage_is_corrected_with_its_carrier_even_after_a_receipt(world: World) -> None:
    Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00009", capacity_g=10_000_000)
    drum = world.drum()
    manifest = manifests.issue(actor=world.actor("firm"), manifest=world.draft(drum), now=NOW)
    manifest = manifests.depart(actor=world.actor("carrier"), manifest=manifest, plate="浙D00001", now=NOW)
    manifest = manifests.receive(
        actor=world.actor("depot"),
        manifest=manifest,
        receipts=[Receipt(manifest.lines.get())],
        depot=world.depots["depot"],
        now=NOW,
    )
    propose(world, "carrier", manifest, vehicle="浙D·00009")
    approve(world, "firm", manifest)
    approve(world, "depot", manifest)
    assert manifest.legs.get().plate == "浙D00009"
    errors = field_codes(lambda: propose(world, "firm", manifest, vehicle="浙D0000I"))
    assert errors == {"vehicle": "plate_format"}
    assert field_codes(lambda: propose(world, "firm", manifest, vehicle="浙D00003")) == {"vehicle": "unknown_vehicle"}


def test_a_vehicle_that_could_not_have_departed_is_not_corrected_to(world: World) -> None:
    other = Vehicle.objects.create(organisation=world.organisations["carrier"], plate="浙D00009")
    manifest = manifests.issue(actor=world.actor("firm"), manifest=world.draft(world.drum()), now=NOW)
    manifest = manifests.depart(actor=world.actor("carrier"), manifest=manifest, plate="浙D00001", now=NOW)
    others = manifests.issue(actor=world.actor("firm"), manifest=world.draft(world.drum()), now=NOW)
    manifests.depart(actor=world.actor("carrier"), manifest=others, plate="浙D00009", now=NOW)
    row = {"vehicle": "浙D00009"}
    for change, code in (
        ({"valid_to": TODAY - timedelta(days=1)}, "vehicle_expired"),
        ({"valid_to": None, "capacity_g": 36_999}, "vehicle_overloaded"),
    ):
        Vehicle.objects.filter(pk=other.pk).update(**change)
        assert field_codes(lambda: propose(world, "firm", manifest, **row)) == {"vehicle": code}
    Vehicle.objects.filter(pk=other.pk).update(capacity_g=37_000)
    propose(world, "firm", manifest, **row)
    Vehicle.objects.filter(pk=other.pk).update(capacity_g=36_999)
    assert field_codes(lambda: approve(world, "carrier", manifest)) == {"vehicle": "vehicle_overloaded"}
    manifests.deliver(actor=world.actor("carrier"), manifest=others, now=NOW)
    Vehicle.objects.filter(pk=other.pk).update(capacity_g=18_500)
    # The other load had arrived when this one set out.
    manifest.legs.update(departed_at=NOW)
    approve(world, "carrier", manifest)
    assert manifest.legs.get().plate == "浙D00009"


def test_a_signature_is_for_the_proposal_that_was_shown_whoever_else_has_agreed(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)

    def shown() -> str:
        return manifests.digest_of(manifest, list(manifest.lines.select_related("container")), legs_of(manifest))

    call_off(world, "firm", manifest)
    first = shown()
    approve(world, "carrier", manifest)
    assert shown() == first
    manifests.withdraw(actor=world.actor("firm"), manifest=manifest, now=NOW)
    propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "99"})
    sent = Sent(password=PASSWORD, shown=first)
    call = lambda: perform(  # noqa: E731
        "approve", actor=world.actor("carrier"), number=manifest.number, sent=sent, now=NOW
    )
    assert code_of(call) == "changed_since_shown"
    assert mass(drum) == 18_500


def test_nobody_agrees_to_his_own_and_a_stranger_to_nothing(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    row = {"container": drum.code, "mass_kg": "18.6"}
    assert code_of(lambda: propose(world, "plant", manifest, row)) == "not_your_part"
    assert code_of(lambda: propose(world, "viewer", manifest, row)) == "read_only"
    propose(world, "depot", manifest, row)
    assert code_of(lambda: approve(world, "depot", manifest)) == "own_proposal"
    assert code_of(lambda: approve(world, "regulator", manifest)) == "not_your_part"
    decline = manifests.decline
    assert (
        code_of(lambda: decline(actor=world.actor("depot"), manifest=manifest, reason="不", now=NOW)) == "own_proposal"
    )
    assert (
        code_of(lambda: decline(actor=world.actor("carrier"), manifest=manifest, reason="不", now=NOW))
        == "not_your_part"
    )
    with pytest.raises(NotPermitted):
        manifests.withdraw(actor=world.actor("firm"), manifest=manifest, now=NOW)


def test_one_is_open_at_a_time_and_one_refusal_ends_it(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    row = {"container": drum.code, "mass_kg": "18.6"}
    propose(world, "depot", manifest, row)
    assert code_of(lambda: propose(world, "firm", manifest, row)) == "correction_open"
    assert field_codes(
        lambda: manifests.decline(actor=world.actor("firm"), manifest=manifest, reason=" ", now=NOW)
    ) == {"reason": "reason_missing"}
    manifests.decline(actor=world.actor("firm"), manifest=manifest, reason="磅单不同", now=NOW)
    assert code_of(lambda: approve(world, "firm", manifest)) == "correction_over"
    assert (mass(drum), Correction.objects.get().state) == (18_500, "declined")
    propose(world, "firm", manifest, row)


def test_consent_to_what_was_withdrawn_or_replaced_is_none(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    first = propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "18.6"})
    manifests.withdraw(actor=world.actor("depot"), manifest=manifest, now=NOW)
    assert code_of(lambda: approve(world, "firm", manifest)) == "correction_over"
    propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "99"})
    firm = world.actor("firm")
    assert (
        code_of(lambda: manifests.approve(actor=firm, manifest=manifest, correction_id=str(first.pk), now=NOW))
        == "correction_over"
    )
    assert mass(drum) == 18_500


@pytest.mark.parametrize("state", ["closed", "rejected", "cancelled"])
def test_what_is_closed_refused_or_called_off_is_not_corrected(world: World, state: str) -> None:
    drum = world.drum()
    row = {"container": drum.code, "mass_kg": "19"}
    if state == "cancelled":
        manifest = manifests.cancel(actor=world.actor("firm"), manifest=world.issued(drum), reason="不送", now=NOW)
    elif state == "rejected":
        manifest = world.delivered(drum)
        refused = [Receipt(manifest.lines.get(), "rejected", reason="漏")]
        depot = world.depots["depot"]
        actor = world.actor("depot")
        manifest = manifests.receive(actor=actor, manifest=manifest, receipts=refused, depot=depot, now=NOW)
    else:
        manifest = manifests.close(actor=world.actor("depot"), manifest=received(world, drum), now=NOW)
    assert manifest.state == state
    assert code_of(lambda: propose(world, "firm", manifest, row)) == "illegal_state"


def test_nothing_is_closed_while_a_correction_is_open(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "18.6"})
    close = lambda: manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW)  # noqa: E731
    assert code_of(close) == "correction_open"
    assert manifest not in waiting(world.actor("depot"))
    assert manifest in waiting(world.actor("firm"))
    proposal = Correction.objects.get()
    lines = list(manifest.lines.all())
    assert turn_of(manifest, lines, world.actor("firm"), proposal=proposal).steps == ("approve", "decline")
    assert turn_of(manifest, lines, world.actor("depot"), proposal=proposal).steps == ("withdraw",)


def take_in(world: World, manifest: Manifest, *drums: Container, mass_g: int | None = None, **more: Any) -> Manifest:
    manifest.refresh_from_db()
    receipts = [Receipt(line_of(manifest, drum), mass_g=mass_g) for drum in drums]
    given = {"now": NOW, **more}
    return manifests.receive(
        actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=world.depots["depot"], **given
    )


def test_who_receives_after_it_was_proposed_is_asked_too(world: World) -> None:
    drum = world.drum()
    manifest = world.departed(drum)
    correction = propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "10"})
    take_in(world, manifest, drum)
    asked = Entry.objects.get(kind="correction.ask")
    assert asked.data["asked"] == ["演示depot"]
    proposal = Correction.objects.prefetch_related("consents").get()
    assert "approve" in turn_of(manifest, list(manifest.lines.all()), world.actor("depot"), proposal=proposal).steps
    approve(world, "carrier", manifest)
    assert line_of(manifest, drum).mass_g == 18_500
    assert not Discrepancy.objects.exists()
    approve(world, "depot", manifest)
    correction.refresh_from_db()
    assert (correction.state, line_of(manifest, drum).mass_g) == ("approved", 10_000)
    assert Discrepancy.objects.get().declared_mass_g == 10_000


def test_a_carrier_whose_load_is_received_need_not_agree_any_more(world: World) -> None:
    drum = world.drum()
    manifest = world.departed(drum)
    correction = propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "18.6"})
    take_in(world, manifest, drum)
    approve(world, "depot", manifest)
    correction.refresh_from_db()
    assert (correction.state, line_of(manifest, drum).mass_g) == ("approved", 18_600)
    assert [one.organisation.name for one in correction.consents.all()] == ["演示depot"]


def test_approving_itself_asks_whoever_is_missing(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    propose(world, "firm", manifest, {"container": drum.code, "declared_mass_kg": "18.6"})
    Correction.objects.get().consents.update(organisation=world.organisations["carrier"])
    approve(world, "carrier", manifest)
    assert line_of(manifest, drum).mass_g == 18_500
    approve(world, "depot", manifest)
    assert line_of(manifest, drum).mass_g == 18_600


def test_the_mass_of_a_receipt_that_was_taken_back_is_not_corrected(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum, world.drum())
    propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "19"})
    entry = Entry.objects.filter(subject=drum.subject).latest("pk")
    line = Line.objects.select_related("manifest", "container").get(manifest=manifest, container=drum)
    manifests.undo_receipt(actor=world.actor("depot"), line=line, entry_id=entry.pk, now=NOW)
    assert code_of(lambda: approve(world, "depot", manifest)) == "correction_stale"


# --- what is read ---


def test_every_problem_is_found_at_its_field(world: World) -> None:
    drum, other, stranger = world.drum(), world.drum(), world.drum()
    manifest = received(world, drum, other)
    rows = (
        {"container": drum.code, "mass_kg": "0", "form": "X", "waste_code": "900-041-49", "name": " "},
        {"container": other.code, "hazards": ["R"], "container_kind": "hat", "received_at": later(1)},
        {"container": stranger.code, "mass_kg": "1"},
        {"container": other.short_code, "mass_kg": "1"},
    )
    with pytest.raises(Invalid) as caught:
        manifests.propose(
            actor=world.actor("depot"),
            manifest=manifest,
            reason="",
            changes={"lines": rows, "contract": "x" * 61},
            now=NOW,
        )
    assert {error.field: error.code for error in caught.value.errors} == {
        "reason": "reason_missing",
        "lines.0.mass_kg": "mass_zero",
        "lines.0.form": "unknown_form",
        "lines.0.waste_code": "code_on_label",
        "lines.0.name": "missing",
        "lines.1.hazards": "hazards_not_of_code",
        "lines.1.container_kind": "unknown_container_kind",
        "lines.1.received_at": "time_in_future",
        "lines.2.container": "unknown_line",
        "lines.3.container": "duplicate_line",
        "contract": "too_long",
    }


def test_what_is_so_already_changes_nothing(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    row = {"container": drum.code, "mass_kg": "18.50", "name": drum.name, "received_at": NOW}
    assert code_of(lambda: propose(world, "depot", manifest, row)) == "nothing_changes"


def test_a_receipt_lies_between_arrival_and_the_next_step(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    early = {"container": drum.code, "received_at": NOW - timedelta(hours=1)}
    assert field_codes(lambda: propose(world, "depot", manifest, early)) == {"lines.0.received_at": "time_out_of_order"}
    waiting_drum = world.drum()
    on_its_way = world.delivered(waiting_drum)
    row = {"container": waiting_drum.code, "received_at": NOW}
    assert field_codes(lambda: propose(world, "firm", on_its_way, row)) == {"lines.0.received_at": "not_received"}
    drum.refresh_from_db()
    onward = world.departed(drum, sender="depot", to="plant", now=later(1))
    assert onward.state == "in_transit"
    late = {"container": drum.code, "received_at": later(1.5)}
    assert field_codes(lambda: propose(world, "depot", manifest, late, now=later(2))) == {
        "lines.0.received_at": "time_after_next"
    }


# --- what follows ---


def test_mass_stock_and_difference_follow_and_the_log_says_what_was(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "28.5"})
    approve(world, "firm", manifest)
    line = line_of(manifest, drum)
    assert (line.mass_g, line.received_mass_g, mass(drum)) == (18_500, 28_500, 28_500)
    found = Discrepancy.objects.get(line=line)
    assert (found.severity, found.received_mass_g, found.settled_at) == ("significant", 28_500, NOW)
    said = {(one.side, one.mass_g, one.by.username) for one in found.statements.all()}
    assert said == {("sender", 28_500, "firm"), ("receiver", 28_500, "depot")}, "to agree is to state: nobody is asked"
    assert not Container.objects.get(pk=drum.pk).disputed
    assert not Alert.objects.filter(kind="discrepancy", about=manifest.subject, resolved_at=None).exists()
    entry = Entry.objects.get(kind="manifest.correct")
    assert entry.data["changes"] == [
        {"container": drum.code, "field": "mass_kg", "old": "18.5", "new": "28.5"},
    ]
    assert entry.data["version"] == 2
    propose(world, "firm", manifest, {"container": drum.code, "declared_mass_kg": "28.5"})
    approve(world, "depot", manifest)
    found.refresh_from_db()
    assert found.settled_at is not None
    assert not Container.objects.get(pk=drum.pk).disputed
    assert not Alert.objects.filter(kind="discrepancy", about=manifest.subject, resolved_at=None).exists()
    assert mass(drum) == 28_500


def test_what_a_drum_is_follows_and_settles_that_it_was_other_than_declared(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    receipts = [Receipt(manifest.lines.get(), reason="是塑料桶", differs=("packaging",))]
    depot = world.depots["depot"]
    manifest = manifests.receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    propose(world, "depot", manifest, {"container": drum.code, "container_kind": "plastic_drum", "name": "废塑料桶"})
    approve(world, "firm", manifest)
    drum.refresh_from_db()
    assert (drum.container_kind, drum.name, drum.disputed) == ("plastic_drum", "废塑料桶", False)
    assert Discrepancy.objects.get().settled_at is not None


def test_a_settled_difference_stays_settled_when_only_a_name_is_put_right(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum, mass_g=25_000)
    for side in ("firm", "depot"):
        line = Line.objects.select_related("container").get(manifest=manifest)
        manifests.settle(actor=world.actor(side), manifest=manifest, line=line, mass_kg="24.9", note="", now=NOW)
    propose(world, "depot", manifest, {"container": drum.code, "name": "废漆桶"})
    approve(world, "firm", manifest)
    assert Discrepancy.objects.get().settled_at is not None
    correction = propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "25.1"})
    assert correction.data[0]["old"] == "24.9"


def test_the_storage_time_follows_when_it_was_received(world: World) -> None:
    drum = world.drum()
    manifest = world.departed(drum)
    manifest = manifests.receive(
        actor=world.actor("depot"),
        manifest=manifest,
        receipts=[Receipt(manifest.lines.get())],
        depot=world.depots["depot"],
        now=later(5),
    )
    before = Container.objects.get(pk=drum.pk).storage_deadline
    propose(world, "depot", manifest, {"container": drum.code, "received_at": later(3)}, now=later(6))
    approve(world, "firm", manifest, now=later(6))
    after = Container.objects.get(pk=drum.pk).storage_deadline
    assert before is not None
    assert after == before - timedelta(days=2)
    assert Alert.objects.get(kind="storage", about=drum.subject, resolved_at=None).due_at == after
    manifest.refresh_from_db()
    assert (manifest.delivered_at, manifest.received_at) == (later(3), later(3))
    assert drum.stays.get(depot=world.depots["depot"]).entered_at == later(3)


def test_the_days_to_receive_the_rest_follow_the_arrival_that_the_receipt_told(world: World) -> None:
    drum, other = world.drum(), world.drum()
    manifest = world.departed(drum, other)
    take_in(world, manifest, drum, now=later(4))
    due = lambda: Alert.objects.get(kind="receipt", about=manifest.subject, resolved_at=None).due_at  # noqa: E731
    before = due()
    propose(world, "firm", manifest, {"container": drum.code, "received_at": later(1)}, now=later(4))
    approve(world, "depot", manifest, now=later(4))
    manifest.refresh_from_db()
    assert (manifest.delivered_at, manifest.legs.get().arrived_at) == (later(1), later(1))
    assert due() < before


def test_what_a_return_brought_back_is_back_when_it_was_received(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    depot = world.actor("depot")
    refused = [Receipt(line_of(manifest, drum), "rejected", reason="漏")]
    manifests.receive(actor=depot, manifest=manifest, receipts=refused, depot=world.depots["depot"], now=NOW)
    back = manifests.send_back(actor=depot, manifest=Manifest.objects.get(pk=manifest.pk), now=NOW)
    back = manifests.issue(actor=depot, manifest=back, now=NOW)
    back = manifests.depart(actor=world.actor("carrier"), manifest=back, now=NOW)
    firm, receipts = world.actor("firm"), [Receipt(back.lines.get())]
    manifests.receive(actor=firm, manifest=back, receipts=receipts, depot=world.depots["firm"], now=later(2))
    propose(world, "depot", back, {"container": drum.code, "received_at": later(1)}, now=later(2))
    approve(world, "firm", back, now=later(2))
    assert line_of(manifest, drum).taken_back_at == line_of(back, drum).received_at == later(1)
    entry = Entry.objects.filter(subject=drum.subject).latest("pk")
    line = Line.objects.select_related("manifest", "container").get(manifest=back)
    manifests.undo_receipt(actor=firm, line=line, entry_id=entry.pk, now=later(3))
    assert line_of(manifest, drum).taken_back_at is None


def test_what_came_out_of_it_follows(world: World) -> None:
    from depots.regroup import split
    from wastetrack.waste.lineage import Part

    drum = world.drum()
    manifest = received(world, drum)
    parts = [Part("steel_drum", 100, 10_000), Part("steel_drum", 100, 8_500)]  # type: ignore[arg-type]
    drum = Container.objects.get(pk=drum.pk)
    split(actor=world.actor("depot"), container=drum, parts=parts, now=NOW)
    propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "20"})
    approve(world, "firm", manifest)
    assert sum(edge.mass_g for edge in Derivation.objects.filter(parent=drum)) == 20_000


def test_a_drum_that_has_gone_on_keeps_the_mass_signed_there(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    drum = Container.objects.get(pk=drum.pk)
    onward = world.departed(drum, sender="depot", to="plant", now=later(1))
    propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "18.6"}, now=later(2))
    approve(world, "firm", manifest, now=later(2))
    assert (line_of(manifest, drum).received_mass_g, mass(drum)) == (18_600, 18_500)
    row = {"container": drum.code, "name": "别的"}
    assert field_codes(lambda: propose(world, "depot", manifest, row, now=later(2))) == {"lines.0.name": "gone_on"}
    assert onward.lines.get().mass_g == 18_500


def test_a_drum_that_is_announced_onward_keeps_what_is_signed_there(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum)
    onward = world.issued(Container.objects.get(pk=drum.pk), sender="depot", to="plant", now=later(1))
    propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "10"}, now=later(2))
    approve(world, "firm", manifest, now=later(2))
    assert (line_of(manifest, drum).received_mass_g, mass(drum), onward.lines.get().mass_g) == (10_000, 18_500, 18_500)
    row = {"container": drum.code, "name": "别的"}
    with pytest.raises(Invalid) as caught:
        propose(world, "depot", manifest, row, now=later(2))
    (error,) = caught.value.errors
    assert (error.code, error.params["manifest"]) == ("gone_on", onward.number)
    propose(world, "depot", manifest, {"container": drum.code, "declared_mass_kg": "30"}, now=later(2))
    approve(world, "firm", manifest, now=later(2))
    line = Line.objects.select_related("manifest", "container").get(manifest=manifest)
    manifests.weigh_again(actor=world.actor("depot"), line=line, mass_g=11_000, now=later(2))
    assert (line_of(manifest, drum).received_mass_g, mass(drum)) == (11_000, 18_500)
    for side in ("firm", "depot"):
        line = Line.objects.select_related("container").get(manifest=manifest)
        manifests.settle(actor=world.actor(side), manifest=manifest, line=line, mass_kg="12", note="", now=later(2))
    assert (line_of(manifest, drum).received_mass_g, mass(drum)) == (12_000, 18_500)


def test_what_is_agreed_on_is_what_was_received_and_what_is_corrected_later(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum, mass_g=22_000)
    for side in ("firm", "depot"):
        line = Line.objects.select_related("container").get(manifest=manifest)
        manifests.settle(actor=world.actor(side), manifest=manifest, line=line, mass_kg="20", note="", now=NOW)
    assert (line_of(manifest, drum).received_mass_g, mass(drum)) == (20_000, 20_000)
    assert Discrepancy.objects.get().received_mass_g == 22_000
    assert totals_json(lines_of(manifest))["accepted_kg"] == "20"
    propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "18.6"})
    approve(world, "depot", manifest)
    again = propose(world, "firm", manifest, {"container": drum.code, "mass_kg": "20"})
    assert [(change["old"], change["new"]) for change in again.data] == [("18.6", "20")]


def test_no_mass_below_what_is_treated(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum, to="plant")
    Container.objects.filter(pk=drum.pk).update(treated_g=10_000)
    low = {"container": drum.code, "mass_kg": "9.999"}
    assert field_codes(lambda: propose(world, "plant", manifest, low)) == {"lines.0.mass_kg": "treated_too_much"}
    Container.objects.filter(pk=drum.pk).update(treated_g=18_500)
    done = Container.objects.get(pk=drum.pk)
    from wastetrack.lifecycle.services import advance

    advance([done], "treat", actor=world.actor("plant"), position="manifest", now=NOW)
    more = {"container": drum.code, "mass_kg": "20"}
    assert field_codes(lambda: propose(world, "plant", manifest, more)) == {"lines.0.mass_kg": "treated"}


def test_what_changed_meanwhile_ends_the_proposal(world: World) -> None:
    drum = world.drum()
    manifest = received(world, drum, mass_g=25_000)
    propose(world, "depot", manifest, {"container": drum.code, "mass_kg": "24"})
    line = Line.objects.select_related("manifest", "container").get(manifest=manifest)
    manifests.weigh_again(actor=world.actor("depot"), line=line, mass_g=23_000, now=NOW)
    assert code_of(lambda: approve(world, "firm", manifest)) == "correction_stale"
    sent = Sent(password=PASSWORD)
    with pytest.raises(Refused) as caught:
        perform("approve", actor=world.actor("firm"), number=manifest.number, sent=sent, now=NOW)
    assert caught.value.code == "correction_stale"
    assert Correction.objects.get().state == "withdrawn"
    assert mass(drum) == 23_000


# --- called off under way ---


def call_off(world: World, who: str, manifest: Manifest) -> Correction:
    return manifests.propose(
        actor=world.actor(who), manifest=manifest, reason="路断了", changes={}, cancels=True, now=NOW
    )


def test_called_off_on_the_road_by_consent_the_drums_turn_back(world: World) -> None:
    drum = world.drum()
    manifest = world.departed(drum)
    call_off(world, "carrier", manifest)
    approve(world, "firm", manifest)
    manifest.refresh_from_db()
    drum.refresh_from_db()
    assert (manifest.state, drum.state, drum.holder_id) == (
        "cancelled",
        "in_transit",
        world.organisations["carrier"].pk,
    )
    assert turn_of(manifest, list(manifest.lines.all()), world.actor("firm")).steps == ("take_back",)
    assert manifest in waiting(world.actor("firm"))
    line = Line.objects.select_related("manifest", "container").get(manifest=manifest)
    manifests.take_back(actor=world.actor("firm"), line=line, depot=world.depots["firm"], now=NOW)
    drum.refresh_from_db()
    assert (drum.state, drum.holder_id) == ("stored", world.organisations["firm"].pk)
    assert manifest not in waiting(world.actor("firm"))
    again = lambda: manifests.take_back(  # noqa: E731
        actor=world.actor("firm"), line=line, depot=world.depots["firm"], now=NOW
    )
    assert code_of(again) == "already_here"


def test_at_the_gate_the_receiver_must_agree_too(world: World) -> None:
    manifest = world.delivered(world.drum())
    assert Alert.objects.filter(kind="receipt", about=manifest.subject, resolved_at=None).exists()
    correction = call_off(world, "firm", manifest)
    asked = {one.organisation.name for one in correction.consents.select_related("organisation")}
    assert asked == {"演示carrier", "演示depot"}
    approve(world, "carrier", manifest)
    approve(world, "depot", manifest)
    manifest.refresh_from_db()
    assert manifest.state == "cancelled"
    assert not Alert.objects.filter(kind="receipt", about=manifest.subject, resolved_at=None).exists()


def test_never_after_a_receipt(world: World) -> None:
    drums = [world.drum(), world.drum()]
    manifest = world.departed(*drums)
    call_off(world, "firm", manifest)
    manifests.receive(
        actor=world.actor("depot"),
        manifest=manifest,
        receipts=[Receipt(line_of(manifest, drums[0]))],
        depot=world.depots["depot"],
        now=NOW,
    )
    with pytest.raises(Refused) as caught:
        perform("approve", actor=world.actor("carrier"), number=manifest.number, sent=Sent(password=PASSWORD), now=NOW)
    assert caught.value.code == "already_received"
    assert Correction.objects.get().state == "withdrawn"
    assert code_of(lambda: call_off(world, "firm", manifest)) == "already_received"
