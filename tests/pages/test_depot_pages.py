"""The pages of depots: the list, the board, and what a reader may do there."""

from __future__ import annotations

from typing import Any

import pytest

from depots.models import Depot
from manifests.selectors import lines_of
from manifests.services import Receipt, receive
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World


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
    assert latest.short_grouped not in first
    assert latest.short_grouped in text(firm.get(address, **{"from": 2}))


@pytest.mark.parametrize("query", [{"from": "-1"}, {"seen": "x"}, {"from": "9" * 30}])
def test_a_place_in_the_list_that_cannot_be_is_refused(world: World, query: dict[str, str]) -> None:
    assert Visitor(world, "firm").get(f"/depots/{world.depots['firm'].pk}", **query).status_code == 422


def test_the_board_reads_the_same_number_of_queries_however_full(
    world: World, django_assert_max_num_queries: Any
) -> None:
    depot = stocked(world, 12)
    visitor = Visitor(world, "depot")
    with django_assert_max_num_queries(12):
        visitor.get(f"/depots/{depot.pk}")
    with django_assert_max_num_queries(12):
        visitor.get(f"/depots/{depot.pk}/expected")


def test_the_list_reads_the_same_number_of_queries_however_many(
    world: World, django_assert_max_num_queries: Any
) -> None:
    stocked(world, 5)
    regulator = Visitor(world, "regulator")
    with django_assert_max_num_queries(8):
        regulator.get("/depots")
