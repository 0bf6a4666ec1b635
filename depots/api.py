"""`/depots`: the places, their bays, their stock."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from depots.models import Depot, Stay
from depots.schemas import bay_json, depot_json, stay_json
from depots.selectors import bay_fills, get_depot, totals
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.schemas import Text
from wastetrack.units import kg_text
from wastetrack.waste.clock import soon

router = Router(tags=["depots"])


@router.get("")
def depots(request: HttpRequest, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The depots the caller may see, newest first."""
    rows = Depot.objects.visible_to(actor_of(request)).select_related("site__organisation")
    return page_of(rows, cursor, limit, lambda found: [depot_json(depot) for depot in found])


@router.get("/{depot_id}")
def depot(request: HttpRequest, depot_id: Text) -> dict[str, Any]:
    """One depot with its stock in figures."""
    found, now = get_depot(actor_of(request), depot_id), now_of(request)
    figures = totals(found, now=now, soon=soon(now))
    return {
        **depot_json(found),
        "stock": {
            "containers": figures.containers,
            "mass_kg": kg_text(figures.mass_g),
            "overdue": figures.overdue,
            "due_soon": figures.due_soon,
        },
    }


@router.get("/{depot_id}/inventory")
def inventory(request: HttpRequest, depot_id: Text, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """What stands in the depot now, the latest arrival first."""
    found = get_depot(actor_of(request), depot_id)
    rows = Stay.objects.filter(depot=found, left_at=None).select_related("container__generator", "bay")
    return page_of(rows, cursor, limit, lambda stays: [stay_json(stay) for stay in stays])


@router.get("/{depot_id}/bays")
def bays(request: HttpRequest, depot_id: Text) -> dict[str, Any]:
    """The depot's bays and how full each is."""
    found = get_depot(actor_of(request), depot_id)
    return {"items": [bay_json(fill) for fill in bay_fills(found)], "next": None}
