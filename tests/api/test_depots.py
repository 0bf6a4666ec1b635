"""`/depots`: the places, their bays, their stock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from depots.models import Depot
from tests.api.support import answered, nothing_done, refused
from tests.world import NOW, World, later
from wastetrack.alerts.services import sweep


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
    sweep(NOW)
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


# --- setting bays up ---------------------------------------------------------------------------------------

BAY = {"code": "B1", "name": "废油区", "row": 2, "column": 1, "admits": ["HW08", "900-041-49"], "hazards": ["T", "I"],
       "capacity_kg": "2000.5", "places": 20, "bund_l": 400, "temperature": "≤ 30 ℃"}  # fmt: skip


def bays_of(world: World, name: str = "depot") -> str:
    return f"/depots/{world.depots[name].pk}/bays"


def test_a_bay_is_set_up_and_changed(world: World, api: Any) -> None:
    depot = api("depot")
    made = answered(depot.post(bays_of(world), BAY), 201)
    assert {name: made[name] for name in BAY} == BAY
    assert (made["containers"], made["mass_kg"], made["faults"]) == (0, "0", [])
    changed = answered(depot.post(f"{bays_of(world)}/B1", {"places": 0, "row": None, "column": None}))
    assert changed == {**made, "places": 0, "row": None, "column": None}
    listed = answered(depot.get(bays_of(world)))["items"]
    assert [bay["code"] for bay in listed] == ["A1", "A2", "B1"]
    assert listed[2] == changed


def test_that_less_fits_than_stands_there_is_allowed_and_told(world: World, api: Any) -> None:
    world.delivered(drum := world.drum())
    answered(api("depot").post("/scans", {"nonce": "n", "text": drum.code, "intent": "check_in", "bay": "A1"}))
    changed = answered(api("depot").post(f"{bays_of(world)}/A1", {"capacity_kg": "18"}))
    assert [fault["code"] for fault in changed["faults"]] == ["bay_over_mass"]
    assert changed["faults"][0]["message"] == "Bay A1 holds 18.5 kg; its limit is 18 kg: move some out."


def test_a_bay_is_made_once_however_often_it_is_asked_for(world: World, api: Any) -> None:
    depot = api("depot")
    first = depot.post(bays_of(world), BAY, **{"Idempotency-Key": "k"})
    assert depot.post(bays_of(world), BAY, **{"Idempotency-Key": "k"}).content == first.content
    refused(depot.post(bays_of(world), BAY), 422, "bay_code_taken", "code")


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"code": ""}, "code", "missing"),
        ({"code": "a1"}, "code", "bay_code_taken"),
        ({"admits": "HW99"}, "admits", "unknown_admitted"),
        ({"hazards": ["Z"]}, "hazards", "bad_hazard"),
        ({"row": 0}, "row", "bay_place_unusable"),
        ({"column": None}, "column", "bay_place_half"),
        ({"capacity_kg": "-1"}, "capacity_kg", "bay_capacity_unusable"),
        ({"places": "x"}, "places", "bay_places_unusable"),
        ({"bund_l": 0.5}, "bund_l", "bay_bund_unusable"),
        ({"admits": {"a": 1}}, "admits", "wrong_type"),
    ],
)
def test_a_bay_that_cannot_be(world: World, api: Any, change: dict[str, Any], field: str, code: str) -> None:
    with nothing_done():
        refused(api("depot").post(bays_of(world), {**BAY, **change}), 422, code, field)
    assert len(answered(api("depot").get(bays_of(world)))["items"]) == 2


def test_who_may_set_bays_up(world: World, api: Any) -> None:
    for stranger in ("firm", "depot2", "carrier", "regulator2"):
        refused(api(stranger).post(bays_of(world), BAY), 404, "unknown_depot")
        refused(api(stranger).post(f"{bays_of(world)}/A1", {"places": 0}), 404, "unknown_depot")
    refused(api("regulator").post(bays_of(world), BAY), 403, "not_your_depot")
    refused(api("viewer").post(bays_of(world, "firm"), BAY), 403, "read_only")
    refused(api("depot").post(f"{bays_of(world)}/Z9", {"places": 0}), 404, "unknown_bay")
    assert answered(api("regulator").get(bays_of(world)))["items"][0]["places"] is None


def test_what_devices_keep_is_for_the_depots_own_people(world: World, api: Any) -> None:
    path = f"/depots/{world.depots['depot'].pk}/snapshot"
    assert answered(api("depot").get(path))["depot"]["id"] == str(world.depots["depot"].pk)
    # The district sees the place and its stock, and scans nothing there.
    refused(api("regulator").get(path), 403, "not_your_depot")
    for stranger in ("firm", "depot2", "carrier", "regulator2"):
        refused(api(stranger).get(path), 404, "unknown_depot")
    refused(api("viewer").get(f"/depots/{world.depots['firm'].pk}/snapshot"), 403, "read_only")


# --- what a district decides -------------------------------------------------------------------------------


def test_a_districts_figure_is_set_read_and_withdrawn(world: World, api: Any) -> None:
    key, regulator = "mass_deviation.notice_percent", api("regulator")
    told = answered(regulator.post("/district/figures", {"key": key, "value": "2.50", "source": "演示文件"}))
    assert (told["value"], told["rule"], told["district"], told["source"]) == ("2.5", "3", "330602", "演示文件")

    def here(name: str, **query: str) -> Any:
        figures = answered(api(name).get("/district/rules", **query))["figures"]
        return next(one["value"] for one in figures if one["key"] == key)

    assert (here("firm"), here("carrier"), here("regulator2")) == ("2.5", "2.5", "3")
    assert here("regulator2", division="330602") == "2.5"
    back = answered(regulator.post("/district/figures", {"key": key, "value": None}))
    assert (back["value"], back["district"]) == ("3", None)
    refused(regulator.post("/district/figures", {"key": key, "value": None}), 404, "not_set_here")


def test_a_districts_pair_is_set_read_and_withdrawn(world: World, api: Any) -> None:
    regulator, pair = api("regulator"), {"group_a": "5-A", "group_b": "1-A"}
    told = answered(
        regulator.post("/district/pairs", {**pair, "apart": True, "source": "演示", "consequence": "演示后果"})
    )
    assert (told["apart"], told["rule"], told["district"], told["consequence"]) == (True, False, "330602", "演示后果")
    assert told in answered(api("depot").get("/district/rules"))["pairs"]
    back = answered(regulator.post("/district/pairs", {**pair, "apart": None}))
    assert (back["apart"], back["rule"], back["district"]) == (False, False, None)
    lifted = {"group_a": "1-A", "group_b": "1-B", "apart": False, "source": "演示"}
    assert answered(regulator.post("/district/pairs", lifted))["rule"] is True
    assert answered(regulator.post("/district/pairs", {**lifted, "apart": None}))["apart"] is True


def test_what_a_district_cannot_decide(world: World, api: Any) -> None:
    regulator, figure = api("regulator"), {"key": "facility.warn_percent", "value": 70, "source": "演示"}
    with nothing_done():
        refused(regulator.post("/district/figures", {**figure, "key": "pin.tries"}), 422, "unknown_figure", "key")
        refused(regulator.post("/district/figures", {**figure, "value": "x"}), 422, "figure_not_a_number", "value")
        refused(regulator.post("/district/figures", {**figure, "source": ""}), 422, "source_missing", "source")
        pair = {"group_a": "1-A", "group_b": "1-A", "apart": True, "source": "演示"}
        refused(regulator.post("/district/pairs", pair), 422, "same_group", "group_b")
        refused(regulator.get("/district/rules", division="1"), 422, "unknown_district", "division")
        for name in ("firm", "depot", "viewer"):
            code = "read_only" if name == "viewer" else "not_your_part"
            refused(api(name).post("/district/figures", figure), 403, code)
            refused(api(name).post("/district/figures", {**figure, "value": None}), 403, code)
            refused(api(name).post("/district/pairs", {**pair, "apart": None}), 403, code)
