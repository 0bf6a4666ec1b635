"""Split, merge and repack: mass to the gram, the shortest time, what may be mixed, and who sees what of the family."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from depots import regroup
from depots.extensions import extend
from depots.models import Bay, Depot, DepotKind, Stay
from depots.services import put_away, void
from manifests import services as manifests
from manifests.models import Manifest
from manifests.selectors import lines_of
from manifests.services import Receipt
from scanner.services import ScanRequest, scan
from tests.world import DRUM, NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.districts.services import set_pair
from wastetrack.errors import FieldError, Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Permit
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container, Derivation
from wastetrack.waste.selectors import ancestors, descendants, lineage
from wastetrack.waste.services import log_waste, state_reactions

OIL, RAGS, ACID, ALKALI = "900-249-08", "900-041-49", "900-300-34", "900-352-35"


@pytest.fixture(autouse=True)
def _all_wastes(world: World) -> None:
    """The depot's permit covers whatever these tests bring."""
    Permit.objects.exclude(kind="transport").update(codes="HW08 HW49 HW06 HW12 HW34 HW35")


def part(mass_g: int, kind: str = "steel_drum", volume_l: int = 200) -> Part:
    return Part(kind, Decimal(volume_l), mass_g)


def stocked(
    world: World,
    firm: str = "firm",
    to: str = "depot",
    now: datetime = NOW,
    sent: datetime | None = None,
    **changes: Any,
) -> Container:
    """A firm's drum that stands in the collection depot."""
    drum = world.drum(firm, now=sent or now, **{"accumulation_start": (sent or now).date().isoformat(), **changes})
    return received(world, drum, firm, to, now)


def received(world: World, drum: Container, sender: str, to: str, now: datetime) -> Container:
    manifest = world.delivered(drum, sender=sender, to=to, now=now)
    receipts = [Receipt(line) for line in lines_of(manifest)]
    manifests.receive(actor=world.actor(to), manifest=manifest, receipts=receipts, depot=world.depots[to], now=now)
    return Container.objects.get(pk=drum.pk)


def split(world: World, drum: Container, *masses: int, by: str = "depot", now: datetime = NOW, **more: Any) -> Any:
    parts = [part(mass) for mass in masses]
    return regroup.split(actor=world.actor(by), container=drum, parts=parts, now=now, **more)


def merge(world: World, *drums: Container, by: str = "depot", now: datetime = NOW, **more: Any) -> Container:
    into = more.pop("part", None) or part(sum(drum.mass_g for drum in drums))
    return regroup.merge(actor=world.actor(by), containers=drums, part=into, now=now, **more)


def repack(world: World, drum: Container, by: str = "depot", now: datetime = NOW, **more: Any) -> Container:
    into = more.pop("part", None) or part(drum.mass_g, "plastic_drum", 120)
    return regroup.repack(actor=world.actor(by), container=drum, part=into, now=now, **more)


def refusal(call: Any, *args: Any, **more: Any) -> str | tuple[str, str]:
    """The code of what is refused; for bad fields the first field and its code."""
    before = Entry.objects.count(), Derivation.objects.count()
    with pytest.raises(Refused) as refused:
        call(*args, **more)
    assert (Entry.objects.count(), Derivation.objects.count()) == before
    if refused.value.errors:
        error: FieldError = refused.value.errors[0]
        return error.field, error.code
    return refused.value.code


def fresh(drum: Container) -> Container:
    return Container.objects.get(pk=drum.pk)


# --- what comes of it --------------------------------------------------------------------------------------


def test_a_split_drum_is_empty_and_its_parts_stand_in_its_place(world: World) -> None:
    drum = stocked(world)
    children = split(world, drum, 10_000, 8_500)
    old = fresh(drum)
    assert (old.state, old.storage_deadline) == ("emptied", None)
    assert not Stay.objects.filter(container=drum, left_at=None).exists()
    stays = [Stay.objects.get(container=child, left_at=None) for child in children]
    before = Stay.objects.get(container=drum, depot=world.depots["depot"])
    assert {(stay.depot, stay.bay) for stay in stays} == {(before.depot, before.bay)}
    assert [(child.state, child.mass_g) for child in children] == [("stored", 10_000), ("stored", 8_500)]
    assert {child.waste_code for child in children} == {OIL}
    assert list(drum.children.order_by("pk").values_list("mass_g", flat=True)) == [10_000, 8_500]


