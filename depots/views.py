"""The pages of depots: the list, the live board of one, and its plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_safe

from depots.bays import COLUMNS, ROWS, may_keep, remove_bay, require_keeper, save_bay
from depots.boards import BayMap, Tile, bay_map, came_since
from depots.models import Bay, Depot, DepotKind, Stay
from depots.selectors import Fault, get_bay, get_depot, permit_of, stock, stocked, totals
from wastetrack.errors import Refused, invalid
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.pages import field_messages, go_to, nonce_again, redirect_once
from wastetrack.parties.actors import Actor
from wastetrack.regulations.hazards import NAMES
from wastetrack.sentences import sentence
from wastetrack.units import kg_text, percent_of
from wastetrack.waste.clock import start_of

PAGE, STOCK_PAGE, FARTHEST = 50, 50, 100_000
LEAST_ROWS, LEAST_COLUMNS = 3, 4
"""What an empty plan shows of itself."""


@require_safe
def depot_list(request: HttpRequest) -> HttpResponse:
    """The depots the actor may see, each with its stock in figures; the only one is shown at once."""
    actor, now = actor_of(request), now_of(request)
    chosen = {name: request.GET.get(name, "") for name in ("search", "kind", "overdue", "cursor")}
    page = page_of(_filtered(stocked(actor, now=now), chosen), chosen["cursor"], PAGE, lambda found: found)
    filtered = any(chosen.values())
    if len(page["items"]) == 1 and not filtered:
        return go_to(f"/depots/{page['items'][0].pk}")
    context = {
        "page": page,
        "chosen": chosen,
        "filtered": filtered,
        "filters_shown": filtered or actor.is_regulator,
        "kinds": DepotKind.choices,
    }
    return render(request, "depots/list.html", context)


def _filtered(rows: QuerySet[Depot], chosen: Mapping[str, str]) -> QuerySet[Depot]:
    """The depots that the address asks for. Raises Invalid for a kind that does not exist."""
    if chosen["kind"]:
        if chosen["kind"] not in DepotKind.values:
            raise invalid("kind", "wrong_type")
        rows = rows.filter(kind=chosen["kind"])
    if search := chosen["search"].strip()[:40]:
        rows = rows.filter(Q(name__icontains=search) | Q(site__organisation__name__icontains=search))
    return rows.filter(Q(overdue__gt=0)) if chosen["overdue"] else rows


@require_safe
def board(request: HttpRequest, depot_id: str) -> HttpResponse:
    """The live board of a depot: figures, the plan with its bays, and the stock with the nearest deadline first.

    `bay` narrows the stock to one bay. The page asks for itself again when the feed says that something moved; `seen`
    is the newest arrival it has shown, `at` the second it was drawn.
    """
    actor, now = actor_of(request), now_of(request)
    depot = get_depot(actor, depot_id)
    bay = get_bay(depot, request.GET["bay"]) if request.GET.get("bay") else None
    start, seen = _number(request, "from"), _number(request, "seen")
    rows = list(_stays(depot, bay)[start : start + STOCK_PAGE + 1])
    bays = bay_map(depot)
    newest = Stay.objects.filter(depot=depot).aggregate(newest=Max("id"))["newest"] or 0
    context = {
        **_head(actor, depot),
        **_figures_of(depot, now),
        "permit": permit_of(depot, timezone.localdate(now)),
        "bays": bays,
        "faults": [_fault(tile, fault) for tile, fault in bays.faults],
        "bay": bay,
        "chosen": bay.code if bay else "",
        "stays": rows[:STOCK_PAGE],
        "start": start,
        "before": max(0, start - STOCK_PAGE) if start else None,
        "after": start + STOCK_PAGE if len(rows) > STOCK_PAGE else None,
        "seen": seen if "seen" in request.GET else newest,
        "drawn_before": _second(request, now),
        "newest": newest,
        "at": int(now.timestamp()),
    }
    return render(request, "depots/board.html", context)


def _stays(depot: Depot, bay: Bay | None) -> QuerySet[Stay]:
    return stock(depot) if bay is None else stock(depot).filter(bay=bay)


def _head(actor: Actor, depot: Depot) -> dict[str, Any]:
    is_ours = depot.organisation_id == actor.organisation_id
    return {"depot": depot, "is_ours": is_ours, "may_keep": may_keep(actor, depot)}


def _figures_of(depot: Depot, now: datetime) -> dict[str, Any]:
    figures = totals(depot, now=now)
    fill = min(100, percent_of(figures.mass_g, depot.capacity_g)) if depot.capacity_g else None
    return {"figures": figures, "fill": fill, "came": came_since(depot, start_of(timezone.localdate(now)))}


def _fault(tile: Tile, fault: Fault) -> dict[str, Any]:
    """What is wrong with a bay, in a sentence; and what the two wastes may do."""
    consequence = ""
    if fault.conflict:
        english = (get_language() or "").startswith("en")
        consequence = fault.conflict.consequence_en if english else fault.conflict.consequence_zh
    return {"bay": tile.bay.code, "text": sentence(fault.code, fault.params), "consequence": consequence}


def _second(request: HttpRequest, now: datetime) -> datetime:
    """When the page that asks for itself again was drawn; now for a new one."""
    at = _number(request, "at")
    return datetime.fromtimestamp(min(at, int(now.timestamp())), tz=UTC) if at else now


# --- the plan ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, depot_id: str) -> HttpResponse:
    """The depot's plan: its bays by row and column, what each is for; its own people add, change and move them."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    if request.method != "POST":
        return _plan_page(request, depot)
    require_keeper(actor, depot)
    try:
        return redirect_once(request, lambda: _saved(request, depot))
    except Refused as refusal:
        return _plan_page(request, depot, refusal)


