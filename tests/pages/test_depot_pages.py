"""The pages of depots: the list, the board, and what a reader may do there."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from depots.models import Bay, Depot, Stay
from depots.selectors import get_bay
from depots.services import put_away
from manifests.selectors import lines_of
from manifests.services import Receipt, receive
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World, later
from wastetrack.ledger.models import Entry


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read at NOW."""


def stocked(world: World, drums: int = 1) -> Depot:
    """The collection depot with some drums in its bays."""
    manifest = world.delivered(*[world.drum() for _ in range(drums)])
    depot, receipts = world.depots["depot"], [Receipt(line) for line in lines_of(manifest)]
    receive(actor=world.actor("depot"), manifest=manifest, receipts=receipts, depot=depot, now=NOW)
    return depot


def test_an_only_depot_is_shown_at_once(world: World) -> None:
    response = Visitor(world, "depot").get("/depots")
    assert response["Location"] == f"/depots/{world.depots['depot'].pk}"


def test_a_regulator_sees_the_depots_of_its_district(world: World) -> None:
    stocked(world, 2)
    page = text(Visitor(world, "regulator").get("/depots"))
    assert all(f"/depots/{depot.pk}" in page for depot in world.depots.values())
    assert "No depot to see here" in text(Visitor(world, "regulator2").get("/depots"))


def test_the_list_is_filtered_by_the_address(world: World) -> None:
    regulator, depot, plant = Visitor(world, "regulator"), world.depots["depot"], world.depots["plant"]
    stocked(world)
    assert f'/depots/{plant.pk}"' not in text(regulator.get("/depots", kind="collection_depot"))
    assert f'/depots/{plant.pk}"' in text(regulator.get("/depots", search="plant"))
    assert f'/depots/{depot.pk}"' not in text(regulator.get("/depots", overdue="1"))
    assert regulator.get("/depots", kind="cellar").status_code == 422


@pytest.mark.parametrize("name", ["depot", "regulator"])
def test_the_board_shows_what_stands_where(world: World, name: str) -> None:
    depot = stocked(world)
    page = text(Visitor(world, name).get(f"/depots/{depot.pk}"))
    assert "900-249-08" in page
    assert '<span class="bay-tag">A1</span>' in page
    assert "364 days left" in page or "365 days left" in page


@pytest.mark.parametrize("name", ["firm", "depot2", "carrier", "regulator2"])
def test_a_hidden_depot_is_not_there(world: World, name: str) -> None:
    depot = stocked(world)
    for part in ("", "/expected", "/scans"):
        assert Visitor(world, name).get(f"/depots/{depot.pk}{part}").status_code == 404


def test_only_the_depots_own_people_are_offered_to_act(world: World) -> None:
    depot = stocked(world)
    assert "/scan?depot=" in text(Visitor(world, "depot").get(f"/depots/{depot.pk}"))
    for_regulator = text(Visitor(world, "regulator").get(f"/depots/{depot.pk}"))
    assert "/scan?depot=" not in for_regulator
    assert 'type="checkbox"' not in for_regulator
    own = world.depots["firm"]
    world.drum()
    for_viewer = text(Visitor(world, "viewer").get(f"/depots/{own.pk}"))
    assert "/scan?depot=" not in for_viewer
    assert 'type="checkbox"' not in for_viewer


def test_what_came_since_the_last_look_is_marked(world: World) -> None:
    depot = stocked(world)
    page = text(Visitor(world, "depot").get(f"/depots/{depot.pk}"))
    assert "is-fresh" not in page
    newest = page.split("?seen=")[1].split('"')[0].split("&")[0]
    stocked(world)
    assert text(Visitor(world, "depot").get(f"/depots/{depot.pk}", seen=newest)).count('class="is-fresh"') == 1


