"""`/manifests`: lists, drafts, and the verbs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from manifests.corrections import correction_json, corrections_of, totals_json
from manifests.document_views import document
from manifests.drafts import draft_json, wanted_of
from manifests.models import Line, Manifest, ManifestState
from manifests.schemas import DraftIn, VerbIn, leg_json, line_json, manifest_json, paper_json, sent_of
from manifests.selectors import get_manifest, legs_of, lines_of, visible_manifests
from manifests.services import digest_of, draft_wanted
from manifests.services.roadside import show_roadside
from manifests.verbs import perform
from wastetrack.creation import create_once
from wastetrack.http import PAGE_SIZE, actor_of, answer_json, now_of, page_of
from wastetrack.ledger.canonical import instant
from wastetrack.schemas import Text, states_of
from wastetrack.units import kg_text

router = Router(tags=["manifests"])


def detail_json(manifest: Manifest, lines: Sequence[Line] | None = None) -> dict[str, Any]:
    """A manifest with its lines, as read by `lines_of`, here where the caller has not."""
    lines, legs = lines_of(manifest) if lines is None else lines, legs_of(manifest)
    corrections = corrections_of(manifest) if manifest.issued_at else []
    return {
        **manifest_json(manifest),
        "mass_kg": kg_text(sum(line.mass_g for line in lines)),
        "emergency_measures": manifest.emergency_measures,
        "contract": manifest.contract,
        "purpose": manifest.purpose,
        "follows": manifest.follows.number if manifest.follows else None,
        "approval": manifest.approval.number if manifest.approval else None,
        "paper": paper_json(manifest),
        "digest": digest_of(manifest, lines, legs, corrections),
        "version": manifest.version,
        "totals": totals_json(lines),
        "corrections": [correction_json(one) for one in corrections],
        "legs": [leg_json(leg) for leg in legs],
        "lines": [line_json(line) for line in lines],
    }


@router.get("")
def manifests(request: HttpRequest, state: Text = "", cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The caller's manifests, newest first."""
    rows = visible_manifests(actor_of(request))
    if state:
        rows = rows.filter(state__in=states_of(state, ManifestState.values))
    return page_of(
        rows,
        cursor,
        limit,
        lambda found: [
            {**manifest_json(manifest), "line_count": manifest.line_count, "mass_kg": kg_text(manifest.mass_g)}
            for manifest in found
        ],
    )


@router.post("", response={201: dict[str, Any]})
def create_manifest(request: HttpRequest, body: DraftIn) -> HttpResponse:
    """A draft from the caller's own containers. `problems` says what would stop its issue today."""
    actor, now = actor_of(request), now_of(request)

    def make() -> dict[str, Any]:
        manifest = draft_wanted(
            actor=actor,
            wanted=wanted_of(actor, body),
            paper_number=body.paper_number[:30],
            paper_completed_at=body.paper_completed_at,
            now=now,
        )
        lines = lines_of(manifest)
        return {**detail_json(manifest, lines), **draft_json(manifest, now, lines)}

    return create_once(request, make)


@router.get("/{number}.pdf", openapi_extra={"responses": {200: {"content": {"application/pdf": {}}}}})
def manifest_pdf(request: HttpRequest, number: Text) -> HttpResponse:
    """The manifest as a document: A4, its three parts, as of now."""
    return document(request, number)


@router.get("/{number}")
def manifest(request: HttpRequest, number: Text) -> dict[str, Any]:
    """One manifest with its lines."""
    return detail_json(get_manifest(actor_of(request), number))


@router.post("/{number}/roadside", response={201: dict[str, Any]})
def roadside(request: HttpRequest, number: Text) -> HttpResponse:
    """A link by which an officer sees this load without an account, while it is on the road.

    The link is said this once and kept nowhere: no Idempotency-Key gets it again.
    """
    actor, now = actor_of(request), now_of(request)
    shown = show_roadside(actor=actor, manifest=get_manifest(actor, number), now=now)
    return answer_json({"url": shown.address, "expires_at": instant(shown.expires_at)}, status=201)


@router.post("/{number}/{verb}")
def act(request: HttpRequest, number: Text, verb: Text, body: VerbIn) -> dict[str, Any]:
    """issue, depart, deliver, receive, settle, treat, close, cancel. Signing verbs take the password or the PIN."""
    sent = sent_of(body, verb)
    return detail_json(perform(verb, actor=actor_of(request), number=number, sent=sent, now=now_of(request)))
