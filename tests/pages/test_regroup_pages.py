"""The pages that split, merge, repack and extend; the family tree; what a drum reacts with."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from depots import regroup
from depots.models import Stay
from tests.kernel.test_regroup import merge, repack, split, stocked
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.parties.models import Permit
from wastetrack.waste.lineage import Part
from wastetrack.waste.models import Container, WasteStream

Clock = Callable[[Any], None]


@pytest.fixture(autouse=True)
def _now(world: World, clock: Clock) -> None:
    Permit.objects.exclude(kind="transport").update(codes="HW08 HW49 HW06 HW12 HW34")


@pytest.fixture
def depot(world: World) -> Visitor:
    return Visitor(world, "depot")


def state(drum: Container) -> str:
    return str(Container.objects.get(pk=drum.pk).state)


def typed(*masses: str, kind: str = "steel_drum", volume: str = "100") -> dict[str, Any]:
    return {"mass_kg": list(masses), "container_kind": [kind] * len(masses), "volume_l": [volume] * len(masses)}


def drums_before(drum: Container) -> str:
    return f"/containers/{drum.short_code}/split"


# --- split -------------------------------------------------------------------------------------------------


def test_a_split_begins_with_the_old_drums_kind_and_all_of_its_mass_to_place(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    assert f"/containers/{drum.short_code}/split" in text(depot.get(f"/containers/{drum.short_code}"))
    page = text(depot.get(drums_before(drum)))
    assert page.count('name="mass_kg"') == 2
    assert 'data-whole-g="18500"' in page
    assert re.search(r'<strong class="figure" data-left>18\.5</strong>', page)
    assert page.count('value="steel_drum" selected') == 2
    assert page.count('value="200"') == 2


def test_a_split_leads_to_its_new_labels_and_names_the_old_one(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    answer = depot.send(drums_before(drum), **typed("10", "8,5"))
    assert answer.status_code == 303
    assert state(drum) == "emptied"
    children = [row.child for row in drum.children.select_related("child").order_by("pk")]
    assert [child.mass_g for child in children] == [10_000, 8_500]
    page = text(depot.get(answer["Location"]))
    for child in children:
        assert f'<input type="hidden" name="codes" value="{child.code}">' in page
        assert child.short_grouped in page
    assert "Print the 2 labels" in page
    assert "Take the old labels off" in page
    assert drum.short_grouped in page
    pdf = depot.client.post("/labels", {"codes": [child.code for child in children], "layout": "single"})
    assert pdf.content.startswith(b"%PDF")


def test_a_split_sent_twice_is_one_split(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    first, second = (depot.send(drums_before(drum), "n1", **typed("10", "8.5")) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert drum.children.count() == 2


def test_masses_that_do_not_add_up_are_said_where_they_are_summed(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    answer = depot.send(drums_before(drum), **typed("10", "8"))
    page = text(answer)
    assert answer.status_code == 422
    assert 'id="mass_kg-error"' in page
    assert "The new drums hold 18 kg, the old ones 18.5 kg" in page
    assert re.search(r"data-left>0\.5</strong>", page)
    assert 'value="10"' in page
    assert state(drum) == "stored"


def test_what_is_wrong_with_a_new_drum_is_said_at_its_field(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    page = text(
        depot.send(
            drums_before(drum), mass_kg=["", "a lot"], container_kind=["steel_drum", "wheelbarrow"], volume_l=["0", "1"]
        )
    )
    for field in ("mass-0", "mass-1", "volume-0", "kind-1"):
        assert f'id="{field}-error"' in page, field
    assert state(drum) == "stored"


def test_another_drum_comes_without_scripts_too(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    answer = depot.send(drums_before(drum), add="1", **typed("10", "8"))
    assert answer.status_code == 200
    assert text(answer).count('name="mass_kg"') == 3
    assert 'value="10"' in text(answer)
    assert state(drum) == "stored"


def test_the_bay_that_was_chosen_is_taken(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    depot.send(drums_before(drum), bay="A2", **typed("10", "8.5"))
    assert set(Stay.objects.filter(left_at=None).values_list("bay__code", flat=True)) == {"A2"}
    missing = depot.send(drums_before(stocked(world)), bay="Z9", **typed("10", "8.5"))
    assert missing.status_code == 404


def test_who_does_not_hold_it_is_neither_offered_nor_allowed_a_split(world: World) -> None:
    drum = stocked(world)
    for name in ("firm", "regulator"):
        visitor = Visitor(world, name)
        assert "/split" not in text(visitor.get(f"/containers/{drum.short_code}"))
        assert visitor.send(drums_before(drum), **typed("10", "8.5")).status_code in (403, 409)
    assert Visitor(world, "viewer").get(drums_before(drum)).status_code == 403
    assert Visitor(world, "firm2").get(drums_before(drum)).status_code == 404
    assert state(drum) == "stored"


# --- repack ------------------------------------------------------------------------------------------------


def test_repacking_asks_for_the_new_drum_alone(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    page = text(depot.get(f"/containers/{drum.short_code}/repack"))
    assert 'name="mass_kg"' not in page
    answer = depot.send(f"/containers/{drum.short_code}/repack", container_kind="plastic_drum", volume_l="120")
    child = drum.children.get().child
    assert (child.container_kind, child.volume_l, child.mass_g) == ("plastic_drum", Decimal(120), 18_500)
    assert child.short_code in answer["Location"]


# --- merge -------------------------------------------------------------------------------------------------


def test_ticked_drums_are_merged(world: World, depot: Visitor) -> None:
    early, late = stocked(world), stocked(world, now=later(50))
    chosen = depot.client.post("/containers/choose/merge", {"codes": [early.code, late.code]})
    page = text(depot.get(chosen["Location"]))
    assert "Merge 2 drums" in page
    assert f"It must leave by {early.storage_deadline:%Y-%m-%d}" in page
    fields: dict[str, Any] = {"container": [early.code, late.code], "container_kind": "ibc", "volume_l": "1000"}
    answer = depot.send("/containers/merge", **fields)
    child = early.children.get().child
    assert answer["Location"].startswith(f"/containers/regrouped?new={child.short_code}&old={early.short_code}")
    assert child.mass_g == 37_000


def test_why_drums_must_not_be_merged_is_said_at_once(world: World, depot: Visitor) -> None:
    acid, oil = stocked(world, waste_code="900-300-34", hazards=["C", "T"]), stocked(world)
    page = text(depot.get("/containers/merge", container=[acid.code, oil.code]))
    assert "hold wastes that react" in page


def test_the_code_of_a_mixture_is_chosen(world: World, depot: Visitor) -> None:
    one, other = stocked(world), stocked(world, waste_code="900-214-08", hazards=["T", "I"])
    fields: dict[str, Any] = {"container": [one.code, other.code], "container_kind": "ibc", "volume_l": "1000"}
    page = text(depot.send("/containers/merge", **fields))
    assert 'id="waste_code-error"' in page
    assert page.count('name="waste_code"') == 2
    depot.send("/containers/merge", waste_code="900-214-08", **fields)
    assert one.children.get().child.waste_code == "900-214-08"


@pytest.mark.parametrize("what", ["merge", "extend"])
def test_nothing_ticked_is_said(depot: Visitor, what: str) -> None:
    assert depot.client.post(f"/containers/choose/{what}").status_code == 422
    assert depot.get(f"/containers/{what}").status_code == 422
    assert depot.client.post("/containers/choose/burn", {"codes": ["x"]}).status_code == 404


@pytest.mark.parametrize("sent", [{}, {"container_kind": "ibc"}])
def test_a_form_without_its_new_drum_says_what_it_lacks(world: World, depot: Visitor, sent: dict[str, str]) -> None:
    one, other = stocked(world), stocked(world)
    answers = [
        depot.send("/containers/merge", container=[one.code, other.code], **sent),
        depot.send(f"/containers/{one.short_code}/repack", **sent),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert 'id="kind-0-error"' in text(answer)
        assert 'id="volume-0-error"' in text(answer)
    assert depot.send(drums_before(one), **sent).status_code == 422
    assert (state(one), state(other)) == ("stored", "stored")


# --- the family --------------------------------------------------------------------------------------------


def test_the_family_is_drawn_and_listed_both_ways(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    left, right = split(world, drum, 10_000, 8_500)
    whole = merge(world, left, right)
    for one in (drum, left, whole):
        page = text(depot.get(f"/containers/{one.short_code}/family"))
        assert page.count('class="family-node is-here"') == 1
        assert page.count('class="family-label"') == (2 if one == left else 4)
        assert "10 kg" in page
    assert "2 steps after" in text(depot.get(f"/containers/{drum.short_code}/family"))
    page = text(depot.get(f"/containers/{drum.short_code}"))
    assert "Family tree" in page
    assert "all of it went into other drums" in page


def test_a_drum_by_itself_has_no_tree(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    assert "Neither split nor merged" in text(depot.get(f"/containers/{drum.short_code}/family"))
    assert "family-drawing" not in text(depot.get(f"/containers/{drum.short_code}"))


def test_a_firm_sees_other_waste_as_a_mass(world: World) -> None:
    mine, theirs = stocked(world), stocked(world, "firm2", mass_kg="12.5", name="演示邻居的废物")
    child = merge(world, mine, theirs)
    for path in (
        f"/containers/{child.short_code}/family",
        f"/containers/{child.short_code}",
        f"/containers/{mine.short_code}",
    ):
        page = text(Visitor(world, "firm").get(path))
        for hidden in (theirs.short_grouped, theirs.short_code, theirs.code, "演示邻居的废物", "演示firm2"):
            assert hidden not in page, (path, hidden)
    page = text(Visitor(world, "firm").get(f"/containers/{child.short_code}/family"))
    assert "other waste" in page
    assert "12.5 kg" in page


def test_a_neighbour_gets_no_tree(world: World) -> None:
    child = repack(world, stocked(world))
    assert Visitor(world, "firm2").get(f"/containers/{child.short_code}/family").status_code == 404


def test_the_labels_page_shows_nobody_elses_drums(world: World) -> None:
    child = repack(world, stocked(world))
    assert Visitor(world, "firm2").get("/containers/regrouped", new=child.short_code).status_code == 422
    assert Visitor(world, "depot").get("/containers/regrouped").status_code == 404


def test_a_tree_costs_the_same_however_many_are_in_it(world: World, depot: Visitor) -> None:
    cost = []
    for count in (2, 6):
        child = merge(world, *[stocked(world) for _ in range(count)])
        with CaptureQueriesContext(connection) as captured:
            assert depot.get(f"/containers/{child.short_code}/family").status_code == 200
        cost.append(len(captured))
    assert cost[0] == cost[1]


def test_every_step_is_told(world: World, depot: Visitor) -> None:
    drum = stocked(world)
    child, _ = split(world, drum, 10_000, 8_500)
    old, new = (text(depot.get(f"/containers/{one.short_code}")) for one in (drum, child))
    assert f"Into {child.short_grouped} (10 kg)" in old
    assert "Filled from other drums" in new


# --- what it reacts with -----------------------------------------------------------------------------------


def test_what_nobody_has_said_is_asked_for_and_said(world: World, depot: Visitor) -> None:
    drum = stocked(world, waste_code="900-041-49", hazards=["T"])
    here = f"/containers/{drum.short_code}"
    page = text(depot.get(here))
    assert "nobody has said" in page
    assert f'href="{here}/reactions"' in page
    assert text(depot.send(f"{here}/reactions")).count("reaction_groups-error") >= 1
    assert depot.send(f"{here}/reactions", reaction_groups=["6-B", "1-A"])["Location"] == here
    assert Container.objects.get(pk=drum.pk).reactions == {"6-B", "1-A"}
    page = text(depot.get(here))
    assert "Alkalis · Other combustibles" in page
    assert "Stated what it reacts with" in page
    depot.send(f"{here}/reactions", reaction_groups=["NONE"])
    assert "with nothing known" in text(depot.get(here))


def test_a_stranger_says_nothing_of_it(world: World) -> None:
    drum = stocked(world)
    answer = Visitor(world, "regulator").send(f"/containers/{drum.short_code}/reactions", reaction_groups=["1-A"])
    assert answer.status_code == 403


def test_logging_asks_only_where_the_code_tells_nothing_and_never_insists(world: World) -> None:
    firm = Visitor(world, "firm")
    assert 'name="reaction_groups"' not in text(firm.get("/log", waste_code="900-249-08"))
    assert 'name="reaction_groups"' in text(firm.get("/log", waste_code="900-041-49"))
    place = f"depot-{world.depots['firm'].pk}"
    fields: dict[str, Any] = {
        "waste_code": "900-041-49",
        "mass_kg": "5",
        "name": "抹布",
        "form": "S",
        "hazards": ["T"],
        "place": place,
    }
    fields |= {
        "hazards": ["T"],
        "container_kind": "steel_drum",
        "volume_l": "200",
        "accumulation_start": "2026-11-20",
        "keep": "1",
    }
    firm.send("/log", **fields)
    assert Container.objects.get().reactions is None
    firm.send("/log", reaction_groups=["6-B"], **fields)
    assert Container.objects.latest("pk").reactions == {"6-B"}
    assert WasteStream.objects.latest("pk").reaction_groups == "6-B"
    bad = firm.send("/log", reaction_groups=["9-Z"], **fields)
    assert 'id="reaction_groups-error"' in text(bad)


def test_a_usual_waste_learns_it_once(world: World) -> None:
    firm, site = Visitor(world, "firm"), world.depots["firm"].site
    fields: dict[str, Any] = {"waste_code": "900-041-49", "name": "抹布", "form": "S", "hazards": "T", "volume_l": 200}
    stream = WasteStream.objects.create(
        organisation=world.organisations["firm"], site=site, container_kind="steel_drum", **fields
    )
    assert 'name="reaction_groups"' in text(firm.get("/log", stream=stream.pk))
    sent: dict[str, Any] = {"stream": stream.pk, "mass_kg": "5", "place": f"depot-{world.depots['firm'].pk}"}
    firm.send("/log", reaction_groups=["6-B"], **sent)
    stream.refresh_from_db()
    assert stream.reaction_groups == "6-B"
    assert 'name="reaction_groups"' not in text(firm.get("/log", stream=stream.pk))
    firm.send("/log", **sent)
    assert Container.objects.latest("pk").reactions == {"6-B"}


# --- longer storage ----------------------------------------------------------------------------------------


def test_an_extension_is_offered_with_the_alert_and_ends_it(world: World, depot: Visitor, clock: Clock) -> None:
    drum = stocked(world)
    clock(later(370))
    sweep(later(370))
    assert f"/containers/extend?container={drum.code}" in text(depot.get("/alerts"))
    until = (NOW + timedelta(days=500)).date().isoformat()
    page = text(depot.get("/containers/extend", container=drum.code))
    assert 'name="document"' in page
    answer = depot.send("/containers/extend", container=drum.code, document="演示〔2026〕1号", until=until)
    assert answer["Location"] == f"/containers/{drum.short_code}"
    page = text(depot.get(answer["Location"]))
    assert "Extended by 演示〔2026〕1号" in page
    assert f"Must leave by {until}" in page
    assert not Alert.objects.filter(about=drum.subject, state="overdue").exists()
    assert f"/containers/extend?container={drum.code}" not in text(depot.get("/alerts"))


def test_many_are_extended_at_once_or_none(world: World, depot: Visitor) -> None:
    one, other = stocked(world), stocked(world)
    fields: dict[str, Any] = {"container": [one.code, other.code], "document": "演示〔2026〕1号"}
    refused = depot.send("/containers/extend", until="2026-11-21", **fields)
    assert 'id="until-error"' in text(refused)
    assert 'value="演示〔2026〕1号"' in text(refused)
    assert 'id="until-error"' in text(depot.send("/containers/extend", until="soon", **fields))
    assert 'id="document-error"' in text(depot.send("/containers/extend", until="2027-11-20", container=one.code))
    assert not Container.objects.exclude(extension="").exists()


def test_pages_of_one_drum_need_no_more_for_its_age(world: World, depot: Visitor) -> None:
    """The drum's page asks a few questions for the family and where it ended, not one for each branch."""
    plain, parent = stocked(world), stocked(world)
    part = [Part("steel_drum", Decimal(200), mass) for mass in [3_000] * 5 + [3_500]]
    regroup.split(actor=world.actor("depot"), container=parent, parts=part, now=NOW)
    cost = []
    for drum in (plain, parent):
        with CaptureQueriesContext(connection) as captured:
            depot.get(f"/containers/{drum.short_code}")
        cost.append(len(captured))
    assert cost[1] - cost[0] <= 11


