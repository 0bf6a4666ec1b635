"""What can be wrong in a depot, with a bay or with a label: each watch at its boundary, its words, and what ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from depots import counts
from depots.bays import remove_bay, save_bay
from depots.models import Bay, Depot, Stay
from depots.regroup import split
from depots.services import check_in, log_into, move_back, put_away, take_out, void
from labels.services import print_labels
from manifests import services as manifests
from manifests.models import Line, Manifest
from manifests.services import Receipt
from tests.pages.visitors import Visitor
from tests.world import DRUM, NOW, World, later
from wastetrack.alerts.models import Alert, Severity
from wastetrack.alerts.registry import watch_of
from wastetrack.alerts.selectors import explain
from wastetrack.alerts.services import settle, sweep
from wastetrack.districts.services import set_figure, set_pair, tighten, withdraw
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Membership, User
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container
from wastetrack.waste.services import log_waste, state_reactions

pytestmark = pytest.mark.once

ACID: dict[str, Any] = {"waste_code": "900-300-34", "name": "废酸", "hazards": ["C", "T"]}
ALKALI: dict[str, Any] = {"waste_code": "900-352-35", "name": "废碱", "hazards": ["C", "T"]}
UNSTATED: dict[str, Any] = {"waste_code": "900-041-49", "name": "含油抹布", "hazards": ["T"]}
OIL: dict[str, Any] = {"waste_code": "900-214-08", "name": "废矿物油", "hazards": ["T", "I"], "form": "L"}
SOON = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def begun(world: World) -> None:
    """Everything was looked at once: from now on the log says what to look at."""
    sweep(NOW)


def bay(world: World, code: str = "A1", **data: Any) -> Bay:
    """A bay of the firm's storage point, set up or changed."""
    depot = world.depots["firm"]
    there = Bay.objects.filter(depot=depot, code=code).select_related("depot__site").first()
    return save_bay(actor=world.actor("firm"), depot=depot, data={"code": code, **data}, now=NOW, bay=there)


def put(world: World, place: Bay | None = None, **changes: Any) -> Container:
    """A new drum that stands there."""
    data = {**DRUM, **changes}
    return log_into(actor=world.actor("firm"), depot=world.depots["firm"], data=data, now=NOW, bay=place)


def moved(world: World, drum: Container, place: Bay, breaches: list[Refused] | None = None) -> None:
    """The drum is put elsewhere; with `breaches`, by a device without a network, which nobody could stop."""
    put_away(actor=world.actor("firm"), container=drum, bay=place, now=NOW, breaches=breaches)


def received(world: World, *drums: Container, to: str = "depot", mass_g: int | None = None) -> Manifest:
    manifest = world.delivered(*drums, to=to)
    receipts = [Receipt(line, mass_g=mass_g) for line in manifest.lines.select_related("container")]
    depot = world.depots[to]
    return manifests.receive(actor=world.actor(to), manifest=manifest, receipts=receipts, depot=depot, now=NOW)


def about(row: Depot | Bay | Container) -> str:
    return row.subject if isinstance(row, Container) else f"{type(row).__name__.lower()}:{row.pk}"


def alert(kind: str, row: Depot | Bay | Container) -> Alert | None:
    """The alert about it that is not resolved."""
    return Alert.objects.filter(kind=kind, about=about(row), resolved_at=None).select_related("organisation").first()


def state(kind: str, row: Depot | Bay | Container, now: datetime = SOON) -> str:
    """Its alert's state once the log has been read, and the sentence in both languages as a check; else empty."""
    sweep(now)
    found = alert(kind, row)
    if found is None:
        return ""
    for language in ("en", "zh-hans"):
        with override(language):
            words = explain(found, now)
            assert "%(" not in words.sentence + words.link + words.action
    return str(found.state)


def sentence(kind: str, row: Depot | Bay | Container, now: datetime = SOON) -> str:
    found = alert(kind, row)
    assert found is not None
    with override("en"):
        return explain(found, now).sentence


def newest(drum: Container) -> int:
    entry = Entry.objects.filter(subject=drum.subject).order_by("-id").first()
    assert entry is not None
    return int(entry.pk)


