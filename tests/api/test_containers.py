"""`/containers`: logging a drum, finding it, its life, voiding it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from depots.models import Stay
from tests.api.support import answered, nothing_done, refused
from tests.conftest import Api
from tests.world import DRUM, NOW, World, later
from wastetrack.alerts.models import Alert
from wastetrack.ledger import merkle
from wastetrack.ledger.canonical import leaf_bytes
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import seal
from wastetrack.parties.models import Site
from wastetrack.regulations.identifiers import ContainerCode, group, make_site_code, short_code_ok
from wastetrack.waste.models import Container, WasteStream


def log(api: Api, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = answered(api.post("/containers", {**DRUM, **changes}), 201)
    return body


def listed(api: Api, **query: Any) -> list[str]:
    return [item["code"] for item in answered(api.get("/containers", **query))["items"]]


# --- logging ---


def test_a_drum_is_logged_with_its_code_and_deadline(world: World, api: Any) -> None:
    drum = log(api("firm"))
    code = ContainerCode.parse(drum["code"])
    assert len(drum["code"]) == 37
    assert (code.unit, code.waste_code, code.serial) == (world.organisations["firm"].uscc, "900-249-08", 1)
    assert code.day.isoformat() == "2026-11-20"
    assert short_code_ok(drum["short_code"])
    assert drum["state"] == "logged"
    assert drum["mass_kg"] == "18.5"
    assert drum["volume_l"] == "200"
    assert drum["hazards"] == ["T", "I"]
    assert drum["category"] == "HW08"
    assert drum["storage_deadline"] == "2027-11-20T23:59:59+08:00"
    assert drum["storage_clause"]["id"] == "storage_one_year_generator"
    assert drum["storage_clause"]["reference"]
    assert drum["generator"]["uscc"] == drum["holder"]["uscc"] == world.organisations["firm"].uscc
    assert (drum["depot"], drum["bay"]) == (None, None)
    assert datetime.fromisoformat(drum["logged_at"]) == NOW


def test_in_a_depot_it_is_stored_at_once(world: World, api: Any) -> None:
    depot = world.depots["firm"]
    drum = log(api("firm"), depot=str(depot.pk))
    assert (drum["state"], drum["depot"]) == ("stored", {"id": str(depot.pk), "name": depot.name})
    assert Stay.objects.get().container.code == drum["code"]
    assert Entry.objects.filter(subject=f"container:{drum['code']}").count() == 2


def test_serials_run_and_short_codes_differ(api: Any) -> None:
    first, second = log(api("firm")), log(api("firm"))
    assert [int(drum["code"][-3:]) for drum in (first, second)] == [1, 2]
    assert first["short_code"] != second["short_code"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"mass_kg": 18.5}, {"mass_kg": "18.5"}),
        ({"mass_kg": "0.001"}, {"mass_kg": "0.001"}),
        ({"mass_kg": "60000"}, {"mass_kg": "60000"}),
        ({"mass_kg": " 18.500 "}, {"mass_kg": "18.5"}),
        ({"waste_code": "90024908"}, {"waste_code": "900-249-08"}),
        ({"form": "solid"}, {"form": "S"}),
        ({"name": "  废  油桶 "}, {"name": "废 油桶"}),
        ({"volume_l": "0.5"}, {"volume_l": "0.5"}),
        ({"waste_code": "900-041-49", "hazards": ["T"]}, {"hazards": ["T"]}),
        ({"waste_code": "900-041-49", "hazards": "T,In"}, {"hazards": ["T", "In"]}),
        ({"accumulation_start": "2026-11-20T08:00:00+08:00"}, {"accumulation_start": "2026-11-20"}),
        ({"remarks": "角上有凹痕", "harmful_components": "油"}, {"remarks": "角上有凹痕", "harmful_components": "油"}),
    ],
)
def test_what_was_meant_is_kept(api: Any, sent: dict[str, Any], kept: dict[str, Any]) -> None:
    drum = log(api("firm"), **sent)
    assert {name: drum[name] for name in kept} == kept


def test_a_site_is_named_by_its_code_or_its_id(world: World, api: Any) -> None:
    site = world.depots["firm"].site
    assert log(api("firm"), site=site.code)["site"] == site.code
    assert log(api("firm"), site=str(site.pk))["site"] == site.code


def test_with_several_sites_one_must_be_named(world: World, api: Any) -> None:
    firm = world.organisations["firm"]
    Site.objects.create(organisation=firm, code=make_site_code(firm.uscc, 2), name="二厂", division=firm.division)
    with nothing_done():
        refused(api("firm").post("/containers", DRUM), 422, "site_missing", "site")


def test_a_usual_waste_is_named_by_its_id(world: World, api: Any) -> None:
    stream = WasteStream.objects.create(
        organisation=world.organisations["firm"],
        site=world.depots["firm"].site,
        **{name: DRUM[name] for name in ("waste_code", "name", "form", "container_kind", "volume_l")},
        hazards="T I",
    )
    drum = log(api("firm"), stream=str(stream.pk))
    assert Container.objects.get(code=drum["code"]).stream == stream


# --- finding ---


def test_a_drum_is_found_by_its_long_short_and_grouped_code(world: World, api: Any) -> None:
    drum = world.drum()
    for typed in (
        drum.code,
        drum.short_code,
        group(drum.code),
        group(drum.short_code),
        drum.code.lower(),
        group(drum.short_code).lower(),
        f" {drum.short_code[:3]} {drum.short_code[3:]} ",
    ):
        assert answered(api("firm").get(f"/containers/{typed}"))["code"] == drum.code


def test_a_list_is_newest_first_and_paged_by_a_cursor(world: World, api: Any) -> None:
    drums = [world.drum().code for _ in range(5)]
    firm, seen, cursor = api("firm"), [], None
    for _ in range(3):
        page = answered(firm.get("/containers", limit=2, **({"cursor": cursor} if cursor else {})))
        seen += [item["code"] for item in page["items"]]
        cursor = page["next"]
    assert seen == drums[::-1]
    assert cursor is None


def test_a_drum_that_comes_while_one_pages_shifts_nothing(world: World, api: Any) -> None:
    drums = [world.drum().code for _ in range(3)]
    first = answered(api("firm").get("/containers", limit=2))
    world.drum()
    second = answered(api("firm").get("/containers", limit=2, cursor=first["next"]))
    assert [item["code"] for item in second["items"]] == drums[:1]


def test_every_filter_keeps_what_it_says(world: World, api: Any, clock: Any) -> None:
    firm = api("firm")
    stored = world.drum()
    logged = Container.objects.get(code=log(firm)["code"])
    other = world.drum(waste_code="900-041-49", hazards="T")
    gone = world.drum()
    world.delivered(gone)
    old = world.drum(accumulation_start="2025-10-01")
    assert listed(firm, state="logged") == [logged.code]
    assert set(listed(firm, state="stored,logged")) == {stored.code, logged.code, other.code, old.code}
    assert set(listed(firm, depot=str(world.depots["firm"].pk))) == {stored.code, other.code, old.code}
    assert listed(firm, holder=world.organisations["carrier"].uscc) == [gone.code]
    assert listed(firm, waste_code="900-041-49") == listed(firm, waste_code="90004149") == [other.code]
    assert listed(firm, overdue="true") == [old.code]
    assert old.code not in listed(firm, overdue="false")
    assert listed(firm, state="stored", overdue="true", waste_code="900-041-49") == []


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"state": "full"}, "unknown_state", "state"),
        ({"state": "stored,"}, "unknown_state", "state"),
        ({"waste_code": "oil"}, "unknown_waste_code", "waste_code"),
        ({"holder": "91330699T00000010"}, "uscc_length", "holder"),
        ({"overdue": "maybe"}, "wrong_type", "overdue"),
        ({"limit": "many"}, "wrong_type", "limit"),
        ({"cursor": "-1"}, "bad_cursor", "cursor"),
        ({"cursor": "9" * 40}, "bad_cursor", "cursor"),
        ({"cursor": "１"}, "bad_cursor", "cursor"),
        ({"cursor": "a\0"}, "unprintable", "cursor"),
    ],
)
def test_a_filter_that_means_nothing_is_told(api: Any, query: dict[str, str], code: str, field: str) -> None:
    refused(api("firm").get("/containers", **query), 422, code, field)


def test_another_firms_depot_is_no_filter(world: World, api: Any) -> None:
    foreign = api("firm").get("/containers", depot=str(world.depots["firm2"].pk))
    refused(foreign, 404, "unknown_depot")
    for unknown in ("0", "-1", "9" * 30, "x", f"{world.depots['firm'].pk:030d}"):
        assert api("firm").get("/containers", depot=unknown).content == foreign.content


@pytest.mark.parametrize("limit", [0, -1, 1])
def test_a_page_has_at_least_one_row(world: World, api: Any, limit: int) -> None:
    world.drum()
    assert len(listed(api("firm"), limit=limit)) == 1


def test_a_page_has_at_most_two_hundred_rows(world: World, api: Any) -> None:
    assert listed(api("firm"), limit=10**9) == []
    assert listed(api("firm"), limit=10**40) == []


# --- its life ---


def test_its_life_says_who_for_whom_when_it_was_and_when_it_was_recorded(world: World, api: Any, clock: Any) -> None:
    drum = world.drum()
    manifest = world.issued(drum)
    clock(later(1))
    departed = (NOW + timedelta(hours=3)).isoformat()
    answered(api("carrier").post(f"/manifests/{manifest.number}/depart", {"password": "demo", "departed_at": departed}))
    seal()
    life = answered(api("firm").get(f"/containers/{drum.short_code}/history"))
    assert [step["kind"] for step in life["items"]] == [
        "container.log",
        "container.store",
        "container.commit",
        "container.depart",
    ]
    last = life["items"][-1]
    assert (last["user"], last["role"], last["organisation"]) == ("演示用户 carrier", "driver", "演示carrier")
    assert datetime.fromisoformat(last["event_time"]) == NOW + timedelta(hours=3)
    assert datetime.fromisoformat(last["recorded_at"]) == later(1)
    assert last["data"]["manifest"] == manifest.number
    log_check = life["log"]
    assert (log_check["intact"], log_check["checked"], log_check["unsealed"]) == (True, 4, 0)
    assert len(log_check["root"]) == 64


def test_its_life_says_when_the_log_was_altered(world: World, api: Any) -> None:
    drum = world.drum()
    seal()
    entry = Entry.objects.get(subject=drum.subject, kind="container.store")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_entry SET user_name = 'somebody' WHERE id = %s", [entry.pk])
    log_check = answered(api("firm").get(f"/containers/{drum.code}/history"))["log"]
    assert (log_check["intact"], log_check["altered"]) == (False, [entry.pk])


def test_its_life_can_be_proved_with_the_ledgers_proofs(world: World, api: Any) -> None:
    drum, firm = world.drum(), api("firm")
    seal()
    for step in answered(firm.get(f"/containers/{drum.code}/history"))["items"]:
        proof = answered(firm.get("/ledger/inclusion", entry=step["index"]))
        leaf, path = merkle.leaf_hash(leaf_bytes(proof["leaf"])), [bytes.fromhex(one) for one in proof["path"]]
        point = proof["checkpoint"]
        assert merkle.verify_inclusion(leaf, step["index"], point["size"], path, bytes.fromhex(point["root"]))


# --- voiding ---


def test_a_mistake_is_voided_and_stands_nowhere(world: World, api: Any) -> None:
    drum = world.drum()
    body = answered(api("firm").post(f"/containers/{drum.code}/void", {"reason": "重复登记"}))
    assert (body["state"], body["depot"], body["storage_deadline"]) == ("voided", None, None)
    assert answered(api("firm").get(f"/depots/{world.depots['firm'].pk}/inventory"))["items"] == []
    assert answered(api("firm").get(f"/depots/{world.depots['firm'].pk}"))["stock"]["containers"] == 0
    assert not Alert.objects.filter(about=drum.subject, resolved_at=None).exists()
    steps = answered(api("firm").get(f"/containers/{drum.code}/history"))["items"]
    assert (steps[-1]["kind"], steps[-1]["data"]["reason"]) == ("container.void", "重复登记")


def test_what_is_on_its_way_cannot_be_voided(world: World, api: Any) -> None:
    drum = world.drum()
    world.issued(drum)
    with nothing_done():
        refused(api("firm").post(f"/containers/{drum.code}/void", {"reason": "x"}), 409, "illegal_state")


def test_the_receiver_cannot_void_the_generators_drum(world: World, api: Any) -> None:
    drum = world.drum()
    world.delivered(drum)
    with nothing_done():
        refused(api("depot").post(f"/containers/{drum.code}/void", {"reason": "x"}), 403, "not_your_part")


def test_a_reason_too_long_to_keep_is_not_cut_short(world: World, api: Any) -> None:
    drum = world.drum()
    with nothing_done():
        refused(api("firm").post(f"/containers/{drum.code}/void", {"reason": "长" * 201}), 422, "too_long", "reason")