def test_what_a_depot_fills_bears_the_depots_code_and_its_first_day_of_keeping(world: World) -> None:
    drum = stocked(world, now=later(20), sent=NOW)
    child = repack(world, drum, now=later(50))
    assert child.code.startswith(world.organisations["depot"].uscc)
    assert child.generator == child.holder == world.organisations["depot"]
    assert child.accumulation_start == later(20).date()
    assert (child.container_kind, child.volume_l, child.mass_g) == ("plastic_drum", Decimal(120), 18_500)


def test_merging_takes_the_hazards_and_reactions_of_all(world: World) -> None:
    rags = stocked(world, waste_code=RAGS, hazards=["T", "In"], reaction_groups=["6-B"])
    oil = stocked(world, mass_kg="20")
    child = merge(world, oil, rags, waste_code=RAGS)
    assert (child.waste_code, child.category, child.mass_g) == (RAGS, "HW49", 38_500)
    assert set(child.hazard_letters) == {"T", "In", "I"}
    assert child.reaction_groups == "4-A 6-B"
    assert child.name == rags.name


def test_what_nobody_knows_of_a_part_nobody_knows_of_the_whole(world: World) -> None:
    unknown, stated = (stocked(world, waste_code=RAGS, hazards=["T"]) for _ in range(2))
    state_reactions(actor=world.actor("depot"), container=stated, groups=["4-A"], now=NOW)
    assert merge(world, fresh(unknown), fresh(stated)).reactions is None


def test_the_entries_tell_both_ends(world: World) -> None:
    drum = stocked(world)
    children = split(world, drum, 10_000, 8_500)
    emptied = Entry.objects.get(subject=drum.subject, kind="container.empty")
    assert emptied.data["how"] == "split"
    assert emptied.data["into"] == [
        {"code": child.code, "short_code": child.short_code, "mass_kg": mass}
        for child, mass in zip(children, ("10", "8.5"), strict=True)
    ]
    for child in children:
        entries = Entry.objects.filter(subject=child.subject).order_by("pk")
        assert list(entries.values_list("kind", flat=True)) == ["container.derive", "container.store"]


def test_a_firm_regroups_what_stands_in_its_own_store(world: World) -> None:
    one, other = world.drum(accumulation_start="2026-11-01"), world.drum(accumulation_start="2026-11-10")
    child = merge(world, one, other, by="firm")
    assert (child.generator, child.accumulation_start) == (world.organisations["firm"], date(2026, 11, 1))
    assert child.storage_deadline == one.storage_deadline


# --- mass --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masses", [(10_000, 8_499), (10_000, 8_501), (18_500, 1)])
def test_masses_add_up_to_the_gram(world: World, masses: tuple[int, ...]) -> None:
    assert refusal(split, world, stocked(world), *masses) == ("mass_kg", "masses_differ")


def test_a_merge_and_a_repacking_lose_no_gram(world: World) -> None:
    one, other = stocked(world), stocked(world)
    assert refusal(merge, world, one, other, part=part(36_999)) == ("mass_kg", "masses_differ")
    assert refusal(repack, world, one, part=part(18_501)) == ("mass_kg", "masses_differ")


# --- what may be regrouped ---------------------------------------------------------------------------------


def test_one_part_is_no_split_and_one_drum_no_merge(world: World) -> None:
    drum = stocked(world)
    assert refusal(split, world, drum, 18_500) == ("parts", "too_few_parts")
    assert refusal(merge, world, drum) == ("containers", "too_few_parts")


def test_a_drum_is_not_merged_with_itself(world: World) -> None:
    drum = stocked(world)
    assert refusal(merge, world, drum, fresh(drum)) == ("containers", "duplicate_container")


def test_there_is_a_limit_to_how_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drums = [stocked(world) for _ in range(3)]
    monkeypatch.setattr(regroup, "MOST_PARTS", 2)
    monkeypatch.setattr(regroup, "MOST_PARENTS", 2)
    assert refusal(split, world, drums[0], 10_000, 8_000, 500) == ("parts", "too_many")
    assert refusal(merge, world, *drums) == ("containers", "too_many")


