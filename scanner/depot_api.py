"""`/depots/{id}/snapshot`: what a device keeps of a depot to judge scans without a network."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from depots.selectors import get_depot
from depots.services import require_own
from scanner.snapshot import snapshot
from wastetrack.http import actor_of, answer_json, now_of
from wastetrack.schemas import Text

router = Router(tags=["scans"])


@router.get("/{depot_id}/snapshot")
def depot_snapshot(request: HttpRequest, depot_id: Text) -> HttpResponse:
    """Bays, stock, what is expected and what leaves, with an ETag: 304 while nothing has changed."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    require_own(actor, depot)
    found = snapshot(actor, depot, now_of(request))
    tag = f'"{found["version"]}"'
    answer = HttpResponse(status=304) if request.headers.get("If-None-Match") == tag else answer_json(found)
    answer["ETag"] = tag
    answer["Cache-Control"] = "private, no-cache"
    return answer