# --- a storage point and its three tonnes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mass_kg", "found"),
    [("2399.999", ""), ("2400", "warned"), ("3000", "warned"), ("3000.001", "overdue")],
)
def test_a_storage_point_holds_three_tonnes_and_not_a_gram_more(world: World, mass_kg: str, found: str) -> None:
    put(world, mass_kg=mass_kg)
    assert state("storage_point", world.depots["firm"]) == found


def test_a_storage_point_that_holds_too_much_says_since_when_until_it_is_emptied(world: World) -> None:
    point, first, second = world.depots["firm"], put(world, mass_kg="2000"), put(world, mass_kg="1000")
    assert state("storage_point", point) == "warned"
    said = sentence("storage_point", point)
    assert "3 t stand in storage point 演示firm贮存 of 演示firm" in said
    third = put(world, mass_kg="0.5")
    assert state("storage_point", point, later(1)) == "overdue"
    assert "since 2026-11-21: 3.0005 t" in sentence("storage_point", point)
    # What else happens there does not change since when.
    put(world, mass_kg="1")
    assert state("storage_point", point, later(3)) == "overdue"
    assert "since 2026-11-21: 3.0015 t" in sentence("storage_point", point)
    world.departed(first, second, third, now=later(3))
    assert state("storage_point", point, later(3)) == ""


def test_who_is_told_that_a_storage_point_holds_too_much(world: World) -> None:
    point = world.depots["firm"]
    put(world, mass_kg="3001")
    assert state("storage_point", point) == "overdue"
    found = alert("storage_point", point)
    assert found is not None
    assert (found.severity, found.for_district, found.division) == (Severity.ALARM, False, "330602")
    assert found.organisation == world.organisations["firm"]
    assert explain(found, SOON).citation is not None
    assert state("storage_point", point, later(8)) == "escalated"
    assert Alert.objects.get(pk=found.pk).for_district


def test_the_three_tonnes_are_those_of_a_firms_own_point_alone(world: World) -> None:
    received(world, put(world, mass_kg="4000"))
    assert state("storage_point", world.depots["depot"]) == ""


def test_what_a_storage_point_holds_follows_the_districts_and_the_firms_figure(world: World) -> None:
    point = world.depots["firm"]
    put(world, mass_kg="1900")
    assert state("storage_point", point) == ""
    tighten(actor=world.actor("firm"), key="storage_point.warn_percent", value=60, now=NOW)
    assert state("storage_point", point) == "warned"
    row = set_figure(
        actor=world.actor("regulator"), key="storage_point.max_kg", value=1800, source="演示文件1号", now=NOW
    )
    assert state("storage_point", point) == "overdue"
    withdraw(actor=world.actor("regulator"), row=row, now=NOW)
    assert state("storage_point", point) == "warned"
    tighten(actor=world.actor("firm"), key="storage_point.warn_percent", value=None, now=NOW)
    assert state("storage_point", point) == ""


def _void(world: World, drum: Container) -> None:
    void(actor=world.actor("firm"), container=drum, reason="多登了", now=NOW)


def _depart(world: World, drum: Container) -> None:
    world.departed(drum)


def _take_out(world: World, drum: Container) -> None:
    take_out(actor=world.actor("firm"), container=drum, entry_id=newest(drum), now=NOW)


@pytest.mark.parametrize("go", [_void, _depart, _take_out])
def test_however_a_drum_goes_its_place_is_looked_at(world: World, go: Callable[[World, Container], None]) -> None:
    point = world.depots["firm"]
    place = bay(world, capacity_kg="4000")
    drum = log_waste(actor=world.actor("firm"), site=point.site, data={**DRUM, "mass_kg": "3500"}, now=NOW)
    drum = check_in(actor=world.actor("firm"), container=drum, depot=point, bay=place, now=NOW)
    assert (state("storage_point", point), state("bay_full", place)) == ("overdue", "warned")
    go(world, drum)
    assert (state("storage_point", point), state("bay_full", place)) == ("", "")


