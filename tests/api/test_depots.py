"""`/depots`: the places, their bays, their stock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from depots.models import Depot
from tests.api.support import answered, refused
from tests.world import World, later


def test_one_sees_ones_own_places_and_a_regulator_those_of_the_district(world: World, api: Any) -> None:
    def named(name: str) -> set[str]:
        return {item["name"] for item in answered(api(name).get("/depots"))["items"]}

    assert named("depot") == {"演示depot贮存"}
    assert named("firm") == {"演示firm贮存"}
    assert len(named("regulator")) == 5
    assert named("regulator2") == named("carrier") == set()


def test_a_depot_has_its_stock_in_figures(world: World, api: Any, clock: Any) -> None:
    world.drum(accumulation_start="2025-10-01")
    world.drum(accumulation_start="2025-12-01", mass_kg="0.001")
    world.drum()
    shown = answered(api("firm").get(f"/depots/{world.depots['firm'].pk}"))
    assert shown["stock"] == {"containers": 3, "mass_kg": "37.001", "overdue": 1, "due_soon": 1}
    assert shown["organisation"] == world.organisations["firm"].uscc
    assert (shown["kind"], shown["facility_code"]) == ("storage_point", "TS001")


def test_an_inventory_is_the_latest_arrival_first_and_paged(world: World, api: Any) -> None:
    drums = [world.drum() for _ in range(3)]
    path = f"/depots/{world.depots['firm'].pk}/inventory"
    first = answered(api("firm").get(path, limit=2))
    assert [item["code"] for item in first["items"]] == [drums[2].code, drums[1].code]
    second = answered(api("firm").get(path, limit=2, cursor=first["next"]))
    assert ([item["code"] for item in second["items"]], second["next"]) == ([drums[0].code], None)
    item = first["items"][0]
    assert (item["state"], item["mass_kg"], item["bay"], item["generator"]) == ("stored", "18.5", None, "演示firm")
    assert datetime.fromisoformat(item["storage_deadline"]) == drums[2].storage_deadline
    refused(api("firm").get(path, cursor="x"), 422, "bad_cursor", "cursor")


def test_bays_say_how_full_they_are(world: World, api: Any) -> None:
    world.delivered(drum := world.drum())
    answered(api("depot").post("/scans", {"nonce": "n", "text": drum.code, "intent": "check_in", "bay": "A1"}))
    bays = answered(api("depot").get(f"/depots/{world.depots['depot'].pk}/bays"))["items"]
    assert [(bay["code"], bay["containers"], bay["mass_kg"]) for bay in bays] == [("A1", 1, "18.5"), ("A2", 0, "0")]
    assert bays[0]["capacity_kg"] == "5000"
    assert bays[1]["next_deadline"] is None


def test_places_are_paged(world: World, api: Any) -> None:
    site = world.depots["firm"].site
    for number in range(2, 5):
        Depot.objects.create(site=site, name=f"{number}号", kind="storage_point", facility_code=f"TS{number:03d}")
    first = answered(api("firm").get("/depots", limit=3))
    assert [item["facility_code"] for item in first["items"]] == ["TS004", "TS003", "TS002"]
    rest = answered(api("firm").get("/depots", limit=3, cursor=first["next"]))
    assert [item["facility_code"] for item in rest["items"]] == ["TS001"]


@pytest.mark.parametrize("part", ["", "/inventory", "/bays"])
def test_a_hidden_place_and_no_place_are_one_answer(world: World, api: Any, part: str) -> None:
    hidden = api("firm").get(f"/depots/{world.depots['firm2'].pk}{part}")
    refused(hidden, 404, "unknown_depot")
    for unknown in ("0", "-1", "x", "9" * 40, "１", "1.0", f"{world.depots['firm'].pk:019d}9"):
        assert api("firm").get(f"/depots/{unknown}{part}").content == hidden.content


def test_a_drum_that_left_is_no_stock(world: World, api: Any, clock: Any) -> None:
    world.delivered(world.drum())
    clock(later(1))
    assert answered(api("firm").get(f"/depots/{world.depots['firm'].pk}"))["stock"]["containers"] == 0
    assert answered(api("firm").get(f"/depots/{world.depots['firm'].pk}/inventory"))["items"] == []
