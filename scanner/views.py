"""The scan page: scans one after the other, or, without scripts, one form and its verdict."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from depots.models import Bay, Depot
from depots.selectors import get_depot, own_depots
from manifests.turns import expected_by
from scanner.decoding import decode, engines
from scanner.models import Intent, Scan
from scanner.selectors import last_scans, whereabouts
from scanner.services import Answer, ScanRequest, scan
from wastetrack.errors import Refused, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import NONCE, field_messages
from wastetrack.parties.actors import Actor
from wastetrack.sentences import sentence
from wastetrack.units import typed_kg

SHOWN = 8


@cache_control(no_store=True)
@require_http_methods(["GET", "HEAD", "POST"])
def scan_page(request: HttpRequest) -> HttpResponse:
    """The scan page. A POST is one scan of the plain form; scripts send theirs to the API."""
    actor = actor_of(request)
    actor.require_write()
    if request.method != "POST":
        return _page(request, request.GET)
    try:
        answer = scan(actor=actor, request=_scan_of(request), now=now_of(request))
    except Refused as refusal:
        return _page(request, request.POST, refusal=refusal)
    return _page(request, request.POST, answer=answer)


def _scan_of(request: HttpRequest) -> ScanRequest:
    typed = request.POST
    return ScanRequest(
        nonce=typed.get(NONCE, ""),
        text=typed.get("text", "").strip() or _photographed(request),
        intent=typed.get("intent", ""),
        depot=typed.get("depot"),
        bay=typed.get("bay") if typed.get("intent") != Intent.LOOKUP else None,
        mass_kg=typed_kg(typed.get("mass_kg")) if typed.get("intent") == Intent.CHECK_IN else None,
    )


def _photographed(request: HttpRequest) -> str:
    """The one code in the photo that came with the form. Raises Invalid(no_barcode | several_barcodes)."""
    image = request.FILES.get("image")
    if image is None:
        return ""
    texts = {code.text for code in decode(image.read())}
    if len(texts) != 1:
        raise invalid("image", "several_barcodes" if texts else "no_barcode")
    return texts.pop()


def _page(
    request: HttpRequest, typed: Mapping[str, Any], *, answer: Answer | None = None, refusal: Refused | None = None
) -> HttpResponse:
    actor = actor_of(request)
    depots = list(own_depots(actor))
    depot = _chosen_depot(depots, typed.get("depot", ""))
    intents = [(name, label) for name, label in Intent.choices if depot or name == Intent.LOOKUP]
    wanted = typed.get("intent") or (Intent.CHECK_IN if depot else Intent.LOOKUP)
    container = answer.container if answer else None
    errors = field_messages(refusal) if refusal else {}
    context = {
        "depots": depots,
        "depot": depot,
        "bays": list(Bay.objects.filter(depot=depot)) if depot else [],
        "intents": sorted(intents, key=lambda pair: ORDER.index(Intent(pair[0]))),
        "intent": wanted if wanted in dict(intents) else intents[0][0],
        "typed": typed if refusal else {"bay": typed.get("bay", "")},
        "answer": answer,
        "message": sentence(answer.reason, answer.params) if answer and answer.reason else "",
        "scanned": str(typed.get("text", "")),
        "errors": errors,
        "engine_missing": not all(engines().values()),
        "may_lack_depot": bool(actor.roles & {"collector", "treater"}) and not depots,
        NONCE: secrets.token_urlsafe(16),
        **_aside(actor, depot, container.short_code if container else ""),
    }
    return render(request, "scanner/scan.html", context, status=refusal.status if refusal else 200)


ORDER = [Intent.CHECK_IN, Intent.PUT_AWAY, Intent.LOOKUP]
"""The modes as the page offers them: what is done most comes first."""


def _chosen_depot(depots: list[Depot], wanted: str) -> Depot | None:
    """The depot named by the address, else the first one; none where the organisation has none."""
    return next((depot for depot in depots if str(depot.pk) == wanted), depots[0] if depots else None)


def _aside(actor: Actor, depot: Depot | None, code: str) -> dict[str, Any]:
    """What stands beside the verdict: the drum's place, the loads on their way here, the last scans."""
    about = whereabouts(actor, code)
    loads = expected_by(actor, actor.principal.pk) if depot and depot.takes_from_others else []
    open_load = about.line.manifest.number if about and about.line else ""
    return {
        "about": about,
        "loads": sorted(loads, key=lambda load: load.number != open_load),
        "open_load": open_load,
        "scans": _told(last_scans(actor)[:SHOWN]),
    }


def _told(scans: Iterable[Scan]) -> list[tuple[Scan, str]]:
    """Each scan with the sentence of its reason."""
    return [(scan, sentence(scan.reason, json.loads(scan.params)) if scan.reason else "") for scan in scans]


@require_safe
def aside(request: HttpRequest) -> HttpResponse:
    """A panel of the scan page, read again after each verdict."""
    actor = actor_of(request)
    actor.require_write()
    depot = _chosen_depot(list(own_depots(actor)), request.GET.get("depot", ""))
    return render(request, "scanner/aside.html", _aside(actor, depot, request.GET.get("container", "")))


@require_safe
def scans_at(request: HttpRequest, depot_id: str) -> HttpResponse:
    """A panel of the depot's board: the organisation's own last scans there."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    return render(request, "scanner/last_scans.html", {"scans": _told(last_scans(actor, depot)[:SHOWN])})