def test_only_what_stands_in_one_depot_is_put_together(world: World) -> None:
    second = Depot.objects.get(pk=world.depots["depot"].pk)
    second.pk, second.facility_code = None, "TS002"
    second.save(force_insert=True)
    here, there = stocked(world), stocked(world)
    Stay.objects.filter(container=there, left_at=None).update(depot=second, bay=None)
    assert refusal(merge, world, here, there) == "several_depots"


def test_only_the_own_depot_is_regrouped_in(world: World) -> None:
    drum = stocked(world)
    for name in ("firm", "firm2", "depot2", "plant", "carrier", "regulator"):
        assert refusal(split, world, drum, 10_000, 8_500, by=name) in ("not_your_depot", "read_only"), name
    mine = world.drum()
    assert refusal(repack, world, mine, by="viewer") == "read_only"


def test_a_drum_that_stands_nowhere_is_not_here(world: World) -> None:
    logged = log_waste(actor=world.actor("firm"), site=world.depots["firm"].site, data=DRUM, now=NOW)
    assert refusal(repack, world, logged, by="firm") == "not_here"
    under_way = world.drum()
    world.departed(under_way)
    assert refusal(repack, world, under_way, by="firm") == "not_here"


def test_a_drum_on_a_manifest_is_not_free(world: World) -> None:
    drum = stocked(world)
    world.issued(drum, sender="depot", to="plant")
    assert refusal(split, world, fresh(drum), 10_000, 8_500) == "illegal_state"


def test_an_empty_drum_is_empty(world: World) -> None:
    drum = stocked(world)
    repack(world, drum)
    assert refusal(repack, world, drum) == "not_here"


def test_a_draft_that_names_an_emptied_drum_cannot_be_issued(world: World) -> None:
    drum = stocked(world)
    draft = world.draft(drum, sender="depot", to="plant")
    repack(world, drum)
    with pytest.raises(Refused, match="container_not_free"):
        manifests.issue(actor=world.actor("depot"), manifest=draft, now=NOW)


def test_a_drum_in_dispute_waits(world: World) -> None:
    drum = world.drum()
    manifest = world.delivered(drum)
    receipt = Receipt(manifest.lines.get(), mass_g=12_000)
    manifests.receive(
        actor=world.actor("depot"), manifest=manifest, receipts=[receipt], depot=world.depots["depot"], now=NOW
    )
    assert refusal(split, world, fresh(drum), 6_000, 6_000) == "mass_disputed"
    for side in ("firm", "depot"):
        manifests.settle(
            actor=world.actor(side), manifest=manifest, line=manifest.lines.get(), mass_kg="12", note="", now=NOW
        )
    assert len(split(world, fresh(drum), 6_000, 6_000)) == 2


def test_a_partly_treated_drum_stays_what_it_is(world: World) -> None:
    drum = stocked(world)
    Container.objects.filter(pk=drum.pk).update(treated_g=5_000)
    assert refusal(repack, world, fresh(drum)) == "treated_in_part"


def test_a_plant_may_regroup_what_it_received(world: World) -> None:
    drum = stocked(world, to="plant")
    assert [part.mass_g for part in split(world, drum, 10_000, 8_500, by="plant")] == [10_000, 8_500]


# --- what may be mixed -------------------------------------------------------------------------------------


def test_solid_and_liquid_do_not_go_into_one_drum(world: World) -> None:
    solid, liquid = stocked(world), stocked(world, form="L")
    assert refusal(merge, world, solid, liquid) == ("containers", "forms_differ")


def test_of_different_wastes_the_code_is_chosen_among_theirs(world: World) -> None:
    one, other = stocked(world), stocked(world, waste_code="900-214-08", hazards=["T", "I"])
    assert refusal(merge, world, one, other) == ("waste_code", "choose_waste_code")
    assert refusal(merge, world, one, other, waste_code=RAGS) == ("waste_code", "choose_waste_code")
    assert merge(world, one, other, waste_code="900-214-08").waste_code == "900-214-08"


def test_what_reacts_is_not_mixed(world: World) -> None:
    acid = stocked(world, waste_code=ACID, hazards=["C", "T"])
    oil = stocked(world)
    assert refusal(merge, world, acid, oil, waste_code=OIL) == "parts_react"


