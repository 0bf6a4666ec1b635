"""The pages of the roadside: the code that a driver shows, what it opens, and the regulator's search by plate."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from labels.qr import svg_path
from manifests.roadside import load_on_the_road, on_the_road
from manifests.selectors import get_manifest
from manifests.services.roadside import look_at_roadside, show_roadside
from wastetrack.errors import Refused
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.pages import go_to, next_of, seen_from

PAGE, PLATE_LENGTH = 30, 20


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, number: str) -> HttpResponse:
    """A code for the officer. Sent again, it is another code: the secret of the one before is kept nowhere."""
    actor = actor_of(request)
    manifest = get_manifest(actor, number)
    if request.method != "POST":
        return go_to(f"/manifests/{manifest.number}")
    shown = show_roadside(actor=actor, manifest=manifest, now=now_of(request))
    box, path = svg_path(shown.address)
    back = next_of(request, f"/manifests/{manifest.number}")
    context = {"manifest": manifest, "shown": shown, "box": box, "path": path, "next": back, **seen_from(actor, back)}
    return _kept_nowhere(render(request, "manifests/roadside/code.html", context))


@require_GET
def check(request: HttpRequest, secret: str) -> HttpResponse:
    """What the officer sees, without an account."""
    now = now_of(request)
    try:
        found = look_at_roadside(secret=secret, address=request.META.get("REMOTE_ADDR", ""), now=now)
    except Refused as refusal:
        if refusal.code != "roadside_over":
            raise
        return _kept_nowhere(render(request, "manifests/roadside/over.html", status=refusal.status))
    load = load_on_the_road(found.manifest, timezone.localdate(now))
    return _kept_nowhere(render(request, "manifests/roadside/check.html", {"load": load, "check": found}))


def _kept_nowhere(response: HttpResponse) -> HttpResponse:
    """No store keeps it, no search engine finds it, and no other site hears its address."""
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """What is on the road in a regulator's district, by number plate."""
    plate = request.GET.get("plate", "").strip()[:PLATE_LENGTH]
    rows = on_the_road(actor_of(request), plate)
    page: dict[str, Any] = page_of(rows, request.GET.get("cursor"), PAGE, lambda found: found)
    return render(request, "manifests/roadside/search.html", {"page": page, "plate": plate})