def test_a_receipt_taken_back_leaves_its_bay(world: World) -> None:
    depot = world.depots["depot"]
    place = Bay.objects.get(depot=depot, code="A1")
    received(world, put(world, mass_kg="4500"))
    assert state("bay_full", place) == "warned"
    line = Line.objects.select_related("manifest", "container").get()
    manifests.undo_receipt(actor=world.actor("depot"), line=line, entry_id=newest(line.container), now=NOW)
    assert state("bay_full", place) == ""


def test_a_mass_that_is_corrected_counts_where_the_drum_stands(world: World) -> None:
    place = Bay.objects.get(depot=world.depots["depot"], code="A1")
    drum = put(world, mass_kg="3999.9")
    manifest = received(world, drum)
    assert state("bay_full", place) == ""
    row = {"container": drum.code, "mass_kg": "4000"}
    manifests.propose(actor=world.actor("depot"), manifest=manifest, reason="写错", changes={"lines": [row]}, now=NOW)
    manifests.approve(actor=world.actor("firm"), manifest=manifest, now=NOW)
    assert state("bay_full", place) == "warned"


# --- full depots and bays ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mass_kg", "found"), [("79.999", ""), ("80", "warned"), ("100", "warned"), ("101", "overdue")]
)
def test_a_depot_holds_what_it_was_designed_for(world: World, mass_kg: str, found: str) -> None:
    depot = world.depots["firm"]
    Depot.objects.filter(pk=depot.pk).update(capacity_g=100_000)
    put(world, mass_kg=mass_kg)
    assert state("depot_full", depot) == found
    if found == "warned":
        assert f"is {mass_kg} % full: {mass_kg} kg of the 100 kg" in sentence("depot_full", depot)


def test_a_depot_without_a_known_capacity_is_never_full(world: World) -> None:
    put(world, mass_kg="50000")
    assert state("depot_full", world.depots["firm"]) == ""


def test_a_capacity_that_was_set_counts_from_the_next_day(world: World) -> None:
    depot = world.depots["firm"]
    put(world, mass_kg="100")
    assert state("depot_full", depot) == ""
    Depot.objects.filter(pk=depot.pk).update(capacity_g=90_000)
    assert state("depot_full", depot, later(1)) == "overdue"


def test_how_full_a_depot_may_be_unwarned_is_the_districts_to_say(world: World) -> None:
    depot = world.depots["firm"]
    Depot.objects.filter(pk=depot.pk).update(capacity_g=100_000)
    put(world, mass_kg="70")
    assert state("depot_full", depot) == ""
    key, regulator = "facility.warn_percent", world.actor("regulator")
    row = set_figure(actor=regulator, key=key, value=70, source="演示文件1号", now=NOW)
    assert state("depot_full", depot) == "warned"
    withdraw(actor=regulator, row=row, now=NOW)
    assert state("depot_full", depot) == ""
    # Beyond its capacity it is too full, whatever is warned of.
    put(world, mass_kg="40")
    set_figure(actor=regulator, key=key, value=150, source="演示文件1号", now=NOW)
    assert state("depot_full", depot) == "overdue"


def test_a_bay_is_full_by_its_keepers_own_word(world: World) -> None:
    place = bay(world, capacity_kg="50")
    other = bay(world, "B1")
    put(world, place, mass_kg="39.999")
    assert state("bay_full", place) == ""
    drum = put(world, place, mass_kg="0.001")
    assert state("bay_full", place) == "warned"
    assert "Bay A1 of 演示firm贮存 (演示firm) is nearly full: 40 kg of 50 kg." in sentence("bay_full", place)
    bay(world, capacity_kg="40")
    assert state("bay_full", place) == "warned"
    bay(world, capacity_kg="39.999")
    assert state("bay_full", place) == "overdue"
    found = alert("bay_full", place)
    assert found is not None
    assert found.severity == Severity.WARNING
    assert not watch_of("bay_full").legal
    assert state("bay_full", place, later(20)) == "overdue"  # no matter for the district
    moved(world, drum, other)
    assert state("bay_full", place, later(20)) == "warned"
    assert state("bay_full", other, later(20)) == ""
    bay(world, capacity_kg="")
    assert state("bay_full", place, later(20)) == ""


