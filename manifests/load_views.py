"""The panel of the depot's board that proposes the next truck."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from depots.selectors import get_depot
from manifests.loads import next_load
from wastetrack.errors import NotPermitted
from wastetrack.http import actor_of, now_of


@require_safe
def proposed(request: HttpRequest, depot_id: str) -> HttpResponse:
    """The next truck of a depot, for its own people alone."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    if depot.organisation_id != actor.organisation_id:
        raise NotPermitted("not_your_depot")
    return render(
        request, "manifests/next_load.html", {"depot": depot, "load": next_load(actor, depot, now_of(request))}
    )
