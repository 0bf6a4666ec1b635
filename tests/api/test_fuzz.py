"""Random nonsense at every POST: an answer or a problem with its code, never a fault of ours."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from compliance.services import record_filing
from depots.counts import begin, close
from depots.models import Bay
from depots.services import put_away
from manifests.models import Manifest
from manifests.rounds import requests_of
from manifests.services import attach, hand_over, propose
from manifests.services.collecting import ask
from manifests.services.counter import Brought, start_walk_in
from manifests.services.rounds import Plan, plan_round
from scanner.services import ScanRequest
from scanner.services import scan as make_scan
from tests.api.support import answered, refused
from tests.kernel.test_drafting import paper_draft, picture, refused_all, stream_of
from tests.world import DRUM, NOW, PASSWORD, TODAY, World
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import sweep
from wastetrack.notices.services import create
from wastetrack.parties.models import Permit, Vehicle
from wastetrack.waste.models import Container

ROUNDS = 60
NONSENSE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 1.5, -0.0, 1e300, float("nan"), float("inf"),
    "", " ", "\0", "\ud800", "\x07", "\x1b[31m", "\u202e", "\u2028", "é", "汉", "\U0001f6e2", "1e3", "NaN", "-",
    "%s", "%(x)s", "{}", "[]", "null", "../..", "'", '"', "\\", "x" * 10_000, "9" * 400, "2026-02-30",
    "9999-12-31T23:59:59-23:59",
    "2026-11-20T09:00:00", [], {}, [[]], [None], ["x"] * 600, [{}], {"a": {"b": [1]}}, [1, "x", None], {"": ""},
]  # fmt: skip

Body = dict[str, Any]


def bodies(world: World) -> dict[str, Body]:
    """A body that would be taken, for every POST that takes JSON; a verb's fields are all of them at once."""
    drum, other = world.drum(), world.drum(accumulation_start="2025-10-01")
    sent = world.drum()
    manifest, container = world.delivered(sent, world.drum(), to="plant"), sent.code
    line = {"container": container, "outcome": "accepted", "mass_kg": "17", "reason": "r", "method": "R9",
            "treated_at": NOW.isoformat()}  # fmt: skip
    verb: Body = {
        "password": PASSWORD,
        "lines": [line, line],
        **dict.fromkeys(("departed_at", "delivered_at", "received_at"), NOW.isoformat()),
        **dict.fromkeys(("note", "reason"), "n"),
        "container": container,
        "mass_kg": "17",
        "vehicle": "浙D00001",
        "depot": "",
        "bay": "A1",
    }
    asked: Body = {"receiver": uscc_of(world, "depot"), "carrier": "", "carriers": [uscc_of(world, "carrier")],
                   "containers": [drum.code], "emergency_measures": "e", "contract": "c", "paper_number": "p",
                   "streams": [{"stream": str(stream_of(world).pk), "mass_kg": "5",
                                "accumulation_start": "2026-11-20"}],
                   "paper_completed_at": NOW.isoformat()}  # fmt: skip
    scan: Body = {"nonce": "n", "text": drum.code, "intent": "check_in", "depot": str(world.depots["firm"].pk),
                  "bay": "A1", "mass_kg": "18", "scanned_at": NOW.isoformat()}  # fmt: skip
    Bay.objects.create(depot=world.depots["firm"], code="A1")
    bay: Body = {"code": "B1", "name": "n", "row": 1, "column": 2, "admits": ["HW08"], "hazards": ["T"],
                 "capacity_kg": "20", "places": 3, "bund_l": 40, "temperature": "t"}  # fmt: skip
    sweep(NOW)
    alert = Alert.objects.get(kind="storage", about=other.subject)
    uscc = {name: organisation.uscc for name, organisation in world.organisations.items()}
    numbers = f"/manifests/{manifest.number}"
    second = world.add("second", "carrier")
    uscc["second"] = second.uscc
    world.permit("second", "", kind="transport")
    Vehicle.objects.create(organisation=second, plate="浙D00002")
    handed = hand_over(
        actor=world.actor("carrier"), manifest=world.departed(world.drum()), carrier=second, place="p", now=NOW
    )
    wrong = world.departed(world.drum())
    to_correct = wrong.lines.get().container.code
    corrected = {"container": to_correct, "mass_kg": "19", "declared_mass_kg": "19", "name": "n", "form": "L",
                 "hazards": ["T", "I"], "components": "c", "container_kind": "plastic_drum", "waste_code": "",
                 "received_at": None}  # fmt: skip
    proposed = world.departed(world.drum())
    propose(actor=world.actor("firm"), manifest=proposed, reason="r", changes={"contract": "c"}, now=NOW)
    waits: dict[str, Any] = {"depot": world.depots["depot"], "firm": world.organisations["firm"], "now": NOW}
    brought = [Brought(18_000, container=world.drum())]
    at_counter = f"/walk-ins/{start_walk_in(actor=world.actor('depot'), drums=brought, **waits).pk}"
    barrel: Body = {"container_kind": "steel_drum", "volume_l": 200}
    parts = [world.drum() for _ in range(4)]
    counts = f"/depots/{world.depots['firm'].pk}/counts"
    shelves = [Bay.objects.create(depot=world.depots["firm"], code=f"K{number}") for number in range(2)]
    put_away(actor=world.actor("firm"), container=parts[3], bay=shelves[0], now=NOW)
    counted = begin(actor=world.actor("firm"), bay=shelves[0], now=NOW)
    counted = close(actor=world.actor("firm"), count=counted, now=NOW)
    hooked = create(actor=world.actor("firm"), url="https://example.org/in", kinds=["*"], now=NOW)
    counting = begin(actor=world.actor("firm"), bay=shelves[1], now=NOW)
    late = ScanRequest("late", other.code, "put_away", said="accepted")
    make_scan(actor=world.actor("firm"), request=late, now=NOW)
    return {
        "/tokens": {"username": "firm", "password": PASSWORD, "organisation": uscc["firm"]},
        "/containers": {**DRUM, "hazards": ["T", "I"], "site": "", "depot": str(world.depots["firm"].pk), "stream": "",
                        "components": "c", "harmful_components": "h", "precautions": "p", "remarks": "r"},
        f"/containers/{drum.code}/void": {"reason": "r"},
        "/labels": {"codes": [drum.code], "layout": "single"},
        "/scans": scan,
        "/scans/batch": {"scans": [scan, {**scan, "nonce": "m", "intent": "lookup"}]},
        "/manifests": asked,
        f"/manifests/{world.draft(drum).number}/revise": asked,
        f"/manifests/{world.draft(drum).number}/amend-plan": verb,
        f"/manifests/{on_paper(world, drum).number}/type-in": {**verb, "driver": "d"},
        f"/manifests/{refused_all(world, world.drum()).number}/return": {},
        "/approvals": {"number": "n", "receiver": uscc["plant"], "waste_codes": ["900-249-08"], "mass_kg": "5",
                       "method": "R9", "route": "r", "valid_from": "2026-11-20", "valid_to": "2027-10-01"},
        "/contracts": {"number": "n", "partner": uscc["plant"], "purpose": "take", "valid_from": "2026-11-20",
                       "valid_to": "2027-11-19"},
        **permit_bodies(world),
        "/vehicles": {"plate": "浙A12345", "permit_number": "n", "valid_to": "2027-01-01", "capacity_kg": "5000",
                      "ended": False},
        "/plan": {"site": "", "year": 2026, "waste_code": "900-249-08", "receiver": uscc["depot"], "mass_kg": "5",
                  "method": "R9"},
        f"/alerts/{alert.pk}/acknowledge": {"note": "n"},
        "/filings": {"kind": "declaration", "period": "2026-10", "filed_on": "2026-11-02", "reference": "n"},
        f"/filings/{filed(world)}/withdraw": {"reason": "r"},
        **{f"{numbers}/{name}": verb for name in ("deliver", "receive", "settle", "treat", "close")},
        **{f"/manifests/{world.draft(drum).number}/{name}": verb for name in ("issue", "cancel")},
        f"/manifests/{world.issued(world.drum()).number}/depart": verb,
        f"/manifests/{world.departed(world.drum()).number}/hand-over": {
            **verb, "carrier": uscc["second"], "place": "p", "at": NOW.isoformat()},
        f"/manifests/{handed.number}/take-over": {**verb, "vehicle": "浙D00002", "at": NOW.isoformat()},
        f"/manifests/{handed.number}/roadside": {},
        f"/manifests/{wrong.number}/correct": {
            "password": PASSWORD, "reason": "r", "lines": [corrected], "vehicle": "浙D00001", "contract": "c",
            "emergency_measures": "e"},
        f"/manifests/{wrong.number}/cancel": verb,
        **{f"/manifests/{proposed.number}/{name}": {"password": PASSWORD, "reason": "r", "correction": ""}
           for name in ("approve", "decline", "withdraw")},
        f"/depots/{world.depots['firm'].pk}/bays": bay,
        f"/depots/{world.depots['firm'].pk}/bays/A1": bay,
        "/notices/choices": {"kind": "storage", "email": "daily"},
        "/notices/address": {"email": "a@example.org", "again": "a@example.org"},
        "/notices/calendar": {},
        "/webhooks": {"url": "https://example.org/in", "kinds": ["alert.*"]},
        **{f"/webhooks/{hooked.pk}/{name}": {"index": "0"} for name in ("ping", "replay", "remove")},
        "/district/figures": {"key": "facility.warn_percent", "value": "70", "source": "s"},
        "/figures": {"key": "facility.warn_percent", "value": "70"},
        "/district/pairs": {"group_a": "1-A", "group_b": "5-A", "apart": True, "consequence": "c", "source": "s"},
        "/containers/split": {"container": parts[0].code, "bay": "", "parts": [{**barrel, "mass_kg": "8.5"},
                                                                                {**barrel, "mass_kg": "10"}]},
        "/containers/merge": {"containers": [parts[1].code, parts[2].code], **barrel, "mass_kg": "37",
                              "waste_code": "900-249-08", "bay": ""},
        "/containers/repack": {"container": parts[3].code, **barrel, "bay": ""},
        "/containers/extend": {"containers": [parts[3].code], "until": "2027-11-20", "document": "d"},
        f"/containers/{drum.code}/reactions": {"reaction_groups": ["4-A"]},
        "/scans/late/seen": {"note": "n"},
        f"{counts}": {"bay": "A1"},
        f"{counts}/{counting.pk}/close": {},
        f"{counts}/{counting.pk}/drop": {},
        f"{counts}/{counted.pk}/settle": {"line": str(counted.lines.get().pk), "as": "seen", "reason": "r"},
        "/signs": {"depot": str(world.depots["firm"].pk), "kind": "facility", "bays": ["A1"], "distance_m": "4"},
        "/walk-ins": {"depot": str(world.depots["depot"].pk), "firm": uscc["firm"], "drums": [
            {"container": drum.code, "mass_kg": "18", "bay": "A1", "stream": "1", "accumulation_start": "2026-11-20"}]},
        # No PIN: it is not looked at inside a transaction, such as the one around each try here.
        f"{at_counter}/confirm": {"password": PASSWORD, "username": "firm"},
        f"{at_counter}/decline": {"reason": "r"},
        **round_bodies(world),
    }  # fmt: skip