def test_a_drum_put_back_is_where_it_was(world: World) -> None:
    place, other = bay(world, capacity_kg="20"), bay(world, "B1", capacity_kg="20")
    drum = put(world, place)
    moved(world, drum, other)
    assert (state("bay_full", place), state("bay_full", other)) == ("", "warned")
    entry = newest(drum)
    move_back(actor=world.actor("firm"), container=drum, bay_id=str(place.pk), entry_id=entry, now=NOW)
    assert (state("bay_full", place), state("bay_full", other)) == ("warned", "")


def test_a_bay_has_so_many_places(world: World) -> None:
    place = bay(world, places=5)
    drums = [put(world, place) for _ in range(3)]
    assert state("bay_places", place) == ""
    put(world, place)
    assert state("bay_places", place) == "warned"
    assert "4 drums stand in bay A1 of 演示firm贮存 (演示firm), which has 5 places." in sentence("bay_places", place)
    bay(world, places=3)
    assert state("bay_places", place) == "overdue"
    _void(world, drums[0])
    assert state("bay_places", place) == "warned"


def test_a_drum_that_is_divided_takes_more_places(world: World) -> None:
    place = bay(world, places=2)
    drum = put(world, place)
    assert state("bay_places", place) == ""
    parts = [Part("steel_drum", Decimal(100), mass_g) for mass_g in (10_000, 8_500)]
    split(actor=world.actor("firm"), container=drum, parts=parts, now=NOW)
    assert state("bay_places", place) == "warned"


def test_a_bay_that_is_closed_and_empty_is_not_full(world: World) -> None:
    place = bay(world, places=0)
    assert state("bay_places", place) == ""


def test_a_bay_that_is_gone_is_no_matter(world: World) -> None:
    place = bay(world, places=1)
    remove_bay(actor=world.actor("firm"), bay=place, now=NOW)
    assert state("bay_places", place) == ""


# --- liquids and their bund --------------------------------------------------------------------------------


def test_a_bund_holds_the_largest_liquid_container(world: World) -> None:
    place = bay(world)
    put(world, place, volume_l=1000)
    drum = put(world, place, **OIL)
    assert state("bund", place) == ""  # nobody has said how much its bund holds
    bay(world, bund_l=200)
    assert state("bund", place) == ""
    bay(world, bund_l=199)
    assert state("bund", place) == "overdue"
    assert "it holds 199 L and must hold 200 L" in sentence("bund", place)
    moved(world, drum, bay(world, "B1"))
    assert state("bund", place) == ""


def test_a_bund_holds_the_districts_share_of_all_liquid(world: World) -> None:
    place = bay(world, bund_l=200)
    for _ in range(10):
        put(world, place, **OIL)
    assert state("bund", place) == ""
    row = set_figure(
        actor=world.actor("regulator"), key="facility.liquid_share_percent", value=11, source="演示文件1号", now=NOW
    )
    assert state("bund", place) == "overdue"
    assert "must hold 220 L" in sentence("bund", place)
    withdraw(actor=world.actor("regulator"), row=row, now=NOW)
    assert state("bund", place) == ""
    tighten(actor=world.actor("firm"), key="facility.liquid_share_percent", value=12, now=NOW)
    assert state("bund", place) == "overdue"


def test_a_drum_that_turns_out_to_be_liquid_asks_for_a_bund(world: World) -> None:
    depot = world.depots["depot"]
    place = Bay.objects.get(depot=depot, code="A1")
    save_bay(actor=world.actor("depot"), depot=depot, data={"bund_l": 100}, now=NOW, bay=place)
    drum = put(world)
    manifest = received(world, drum)
    assert state("bund", place) == ""
    row = {"container": drum.code, "form": "L"}
    manifests.propose(actor=world.actor("depot"), manifest=manifest, reason="写错", changes={"lines": [row]}, now=NOW)
    manifests.approve(actor=world.actor("firm"), manifest=manifest, now=NOW)
    assert state("bund", place) == "overdue"


# --- neighbours --------------------------------------------------------------------------------------------