def test_a_district_says_what_else_reacts(world: World) -> None:
    rags = stocked(world, waste_code=RAGS, hazards=["T"], reaction_groups=["6-B"])
    oil = stocked(world)
    pair = {"group_a": "4-A", "group_b": "6-B", "apart": True, "source": "演示文件"}
    set_pair(actor=world.actor("regulator"), now=NOW, **pair)  # type: ignore[arg-type]
    assert refusal(merge, world, rags, oil, waste_code=OIL) == "parts_react"


def test_what_is_unknown_is_mixed_with_its_own_kind_alone(world: World) -> None:
    unknown = stocked(world, waste_code=RAGS, hazards=["T"])
    again = stocked(world, waste_code=RAGS, hazards=["T"])
    harmless = stocked(world, waste_code=OIL, reaction_groups="none")
    assert refusal(merge, world, unknown, harmless, waste_code=OIL) == "reaction_unknown"
    assert merge(world, unknown, again).mass_g == 37_000


# --- where it stands ---------------------------------------------------------------------------------------


def bay(world: World, code: str) -> Bay:
    return Bay.objects.select_related("depot__site").get(depot=world.depots["depot"], code=code)


def test_the_new_drum_goes_where_one_says_or_the_refusal_says_why(world: World) -> None:
    drum = stocked(world)
    child = repack(world, drum, bay=bay(world, "A2"))
    assert Stay.objects.get(container=child, left_at=None).bay == bay(world, "A2")
    Bay.objects.filter(code="A1", depot=world.depots["depot"]).update(places=0)
    assert refusal(repack, world, child, bay=bay(world, "A1")) == "bay_no_place"


def test_parts_that_find_no_place_in_the_old_bay_go_into_the_next(world: World) -> None:
    drum = stocked(world)
    put_away(actor=world.actor("depot"), container=drum, bay=bay(world, "A1"), now=NOW)
    Bay.objects.filter(pk=bay(world, "A1").pk).update(places=1)
    children = split(world, drum, 10_000, 8_500)
    assert [Stay.objects.get(container=child, left_at=None).bay for child in children] == [
        bay(world, "A1"),
        bay(world, "A2"),
    ]


def test_nothing_is_done_where_there_is_no_room(world: World) -> None:
    drum = stocked(world)
    Bay.objects.filter(depot=world.depots["depot"]).update(places=1)
    other = stocked(world)
    assert refusal(split, world, drum, 10_000, 8_000, 500) == "no_room"
    assert (fresh(drum).state, fresh(other).state) == ("stored", "stored")
    assert Container.objects.count() == 2


# --- time --------------------------------------------------------------------------------------------------


def alert_of(drum: Container) -> Alert:
    return Alert.objects.get(kind="storage", about=drum.subject, resolved_at=None)


def test_a_merge_has_the_shortest_time_of_its_parts(world: World) -> None:
    early, late = stocked(world), stocked(world, now=later(100))
    child = merge(world, late, early, now=later(100))
    assert child.storage_deadline == early.storage_deadline
    assert child.storage_clause == early.storage_clause
    assert alert_of(child).due_at == early.storage_deadline


def test_splitting_gives_no_part_more_time(world: World) -> None:
    drum = stocked(world)
    for child in split(world, drum, 10_000, 8_500, now=later(300)):
        assert child.storage_deadline == drum.storage_deadline
        assert alert_of(child).due_at == drum.storage_deadline


def test_the_warning_of_the_old_drum_ends_and_that_of_the_new_one_is_raised(world: World) -> None:
    drum = stocked(world)
    sweep(later(360))
    assert alert_of(drum).state == "warned"
    child = repack(world, drum, now=later(360))
    of_drum = Alert.objects.get(kind="storage", about=drum.subject, organisation=world.organisations["depot"])
    assert of_drum.state == "resolved"
    sweep(later(360))
    assert alert_of(child).state == "warned"


def collection_permit(world: World) -> None:
    """The depot may keep waste oil for 90 working days, other waste for a year."""
    Permit.objects.filter(organisation=world.organisations["depot"]).update(kind="collection")
    world.depots["depot"].refresh_from_db()


def test_the_clause_goes_with_the_part_whose_time_is_shortest(world: World) -> None:
    collection_permit(world)
    oil = stocked(world)
    rags = stocked(world, waste_code=RAGS, hazards=["T"], reaction_groups=["4-A"])
    child = merge(world, oil, rags, waste_code=RAGS)
    assert (child.storage_clause, child.storage_deadline) == ("collection_permit_90_days", oil.storage_deadline)


