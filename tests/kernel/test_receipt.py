"""Receipt: what is said of each line, totals, what else differs, and who is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.translation import override

from manifests import services as manifests
from manifests.models import Discrepancy, Line, Manifest
from manifests.selectors import legs_of, lines_of
from manifests.services import Receipt
from manifests.services.content import sha256
from manifests.verbs import Sent, perform
from scanner.services import ScanRequest, scan
from tests.world import NOW, PASSWORD, TODAY, World, later
from wastetrack.alerts.models import Alert
from wastetrack.errors import Invalid, Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Permit
from wastetrack.telling import tell
from wastetrack.waste.models import Container


def read(manifest: Manifest, *rows: dict[str, Any], **totals: Any) -> list[Receipt]:
    return manifests.read_receipts(manifest, rows, totals)


def field_codes(manifest: Manifest, *rows: dict[str, Any], **totals: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        read(manifest, *rows, **totals)
    return {error.field: error.code for error in caught.value.errors}


def receive(world: World, manifest: Manifest, *receipts: Receipt, now: Any = NOW, at: Any = None) -> Manifest:
    return manifests.receive(
        actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=world.depots["depot"], now=now, at=at
    )


def due(manifest: Manifest, kind: str) -> Alert | None:
    return Alert.objects.filter(kind=kind, about=manifest.subject, resolved_at=None).first()


# --- what is read ---


def test_every_problem_of_a_receipt_is_found_at_its_row(world: World) -> None:
    drums = [world.drum() for _ in range(6)]
    manifest = world.delivered(*drums)
    codes = [drum.code for drum in drums]
    assert field_codes(
        manifest,
        {"container": codes[0], "outcome": "accepted"},
        {"container": codes[1], "outcome": "rejected", "mass_kg": "0", "reason": "漏"},
        {"container": codes[2], "outcome": "rejected", "mass_kg": "20.351", "reason": "漏"},
        {"container": codes[3], "outcome": "rejected", "mass_kg": "18"},
        {"container": codes[4], "outcome": "maybe", "mass_kg": "18"},
        {"container": codes[5], "mass_kg": "18.5", "differs": ["colour"]},
        {"container": codes[5], "mass_kg": "18.5"},
        {"container": world.drum().code, "mass_kg": "18.5"},
    ) == {
        "lines.0.mass_kg": "mass_missing",
        "lines.1.mass_kg": "mass_zero",
        "lines.2.mass_kg": "refused_more_than_sent",
        "lines.3.reason": "reason_missing",
        "lines.4.outcome": "unknown_outcome",
        "lines.5.reason": "reason_missing",
        "lines.5.differs": "unknown_difference",
        "lines.6.container": "duplicate_line",
        "lines.7.container": "unknown_line",
    }


def test_refused_up_to_a_significant_difference_more_than_declared(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    (receipt,) = read(manifest, {"container": drum.code, "outcome": "rejected", "mass_kg": "20.35", "reason": "漏"})
    manifest = receive(world, manifest, receipt)
    line = manifest.lines.get()
    assert (manifest.state, line.received_mass_g, line.refused_mass_g) == ("rejected", None, 20_350)


@pytest.mark.parametrize(
    ("outcomes", "totals", "state"),
    [
        (("accepted", "accepted"), {"accepted_kg": "37", "refused_kg": "0"}, "received"),
        (("accepted", "rejected"), {"accepted_kg": "18.5", "refused_kg": "18.50"}, "partly_received"),
        (("rejected", "rejected"), {"accepted_kg": "0", "refused_kg": "37"}, "rejected"),
    ],
)
def test_totals_add_up_with_the_drums(world: World, outcomes: Any, totals: Any, state: str) -> None:
    drums = [world.drum(), world.drum()]
    manifest = world.delivered(*drums)
    rows = [
        {"container": drum.code, "outcome": outcome, "reason": "漏"}
        | ({"mass_kg": "18.5"} if outcome[0] == "a" else {})
        for drum, outcome in zip(drums, outcomes, strict=True)
    ]
    wrong = dict.fromkeys(totals, "36.999")
    assert set(field_codes(manifest, *rows, **wrong).values()) == {"totals_differ"}
    assert field_codes(manifest, *rows, accepted_kg="many") == {"accepted_kg": "mass_not_a_number"}
    assert receive(world, manifest, *read(manifest, *rows, **totals)).state == state


def test_totals_of_a_receipt_of_all_as_declared_add_up_too(world: World) -> None:
    manifest = world.delivered(world.drum())
    assert field_codes(manifest, accepted_kg="18") == {"accepted_kg": "totals_differ"}
    assert len(read(manifest, accepted_kg="18.5")) == 1


# --- what else differs ---


def test_what_is_not_what_was_declared_is_a_significant_difference_whatever_the_mass(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    row = {"container": drum.code, "mass_kg": "18.5", "differs": ["packaging", "name"], "reason": "塑料桶"}
    receive(world, manifest, *read(manifest, row))
    found = Discrepancy.objects.get()
    assert (found.severity, found.differs, found.note) == ("significant", "name packaging", "塑料桶")
    assert Container.objects.get(pk=drum.pk).disputed
    entry = Entry.objects.get(kind="manifest.discrepancy")
    assert entry.data["differs"] == "name packaging"
    readers = set(entry.readers.split())
    assert {f"o:{world.organisations['firm'].pk}", f"o:{world.organisations['depot'].pk}", "d:3306"} <= readers
    with pytest.raises(Refused) as caught:
        manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW)
    assert caught.value.code == "open_discrepancy"
    settle_both(world, manifest, "18.5")
    assert Discrepancy.objects.get().settled_at is not None


def test_weighing_again_does_not_make_it_what_was_declared(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    receipt = Receipt(manifest.lines.get(), mass_g=25_000, reason="塑料桶", differs=("packaging",))
    receive(world, manifest, receipt)
    line = Line.objects.select_related("manifest", "container").get()
    manifests.weigh_again(actor=world.actor("depot"), line=line, mass_g=18_500, now=NOW)
    assert Discrepancy.objects.get().settled_at is None


# --- who is told, and by when ---


def settle_both(world: World, manifest: Manifest, mass_kg: str) -> None:
    for side in ("firm", "depot"):
        for line in Line.objects.filter(manifest=manifest, discrepancy__settled_at=None, discrepancy__isnull=False):
            manifests.settle(actor=world.actor(side), manifest=manifest, line=line, mass_kg=mass_kg, note="", now=NOW)


def test_a_significant_difference_is_watched_until_both_have_settled(world: World) -> None:
    manifest = world.delivered(world.drum())
    receive(world, manifest, Receipt(manifest.lines.get(), mass_g=25_000))
    alert = due(manifest, "discrepancy")
    assert alert is not None
    assert (alert.organisation, alert.division) == (world.organisations["firm"], "330602")
    settle_both(world, manifest, "25")
    assert due(manifest, "discrepancy") is None


def test_no_mass_is_settled_below_what_is_treated_already(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    receive(world, manifest, Receipt(manifest.lines.get(), mass_g=25_000))
    Container.objects.filter(pk=drum.pk).update(treated_g=24_000)
    with pytest.raises(Refused) as caught:
        settle_both(world, manifest, "20")
    assert caught.value.code == "treated_too_much"
    assert Discrepancy.objects.get().settled_at is None


@pytest.mark.parametrize("treated_kg", ["18.5", "10"])
def test_what_is_treated_is_not_settled_away_by_the_first_statement_either(world: World, treated_kg: str) -> None:
    drum = world.drum()
    manifest = world.delivered(drum, to="plant")
    plant = world.actor("plant")
    manifest = manifests.receive(
        actor=plant, manifest=manifest, receipts=[Receipt(manifest.lines.get())], depot=world.depots["plant"], now=NOW
    )
    treated = manifests.Treated(Container.objects.get(pk=drum.pk), "R9", int(float(treated_kg) * 1000), NOW)
    manifests.treat(actor=plant, manifest=manifest, treatments=[treated], now=NOW)
    change = {"lines": [{"container": drum.code, "declared_mass_kg": "9"}]}
    manifests.propose(actor=world.actor("firm"), manifest=manifest, reason="写错", changes=change, now=NOW)
    manifests.approve(actor=plant, manifest=manifest, now=NOW)
    line = Line.objects.select_related("container").get()
    with pytest.raises(Refused) as caught:
        manifests.settle(actor=world.actor("firm"), manifest=manifest, line=line, mass_kg="9", note="", now=NOW)
    assert caught.value.code == "treated_too_much"
    assert not Discrepancy.objects.get().statements.exists()


def test_a_small_difference_alarms_nobody(world: World) -> None:
    manifest = world.delivered(world.drum())
    receive(world, manifest, Receipt(manifest.lines.get(), mass_g=19_500))
    assert Discrepancy.objects.get().severity == "notice"
    assert due(manifest, "discrepancy") is None


def test_weighed_again_within_the_limits_the_alarm_is_over(world: World) -> None:
    manifest = world.delivered(world.drum())
    receive(world, manifest, Receipt(manifest.lines.get(), mass_g=25_000))
    line = Line.objects.select_related("manifest", "container").get()
    manifests.weigh_again(actor=world.actor("depot"), line=line, mass_g=18_500, now=NOW)
    assert due(manifest, "discrepancy") is None


def test_receipt_is_due_from_arrival_until_the_last_drum_and_again_when_one_is_taken_back(world: World) -> None:
    drums = [world.drum(), world.drum()]
    manifest = world.departed(*drums)
    receive(world, manifest, Receipt(Line.objects.get(container=drums[0])))
    alert = due(manifest, "receipt")
    assert alert is not None
    assert alert.organisation == world.organisations["depot"]
    receive(world, manifest, Receipt(Line.objects.get(container=drums[1])))
    assert due(manifest, "receipt") is None
    line = Line.objects.select_related("manifest", "container").get(container=drums[1])
    newest = Entry.objects.filter(subject=drums[1].subject).latest("id")
    manifests.undo_receipt(actor=world.actor("depot"), line=line, entry_id=newest.pk, now=NOW)
    assert due(manifest, "receipt") is not None


def test_a_whole_receipt_on_the_road_leaves_nothing_due(world: World) -> None:
    manifest = world.departed(world.drum())
    manifest = receive(world, manifest, Receipt(manifest.lines.get()))
    assert (manifest.state, manifest.delivered_at) == ("received", NOW)
    assert due(manifest, "receipt") is None


# --- out of order, out of permit ---


def test_a_receipt_is_neither_before_departure_nor_in_the_future(world: World) -> None:
    manifest = world.departed(world.drum())
    for at, code in ((NOW - timedelta(hours=1), "time_out_of_order"), (later(1), "time_in_future")):
        with pytest.raises(Invalid) as caught:
            receive(world, manifest, Receipt(manifest.lines.get()), at=at)
        assert caught.value.errors[0].code == code


def test_a_receipt_is_not_before_the_arrival_was_told(world: World) -> None:
    manifest = world.departed(world.drum())
    manifest = manifests.deliver(actor=world.actor("carrier"), manifest=manifest, delivered_at=later(1), now=later(2))
    with pytest.raises(Invalid) as caught:
        receive(world, manifest, Receipt(manifest.lines.get()), at=later(0.9), now=later(2))
    assert caught.value.errors[0].code == "time_out_of_order"
    assert receive(world, manifest, Receipt(manifest.lines.get()), at=later(1), now=later(2)).state == "received"


def test_a_scan_by_a_clock_that_is_behind_counts_from_the_arrival_on(world: World) -> None:
    drum = world.drum()
    manifest = world.departed(drum)
    manifests.deliver(actor=world.actor("carrier"), manifest=manifest, delivered_at=later(1), now=later(2))
    scanned(world, drum, now=later(2), scanned_at=later(0.9))
    assert Line.objects.get().received_at == later(1)


# --- signed, or drum by drum ---


def scanned(world: World, drum: Container, now: Any = NOW, **said: Any) -> None:
    request = ScanRequest(nonce=f"n{drum.pk}", text=drum.code, intent="check_in", **said)
    assert scan(actor=world.actor("depot"), request=request, now=now).verdict == "accepted"


def test_every_signed_receipt_says_what_of_which_drum_was_found(world: World) -> None:
    drums = [world.drum() for _ in range(3)]
    manifest = world.delivered(*drums)
    shown = manifests.digest_of(manifest, lines_of(manifest), legs_of(manifest))
    parts: list[list[dict[str, Any]]] = [
        [
            {"container": drums[0].code, "mass_kg": "18.5", "differs": ["form"], "reason": "液体"},
            {"container": drums[1].code, "outcome": "rejected", "reason": "漏"},
        ],
        [{"container": drums[2].code, "mass_kg": "18.4"}],
    ]
    for rows in parts:
        sent = Sent(password=PASSWORD, shown=shown, lines=rows)
        perform("receive", actor=world.actor("depot"), number=manifest.number, sent=sent, now=NOW)
    first, last = (Entry.objects.get(kind=kind).data for kind in ("manifest.receipt", "manifest.receive_partly"))
    for data in (first, last):
        assert (data["confirmed"], data["meaning"]) == ("password", "receipt")
        assert data["content_sha256"] == sha256(data["content"])
        assert data["content"]["number"] == manifest.number
        assert data["content"]["manifest_sha256"] == shown
    assert first["content"]["lines"] == [
        {
            "container": drums[0].code,
            "outcome": "accepted",
            "mass_kg": "18.5",
            "differs": ["form"],
            "reason": "液体",
        },
        {"container": drums[1].code, "outcome": "rejected", "mass_kg": None, "differs": [], "reason": "漏"},
    ]
    assert last["content"]["lines"] == [
        {"container": drums[2].code, "outcome": "accepted", "mass_kg": "18.4", "differs": [], "reason": ""}
    ]
    with override("en"):
        assert tell("manifest.receipt", first).lines == ("Accepted: 1, refused: 1", "Signed by the receiver")


def test_a_receipt_by_scan_claims_no_signature(world: World) -> None:
    drums = [world.drum(), world.drum()]
    world.delivered(*drums)
    for drum in drums:
        scanned(world, drum)
    assert not Entry.objects.filter(kind="manifest.receipt").exists()
    data = Entry.objects.get(kind="manifest.receive").data
    assert data["meaning"] == "receive_by_scan"
    assert {"content", "content_sha256", "confirmed"}.isdisjoint(data)
    with override("en"):
        assert tell("manifest.receive", data).lines == ("Confirmed by the receiver drum by drum, by scan",)


@pytest.mark.parametrize("lapse", [{"valid_to": TODAY - timedelta(days=1)}, {"codes": "HW49"}])
def test_what_the_permit_no_longer_covers_is_received_and_flagged(world: World, lapse: dict[str, Any]) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    Permit.objects.filter(organisation=world.organisations["depot"]).update(**lapse)
    world.depots["depot"].refresh_from_db()
    manifest = Manifest.objects.get(pk=manifest.pk)
    receive(world, manifest, Receipt(manifest.lines.get()))
    assert Entry.objects.get(kind="container.receive").data["permit_lapsed"] is True
    assert not Discrepancy.objects.exists()


def test_another_permit_that_covers_it_is_enough(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    old = Permit.objects.filter(organisation=world.organisations["depot"])
    old.update(valid_to=TODAY - timedelta(days=1), number="旧证")
    world.permit("depot", "HW08")
    world.depots["depot"].refresh_from_db()
    manifest = Manifest.objects.get(pk=manifest.pk)
    receive(world, manifest, Receipt(manifest.lines.get()))
    assert "permit_lapsed" not in Entry.objects.get(kind="container.receive").data