def test_wastes_that_react_in_one_bay_are_overdue_and_told_at_once(world: World) -> None:
    place, other = bay(world), bay(world, "B1")
    put(world, place, **ACID)
    drum = put(world, other, **ALKALI)
    assert (state("neighbours", place), state("neighbours", other)) == ("", "")
    moved(world, drum, place, [])
    assert (state("neighbours", place), state("unstated", place)) == ("overdue", "")
    assert "900-300-34 and 900-352-35 have stood together in bay A1" in sentence("neighbours", place)
    found = alert("neighbours", place)
    assert found is not None
    assert (found.severity, found.for_district) == (Severity.ALARM, True)
    moved(world, drum, other)
    assert state("neighbours", place) == ""


def test_which_wastes_react_is_the_districts_to_say(world: World) -> None:
    place, other, regulator = bay(world), bay(world, "B1"), world.actor("regulator")
    put(world, place, reaction_groups="4-A")
    put(world, place, reaction_groups="5-A")
    assert state("neighbours", place) == ""
    groups: dict[str, Any] = {"source": "演示文件1号", "now": NOW}
    apart = set_pair(actor=regulator, group_a="4-A", group_b="5-A", apart=True, **groups)
    assert state("neighbours", place) == "overdue"
    withdraw(actor=regulator, row=apart, now=NOW)
    assert state("neighbours", place) == ""
    moved(world, put(world, other, **ACID), place, [])
    assert state("neighbours", place) == "overdue"
    for group in ("4-A", "5-A"):
        set_pair(actor=regulator, group_a="1-B", group_b=group, apart=False, **groups)
    assert state("neighbours", place) == ""


def test_what_nobody_has_spoken_of_is_not_taken_for_harmless(world: World) -> None:
    place, other = bay(world), bay(world, "B1")
    first, second = put(world, other, **UNSTATED), put(world, other, **UNSTATED)
    assert state("unstated", other) == ""  # with its own kind it may stand
    put(world, place)
    moved(world, first, place, [])
    assert (state("unstated", place), state("neighbours", place)) == ("overdue", "")
    assert "900-041-49 has stood with other wastes in bay A1" in sentence("unstated", place)
    found = alert("unstated", place)
    assert found is not None
    assert found.severity == Severity.WARNING
    state_reactions(actor=world.actor("firm"), container=first, groups="none", now=NOW)
    assert state("unstated", place) == ""
    moved(world, second, place, [])
    assert state("unstated", place) == "overdue"


# --- missing drums -----------------------------------------------------------------------------------------


def _fixed(drum: Container, now: datetime) -> str:
    """The state of the drum's missing alert; to look at the facts again changes nothing of it."""
    sweep(now)
    rows = Alert.objects.filter(kind="missing", about=drum.subject).order_by("pk")
    before = list(rows.values())
    assert settle("missing", [drum.subject], now=now) == 0
    assert list(rows.values()) == before
    found = alert("missing", drum)
    return found.state if found else ""


def test_the_facts_say_of_a_missing_drum_what_the_count_said(world: World) -> None:
    user = User.objects.create_user(username="second", name="演示用户二")
    world.memberships["second"] = Membership.objects.create(
        user=user, organisation=world.organisations["firm"], role="operator"
    )
    place = bay(world)
    drum, other = put(world, place), put(world, place)

    def counted(minute: int, *found: Container) -> Any:
        now, actor = NOW + timedelta(minutes=minute), world.actor("firm")
        count = counts.begin(actor=actor, bay=place, now=now)
        for one in found:
            one.refresh_from_db()
            counts.note(actor=actor, bay=place, container=one, text=one.code, now=now)
        return counts.close(actor=actor, count=count, now=now + timedelta(seconds=30))

    def settled(count: Any, how: str, minute: int) -> None:
        line = count.lines.select_related("container", "count__depot__site__organisation", "count__bay").get(
            container=drum
        )
        now = NOW + timedelta(minutes=minute)
        counts.settle(actor=world.actor("second"), line=line, how=how, reason="查过", now=now)

    counted(10, other)
    assert _fixed(drum, NOW + timedelta(minutes=11)) == "warned"
    counted(20, other)
    assert _fixed(drum, NOW + timedelta(minutes=21)) == "warned"
    found = alert("missing", drum)
    assert found is not None
    assert found.due_at == NOW + timedelta(days=1, minutes=10, seconds=30)
    counted(30, drum, other)
    assert _fixed(drum, NOW + timedelta(minutes=31)) == ""
    again = counted(40, other)
    assert _fixed(drum, NOW + timedelta(minutes=41)) == "warned"
    settled(again, "lost", 50)
    assert _fixed(drum, NOW + timedelta(minutes=51)) == "overdue"
    back = counted(60, drum, other)
    assert _fixed(drum, NOW + timedelta(minutes=61)) == "overdue"
    settled(back, "returned", 70)
    assert _fixed(drum, NOW + timedelta(minutes=71)) == ""
    third = counted(80, other)
    settled(third, "lost", 90)
    assert _fixed(drum, NOW + timedelta(minutes=91)) == "overdue"
    found = alert("missing", drum)
    assert found is not None
    assert found.due_at == NOW + timedelta(minutes=90)