def refused_and_back(world: World, drum: Container, now: datetime) -> Container:
    """Sent to the plant, refused there, taken back."""
    manifest: Manifest = world.delivered(drum, sender="depot", to="plant", now=now)
    line = manifest.lines.get()
    receipt = Receipt(line, outcome="rejected", reason="演示")
    manifests.receive(
        actor=world.actor("plant"), manifest=manifest, receipts=[receipt], depot=world.depots["plant"], now=now
    )
    return manifests.take_back(actor=world.actor("depot"), line=line, depot=world.depots["depot"], now=now)


def test_going_out_and_coming_back_gives_a_merged_drum_no_time(world: World) -> None:
    collection_permit(world)
    oil = stocked(world)
    rags = stocked(world, waste_code=RAGS, hazards=["T"], reaction_groups=["4-A"])
    child = merge(world, oil, rags, waste_code=RAGS, now=later(10))
    back = refused_and_back(world, child, later(20))
    assert (back.storage_deadline, back.storage_clause) == (oil.storage_deadline, "collection_permit_90_days")


def test_waste_gains_no_time_by_being_repacked_at_another_depot(world: World) -> None:
    drum = stocked(world)
    there = received(world, drum, "depot", "depot2", later(100))
    child = repack(world, there, by="depot2", now=later(110))
    back = received(world, child, "depot2", "depot", later(120))
    assert back.storage_deadline == drum.storage_deadline
    again = repack(world, back, now=later(130))
    assert (again.accumulation_start, again.storage_deadline) == (NOW.date(), drum.storage_deadline)


def test_an_extension_of_one_part_does_not_extend_the_others(world: World) -> None:
    extended, plain = stocked(world), stocked(world, now=later(50))
    until = (NOW + timedelta(days=500)).date()
    extend(actor=world.actor("depot"), containers=[extended], until=until, document="演示〔2026〕1号", now=later(200))
    child = merge(world, fresh(extended), plain, now=later(210))
    assert (child.storage_deadline, child.extension) == (plain.storage_deadline, "")


def test_the_parts_of_an_extended_drum_keep_its_document(world: World) -> None:
    drum = stocked(world)
    until = (NOW + timedelta(days=400)).date()
    extend(actor=world.actor("depot"), containers=[drum], until=until, document="演示〔2026〕1号", now=later(200))
    for child in split(world, fresh(drum), 10_000, 8_500, now=later(210)):
        assert child.extension == "演示〔2026〕1号"
        assert child.storage_deadline is not None
        assert timezone.localdate(child.storage_deadline) == until


# --- what does not undo it ---------------------------------------------------------------------------------


def test_what_came_out_of_others_cannot_be_voided(world: World) -> None:
    child = repack(world, world.drum(), by="firm")
    assert refusal(lambda: void(actor=world.actor("firm"), container=child, reason="演示", now=NOW)) == "has_parents"