def test_the_board_shows_the_nearest_deadlines_and_leads_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("depots.views.STOCK_PAGE", 2)
    late, later, latest = (world.drum(accumulation_start=day) for day in ("2026-01-05", "2026-06-01", "2026-11-01"))
    firm, address = Visitor(world, "firm"), f"/depots/{world.depots['firm'].pk}"
    first = text(firm.get(address))
    assert first.index(late.short_grouped) < first.index(later.short_grouped)
    listed = first.split('id="stock"')[1].split("</form>")[0]
    assert latest.short_grouped not in listed
    assert latest.short_grouped in text(firm.get(address, **{"from": 2})).split('id="stock"')[1].split("</form>")[0]


@pytest.mark.parametrize("query", [{"from": "-1"}, {"seen": "x"}, {"from": "9" * 30}])
def test_a_place_in_the_list_that_cannot_be_is_refused(world: World, query: dict[str, str]) -> None:
    assert Visitor(world, "firm").get(f"/depots/{world.depots['firm'].pk}", **query).status_code == 422


def queries_of(visitor: Visitor, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert visitor.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize("part", ["", "?bay=A1", "/plan", "/expected", "/next-load"])
def test_the_board_reads_the_same_number_of_queries_however_full(world: World, part: str) -> None:
    depot = stocked(world, 2)
    visitor = Visitor(world, "depot")
    few = queries_of(visitor, f"/depots/{depot.pk}{part}")
    stocked(world, 12)
    for number in range(3, 9):
        Bay.objects.create(depot=depot, code=f"A{number}", row=2, column=number)
    assert queries_of(visitor, f"/depots/{depot.pk}{part}") == few <= 17


def test_the_list_reads_the_same_number_of_queries_however_many(
    world: World, django_assert_max_num_queries: Any
) -> None:
    stocked(world, 5)
    regulator = Visitor(world, "regulator")
    with django_assert_max_num_queries(8):
        regulator.get("/depots")


# --- the bays on the board ---------------------------------------------------------------------------------


def drawn(world: World) -> Depot:
    """The collection depot with a plan: A1 and A2 in a row, with an aisle between."""
    depot = world.depots["depot"]
    Bay.objects.filter(depot=depot, code="A1").update(row=1, column=1, name="废油区", places=10, hazards="T I")
    Bay.objects.filter(depot=depot, code="A2").update(row=1, column=3, temperature="≤ 30 ℃")
    return depot


def tile(page: str, code: str) -> str:
    """One bay of the board."""
    return next(part for part in page.split('<a class="bay ')[1:] if f'class="bay-code">{code}<' in part).split("</a>")[
        0
    ]


@pytest.mark.parametrize("name", ["depot", "regulator"])
def test_a_tile_says_what_stands_in_the_bay(world: World, name: str) -> None:
    depot = drawn(world)
    stocked(world, 2)
    page = text(Visitor(world, name).get(f"/depots/{depot.pk}"))
    first, second = tile(page, "A1"), tile(page, "A2")
    assert '<span class="figure">2</span> of 10 places' in first
    assert 'aria-label="Toxicity"' in first
    assert "<svg" in first
    assert "oldest since 2026-11-20" in first
    assert "days left" in first
    assert "≤ 30 ℃" in second
    assert "empty" in second
    assert '<col class="is-aisle">' in page
    assert "To be put right" not in page


def test_a_bay_that_breaks_a_rule_is_marked_and_told(world: World) -> None:
    depot = drawn(world)
    stocked(world, 2)
    Bay.objects.filter(depot=depot, code="A1").update(places=1, capacity_g=1_000)
    page = text(Visitor(world, "regulator").get(f"/depots/{depot.pk}"))
    assert "is-faulty" in tile(page, "A1").split(">")[0]
    assert "Too heavy" in tile(page, "A1")
    assert "Too many drums" in tile(page, "A1")
    assert "Bay A1 holds 2 containers on 1 places: move some out." in page
    assert "is-faulty" not in tile(page, "A2").split(">")[0]


def test_a_bays_address_shows_its_drums_alone(world: World) -> None:
    depot = drawn(world)
    stocked(world, 2)
    stay = Stay.objects.filter(depot=depot).latest("id")
    Stay.objects.filter(pk=stay.pk).update(bay=Bay.objects.get(depot=depot, code="A2"))
    page = text(Visitor(world, "depot").get(f"/depots/{depot.pk}", bay="a2"))
    listed = page.split('id="stock"')[1].split("</form>")[0]
    assert "In bay A2" in listed
    assert listed.count("<tr>") - 1 == 1
    assert stay.container.short_grouped in listed
    assert 'aria-current="true"' in tile(page, "A2")
    assert f"/depots/{depot.pk}/counts?bay=A2" in page
    assert Visitor(world, "depot").get(f"/depots/{depot.pk}", bay="Z9").status_code == 404
    assert "counts?bay" not in text(Visitor(world, "regulator").get(f"/depots/{depot.pk}", bay="A2"))


def test_what_came_today_is_listed(world: World, clock: Any) -> None:
    depot = stocked(world, 2)
    page = text(Visitor(world, "depot").get(f"/depots/{depot.pk}"))
    assert page.split('id="came"')[1].split("</section>")[0].count("<li>") == 2
    clock(later(1))
    assert "Nothing has come today" in text(Visitor(world, "depot").get(f"/depots/{depot.pk}"))


def test_a_tile_with_something_new_is_marked_once(world: World, clock: Any) -> None:
    depot = drawn(world)
    stocked(world)
    visitor = Visitor(world, "depot")
    page = text(visitor.get(f"/depots/{depot.pk}"))
    assert "is-fresh" not in tile(page, "A1").split(">")[0]
    clock(later(0.1))
    drum = Stay.objects.get(depot=depot).container
    put_away(actor=world.actor("depot"), container=drum, bay=get_bay(depot, "A2"), now=later(0.1))
    at = page.split("&amp;at=")[1].split('"')[0].split("&")[0]
    again = text(visitor.get(f"/depots/{depot.pk}", at=at))
    assert "is-fresh" in tile(again, "A2").split(">")[0]
    assert "is-fresh" not in tile(again, "A1").split(">")[0]


# --- the next truck ----------------------------------------------------------------------------------------


def test_the_next_truck_leads_to_a_manifest_with_its_drums(world: World) -> None:
    depot = stocked(world, 2)
    visitor = Visitor(world, "depot")
    panel = text(visitor.get(f"/depots/{depot.pk}/next-load"))
    assert "2 drums, " in panel
    assert "could go to 演示plant, whose permit covers HW08" in panel
    address = panel.split('href="')[1].split('"')[0].replace("&amp;", "&")
    page = text(visitor.client.get(address))
    assert page.count(" checked>") == 3
    assert f'value="{world.organisations["plant"].uscc}" required checked' in page


def test_the_next_truck_is_the_depots_own_affair(world: World) -> None:
    depot = stocked(world)
    assert Visitor(world, "regulator").get(f"/depots/{depot.pk}/next-load").status_code == 403
    for stranger in ("firm", "depot2", "regulator2"):
        assert Visitor(world, stranger).get(f"/depots/{depot.pk}/next-load").status_code == 404
    assert "next-load" not in text(Visitor(world, "regulator").get(f"/depots/{depot.pk}"))
    world.drum()
    panel = text(Visitor(world, "viewer").get(f"/depots/{world.depots['firm'].pk}/next-load"))
    assert "1 drum, " in panel
    assert "/manifests/new" not in panel


# --- the plan ----------------------------------------------------------------------------------------------

FIELDS: dict[str, Any] = {
    "was": "",
    "code": "b1",
    "name": "废酸区",
    "place": "2-3",
    "admits": "HW34",
    "hazards": ["C", "T"],
    "capacity_kg": "2，5",
    "places": "20",
    "bund_l": "400",
    "temperature": "",
}


def plan_of(world: World, name: str = "depot") -> str:
    return f"/depots/{world.depots[name].pk}/plan"


def test_a_bay_is_drawn_and_shown(world: World) -> None:
    visitor = Visitor(world, "depot")
    assert 'name="place" value="2-3" form="bay-form" checked' in text(visitor.get(plan_of(world), new="1", place="2-3"))
    saved = visitor.send(plan_of(world), **FIELDS)
    assert saved["Location"] == f"{plan_of(world)}?saved=B1"
    made = Bay.objects.get(depot=world.depots["depot"], code="B1")
    assert (made.row, made.column, made.admits, made.hazards, made.capacity_g) == (2, 3, "HW34", "C T", 2_500)
    page = text(visitor.client.get(saved["Location"]))
    assert "Bay B1 is saved." in page
    assert Entry.objects.get(kind="bay.set").subject == f"bay:{made.pk}"


def test_the_same_form_sent_twice_makes_one_bay(world: World) -> None:
    visitor = Visitor(world, "depot")
    first, second = (visitor.send(plan_of(world), nonce="n", **FIELDS) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Bay.objects.filter(depot=world.depots["depot"]).count() == 3


def test_a_bay_is_changed_moved_and_what_breaks_is_told(world: World) -> None:
    depot = stocked(world)
    visitor = Visitor(world, "depot")
    form = text(visitor.get(plan_of(world), bay="A1"))
    assert 'value="5000"' in form
    saved = visitor.send(plan_of(world), **{**FIELDS, "was": "A1", "code": "A1", "place": "1-1", "admits": ""})
    page = text(visitor.client.get(saved["Location"]))
    assert "Bay A1 holds 18.5 kg; its limit is 2.5 kg" in page
    moved = Bay.objects.get(depot=depot, code="A1")
    assert (moved.row, moved.column) == (1, 1)
    visitor.send(plan_of(world), **{**FIELDS, "was": "A1", "code": "A1", "place": ""})
    moved.refresh_from_db()
    assert (moved.row, moved.column) == (None, None)


def test_a_refused_form_keeps_what_was_typed(world: World) -> None:
    response = Visitor(world, "depot").send(plan_of(world), **{**FIELDS, "admits": "HW99", "places": "many"})
    page = text(response)
    assert response.status_code == 422
    assert "“HW99” is neither a waste code nor a category" in page
    assert "The number of places is whole" in page
    assert 'value="废酸区"' in page
    assert page.count('name="hazards" value="C" checked') == 1
    assert not Entry.objects.filter(kind="bay.set").exists()


def test_a_bay_is_taken_away_or_stays_in_the_books(world: World) -> None:
    stocked(world)
    visitor = Visitor(world, "depot")
    kept = visitor.send(f"{plan_of(world)}/remove", was="A1")
    assert kept.status_code == 409
    assert "Drums stand in bay A1: move them first." in text(kept)
    assert visitor.send(f"{plan_of(world)}/remove", was="A2")["Location"] == plan_of(world)
    assert list(Bay.objects.filter(depot=world.depots["depot"]).values_list("code", flat=True)) == ["A1"]


def test_who_may_draw_the_plan_and_who_reads_it(world: World) -> None:
    regulator = Visitor(world, "regulator")
    page = text(regulator.get(plan_of(world), bay="A1"))
    assert "A1" in page
    assert "<form" not in page.split('<main id="main"')[1].split("</main>")[0]
    stopped = regulator.send(plan_of(world), **FIELDS)
    assert stopped.status_code == 403
    assert "This depot belongs to another organisation." in text(stopped)
    assert regulator.send(f"{plan_of(world)}/remove", was="A2").status_code == 403
    viewer = Visitor(world, "viewer")
    assert viewer.send(plan_of(world, "firm"), **FIELDS).status_code == 403
    assert "Add a bay" not in text(viewer.get(plan_of(world, "firm")))
    assert "Add a bay" in text(Visitor(world, "firm").get(plan_of(world, "firm")))
    for stranger in ("firm", "depot2", "carrier", "regulator2"):
        assert Visitor(world, stranger).get(plan_of(world)).status_code == 404
        assert Visitor(world, stranger).send(plan_of(world), **FIELDS).status_code == 404
    assert Bay.objects.filter(depot=world.depots["depot"]).count() == 2


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_speak_both_languages(world: World, language: str) -> None:
    visitor = Visitor(world, "depot", language)
    depot = drawn(world)
    for path in (f"/depots/{depot.pk}", plan_of(world), f"{plan_of(world)}?bay=A1", f"/depots/{depot.pk}/next-load"):
        assert visitor.get(path).status_code == 200
