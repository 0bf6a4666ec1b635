"""`/depots`: the places, their bays, their stock."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from depots.bays import save_bay
from depots.boards import bay_map
from depots.counts_api import router as counts_router
from depots.models import Bay, Depot, Stay
from depots.schemas import BayIn, bay_json, depot_json, stay_json
from depots.selectors import get_bay, get_depot, totals
from wastetrack.creation import create_once
from wastetrack.http import PAGE_SIZE, actor_of, now_of, page_of
from wastetrack.schemas import Text
from wastetrack.units import kg_text

router = Router(tags=["depots"])
router.add_router("", counts_router)


@router.get("")
def depots(request: HttpRequest, cursor: Text = "", limit: int = PAGE_SIZE) -> dict[str, Any]:
    """The depots the caller may see, newest first."""
    rows = Depot.objects.visible_to(actor_of(request)).select_related("site__organisation")
    return page_of(rows, cursor, limit, lambda found: [depot_json(depot) for depot in found])


@router.get("/{depot_id}")
def depot(request: HttpRequest, depot_id: Text) -> dict[str, Any]:
    """One depot with its stock in figures."""
    found, now = get_depot(actor_of(request), depot_id), now_of(request)
    figures = totals(found, now=now)
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
    tiles = sorted(bay_map(found).tiles, key=lambda tile: tile.bay.code)
    return {"items": [bay_json(tile) for tile in tiles], "next": None}


@router.post("/{depot_id}/bays", response={201: dict[str, Any]})
def add_bay(request: HttpRequest, depot_id: Text, body: BayIn) -> HttpResponse:
    """Set up another bay."""
    actor, now = actor_of(request), now_of(request)
    found = get_depot(actor, depot_id)

    def make() -> dict[str, Any]:
        data = body.model_dump(exclude_unset=True)
        return _bay_json(found, save_bay(actor=actor, depot=found, data=data, now=now))

    return create_once(request, make)


@router.post("/{depot_id}/bays/{code}")
def change_bay(request: HttpRequest, depot_id: Text, code: Text, body: BayIn) -> dict[str, Any]:
    """Change a bay; what is not named stays as it is. That less fits than stands there is said in `faults`."""
    actor, now = actor_of(request), now_of(request)
    found = get_depot(actor, depot_id)
    bay, data = get_bay(found, code), body.model_dump(exclude_unset=True)
    return _bay_json(found, save_bay(actor=actor, depot=found, bay=bay, data=data, now=now))


def _bay_json(depot: Depot, bay: Bay) -> dict[str, Any]:
    return bay_json(next(tile for tile in bay_map(depot).tiles if tile.bay.pk == bay.pk))