def _saved(request: HttpRequest, depot: Depot) -> str:
    typed = request.POST
    bay = get_bay(depot, typed["was"]) if typed.get("was") else None
    place = typed.get("place", "").partition("-")
    data = {name: typed.get(name, "") for name in ("code", "name", "capacity_kg", "places", "bund_l", "temperature")}
    data |= {"admits": typed.get("admits", ""), "row": place[0], "column": place[2]}
    data["hazards"] = " ".join(typed.getlist("hazards"))
    saved = save_bay(actor=actor_of(request), depot=depot, bay=bay, data=data, now=now_of(request))
    return f"/depots/{depot.pk}/plan?{urlencode({'saved': saved.code})}"


@require_http_methods(["POST"])
def remove(request: HttpRequest, depot_id: str) -> HttpResponse:
    """Take a bay away that was never used."""
    actor = actor_of(request)
    depot = get_depot(actor, depot_id)
    require_keeper(actor, depot)
    bay = get_bay(depot, request.POST.get("was", ""))
    try:
        remove_bay(actor=actor, bay=bay, now=now_of(request))
    except Refused as refusal:
        return _plan_page(request, depot, refusal)
    return go_to(f"/depots/{depot.pk}/plan")


def _plan_page(request: HttpRequest, depot: Depot, refusal: Refused | None = None) -> HttpResponse:
    actor = actor_of(request)
    typed = request.POST if refusal else request.GET
    bays, head = bay_map(depot), _head(actor, depot)
    was = typed.get("was" if refusal else "bay", "")
    bay = get_bay(depot, was) if was else None
    form = _bay_form(bay, request) if head["may_keep"] and (bay or refusal or "new" in typed) else None
    saved = next((tile for tile in bays.tiles if tile.bay.code == typed.get("saved")), None)
    context = {
        **head,
        "bays": bays,
        "grid": _grid(bays),
        "editing": bay,
        "form": form,
        "saved": saved,
        "faults": [_fault(saved, fault) for fault in saved.faults] if saved else [],
        "letters": list(NAMES),
        "errors": field_messages(refusal) if refusal else {},
        **nonce_again(refusal),
    }
    return render(request, "depots/plan.html", context, status=refusal.status if refusal else 200)


def _bay_form(bay: Bay | None, request: HttpRequest) -> dict[str, Any]:
    """What stands in the fields: what was typed and refused, else the bay as it is, else the place that was tapped."""
    if "code" in request.POST:
        return {**request.POST.dict(), "hazards": request.POST.getlist("hazards")}
    if bay is None:
        return {"place": request.GET.get("place", ""), "hazards": []}
    return {
        "code": bay.code,
        "name": bay.name,
        "place": f"{bay.row}-{bay.column}" if bay.row else "",
        "admits": bay.admits,
        "hazards": list(bay.hazard_letters),
        "capacity_kg": kg_text(bay.capacity_g) or "",
        "places": "" if bay.places is None else bay.places,
        "bund_l": "" if bay.bund_l is None else bay.bund_l,
        "temperature": bay.temperature,
    }


def _grid(bays: BayMap) -> list[list[tuple[str, Tile | None]]]:
    """The plan with a free row and column to build on: each place's name (`2-3`) and the bay there."""
    height = min(ROWS, max(len(bays.rows) + 1, LEAST_ROWS))
    width = min(COLUMNS, max(len(bays.rows[0]) + 1 if bays.rows else 0, LEAST_COLUMNS))
    there = {(tile.bay.row, tile.bay.column): tile for tile in bays.tiles}
    return [
        [(f"{row}-{column}", there.get((row, column))) for column in range(1, width + 1)]
        for row in range(1, height + 1)
    ]


def _number(request: HttpRequest, name: str) -> int:
    """A whole number from the address; 0 without one. Raises Invalid(bad_cursor)."""
    text = request.GET.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid(name, "bad_cursor")
    return min(int(text), FARTHEST) if name == "from" else int(text)