# --- refused before anything is typed ----------------------------------------------------------------------


@pytest.mark.parametrize("what", ["split", "repack", "reactions"])
def test_a_drum_that_is_gone_has_no_form(world: World, depot: Visitor, what: str) -> None:
    drum = stocked(world)
    path = f"/containers/{drum.short_code}/{what}"
    assert depot.get(path).status_code == 200
    repack(world, drum)
    page = depot.get(path)
    assert page.status_code == 409
    assert "This drum is recorded as emptied" in text(page)
    assert "<form method" not in text(page).split("<main")[1]


@pytest.mark.parametrize("what", ["split", "repack", "merge"])
def test_who_does_not_keep_it_gets_no_form(world: World, what: str) -> None:
    drums = [stocked(world), stocked(world)]
    named = "&".join(f"container={drum.short_code}" for drum in drums)
    path = f"/containers/merge?{named}" if what == "merge" else f"/containers/{drums[0].short_code}/{what}"
    for name in ("firm", "regulator"):
        assert Visitor(world, name).get(path).status_code == 403, name
    assert Visitor(world, "depot").get(path).status_code == 200


def test_a_regulator_does_not_say_what_a_drum_reacts_with(world: World) -> None:
    path = f"/containers/{stocked(world).short_code}/reactions"
    assert Visitor(world, "regulator").get(path).status_code == 403


def test_one_drum_alone_is_not_merged(world: World, depot: Visitor) -> None:
    page = depot.get("/containers/merge", container=stocked(world).short_code)
    assert page.status_code == 422
    assert "Choose at least two drums" in text(page)
