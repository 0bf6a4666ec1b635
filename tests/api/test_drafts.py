"""Drafts over HTTP: made from drums or a usual waste, said anew; returns, scans of paper, the plan and approvals."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from manifests import services as manifests
from manifests.models import Manifest
from tests.api.support import answered, refused
from tests.conftest import Api
from tests.kernel.test_drafting import refused_all, stream_of
from tests.world import NOW, World
from wastetrack.parties.models import Organisation


def body(world: World, *drums: Any, **changes: Any) -> dict[str, Any]:
    found = {
        "receiver": world.organisations["depot"].uscc,
        "carrier": world.organisations["carrier"].uscc,
        "containers": [drum.code for drum in drums],
    }
    return found | changes


def test_a_draft_from_a_usual_waste_and_its_warnings(world: World, api: Any) -> None:
    firm: Api = api("firm")
    sent = body(world, streams=[{"stream": str(stream_of(world).pk), "mass_kg": "1200"}], contract="演示 1")
    made = answered(firm.post("/manifests", sent), 201)
    assert (made["mass_kg"], made["contract"], made["problems"]) == ("1200", "演示 1", [])
    assert [warning["code"] for warning in made["warnings"]] == ["no_plan"]
    assert made["warnings"][0]["fix"]["text"]
    amended = answered(firm.post(f"/manifests/{made['number']}/amend-plan", {}))
    assert amended["number"] == made["number"]
    plan = answered(firm.get("/plan"))
    assert [(row["waste_code"], row["planned_kg"], row["sent_kg"]) for row in plan["items"]] == [
        ("900-249-08", "1200", "0")
    ]


def test_a_stream_that_cannot_be(world: World, api: Any) -> None:
    firm: Api = api("firm")
    theirs = stream_of(world, "firm2")
    sent = body(world, streams=[{"stream": str(theirs.pk), "mass_kg": "5"}])
    refused(firm.post("/manifests", sent), 422, "unknown_stream", "streams.0.stream")
    own = stream_of(world)
    sent = body(world, streams=[{"stream": str(own.pk)}])
    refused(firm.post("/manifests", sent), 422, "mass_missing", "streams.0.mass_kg")


def test_a_draft_is_said_anew(world: World, api: Any) -> None:
    firm: Api = api("firm")
    first, second = world.drum(), world.drum()
    number = answered(firm.post("/manifests", body(world, first)), 201)["number"]
    again = answered(firm.post(f"/manifests/{number}/revise", body(world, second)))
    assert [line["container"] for line in again["lines"]] == [second.code]
    refused(api("depot").post(f"/manifests/{number}/revise", body(world, second)), 404, "unknown_manifest")
    answered(firm.post(f"/manifests/{number}/issue", {"password": "demo"}))
    refused(firm.post(f"/manifests/{number}/revise", body(world, first)), 409, "illegal_state")


def test_a_signature_counts_for_what_was_shown(world: World, api: Any) -> None:
    firm: Api = api("firm")
    drum = world.drum()
    made = answered(firm.post("/manifests", body(world, drum)), 201)
    firm.post(f"/manifests/{made['number']}/revise", body(world, drum, emergency_measures="撤离"))
    sent = {"password": "demo", "shown": made["digest"]}
    refused(firm.post(f"/manifests/{made['number']}/issue", sent), 409, "changed_since_shown")
    now = answered(firm.get(f"/manifests/{made['number']}"))
    assert now["digest"] != made["digest"]
    issued = answered(firm.post(f"/manifests/{made['number']}/issue", {"password": "demo", "shown": now["digest"]}))
    assert issued["state"] == "issued"


def test_refused_drums_are_sent_back_by_one_call(world: World, api: Any) -> None:
    first = refused_all(world, world.drum())
    made = answered(api("depot").post(f"/manifests/{first.number}/return", {}), 201)
    assert made["receiver"]["uscc"] == world.organisations["firm"].uscc
    assert (made["follows"], made["purpose"], made["problems"]) == (first.number, "return", [])
    refused(api("firm").post(f"/manifests/{first.number}/return", {}), 403, "not_your_part")


def test_paper_with_its_scan(world: World, api: Any) -> None:
    firm: Api = api("firm")
    drum = world.drum(accumulation_start="2026-11-02")
    sent = body(world, drum, paper_number="纸 1", paper_completed_at="2026-11-19T10:00:00+08:00")
    made = answered(firm.post("/manifests", sent), 201)
    assert made["paper"] == {"number": "纸 1", "completed_at": "2026-11-19T02:00:00.000000Z", "scans": []}
    at = f"/manifests/{made['number']}"
    told = {
        "password": "demo",
        "departed_at": "2026-11-19T08:00:00+08:00",
        "delivered_at": "2026-11-19T10:00:00+08:00",
        "vehicle": "浙D00001",
        "driver": "演示驾驶员",
    }
    refused(firm.post(f"{at}/type-in", told), 409, "paper_scan_missing")
    out = io.BytesIO()
    Image.new("RGB", (20, 20)).save(out, "PNG")
    kept = firm.client.post(
        f"/api/v1{at}/attachments", {"scan": SimpleUploadedFile("联单.png", out.getvalue())}, headers=firm.headers
    )
    assert kept.status_code == 201
    scan = kept.json()
    assert firm.get(f"{at}/attachments/{scan['sha256']}").content == out.getvalue()
    assert api("depot").get(f"{at}/attachments/{scan['sha256']}").status_code == 404
    assert answered(firm.post(f"{at}/type-in", told))["state"] == "delivered"
    assert api("depot").get(f"{at}/attachments/{scan['sha256']}").status_code == 200


def test_approvals_over_http(world: World, api: Any) -> None:
    Organisation.objects.filter(name="演示plant").update(division="310115")
    world.organisations["plant"].refresh_from_db()
    firm: Api = api("firm")
    sent = {
        "number": "演示 1",
        "receiver": world.organisations["plant"].uscc,
        "waste_codes": ["900-249-08"],
        "mass_kg": "20000",
        "method": "R9",
        "valid_from": "2026-11-01",
        "valid_to": "2027-10-31",
    }
    made = answered(firm.post("/approvals", sent), 201)
    assert (made["left_kg"], made["holds"]) == ("20000", True)
    assert answered(firm.get("/approvals"))["items"] == [made]
    assert answered(api("firm2").get("/approvals"))["items"] == []
    assert [one["number"] for one in answered(api("regulator").get("/approvals"))["items"]] == ["演示 1"]
    refused(firm.post("/approvals", sent), 422, "approval_known", "number")
    for days in (("9999-01-01", "9999-12-31"), ("0001-01-01", "2026-12-31"), ("2026-11-01", "9999-12-31")):
        strange = {**sent, "number": "2", "valid_from": days[0], "valid_to": days[1]}
        field = "valid_to" if days[0][:4] == "2026" else "valid_from"
        refused(firm.post("/approvals", strange), 422, "year_out_of_reach", field)
    refused(firm.post("/approvals", sent | {"valid_to": "2028-01-01"}), 422, "approval_too_long", "valid_to")
    manifest = world.draft(world.drum(), to="plant")
    manifests.issue(actor=world.actor("firm"), manifest=manifest, now=NOW)
    assert answered(firm.get("/approvals"))["items"][0]["left_kg"] == "19981.5"
    assert Manifest.objects.get(pk=manifest.pk).approval is not None


def test_a_year_that_is_none(world: World, api: Any) -> None:
    for year in ("-1", "0", "99999999999"):
        refused(api("firm").get("/plan", year=year), 422, "year", "year")
    assert api("firm").get("/plan", year="x").status_code == 422