def test_a_missing_drum_is_overdue_after_a_day(world: World) -> None:
    place = bay(world)
    drum = put(world, place)
    count = counts.begin(actor=world.actor("firm"), bay=place, now=SOON)
    counts.close(actor=world.actor("firm"), count=count, now=SOON)
    assert state("missing", drum, SOON + timedelta(days=1, seconds=-1)) == "warned"
    assert state("missing", drum, SOON + timedelta(days=1)) == "overdue"
    assert "was not found" not in sentence("missing", drum)


# --- the books ---------------------------------------------------------------------------------------------


def test_books_that_agree_are_quiet_whatever_was_done(world: World) -> None:
    first, second = put(world, mass_kg="20"), put(world, mass_kg="30")
    received(world, first, mass_g=19_000)
    world.departed(second)
    _void(world, put(world))
    for name in ("firm", "depot"):
        assert state("balance", world.depots[name], later(1)) == ""


@pytest.mark.parametrize(("mass_g", "found"), [(28_500, ""), (8_500, ""), (28_501, "overdue"), (8_499, "overdue")])
def test_a_mass_that_changes_without_an_entry_is_found(world: World, mass_g: int, found: str) -> None:
    point, drum = world.depots["firm"], put(world)
    Container.objects.filter(pk=drum.pk).update(mass_g=mass_g)
    Stay.objects.filter(container=drum).update(mass_in_g=mass_g)
    assert state("balance", point) == ""  # once a day it is looked
    assert state("balance", point, later(1)) == found


def test_what_is_taken_from_one_drum_and_put_to_another_is_found(world: World) -> None:
    point, first, second = world.depots["firm"], put(world), put(world)
    Container.objects.filter(pk=first.pk).update(mass_g=10_000)
    Container.objects.filter(pk=second.pk).update(mass_g=27_000)
    assert state("balance", point, later(1)) == "overdue"
    assert "in all 17 kg of 2 drums differ" in sentence("balance", point)


def test_a_stay_that_is_gone_is_found_and_the_alert_ends_with_it(world: World) -> None:
    point, drum = world.depots["firm"], put(world)
    put(world, mass_kg="5")
    row = Stay.objects.get(container=drum)
    Stay.objects.filter(pk=row.pk).delete()
    assert state("balance", point, later(1)) == "overdue"
    said = sentence("balance", point)
    assert "by the log 23.5 kg stand there, by the inventory 5 kg" in said
    assert f"18.5 kg of 1 drums differ, most with {drum.short_grouped}" in said
    row.save(force_insert=True)
    # What puts a row right writes no entry: within the hour it is looked at again.
    assert state("balance", point, later(1) + timedelta(minutes=59)) == "overdue"
    assert state("balance", point, later(1) + timedelta(hours=1)) == ""


def test_a_stay_that_ended_without_an_entry_is_found(world: World) -> None:
    point, drum = world.depots["firm"], put(world)
    Stay.objects.filter(container=drum).update(left_at=NOW)
    assert state("balance", point, later(1)) == "overdue"


def test_a_drum_that_stands_where_the_log_has_none_is_found(world: World) -> None:
    firm, other, drum = world.depots["firm"], world.depots["firm2"], put(world)
    Stay.objects.filter(container=drum).update(depot=other)
    assert state("balance", other, later(1)) == "overdue"
    assert "by the log 0 kg stand there, by the inventory 18.5 kg" in sentence("balance", other)
    Stay.objects.filter(container=drum).update(depot=firm)
    world.departed(drum, now=later(1))
    Stay.objects.filter(container=drum).update(left_at=None)
    assert state("balance", firm, later(2)) == "overdue"


