"""`/manifests`: lists, drafts, and the verbs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from manifests.models import Manifest, ManifestState
from manifests.schemas import DraftIn, VerbIn, leg_json, line_json, manifest_json, sent_of
from manifests.selectors import get_manifest, legs_of, lines_of, visible_manifests
from manifests.services import digest_of, draft, problems
from manifests.verbs import perform
from wastetrack.creation import create_once
from wastetrack.errors import invalid
from wastetrack.http import PAGE_SIZE, actor_of, field_json, now_of, page_of
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.schemas import Text, states_of
from wastetrack.units import kg_text
from wastetrack.waste.selectors import by_codes

router = Router(tags=["manifests"])


def detail_json(manifest: Manifest) -> dict[str, Any]:
    """A manifest with its lines."""
    lines, legs = lines_of(manifest), legs_of(manifest)
    return {
        **manifest_json(manifest),
        "mass_kg": kg_text(sum(line.mass_g for line in lines)),
        "emergency_measures": manifest.emergency_measures,
        "digest": digest_of(manifest, lines, legs),
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
        manifest = draft(
            actor=actor,
            receiver=_organisation(actor, body.receiver, "receiver"),
            carrier=_organisation(actor, body.carrier, "carrier") if body.carrier else None,
            containers=by_codes(actor, body.containers, field="containers"),
            emergency_measures=body.emergency_measures,
            now=now,
        )
        return {**detail_json(manifest), "problems": [field_json(error) for error in problems(manifest, now)]}

    return create_once(request, make)


def _organisation(actor: Actor, uscc: str, field: str) -> Organisation:
    found = Organisation.objects.visible_to(actor).filter(uscc=uscc).first()
    if found is None:
        raise invalid(field, "unknown_organisation" if uscc else "missing")
    return found


@router.get("/{number}")
def manifest(request: HttpRequest, number: Text) -> dict[str, Any]:
    """One manifest with its lines."""
    return detail_json(get_manifest(actor_of(request), number))


@router.post("/{number}/{verb}")
def act(request: HttpRequest, number: Text, verb: Text, body: VerbIn) -> dict[str, Any]:
    """issue, depart, deliver, receive, settle, treat, close, cancel. Signing verbs take the password or the PIN."""
    sent = sent_of(body, verb)
    return detail_json(perform(verb, actor=actor_of(request), number=number, sent=sent, now=now_of(request)))