def uscc_of(world: World, name: str) -> str:
    return world.organisations[name].uscc


def filed(world: World) -> int:
    sent = {"kind": "plan", "period": "2026", "filed_on": "2026-03-02", "reference": "n"}
    return int(record_filing(actor=world.actor("firm"), **sent, now=NOW).pk)


def permit_bodies(world: World) -> dict[str, Body]:
    """The same for permits, which an office puts on record."""
    days = {"valid_from": "2026-11-20", "valid_to": "2029-11-19"}
    made = {name: f"/permits/{of_carrier(world, name).pk}" for name in ("right", "over")}
    said: Body = {"kind": "pilot", "codes": ["HW08", "900-041-49"], "yearly_mass_kg": "5000", **days}
    return {
        "/permits": {"organisation": uscc_of(world, "depot"), "number": "n", **said},
        f"{made['right']}/correct": {"number": "m", **said, "kind": "transport", "codes": "HW08",
                                     "yearly_mass_kg": None, "reason": "r", "version": 1},
        f"{made['over']}/withdraw": {"last_day": "2026-12-31", "reason": "r"},
    }  # fmt: skip


def of_carrier(world: World, number: str) -> Permit:
    days = {"valid_from": TODAY, "valid_to": TODAY.replace(year=2029)}
    carrier = world.organisations["carrier"]
    return Permit.objects.create(organisation=carrier, number=number, kind="transport", **days)