def test_how_much_the_books_may_differ_is_a_figure(world: World) -> None:
    point, drum = world.depots["firm"], put(world)
    Container.objects.filter(pk=drum.pk).update(mass_g=15_000)
    assert state("balance", point, later(1)) == ""
    tighten(actor=world.actor("firm"), key="ledger.balance_kg", value=3, now=later(1))
    assert state("balance", point, later(1)) == "overdue"
    tighten(actor=world.actor("firm"), key="ledger.balance_kg", value=None, now=later(1))
    assert state("balance", point, later(1)) == ""


def test_a_refused_drum_that_is_sent_on_stands_nowhere(world: World) -> None:
    drum = put(world)
    manifest = world.delivered(drum)
    line = Line.objects.select_related("container").get()
    depot = world.depots["depot"]
    manifests.receive(
        actor=world.actor("depot"), manifest=manifest, receipts=[Receipt(line, "rejected", None, "演示")], depot=depot,
        now=NOW,
    )  # fmt: skip
    back = manifests.send_back(actor=world.actor("depot"), manifest=manifest, now=NOW)
    manifests.issue(actor=world.actor("depot"), manifest=back, now=NOW)
    drum.refresh_from_db()
    assert (drum.state, Stay.objects.filter(container=drum, left_at=None).exists()) == ("committed", False)
    for name in ("firm", "depot"):
        assert state("balance", world.depots[name], later(1)) == ""


def test_a_second_weighing_of_a_drum_that_is_promised_onward_keeps_its_mass(world: World) -> None:
    drum = put(world, mass_kg="20")
    received(world, drum, mass_g=30_000)
    line = Line.objects.select_related("manifest", "container").get()
    drum.refresh_from_db()
    world.issued(drum, sender="depot", to="plant")
    manifests.weigh_again(actor=world.actor("depot"), line=line, mass_g=45_000, now=NOW)
    drum.refresh_from_db()
    assert drum.mass_g == 30_000
    assert state("balance", world.depots["depot"], later(1)) == ""


# --- labels ------------------------------------------------------------------------------------------------


def printed(world: World, drum: Container, now: datetime = NOW) -> None:
    print_labels(actor=world.actor("firm"), codes=[drum.code], layout="single", now=now)


def test_a_drum_has_its_label_within_a_day(world: World) -> None:
    drum = put(world)
    assert state("unlabelled", drum, later(1) - timedelta(seconds=1)) == "watching"
    assert state("unlabelled", drum, later(1)) == "overdue"
    assert f"No label of drum {drum.short_grouped} (废油桶) at 演示firm was printed" in sentence("unlabelled", drum)
    found = alert("unlabelled", drum)
    assert found is not None
    assert found.severity == Severity.ALARM
    printed(world, drum, later(2))
    assert state("unlabelled", drum, later(2)) == ""


def test_a_drum_that_is_labelled_or_gone_is_no_matter(world: World) -> None:
    with_label, voided, on_the_road = put(world), put(world), put(world)
    printed(world, with_label)
    _void(world, voided)
    world.departed(on_the_road)
    waits = log_waste(actor=world.actor("firm"), site=world.depots["firm"].site, data=DRUM, now=NOW)
    found = [state("unlabelled", drum, later(5)) for drum in (with_label, voided, on_the_road, waits)]
    assert found == ["", "", "", "overdue"]


def test_whoever_holds_a_drum_answers_for_its_label(world: World) -> None:
    drum = put(world)
    assert state("unlabelled", drum, later(1)) == "overdue"
    received(world, drum)
    assert state("unlabelled", drum, later(1)) == "overdue"
    found = alert("unlabelled", drum)
    assert found is not None
    assert found.organisation == world.organisations["depot"]


