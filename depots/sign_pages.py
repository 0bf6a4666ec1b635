"""The pages of signs: choosing what to print, the PDF, and what a bay's QR opens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from depots.models import Bay, Depot
from depots.selectors import get_depot
from depots.signs import KINDS, print_signs
from labels.signs import size_by
from wastetrack.errors import Refused
from wastetrack.http import actor_of, now_of
from wastetrack.pages import field_messages, go_to

DISTANCES = tuple(map(Decimal, ("2.5", "4", "10", "20")))
"""Metres to choose from: one for every row of the two tables of sizes."""


@require_http_methods(["GET", "HEAD", "POST"])
def signs(request: HttpRequest, depot_id: str) -> HttpResponse:
    """Choose the signs of a depot; a POST answers with their PDF."""
    depot = get_depot(actor_of(request), depot_id)
    if request.method != "POST":
        return _page(request, depot)
    kind, typed = request.POST.get("kind", ""), request.POST
    try:
        today = timezone.localdate(now_of(request))
        asked: dict[str, Any] = {"bays": typed.getlist("bays"), "distance_m": typed.get("distance_m")}
        pdf = print_signs(depot=depot, kind=kind, on=today, **asked)
    except Refused as refusal:
        return _page(request, depot, refusal)
    headers = {
        "Content-Disposition": f'inline; filename="signs-{depot.pk}-{kind}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(pdf, content_type="application/pdf", headers=headers)


def _page(request: HttpRequest, depot: Depot, refusal: Refused | None = None) -> HttpResponse:
    bays = list(Bay.objects.filter(depot=depot))
    context = {
        "depot": depot,
        "bays": bays,
        "kinds": KINDS if bays else ("facility",),
        "kind": request.POST.get("kind") or ("bay" if bays else "facility"),
        "chosen": set(request.POST.getlist("bays")),
        "distance_m": request.POST.get("distance_m", ""),
        "distances": [
            {"metres": metres, "bay": size_by("bay", metres), "facility": size_by("facility", metres)}
            for metres in DISTANCES
        ],
        "errors": field_messages(refusal) if refusal else {},
    }
    return render(request, "depots/signs.html", context, status=refusal.status if refusal else 200)


@require_safe
def bay(request: HttpRequest, bay_id: str) -> HttpResponse:
    """What a bay's QR opens: its depot's board to whoever may see it; to anybody else only what kind of sign it is."""
    found = _seen(request, bay_id)
    if found is not None:
        return go_to(f"/depots/{found.depot_id}?{urlencode({'bay': found.code})}")
    response = render(request, "depots/bay_sign.html")
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _seen(request: HttpRequest, bay_id: str) -> Bay | None:
    actor = request.actor  # type: ignore[attr-defined]
    if not actor or not (bay_id.isascii() and bay_id.isdigit() and len(bay_id) < 19):
        return None
    found: Bay | None = Bay.objects.visible_to(actor).filter(pk=int(bay_id)).first()
    return found