def on_paper(world: World, drum: Container) -> Manifest:
    manifest = paper_draft(world, drum, NOW)
    attach(actor=world.actor("firm"), manifest=manifest, name="n", content=picture(), now=NOW)
    return manifest


def round_bodies(world: World) -> dict[str, Body]:
    """The same for collections and rounds. A stop here is not under way: no PIN is looked at in a transaction."""
    place, drums = world.depots["depot"], [world.drum() for _ in range(4)]
    about: dict[str, Any] = {"actor": world.actor("firm"), "depot": place, "now": NOW}
    waiting, open_, taken = (ask(containers=[drum], **about) for drum in drums[:3])
    vehicle = Vehicle.objects.select_related("organisation").get(plate="浙D00001")
    plan = Plan(vehicle, NOW.date(), [requests_of(world.actor("depot")).get(pk=taken.pk)])
    round_ = plan_round(actor=world.actor("depot"), depot=place, plan=plan, now=NOW)
    stop = round_.stops.get().pk
    planned: Body = {"depot": str(place.pk), "carrier": vehicle.organisation.uscc, "vehicle": vehicle.plate,
                     "day": NOW.date().isoformat(), "collections": [str(taken.pk)]}  # fmt: skip
    signed: Body = {"nonce": "n", "shown": "s", "drums": [drums[2].code], "new": [{"stream": "1", "mass_kg": "5"}],
                    "sealed_firm": "s", "sealed_driver": "s", "pin": "1", "username": "firm", "firm_pin": "1",
                    "signed_at": NOW.isoformat(), "sent_at": NOW.isoformat()}  # fmt: skip
    return {
        "/collections": {"depot": str(place.pk), "containers": [drums[3].code], "window": "w", "note": "n",
                         "wastes": [{"stream": "1", "mass_kg": "5"}]},
        f"/collections/{waiting.pk}/withdraw": {},
        "/rounds": {**planned, "collections": [str(open_.pk)]},
        f"/rounds/{round_.pk}/change": planned,
        f"/rounds/{round_.pk}/start": {},
        f"/rounds/{round_.pk}/stops/{stop}/serve": signed,
        f"/rounds/{round_.pk}/stops/{stop}/miss": {"reason": "r"},
    }  # fmt: skip


