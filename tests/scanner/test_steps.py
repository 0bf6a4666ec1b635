"""What a scan does beside checking in: loading, undoing, weighing again, and what had happened without a network."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from depots import counts
from depots.models import Bay, Stay
from depots.selectors import bay_loads
from manifests import services as manifests
from manifests.models import Discrepancy, Line, Manifest
from scanner.models import Scan
from scanner.selectors import to_be_seen
from scanner.services import Answer, ScanRequest, note_seen, scan
from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.errors import Invalid, NotPermitted, Refused
from wastetrack.ledger.models import Entry
from wastetrack.waste.models import Container
from wastetrack.waste.services import log_waste

SOON = NOW + timedelta(minutes=5)


def scanned(
    world: World, who: str, text: str, nonce: str, intent: str = "check_in", now: Any = NOW, **more: Any
) -> Answer:
    return scan(actor=world.actor(who), request=ScanRequest(nonce, text, intent, **more), now=now)


def kinds(drum: Container) -> list[str]:
    return list(Entry.objects.filter(subject=drum.subject).order_by("id").values_list("kind", flat=True))


def undone(world: World, who: str, nonce: str, new: str = "undo", now: Any = SOON, **more: Any) -> Answer:
    return scanned(world, who, nonce, new, "undo", now, **more)


# --- checking out ---


def test_a_drum_is_ticked_off_on_the_manifest_that_sends_it(world: World) -> None:
    drum, other = world.drum(), world.drum()
    manifest = world.issued(drum, other)
    answer = scanned(world, "firm", drum.short_code, "1", "check_out")
    assert (answer.verdict, answer.flag) == ("accepted", None)
    assert kinds(drum)[-1] == "container.load"
    assert scanned(world, "carrier", drum.code, "2", "check_out").reason == "already_loaded"
    with pytest.raises(Refused, match="not_all_loaded"):
        manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    assert scanned(world, "carrier", other.code, "3", "check_out").verdict == "accepted"
    manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    assert scanned(world, "firm", drum.code, "4", "check_out").reason == "already_departed"


def test_what_no_manifest_sends_stays_here(world: World) -> None:
    drum = world.drum()
    assert scanned(world, "firm", drum.code, "1", "check_out").reason == "not_on_a_manifest"
    world.draft(drum)
    assert scanned(world, "firm", drum.code, "2", "check_out").reason == "not_on_a_manifest"


def test_a_drum_of_another_manifest_is_not_loaded_onto_this_one(world: World) -> None:
    drum, other = world.drum(), world.drum()
    world.issued(drum)
    second = world.issued(other)
    assert scanned(world, "firm", drum.code, "1", "check_out", manifest=second.number).reason == "other_manifest"
    assert Line.objects.get(container=drum).loaded_at is None


def test_a_receiver_and_a_stranger_load_nothing(world: World) -> None:
    drum = world.drum()
    world.issued(drum)
    assert scanned(world, "depot", drum.code, "1", "check_out").reason == "not_on_a_manifest"
    assert scanned(world, "firm2", drum.code, "2", "check_out").reason == "unknown_code"


# --- undoing ---


def test_a_receipt_is_taken_back(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    scanned(world, "depot", drum.code, "1", mass_kg="18.4")
    answer = undone(world, "depot", "1")
    assert (answer.verdict, answer.container) == ("accepted", drum)
    drum.refresh_from_db()
    manifest.refresh_from_db()
    assert (drum.state, drum.mass_g, drum.holder, drum.storage_deadline) == (
        "in_transit",
        18_500,
        world.organisations["carrier"],
        None,
    )
    assert (manifest.state, manifest.received_at) == ("delivered", None)
    assert not Stay.objects.filter(container=drum, left_at=None).exists()
    assert not Alert.objects.filter(about=drum.subject, resolved_at=None).exists()
    assert kinds(drum)[-2:] == ["container.receive", "container.unreceive"]
    assert scanned(world, "depot", drum.code, "2", now=SOON).verdict == "accepted"


def test_an_undone_receipt_leaves_no_difference_open(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "1", mass_kg="10")
    assert Container.objects.get(pk=drum.pk).disputed
    undone(world, "depot", "1")
    assert not Discrepancy.objects.exists()
    assert not Container.objects.get(pk=drum.pk).disputed


def test_an_own_drum_is_taken_out_of_the_store_again_and_may_be_voided(world: World) -> None:
    from depots.services import void
    from tests.world import DRUM

    firm = world.actor("firm")
    drum = log_waste(actor=firm, site=world.depots["firm"].site, data=DRUM, now=NOW)
    scanned(world, "firm", drum.code, "1")
    assert undone(world, "firm", "1").verdict == "accepted"
    drum.refresh_from_db()
    assert drum.state == "logged"
    assert void(actor=firm, container=drum, reason="重复", now=SOON).state == "voided"


def test_a_drum_goes_back_to_the_bay_where_it_stood(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "1", bay="A1")
    scanned(world, "depot", drum.code, "2", "put_away", bay="A2", now=SOON)
    assert undone(world, "depot", "2", now=SOON + timedelta(minutes=1)).verdict == "accepted"
    stay = Stay.objects.get(container=drum, left_at=None)
    assert stay.bay is not None
    assert stay.bay.code == "A1"


def test_a_drum_comes_off_the_vehicle_again(world: World) -> None:
    drum = world.drum()
    world.issued(drum)
    scanned(world, "carrier", drum.code, "1", "check_out")
    assert undone(world, "carrier", "1").verdict == "accepted"
    assert Line.objects.get(container=drum).loaded_at is None
    assert kinds(drum)[-1] == "container.unload"


def test_a_counted_label_is_taken_back(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "1", bay="A1")
    bay = Bay.objects.get(depot=world.depots["depot"], code="A1")
    count = counts.begin(actor=world.actor("depot"), bay=bay, now=NOW)
    assert scanned(world, "depot", drum.code, "2", "count", bay="A1").verdict == "accepted"
    assert undone(world, "depot", "2").verdict == "accepted"
    assert not count.lines.exists()


def test_only_the_last_own_scan_is_undone_once_and_soon(world: World) -> None:
    drum, other = world.drum(), world.drum()
    world.delivered(drum, other)
    assert undone(world, "depot", "1", "u0").reason == "nothing_to_undo"
    scanned(world, "depot", drum.code, "1")
    scanned(world, "depot", other.code, "2")
    assert undone(world, "depot", "1", "u1").reason == "not_the_last"
    assert undone(world, "depot2", "2", "u2").reason == "nothing_to_undo"
    assert undone(world, "depot", "2", "u3", now=NOW + timedelta(minutes=31)).reason == "too_late_to_undo"
    assert undone(world, "depot", "2", "u4").verdict == "accepted"
    assert undone(world, "depot", "2", "u4").verdict == "repeated"
    assert undone(world, "depot", "2", "u5").reason == "not_the_last"
    assert undone(world, "depot", "1", "u6").verdict == "accepted"


def test_another_devices_scan_is_not_the_last_of_this_one(world: World) -> None:
    drum, other = world.drum(), world.drum()
    world.delivered(drum, other)
    scanned(world, "depot", drum.code, "1", device="handheld")
    scanned(world, "depot", other.code, "2", device="phone")
    assert undone(world, "depot", "1", device="handheld").verdict == "accepted"


def test_what_has_gone_on_is_not_undone(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    scanned(world, "depot", drum.code, "1", mass_kg="10")
    line = manifest.lines.get()
    manifests.settle(actor=world.actor("firm"), manifest=manifest, line=line, mass_kg="18.5", note="", now=SOON)
    assert undone(world, "depot", "1").reason == "cannot_undo"
    second = world.drum()
    world.delivered(second)
    scanned(world, "depot", second.code, "2", now=SOON)
    second.refresh_from_db()
    world.issued(second, sender="depot", to="plant", now=SOON)
    assert undone(world, "depot", "2", "u2").reason == "cannot_undo"


# --- weighing again ---


@pytest.fixture
def differing(world: World) -> tuple[Manifest, Container]:
    drum = world.drum()
    manifest = world.delivered(drum)
    answer = scanned(world, "depot", drum.code, "1", mass_kg="17.5")
    assert answer.weigh_again
    return manifest, drum


def test_a_second_weighing_within_the_limits_ends_the_difference(world: World, differing: Any) -> None:
    manifest, drum = differing
    answer = scanned(world, "depot", drum.code, "2", mass_kg="18.4")
    assert (answer.verdict, answer.flag) == ("accepted", None)
    drum.refresh_from_db()
    assert (drum.mass_g, drum.disputed) == (18_400, False)
    found = Discrepancy.objects.get()
    assert (found.received_mass_g, found.settled_at) == (18_400, NOW)
    assert Line.objects.get(container=drum).received_mass_g == 18_400
    assert kinds(drum)[-1] == "container.weigh"
    manifests.close(actor=world.actor("depot"), manifest=manifest, now=NOW)


def test_a_second_weighing_that_differs_too_stands_and_stays_open(world: World, differing: Any) -> None:
    _, drum = differing
    answer = scanned(world, "depot", drum.code, "2", mass_kg="15")
    assert (answer.verdict, answer.flag) == ("accepted", "still_differs")
    found = Discrepancy.objects.get()
    assert (found.severity, found.received_mass_g, found.settled_at) == ("significant", 15_000, None)
    assert Container.objects.get(pk=drum.pk).mass_g == 15_000
    assert scanned(world, "depot", drum.code, "3", mass_kg="18.5").reason == "already_weighed_again"


def test_without_a_mass_it_is_only_here_already(world: World, differing: Any) -> None:
    _, drum = differing
    assert scanned(world, "depot", drum.code, "2").reason == "already_here"


def test_what_a_side_has_stated_is_not_weighed_away(world: World, differing: Any) -> None:
    manifest, drum = differing
    line = manifest.lines.get()
    manifests.settle(actor=world.actor("firm"), manifest=manifest, line=line, mass_kg="17.5", note="", now=NOW)
    assert scanned(world, "depot", drum.code, "2", mass_kg="18.5").reason == "already_stated"


def test_a_mass_as_declared_asks_for_nothing(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    assert not scanned(world, "depot", drum.code, "1", mass_kg="18.5").weigh_again


def test_the_limits_are_the_districts(world: World) -> None:
    from wastetrack.districts.services import set_figure

    regulator = world.actor("regulator")
    for key in ("notice_percent", "significant_percent"):
        set_figure(actor=regulator, key=f"mass_deviation.{key}", value="50", source="演示文件", now=NOW)
    drum = world.drum()
    world.delivered(drum)
    assert not scanned(world, "depot", drum.code, "1", mass_kg="10").weigh_again


# --- what had happened without a network ---


def full(world: World) -> None:
    Bay.objects.filter(depot=world.depots["depot"]).update(capacity_g=1_000)


def test_a_place_rule_that_is_broken_already_is_recorded_and_flagged(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    full(world)
    assert scanned(world, "depot", drum.code, "1", bay="A1").reason == "bay_full"
    answer = scanned(world, "depot", drum.code, "2", bay="A1", said="accepted")
    assert (answer.verdict, answer.flag) == ("accepted", "bay_full")
    assert Stay.objects.get(container=drum, left_at=None).bay is not None
    entry = Entry.objects.filter(subject=drum.subject).latest("id")
    assert entry.data["broken"] == "bay_full"
    (seen,) = to_be_seen(world.actor("depot"))
    assert (seen.nonce, seen.flag) == ("2", "bay_full")


def test_what_the_law_forbids_stays_refused_and_waits_for_somebody(world: World) -> None:
    drum = world.drum()
    answer = scanned(world, "depot", drum.code, "1", said="accepted")
    assert (answer.verdict, answer.reason) == ("refused", "no_manifest")
    depot = world.actor("depot")
    (waiting,) = to_be_seen(depot)
    assert waiting.nonce == "1"
    with pytest.raises(Invalid, match="invalid_fields"):
        note_seen(actor=depot, scan=waiting, note=" ", now=NOW)
    with pytest.raises(NotPermitted):
        note_seen(actor=world.actor("firm"), scan=waiting, note="退回", now=NOW)
    note_seen(actor=depot, scan=waiting, note="退回产废单位", now=NOW)
    assert not to_be_seen(depot).exists()
    with pytest.raises(Refused, match="already_seen"):
        note_seen(actor=depot, scan=waiting, note="again", now=NOW)


def test_a_refusal_online_waits_for_nobody(world: World) -> None:
    scanned(world, "depot", world.drum().code, "1")
    assert not to_be_seen(world.actor("depot")).exists()


def test_a_later_move_stands_when_an_earlier_one_is_told_afterwards(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "1", bay="A1")
    scanned(world, "depot", drum.code, "2", "put_away", now=later(1), bay="A2")
    # Scanned an hour before, by a device that was without a network until now.
    answer = scanned(
        world,
        "depot",
        drum.code,
        "3",
        "put_away",
        now=later(1) + timedelta(minutes=1),
        bay="A1",
        said="accepted",
        scanned_at=later(1) - timedelta(hours=1),
        sent_at=later(1) + timedelta(minutes=1),
    )
    assert (answer.verdict, answer.flag) == ("accepted", "moved_since")
    stay = Stay.objects.get(container=drum, left_at=None)
    assert stay.bay is not None
    assert stay.bay.code == "A2"


@pytest.mark.parametrize("wrong", [timedelta(days=9), timedelta(days=-9), timedelta(0)])
def test_a_clock_that_is_wrong_by_days_tells_how_long_ago_it_was(world: World, wrong: timedelta) -> None:
    drum = world.drum()
    world.delivered(drum)
    now = later(1)
    scanned(
        world,
        "depot",
        drum.code,
        "1",
        now=now,
        scanned_at=now - timedelta(minutes=10) + wrong,
        sent_at=now + wrong,
        device="手持 1",
        seq=7,
        said="accepted",
    )
    kept = Scan.objects.get()
    assert kept.happened_at == now - timedelta(minutes=10)
    assert kept.scanned_at == now - timedelta(minutes=10) + wrong
    assert (kept.recorded_at, kept.device, kept.seq, kept.said) == (now, "手持 1", 7, "accepted")
    assert Entry.objects.filter(subject=drum.subject).latest("id").event_time == now - timedelta(minutes=10)


def test_a_clock_ahead_that_does_not_say_when_it_sent_is_not_believed(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        scanned(world, "depot", world.drum().code, "1", scanned_at=later(9))
    assert [(error.field, error.code) for error in refused.value.errors] == [("scanned_at", "time_in_future")]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"device": "x" * 41}, "device"),
        ({"seq": -1}, "seq"),
        ({"said": "maybe"}, "said"),
        ({"said": "repeated"}, "said"),
    ],
)
def test_what_a_device_says_of_itself_is_checked(world: World, more: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        scanned(world, "depot", "x", "1", **more)
    assert [error.field for error in refused.value.errors] == [field]


# --- bays by their signs ---


def test_a_bay_is_named_by_its_sign_and_another_depots_is_told(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    own = Bay.objects.get(depot=world.depots["depot"], code="A2")
    foreign = Bay.objects.get(depot=world.depots["depot2"], code="A2")
    scanned(world, "depot", drum.code, "1", bay="A1")
    sign = "HTTP://127.0.0.1:8000/B/{}"
    assert scanned(world, "depot", drum.code, "2", "put_away", bay=sign.format(foreign.pk)).reason == "wrong_bay"
    nowhere = scanned(world, "depot", drum.code, "3", "put_away", bay=sign.format("9" * 20))
    assert nowhere.reason == "unknown_bay"
    assert scanned(world, "depot", drum.code, "4", "put_away", bay=sign.format(own.pk)).verdict == "accepted"
    assert [load.containers for load in bay_loads(world.depots["depot"])] == [0, 1]


# --- sent again, and in order ---


def test_what_is_sent_again_is_looked_up_before_anything_is_done(
    world: World, django_assert_max_num_queries: Any
) -> None:
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "1")
    actor = world.actor("depot")
    with django_assert_max_num_queries(1):
        again = scan(actor=actor, request=ScanRequest("1", drum.code, "check_in", again=True), now=SOON)
    assert (again.verdict, again.reason) == ("repeated", None)
    assert scanned(world, "depot", "other", "1", again=True).reason == "nonce_reused"
    assert scanned(world, "depot", drum.code, "never", again=True).reason == "already_here"


def test_a_slow_request_does_not_turn_a_devices_scans_round(world: World) -> None:
    """The first waited a minute on its way, the second a second: the second scan still happened after the first."""
    drum = world.drum()
    world.delivered(drum)
    scanned(world, "depot", drum.code, "0", bay="A1")
    now = later(1)
    device = {"device": "d", "said": "accepted"}
    slow = {"scanned_at": now, "sent_at": now}
    scanned(world, "depot", drum.code, "1", "put_away", now=now + timedelta(seconds=60), bay="A2", **slow, **device)
    quick = {"scanned_at": now + timedelta(seconds=2), "sent_at": now + timedelta(seconds=62)}
    answer = scanned(
        world, "depot", drum.code, "2", "put_away", now=now + timedelta(seconds=63), bay="A1", **quick, **device
    )
    assert (answer.verdict, answer.flag) == ("accepted", None)
    stay = Stay.objects.get(container=drum, left_at=None)
    assert stay.bay is not None
    assert stay.bay.code == "A1"
    first, second = Scan.objects.filter(device="d").order_by("id")
    assert first.happened_at <= second.happened_at
