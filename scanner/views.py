"""The scan page: scans one after the other, or, without scripts, one form and its verdict."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from depots.models import Bay, Depot, Stay
from depots.selectors import bay_loads, get_depot, own_depots
from labels.qr import svg_path
from manifests.models import ManifestState
from manifests.selectors import visible_manifests
from manifests.turns import expected_by
from scanner.decoding import decode, engines
from scanner.models import Intent
from scanner.rows import row_of
from scanner.schemas import scanned_json
from scanner.selectors import last_scans, whereabouts
from scanner.services import Answer, ScanRequest, scan
from scanner.words import words
from wastetrack.errors import Refused, invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import NONCE, content_security, field_messages
from wastetrack.parties.actors import Actor
from wastetrack.sentences import sentence
from wastetrack.units import typed_kg
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import get_container

SHOWN = 8


@dataclass(frozen=True)
class Mode:
    """A mode of the page: an intent, its word and icon; `scripted` ones need more than a plain form."""

    name: str
    icon: str
    scripted: bool = False

    @property
    def label(self) -> str:
        return str(Intent(self.name).label)


MODES = [
    Mode("check_in", icon="package-import"),
    Mode("put_away", icon="arrows-move"),
    Mode("check_out", icon="package-export", scripted=True),
    Mode("count", icon="list-check", scripted=True),
    Mode("lookup", icon="search"),
]
"""What the page offers, in this order: what is done most comes first."""
ALREADY = frozenset({"already_here", "already_loaded", "already_counted"})
"""Reasons that are no stop: it is done already, a handheld's trigger bounces."""
WRONG_PLACE = frozenset({"bay_not_admitted", "bay_incompatible", "bay_reaction_unknown", "bay_full"})
"""What can be wrong about the bay in which a container stands already."""


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
    loads = depot is not None or "carrier" in actor.roles
    able = {Intent.LOOKUP, *([Intent.CHECK_OUT] if loads else [])}
    modes = [mode for mode in MODES if mode.name in Intent.values and (depot or mode.name in able)]
    wanted = typed.get("intent") or modes[0].name
    intent = wanted if wanted in {mode.name for mode in modes} else modes[0].name
    container = answer.container if answer else None
    context = {
        "depots": depots,
        "depot": depot,
        "bays": list(Bay.objects.filter(depot=depot)) if depot else [],
        "modes": modes,
        "intent": intent,
        "typed": typed if refusal else {"bay": typed.get("bay", "")},
        "answer": answer,
        "scanned": str(typed.get("text", "")),
        "errors": field_messages(refusal) if refusal else {},
        "may_load": loads,
        "onto": str(typed.get("manifest", "")),
        "engine_missing": not all(engines().values()),
        "may_lack_depot": bool(actor.roles & {"collector", "treater"}) and not depots,
        "words": words(),
        "setup": _test_code(),
        "public_url": settings.PUBLIC_URL,
        NONCE: secrets.token_urlsafe(16),
        **_shown(answer, intent),
        **_aside(actor, depot, container.short_code if container else "", intent),
    }
    response = render(request, "scanner/scan.html", context, status=refusal.status if refusal else 200)
    # The camera's reader is WebAssembly: this page alone may compile it.
    response.headers["Content-Security-Policy"] = content_security(request, wasm=True)
    return response


def _shown(answer: Answer | None, intent: str) -> dict[str, str]:
    """How a verdict looks (data-verdict), its word, and its sentence."""
    if answer is None:
        return {"shown": "ready", "word": "", "message": ""}
    said = words()
    message = sentence(answer.reason, answer.params) if answer.reason else ""
    if answer.reason in ALREADY:
        return {"shown": "repeated-accepted", "word": said[answer.reason], "message": message}
    if answer.verdict == "repeated":
        first = "refused" if answer.reason else "accepted"
        return {"shown": f"repeated-{first}", "word": said["repeated"], "message": message}
    if answer.verdict == "refused":
        return {"shown": "refused", "word": said["refused"], "message": message}
    if answer.weigh_again:
        return {"shown": "weigh", "word": said["weigh"], "message": said["weighSayPlain"]}
    if answer.flag:
        message = sentence(answer.flag, answer.flag_params)
        return {"shown": "flagged", "word": said["flagged"], "message": message}
    return {"shown": "accepted", "word": said[intent], "message": ""}


