"""The pages of depots: the list, and the live board of one."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from depots.models import Depot, DepotKind, Stay
from depots.selectors import bay_fills, get_depot, stock, stocked, totals
from wastetrack.errors import invalid
from wastetrack.http import actor_of, now_of, page_of
from wastetrack.pages import go_to
from wastetrack.waste.clock import soon

PAGE, STOCK_PAGE, FARTHEST = 50, 50, 100_000


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
    """The live board of a depot: figures, bays, and the stock with the nearest deadline first.

    The page asks for itself again when the feed says that something moved; `seen` is the newest arrival it has shown.
    """
    actor, now = actor_of(request), now_of(request)
    depot = get_depot(actor, depot_id)
    start, seen = _number(request, "from"), _number(request, "seen")
    rows = list(stock(depot)[start : start + STOCK_PAGE + 1])
    figures, bays = totals(depot, now=now, soon=soon(now)), bay_fills(depot)
    newest = Stay.objects.filter(depot=depot).aggregate(newest=Max("id"))["newest"] or 0
    context = {
        "depot": depot,
        "is_ours": depot.organisation_id == actor.organisation_id,
        "figures": figures,
        "fill": min(100, figures.mass_g * 100 // depot.capacity_g) if depot.capacity_g else None,
        "bays": bays,
        "without_bay": figures.containers - sum(bay.containers for bay in bays),
        "stays": rows[:STOCK_PAGE],
        "start": start,
        "before": max(0, start - STOCK_PAGE) if start else None,
        "after": start + STOCK_PAGE if len(rows) > STOCK_PAGE else None,
        "seen": seen if "seen" in request.GET else newest,
        "newest": newest,
    }
    return render(request, "depots/board.html", context)


def _number(request: HttpRequest, name: str) -> int:
    """A whole number from the address; 0 without one. Raises Invalid(bad_cursor)."""
    text = request.GET.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid(name, "bad_cursor")
    return min(int(text), FARTHEST) if name == "from" else int(text)