def spoilt(body: Body, random: Random) -> Any:
    """The body with one to three of its values, at any depth, replaced, removed or joined by nonsense."""
    changed = copy.deepcopy(body)
    for _ in range(random.randint(1, 3)):
        place: Any = changed
        while isinstance(place, dict | list) and place:
            key = random.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
            if isinstance(place[key], dict | list) and place[key] and random.random() < 0.8:
                place = place[key]
                continue
            if random.random() < 0.1:
                del place[key]
            else:
                place[key] = copy.deepcopy(random.choice(NONSENSE))
            break
    return random.choice(NONSENSE) if random.random() < 0.02 else changed


OF_FILES = {"/scans/decode", "/manifests/{number}/attachments"}


def who_posts(path: str) -> str:
    if path in ("/walk-ins", "/rounds") or path.endswith("/change"):
        return "depot"
    if path.startswith("/rounds/"):
        return "carrier"
    if path.startswith(("/district/", "/permits")):
        return "regulator"
    if not path.startswith("/manifests/"):
        return "firm"
    return {
        **dict.fromkeys(("issue", "cancel", "revise", "amend-plan", "type-in", "correct", "withdraw"), "firm"),
        **dict.fromkeys(("approve", "decline"), "carrier"),
        "return": "depot",
        "depart": "carrier",
        "deliver": "carrier",
        "hand-over": "carrier",
        "take-over": "second",
        "roadside": "carrier",
    }.get(path.split("/")[-1], "plant")