def _test_code() -> dict[str, Any]:
    """What a scanner is set up with: the text of a label that leads nowhere, and its drawing as one path."""
    text = f"{settings.PUBLIC_URL}/W/TEST-0123456789".upper()
    box, path = svg_path(text)
    return {"text": text, "path": path, "box": box}


def _chosen_depot(depots: list[Depot], wanted: str) -> Depot | None:
    """The depot named by the address, else the first one; none where the organisation has none."""
    return next((depot for depot in depots if str(depot.pk) == wanted), depots[0] if depots else None)


def _aside(actor: Actor, depot: Depot | None, code: str, intent: str) -> dict[str, Any]:
    """What stands beside the verdict: the drum's place, the loads on their way here, the last scans."""
    about = whereabouts(actor, code)
    loads = expected_by(actor, actor.principal.pk) if depot and depot.takes_from_others else []
    open_load = about.line.manifest.number if about and about.line else ""
    return {
        "leaving": _leaving(actor) if depot or "carrier" in actor.roles else [],
        # A count is blind: where the books have a drum is not told while it goes on.
        "about": about if intent != Intent.COUNT else None,
        "loads": sorted(loads, key=lambda load: load.number != open_load),
        "open_load": open_load,
        "scans": [row_of(actor, one) for one in last_scans(actor)[:SHOWN]],
    }


def _leaving(actor: Actor) -> list[Any]:
    """The organisation's manifests that are being loaded, each with what is on the vehicle and what is not yet."""
    ours = Q(sender=actor.organisation_id) | Q(carrier=actor.organisation_id)
    issued = visible_manifests(actor).filter(ours, state=ManifestState.ISSUED)
    loads = list(issued.prefetch_related("lines__container").order_by("issued_at", "id")[:SHOWN])
    for load in loads:
        lines = list(load.lines.all())
        load.to_load = [line for line in lines if line.loaded_at is None]  # type: ignore[attr-defined]
        load.expected, load.loaded = len(lines), len(lines) - len(load.to_load)  # type: ignore[attr-defined]
    return loads


@require_safe
def aside(request: HttpRequest) -> HttpResponse:
    """A panel of the scan page, read again after each verdict."""
    actor = actor_of(request)
    actor.require_write()
    asked = request.GET
    depot = _chosen_depot(list(own_depots(actor)), asked.get("depot", ""))
    beside = _aside(actor, depot, asked.get("container", ""), asked.get("intent", ""))
    return render(request, "scanner/aside.html", beside)


@require_safe
def scans_at(request: HttpRequest, depot_id: str) -> HttpResponse:
    """A panel of the depot's board: the organisation's own last scans there."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    return render(
        request, "scanner/last_scans.html", {"scans": [row_of(actor, one) for one in last_scans(actor, depot)[:SHOWN]]}
    )


@require_safe
def proposal(request: HttpRequest) -> HttpResponse:
    """Every other bay of a depot for one drum, the best first; `problem` is the code of what speaks against it."""
    actor = actor_of(request)
    actor.require_write()
    depot = get_depot(actor, request.GET.get("depot", ""))
    container = get_container(actor, request.GET.get("container", ""))
    stay = Stay.objects.filter(container=container, depot=depot, left_at=None).select_related("bay").first()
    every = list(bay_loads(depot)) if stay else []
    others = [load for load in every if stay and load.bay.pk != stay.bay_id]
    own = next((load for load in every if stay and load.bay.pk == stay.bay_id), None)
    loads = [(load.problem(container, container.mass_g), load) for load in others]
    loads.sort(key=lambda pair: (pair[0] is not None, pair[1].liking(container)))
    return JsonResponse(
        {
            "container": scanned_json(container),
            "refusal": None if stay else _not_here(container),
            "stands_in": stay.bay.code if stay and stay.bay else None,
            # It is counted among what stands there: one place too few for one more is no fault of its own.
            "stands_right": own is not None and not WRONG_PLACE.intersection(own.problems(container, 0)),
            "bays": [{"code": load.bay.code, "name": load.bay.name, "problem": problem} for problem, load in loads],
        }
    )


def _not_here(container: Container) -> dict[str, str]:
    """Why a container that stands elsewhere cannot be put away here."""
    code = container.state if container.state in ("treated", "voided", "emptied") else "not_here"
    return {"code": code, "message": sentence(code)}