def test_the_district_of_the_store_reads_it_and_all_are_told_which_store(world: World) -> None:
    site = world.depots["depot"].site
    site.division = "330111"
    site.save()
    drum = put(world)
    assert state("unlabelled", drum, later(1)) == "overdue"
    assert sentence("unlabelled", drum).endswith("It stands in 演示firm贮存.")
    received(world, drum)
    assert state("unlabelled", drum, later(1)) == "overdue"
    found = alert("unlabelled", drum)
    assert found is not None
    assert found.division == "330111"
    assert sentence("unlabelled", drum).endswith("It stands in bay A1 of 演示depot贮存.")


def test_within_how_many_days_a_label_is_printed_is_a_figure(world: World) -> None:
    drum = put(world)
    key, regulator = "labels.unprinted_days", world.actor("regulator")
    set_figure(actor=regulator, key=key, value=3, source="演示文件1号", now=NOW)
    assert state("unlabelled", drum, later(2)) == "watching"
    tighten(actor=world.actor("firm"), key=key, value=2, now=later(2))
    assert state("unlabelled", drum, later(2)) == "overdue"
    tighten(actor=world.actor("firm"), key=key, value=None, now=later(2))
    assert state("unlabelled", drum, later(2)) == "watching"


# --- all of them -------------------------------------------------------------------------------------------

OF_DEPOTS = ("storage_point", "depot_full", "balance")
OF_BAYS = ("bay_full", "bay_places", "bund", "neighbours", "unstated")
KINDS = (*OF_DEPOTS, *OF_BAYS)


def many(world: World, number: int) -> list[Depot]:
    """Depots in which everything is wrong, each with a bay."""
    first = world.depots["firm"]
    made = []
    for n in range(number):
        depot = Depot.objects.create(
            site=first.site, name=f"贮存点{n}", kind="storage_point", facility_code=f"TS{n + 100}", capacity_g=1_000
        )
        place = Bay.objects.create(depot=depot, code="A1", capacity_g=1_000, places=1, bund_l=1)
        for changes in (ACID, {**ALKALI, "form": "L"}, {**UNSTATED, "mass_kg": "3100"}):
            drum = put(world, None, **changes)
            Stay.objects.filter(container=drum).update(depot=depot, bay=place)
        made.append(depot)
    return made


def test_a_look_costs_the_same_however_many(world: World) -> None:
    depots = many(world, 30)
    bays, drums = list(Bay.objects.filter(depot__in=depots)), [put(world) for _ in range(30)]
    rows: dict[str, Sequence[Depot | Bay | Container]] = {"unlabelled": drums, "missing": drums}
    rows |= dict.fromkeys(OF_DEPOTS, depots) | dict.fromkeys(OF_BAYS, bays)
    costs: dict[str, list[int]] = {}
    for number in (1, 30):
        for kind, found in rows.items():
            abouts = [about(row) for row in found[:number]]
            Alert.objects.filter(kind=kind, about__in=abouts).delete()
            with CaptureQueriesContext(connection) as captured:
                settle(kind, abouts, now=later(3))
            costs.setdefault(kind, []).append(len(captured))
            raised = Alert.objects.filter(kind=kind, about__in=abouts, state="overdue").count()
            assert raised == (0 if kind == "missing" else number), kind
    assert {kind: (one, thirty) for kind, (one, thirty) in costs.items() if one != thirty} == {}


def test_reading_the_log_for_depots_costs_the_same_however_many_drums(world: World) -> None:
    costs = []
    for number in (1, 30):
        drums = [put(world) for _ in range(number)]
        entries = list(Entry.objects.filter(subject__in=[drum.subject for drum in drums]))
        with CaptureQueriesContext(connection) as captured:
            for kind in KINDS:
                watch_of(kind).touched(entries)
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 7


def test_each_watch_leads_to_where_its_cause_is_ended(world: World) -> None:
    (depot,) = many(world, 1)
    sweep(later(2))
    found = Alert.objects.filter(kind__in=[*KINDS, "unlabelled"], state="overdue").select_related("organisation")
    assert {one.kind for one in found} == {*KINDS, "unlabelled"}
    visitor = Visitor(world, "firm")
    for one in found:
        link = explain(one, later(2)).link
        page = visitor.get(link)
        assert page.status_code == 200, link
        if one.about.startswith("bay:"):
            assert one.about == f"bay:{page.context['bay'].pk}"
    assert str(depot.pk) in explain(Alert.objects.get(kind="depot_full"), later(2)).link
