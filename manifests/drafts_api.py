"""`/manifests` before they are issued, drums that go back, scans of paper; `/approvals` and `/plan` they rest on."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import File, Router
from ninja.files import UploadedFile

from manifests.api import detail_json
from manifests.approvals import Standing, approvals_of
from manifests.drafts import draft_json, get_attachment, read_attachment, site_of, wanted_of
from manifests.plan import Row, plan_of
from manifests.schemas import ApprovalIn, DraftIn, PlanIn
from manifests.selectors import get_manifest
from manifests.services import plan_transfer, record_approval, revise, send_back
from manifests.services.paper import MOST_BYTES, attach
from wastetrack.creation import create_once
from wastetrack.http import actor_of, answer_json, now_of
from wastetrack.parties.actors import Actor
from wastetrack.parties.selectors import organisation_of
from wastetrack.schemas import Text
from wastetrack.units import kg_text
from wastetrack.waste.reading import read_day

router = Router(tags=["manifests"])


@router.post("/manifests/{number}/revise")
def revise_draft(request: HttpRequest, number: Text, body: DraftIn) -> dict[str, Any]:
    """Say a draft anew, whole: what is not sent is no longer in it."""
    actor, now = actor_of(request), now_of(request)
    manifest = get_manifest(actor, number)
    revise(actor=actor, manifest=manifest, wanted=wanted_of(actor, body), now=now)
    return _with_problems(actor, number, now)


@router.post("/manifests/{number}/return", response={201: dict[str, Any]})
def return_refused(request: HttpRequest, number: Text) -> HttpResponse:
    """The receiver drafts the manifest under which everything it refused goes back."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        back = send_back(actor=actor, manifest=get_manifest(actor, number), now=now)
        return _with_problems(actor, back.number, now)

    return create_once(request, make)


def _with_problems(actor: Actor, number: str, now: Any) -> dict[str, Any]:
    manifest = get_manifest(actor, number)
    return {**detail_json(manifest), **draft_json(manifest, now)}


@router.post("/manifests/{number}/attachments", response={201: dict[str, Any]})
def add_scan(request: HttpRequest, number: Text, scan: File[UploadedFile]) -> HttpResponse:
    """Add a scan of the paper manifest: PDF, JPEG or PNG, 10 MB at most."""
    actor, now = actor_of(request), now_of(request)
    manifest = get_manifest(actor, number)
    name, content = read_attachment(scan, MOST_BYTES)
    kept = attach(actor=actor, manifest=manifest, name=name, content=content, now=now)
    told = {"name": kept.name, "content_type": kept.content_type, "bytes": kept.size, "sha256": kept.sha256}
    return answer_json(told, 201)


@router.get("/manifests/{number}/attachments/{sha256}")
def scan_of_paper(request: HttpRequest, number: Text, sha256: Text) -> HttpResponse:
    """A scan of the paper manifest as it was sent."""
    return get_attachment(actor_of(request), number, sha256)


@router.get("/approvals")
def approvals(request: HttpRequest) -> dict[str, Any]:
    """Approvals to send waste out of the province, and what is left of each."""
    found = approvals_of(actor_of(request), timezone.localdate(now_of(request)))
    return {"items": [approval_json(one) for one in found], "next": None}


@router.post("/approvals", response={201: dict[str, Any]})
def add_approval(request: HttpRequest, body: ApprovalIn) -> HttpResponse:
    """Record an approval that the sender got (articles 21 to 28)."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        made = record_approval(
            actor=actor,
            number=body.number,
            receiver=organisation_of(actor, body.receiver, "receiver"),
            waste_codes=body.waste_codes,
            mass_kg=body.mass_kg,
            method=body.method,
            route=body.route,
            valid_from=read_day(body.valid_from),
            valid_to=read_day(body.valid_to),
            now=now,
        )
        return approval_json(Standing(made, made.mass_g, made.valid_from <= timezone.localdate(now) <= made.valid_to))

    return create_once(request, make)


def approval_json(one: Standing) -> dict[str, Any]:
    """An approval with what is left of it."""
    approval = one.approval
    return {
        "id": str(approval.pk),
        "number": approval.number,
        "sender": {"uscc": approval.sender.uscc, "name": approval.sender.name},
        "receiver": {"uscc": approval.receiver.uscc, "name": approval.receiver.name},
        "waste_codes": approval.waste_codes.split(),
        "mass_kg": kg_text(approval.mass_g),
        "left_kg": kg_text(one.left_g),
        "method": approval.method,
        "route": approval.route,
        "valid_from": approval.valid_from.isoformat(),
        "valid_to": approval.valid_to.isoformat(),
        "holds": one.holds,
    }


@router.get("/plan")
def plan(request: HttpRequest, year: int | None = None, site: Text = "") -> dict[str, Any]:
    """The site's planned transfers of a year against what has gone out (HJ 1259 table A.7)."""
    actor = actor_of(request)
    place, chosen = site_of(actor, site), timezone.localdate(now_of(request)).year if year is None else year
    return {"site": place.code, "year": chosen, "items": [plan_json(row) for row in plan_of(place, chosen)]}


@router.post("/plan")
def set_plan(request: HttpRequest, body: PlanIn) -> dict[str, Any]:
    """Set or amend one row of the plan."""
    actor, now = actor_of(request), now_of(request)
    place, year = site_of(actor, body.site), timezone.localdate(now).year if body.year is None else body.year
    plan_transfer(
        actor=actor,
        site=place,
        year=year,
        waste_code=body.waste_code,
        receiver=organisation_of(actor, body.receiver, "receiver"),
        mass_kg=body.mass_kg,
        method=body.method,
        now=now,
    )
    return {"site": place.code, "year": year, "items": [plan_json(row) for row in plan_of(place, year)]}


def plan_json(row: Row) -> dict[str, Any]:
    """A row of the plan; `planned_kg` null: it went out without being planned."""
    return {
        "waste_code": row.waste_code,
        "receiver": {"uscc": row.receiver.uscc, "name": row.receiver.name},
        "method": row.planned.method if row.planned else "",
        "planned_kg": kg_text(row.planned.mass_g) if row.planned else None,
        "sent_kg": kg_text(row.sent_g),
    }
