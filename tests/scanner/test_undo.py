"""Undo takes back just what the scan did, while nobody has built on it; and nobody is told what he may not see."""

from __future__ import annotations

from datetime import timedelta

from depots import counts
from depots.models import Bay, CountLine, Stay
from manifests import services as manifests
from manifests.models import Discrepancy
from scanner.models import Scan
from scanner.selectors import to_be_seen
from scanner.services import note_seen
from tests.scanner.test_steps import SOON, kinds, scanned, undone
from tests.world import NOW, World
from wastetrack.ledger.models import Entry
from wastetrack.waste.models import Container


def bay_of(drum: Container) -> str:
    stay = Stay.objects.get(container=drum, left_at=None)
    return stay.bay.code if stay.bay else ""


def in_a1(world: World) -> Container:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "n0", bay="A1")
    return drum


def test_an_undo_of_one_batch_is_not_taken_for_the_scan_before_it(world: World) -> None:
    drum = in_a1(world)
    Bay.objects.create(depot=world.depots["depot"], code="A3")
    scanned(world, "depot", drum.code, "n1", "put_away", SOON, bay="A2")
    scanned(world, "depot", drum.code, "n2", "put_away", SOON, bay="A3")
    assert scanned(world, "depot", "n2", "u2", "undo", SOON).verdict == "accepted"
    assert scanned(world, "depot", "n1", "u1", "undo", SOON).reason == "cannot_undo"
    assert bay_of(drum) == "A2"


def test_a_receipt_is_not_undone_by_the_undo_of_a_move(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "n1", bay="A1", now=SOON)
    scanned(world, "depot", drum.code, "n2", "put_away", SOON, bay="A2")
    scanned(world, "depot", "n2", "u2", "undo", SOON)
    assert scanned(world, "depot", "n1", "u1", "undo", SOON).reason == "cannot_undo"
    assert Container.objects.get(pk=drum.pk).state == "stored"


def test_a_move_goes_back_to_the_bay_itself_whatever_it_is_called_now(world: World) -> None:
    drum = in_a1(world)
    first = Bay.objects.get(depot=world.depots["depot"], code="A1")
    scanned(world, "depot", drum.code, "n1", "put_away", SOON, bay="A2")
    Bay.objects.filter(pk=first.pk).update(code="OLD")
    Bay.objects.filter(depot=world.depots["depot"], code="A2").update(code="A1")
    assert undone(world, "depot", "n1").verdict == "accepted"
    assert bay_of(drum) == "OLD"


def test_a_label_counted_on_another_device_stays_counted(world: World) -> None:
    for bay in Bay.objects.filter(depot=world.depots["depot"]):
        counts.begin(actor=world.actor("depot"), bay=bay, now=NOW)
    scanned(world, "depot", "LABEL-ONE", "n1", "count", device="d1", bay="A1")
    scanned(world, "depot", "LABEL-TWO", "n2", "count", device="d2", bay="A2")
    assert scanned(world, "depot", "n1", "u", "undo", SOON, device="d1").verdict == "accepted"
    assert [line.text for line in CountLine.objects.all()] == ["LABEL-TWO"]


def test_an_older_difference_stays_open_when_a_receipt_is_undone(world: World) -> None:
    drum = world.drum(mass_kg="100")
    world.delivered(drum)
    scanned(world, "depot", drum.code, "1", mass_kg="50", bay="A1")
    drum.refresh_from_db()
    world.delivered(drum, sender="depot", to="plant")
    scanned(world, "plant", drum.code, "2")
    assert undone(world, "plant", "2").verdict == "accepted"
    assert Discrepancy.objects.filter(settled_at=None).count() == 1
    assert Container.objects.get(pk=drum.pk).disputed


def test_a_closed_manifest_is_not_opened_by_an_undo(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    scanned(world, "depot", drum.code, "1")
    manifests.close(actor=world.actor("depot"), manifest=manifest, now=SOON)
    assert undone(world, "depot", "1").reason == "cannot_undo"


# --- what is told ---


def test_a_repeated_answer_shows_no_drum_that_is_hidden_now(world: World) -> None:
    drum = world.drum()
    manifest = world.issued(drum)
    assert scanned(world, "depot", drum.code, "1").container == drum
    manifests.cancel(actor=world.actor("firm"), manifest=manifest, reason="x", now=NOW)
    again = scanned(world, "depot", drum.code, "1")
    assert (again.verdict, again.reason, again.container) == ("repeated", "not_departed", None)


def test_what_a_device_lets_happen_after_our_refusal_was_lost_is_looked_at(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    Bay.objects.filter(depot=world.depots["depot"], code="A1").update(capacity_g=1_000)
    assert scanned(world, "depot", drum.code, "1", bay="A1").reason == "bay_full"
    again = scanned(world, "depot", drum.code, "1", bay="A1", now=SOON, said="accepted")
    assert (again.verdict, again.reason) == ("repeated", "bay_full")
    assert [scan.nonce for scan in to_be_seen(world.actor("depot"))] == ["1"]


def test_what_the_device_itself_stopped_is_kept_and_does_nothing(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    before = kinds(drum)
    answer = scanned(world, "depot", drum.code, "1", said="refused", reason="bay_full", bay="A1")
    assert (answer.verdict, answer.reason, kinds(drum)) == ("refused", "bay_full", before)
    assert scanned(world, "depot", drum.code, "2", said="refused", reason="<b>").reason == "stopped_by_device"
    kept = Scan.objects.get(nonce="1")
    assert (kept.intent, kept.verdict, kept.bay_asked, kept.said) == ("check_in", "refused", "A1", "refused")
    assert not to_be_seen(world.actor("depot")).exists()


def test_who_once_had_a_drum_writes_nothing_into_its_life(world: World) -> None:
    drum = in_a1(world)
    scanned(world, "carrier", drum.code, "x", "put_away", SOON, said="accepted", bay="A1")
    found = Scan.objects.get(nonce="x")
    note_seen(actor=world.actor("carrier"), scan=found, note="anything", now=SOON + timedelta(minutes=1))
    assert "container.scan_seen" not in kinds(drum)
    entry = Entry.objects.latest("id")
    assert (entry.kind, entry.subject) == ("scan.seen", f"scan:{found.pk}")
    assert not entry.addressed_to(world.actor("depot"))
