"""`/permits`: an office puts them on record, its district's organisations read their own, each refusal has its code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.support import answered, refused
from tests.world import World
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Permit


def body(world: World, **changed: Any) -> dict[str, Any]:
    return {
        "organisation": world.organisations["depot"].uscc,
        "number": "浙危收 1号",
        "kind": "collection",
        "codes": ["HW08", "900-041-49"],
        "yearly_mass_kg": "5000",
        "valid_from": "2026-11-20",
        "valid_to": "2029-11-19",
    } | changed


def test_a_permit_is_recorded_once_and_read_by_its_holder(world: World, api: Any) -> None:
    office, again = api("regulator"), {"Idempotency-Key": "once"}
    made = answered(office.post("/permits", body(world), **again), 201)
    assert answered(office.post("/permits", body(world), **again), 201) == made
    assert (made["codes"], made["yearly_mass_kg"], made["withdrawn"]) == (["HW08", "900-041-49"], "5000", False)
    assert made["organisation"]["name"] == "演示depot"
    own = answered(api("depot").get("/permits"))["items"]
    assert [one["number"] for one in own] == ["浙危收 1号", "演示depot"]
    assert answered(api("depot").get(f"/permits/{made['id']}")) == made
    assert answered(api("firm").get("/permits"))["items"] == []
    refused(api("firm").get(f"/permits/{made['id']}"), 404, "unknown_permit")
    shown = answered(api("firm").get(f"/organisations/{made['organisation']['uscc']}"))["permits"]
    assert [one["number"] for one in shown] == ["演示depot", "浙危收 1号"]


def test_a_list_goes_on_page_by_page_and_is_searched(world: World, api: Any) -> None:
    office = api("regulator")
    first = answered(office.get("/permits?limit=3"))
    rest = answered(office.get(f"/permits?limit=3&cursor={first['next']}"))
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
    uscc = world.organisations["plant"].uscc
    assert [one["number"] for one in answered(office.get(f"/permits?search={uscc}"))["items"]] == ["演示plant"]
    assert answered(api("regulator2").get("/permits"))["items"] == []


@pytest.mark.parametrize("who", ["depot", "firm", "viewer", "carrier"])
def test_nobody_but_an_office_changes_one(who: str, world: World, api: Any) -> None:
    pk = Permit.objects.get(organisation=world.organisations["depot"]).pk
    holder, other = ("read_only" if who == "viewer" else "not_your_part"), "unknown_permit"
    refused(api(who).post("/permits", body(world)), 403, holder)
    status, code = (403, "not_your_part") if who == "depot" else (404, other)
    refused(api(who).post(f"/permits/{pk}/correct", {"reason": "r", "codes": "HW08"}), status, code)
    refused(api(who).post(f"/permits/{pk}/withdraw", {"reason": "r", "last_day": "2026-12-31"}), status, code)
    assert not Entry.objects.filter(kind__startswith="permit.").exists()


def test_another_districts_office_reads_and_changes_nothing(world: World, api: Any) -> None:
    pk = Permit.objects.get(organisation=world.organisations["depot"]).pk
    office = api("regulator2")
    refused(office.post("/permits", body(world)), 422, "not_in_your_district", "organisation")
    refused(office.get(f"/permits/{pk}"), 404, "unknown_permit")
    refused(office.post(f"/permits/{pk}/correct", {"reason": "r", "codes": "HW08"}), 404, "unknown_permit")


def test_what_is_wrong_is_named_at_its_field_in_the_callers_language(world: World, api: Any) -> None:
    office = api("regulator")
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"organisation": ""}, "organisation", "missing"),
        ({"organisation": world.organisations["firm"].uscc}, "kind", "permit_kind_not_theirs"),
        ({"codes": "HW99"}, "codes", "unknown_permit_code"),
        ({"yearly_mass_kg": None}, "yearly_mass_kg", "mass_missing"),
        ({"kind": "x"}, "kind", "unknown_permit_kind"),
        ({"valid_to": "2026-01-01"}, "valid_to", "dates_out_of_order"),
        ({"number": "演示depot"}, "number", "permit_known"),
    ]
    for changed, field, code in wrong:
        refused(office.post("/permits", body(world, **changed)), 422, code, field)
    assert not Entry.objects.filter(kind="permit.record").exists()


def test_a_correction_changes_what_is_sent_alone(world: World, api: Any) -> None:
    office = api("regulator")
    made = answered(office.post("/permits", body(world)), 201)
    at = f"/permits/{made['id']}"
    changed = answered(office.post(f"{at}/correct", {"reason": "r", "valid_to": "2028-01-01", "version": 1}))
    assert changed == made | {"valid_to": "2028-01-01", "version": 2}
    refused(office.post(f"{at}/correct", {"reason": "r", "codes": "HW08", "version": 1}), 409, "permit_changed")
    refused(office.post(f"{at}/correct", {"reason": "r", "codes": "HW08,900-041-49"}), 409, "permit_unchanged")
    refused(office.post(f"{at}/correct", {"codes": "HW08"}), 422, "missing", "reason")
    carries = {"reason": "r", "kind": "transport", "codes": "", "yearly_mass_kg": None}
    refused(office.post(f"{at}/correct", carries), 422, "permit_kind_fixed", "kind")


def test_a_withdrawal_is_done_once(world: World, api: Any) -> None:
    office = api("regulator")
    at = f"/permits/{Permit.objects.get(organisation=world.organisations['depot']).pk}"
    refused(
        office.post(f"{at}/withdraw", {"reason": "r", "last_day": "2030-01-01"}), 422, "permit_ends_before", "last_day"
    )
    ended = answered(office.post(f"{at}/withdraw", {"reason": "r", "last_day": "2026-12-31"}))
    assert (ended["valid_to"], ended["withdrawn"]) == ("2026-12-31", True)
    refused(office.post(f"{at}/withdraw", {"reason": "r", "last_day": "2026-12-30"}), 409, "permit_withdrawn")