def test_the_scan_that_brought_an_emptied_drum_cannot_be_undone(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot = world.actor("depot")
    assert scan(actor=depot, request=ScanRequest("in", drum.code, "check_in"), now=NOW).verdict == "accepted"
    repack(world, fresh(drum))
    assert scan(actor=depot, request=ScanRequest("back", "in", "undo"), now=NOW).reason == "cannot_undo"


# --- who sees what -----------------------------------------------------------------------------------------


def readable(world: World, name: str) -> str:
    """Everything the log says to an organisation, as one text."""
    actor = world.actor(name)
    entries = [entry for entry in Entry.objects.all() if entry.addressed_to(actor)]
    return json.dumps([[entry.kind, entry.subject, entry.data] for entry in entries], ensure_ascii=False)


def test_a_firm_sees_where_its_waste_went_and_nothing_of_the_others(world: World) -> None:
    mine, theirs = stocked(world), stocked(world, "firm2", name="演示邻居的废物")
    child = merge(world, mine, theirs)
    grandchild, _ = split(world, child, 20_000, 17_000)
    firm = world.actor("firm")
    visible = set(Container.objects.visible_to(firm).values_list("code", flat=True))
    assert {mine.code, child.code, grandchild.code} <= visible
    assert theirs.code not in visible
    said = readable(world, "firm")
    assert child.code in said
    for hidden in (theirs.code, theirs.short_code, theirs.short_grouped, world.organisations["firm2"].uscc):
        assert hidden not in said, hidden


def test_the_branches_of_others_are_masses_without_a_name(world: World) -> None:
    mine, theirs, third = stocked(world), stocked(world, "firm2"), stocked(world, "firm2", mass_kg="4")
    child = merge(world, mine, theirs, third)
    firm = {(branch.parent, branch.child, branch.mass_g) for branch in lineage(world.actor("firm"), child)}
    assert firm == {(mine, child, 18_500), (None, child, 22_500)}
    assert len(lineage(world.actor("depot"), child)) == 3
    assert [(b.parent, b.child) for b in lineage(world.actor("firm"), mine)] == [(mine, child)]


def test_a_neighbour_whose_waste_is_not_in_it_sees_nothing(world: World) -> None:
    child = repack(world, stocked(world))
    for name in ("firm2", "depot2", "plant", "regulator2"):
        assert not Container.objects.visible_to(world.actor(name)).filter(pk=child.pk).exists(), name


def test_the_districts_of_the_old_drums_go_on_seeing_the_new_one(world: World) -> None:
    world.add("away", "generator", division="330111")
    world.add_depot("away", DepotKind.STORAGE_POINT)
    child = merge(world, stocked(world, "away"), stocked(world))
    for name in ("regulator", "regulator2", "away", "firm", "depot"):
        assert Container.objects.visible_to(world.actor(name)).filter(pk=child.pk).exists(), name


def test_a_manifest_called_off_hides_it_from_nobody_whose_waste_is_in_it(world: World) -> None:
    child = merge(world, stocked(world), stocked(world, "firm2"))
    readers = child.readers()
    manifest = world.issued(child, sender="depot", to="plant")
    manifests.cancel(actor=world.actor("depot"), manifest=manifest, reason="演示", now=NOW)
    assert fresh(child).readers() == readers


# --- the family --------------------------------------------------------------------------------------------


def test_a_family_with_a_diamond_is_told_once_and_adds_up(world: World) -> None:
    drum = stocked(world)
    left, right = split(world, drum, 10_000, 8_500)
    whole = merge(world, left, right)
    end = repack(world, whole)
    assert {one.pk for one in ancestors([end])} == {whole.pk, left.pk, right.pk, drum.pk}
    assert {one.pk for one in descendants([drum])} == {left.pk, right.pk, whole.pk, end.pk}
    depot = world.actor("depot")
    told = [{(b.parent, b.child, b.mass_g) for b in lineage(depot, one)} for one in (drum, end)]
    assert (
        told[0]
        == told[1]
        == {
            (drum, left, 10_000),
            (drum, right, 8_500),
            (left, whole, 10_000),
            (right, whole, 8_500),
            (whole, end, 18_500),
        }
    )


def test_many_into_many_is_not_done(world: World) -> None:
    drums = [stocked(world), stocked(world)]
    with pytest.raises(ValueError, match="many into many"):
        regroup.regroup("merge", actor=world.actor("depot"), parents=drums, parts=[part(18_500)] * 2, now=NOW)


def queries(call: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        call()
    return len(captured)


def test_every_part_costs_the_same(world: World) -> None:
    masses = {2: [9_000, 9_500], 4: [4_000] * 3 + [6_500], 6: [3_000] * 5 + [3_500]}
    drums = {n: stocked(world) for n in masses}
    cost = {n: queries(lambda n=n: split(world, drums[n], *masses[n])) for n in masses}
    assert cost[6] - cost[4] == cost[4] - cost[2]
    assert (cost[4] - cost[2]) / 2 <= 16


def test_a_merge_of_more_drums_costs_no_more_queries(world: World) -> None:
    few, many = [stocked(world) for _ in range(2)], [stocked(world) for _ in range(8)]
    assert queries(lambda: merge(world, *many)) == queries(lambda: merge(world, *few))


def test_a_family_costs_queries_by_generation(world: World) -> None:
    depot = world.actor("depot")
    few = merge(world, *[stocked(world) for _ in range(2)])
    many = merge(world, *[stocked(world) for _ in range(6)])
    assert queries(lambda: lineage(depot, few)) == queries(lambda: lineage(depot, many)) <= 4