def route_of(path: str) -> str:
    parts = path.split("/")
    if parts[1] == "manifests" and parts[-1] in ("roadside", "revise", "return"):
        return f"/manifests/{{number}}/{parts[-1]}"
    if parts[1] == "manifests" and len(parts) > 2:
        return "/manifests/{number}/{verb}"
    if parts[1] == "rounds" and len(parts) > 2:
        if len(parts) > 4:
            return f"/rounds/{{round_id}}/stops/{{stop_id}}/{parts[5]}"
        return "/rounds/{round_id}/change" if parts[3] == "change" else "/rounds/{round_id}/{verb}"
    if parts[1] == "collections" and len(parts) > 2:
        return "/collections/{collection_id}/withdraw"
    if parts[1] in (ids := {"walk-ins": "walk_in_id", "permits": "permit_id"}) and len(parts) > 2:
        return f"/{parts[1]}/{{{ids[parts[1]]}}}/{parts[3]}"
    if parts[1] == "depots" and parts[3] == "counts":
        return "/depots/{depot_id}/counts" + (f"/{{count_id}}/{parts[5]}" if len(parts) > 4 else "")
    if parts[1] == "scans" and parts[-1] == "seen":
        return "/scans/{nonce}/seen"
    if parts[1] == "depots" and parts[3] == "bays":
        return "/depots/{depot_id}/bays" + "/{code}" * (len(parts) > 4)
    ends = {
        **{name: f"/webhooks/{{webhook_id}}/{name}" for name in ("replay", "remove")},
        "ping": "/webhooks/{webhook_id}/{verb}",
        "void": "/containers/{code}/void",
        "withdraw": "/filings/{filing_id}/withdraw",
        "reactions": "/containers/{code}/reactions",
        "acknowledge": "/alerts/{alert_id}/acknowledge",
    }
    return ends.get(parts[-1], path)


def test_every_post_that_there_is_is_tried(world: World, api: Any) -> None:
    paths = answered(api("firm").get("/openapi.json"))["paths"]
    there = {path.removeprefix("/api/v1") for path, item in paths.items() if "post" in item}
    assert {route_of(path) for path in bodies(world)} | OF_FILES == there


def test_no_nonsense_is_a_fault_of_ours(world: World, api: Any, caplog: pytest.LogCaptureFixture) -> None:
    random, everything = Random(7), bodies(world)
    programs = {name: api(name) for name in ("firm", "carrier", "second", "plant", "depot", "regulator")}
    taken = 0
    for path, body in everything.items():
        for number in range(ROUNDS // 8 if "{verb}" in route_of(path) else ROUNDS):
            text = json.dumps(spoilt(body, random))
            caplog.clear()
            undone = transaction.atomic()
            # As Django's own test cases say it: what is durable may happen within.
            undone._from_testcase = True  # type: ignore[attr-defined]
            with undone:
                response = programs[who_posts(path)].post(path, text)
                transaction.set_rollback(True)
            assert response.status_code < 500, (path, number, text[:2_000], caplog.text[-3_000:])
            if response.status_code >= 400:
                refused(response, response.status_code, response.json()["code"])
            taken += response.status_code < 300
    # Some of it must get past the fields to the rules, or this would prove little.
    assert taken > len(everything)


def test_no_file_is_a_fault_of_ours(world: World, api: Any) -> None:
    random, firm = Random(11), api("firm")
    heads = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"GIF89a",
        b"BM",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"II*\0",
        b"",
    ]
    draft = f"/api/v1/manifests/{paper_draft(world, world.drum(), NOW).number}/attachments"
    for number in range(ROUNDS):
        data = random.choice(heads) + random.randbytes(random.choice([0, 1, 40, 3_000]))
        path, field = ("/api/v1/scans/decode", "image") if number % 2 else (draft, "scan")
        response = firm.client.post(path, {field: SimpleUploadedFile("a", data)}, headers=firm.headers)
        assert response.status_code < 500, data[:100]
        if response.status_code >= 400:
            refused(response, response.status_code, response.json()["code"])


def test_no_query_is_a_fault_of_ours(world: World, api: Any) -> None:
    random, firm = Random(13), api("firm")
    drum = world.drum()
    paths = answered(firm.get("/openapi.json"))["paths"]
    for path, item in paths.items():
        if "get" not in item:
            continue
        names = [one["name"] for one in item["get"]["parameters"] if one["in"] == "query"]
        address = path.removeprefix("/api/v1")
        for _ in range(8):
            query = {name: random.choice(NONSENSE) for name in names if random.random() < 0.6}
            query = {name: "" if value is None else str(value)[:2_000] for name, value in query.items()}
            query = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
            odd = str(
                random.choice([value for value in NONSENSE if isinstance(value, str) and value.isprintable()]) or "x"
            )
            filled = address
            for name in ("uscc", "code", "number", "depot_id"):
                filled = filled.replace(f"{{{name}}}", random.choice([drum.code, odd[:500].replace("/", "-") or "x"]))
            response = firm.get(filled.replace("%", "%25").replace("?", "%3F").replace("#", "%23"), **query)
            assert response.status_code < 500, (filled, query)
            if response.status_code >= 400:
                refused(response, response.status_code, response.json()["code"])
