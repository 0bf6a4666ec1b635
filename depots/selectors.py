"""Stock is a query: the stays that have not ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from depots.models import Bay, Depot, Stay
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor

OPEN_STAY = Q(stays__left_at=None)


def get_depot(actor: Actor, depot_id: object, *, code: str = "unknown_depot") -> Depot:
    """A depot the actor may see, with its site and permit. Raises NotFound(unknown_depot)."""
    if not str(depot_id).isascii() or not str(depot_id).isdigit():
        raise NotFound(code)
    depots = Depot.objects.visible_to(actor).select_related("site__organisation", "permit")
    depot = depots.filter(pk=int(str(depot_id)[:18])).first()
    if depot is None:
        raise NotFound(code)
    return depot


def own_depots(actor: Actor) -> QuerySet[Depot]:
    """The depots of the organisation the actor acts for."""
    depots = Depot.objects.filter(site__organisation=actor.organisation_id)
    return depots.select_related("site__organisation", "permit").order_by("pk")


def stocked(actor: Actor, *, now: datetime) -> QuerySet[Depot]:
    """The depots the actor may see with `containers`, `mass_g` and `overdue` of their stock (one query)."""
    late = OPEN_STAY & Q(stays__container__storage_deadline__lt=now)
    return (
        Depot.objects.visible_to(actor)
        .select_related("site__organisation")
        .annotate(
            containers=Count("stays", filter=OPEN_STAY),
            mass_g=Coalesce(Sum("stays__container__mass_g", filter=OPEN_STAY), 0),
            overdue=Count("stays", filter=late),
        )
    )


def get_bay(depot: Depot, code: object) -> Bay:
    """A bay of the depot by its code; by its id where no bay has this code. Raises NotFound(unknown_bay)."""
    text = str(code).strip()[:18]
    bays = Bay.objects.filter(depot=depot).select_related("depot__site")
    bay = bays.filter(code__iexact=text).first()
    if bay is None and text.isascii() and text.isdigit():
        bay = bays.filter(pk=int(text)).first()
    if bay is None:
        raise NotFound("unknown_bay", bay=text)
    return bay


def with_used(bays: QuerySet[Bay]) -> QuerySet[Bay]:
    """The bays with `used`: grams that stand in each now."""
    return bays.annotate(used=Coalesce(Sum("stays__container__mass_g", filter=OPEN_STAY), 0))


def has_room(bay: Any, mass_g: int) -> bool:
    """Whether a bay read `with_used` can take this mass."""
    return bay.capacity_g is None or bay.used + mass_g <= bay.capacity_g


def roomy_bay(depot: Depot, mass_g: int) -> Bay | None:
    """The bay to propose: the depot's first with room for this mass, as things stand; None where there is none."""
    bays = with_used(Bay.objects.filter(depot=depot)).order_by("code")
    return next((bay for bay in bays if has_room(bay, mass_g)), None)


def stock(depot: Depot) -> QuerySet[Stay]:
    """What stands in the depot now, the nearest deadline first."""
    return (
        Stay.objects.filter(depot=depot, left_at=None)
        .select_related("container__generator", "bay")
        .order_by("container__storage_deadline", "id")
    )


@dataclass(frozen=True)
class BayFill:
    """One bay on the depot's board: containers, grams, the nearest deadline."""

    bay: Bay
    containers: int
    mass_g: int
    next_deadline: datetime | None

    @property
    def percent(self) -> int | None:
        """How full by mass; None where no capacity is known."""
        return min(100, self.mass_g * 100 // self.bay.capacity_g) if self.bay.capacity_g else None


def bay_fills(depot: Depot) -> list[BayFill]:
    """Every bay with what stands in it (one query)."""
    bays = Bay.objects.filter(depot=depot).annotate(
        n=Count("stays", filter=OPEN_STAY),
        used=Coalesce(Sum("stays__container__mass_g", filter=OPEN_STAY), 0),
        first=Min("stays__container__storage_deadline", filter=OPEN_STAY),
    )
    return [BayFill(bay, bay.n, bay.used, bay.first) for bay in bays.order_by("code")]


@dataclass(frozen=True)
class StockTotals:
    """A depot's stock in figures."""

    containers: int
    mass_g: int
    overdue: int
    due_soon: int


def totals(depot: Depot, *, now: datetime, soon: datetime) -> StockTotals:
    """Stock figures of a depot (one query): overdue by `now`, due by `soon`."""
    deadline = "container__storage_deadline__lt"
    row = Stay.objects.filter(depot=depot, left_at=None).aggregate(
        n=Count("id"),
        mass=Coalesce(Sum("container__mass_g"), 0),
        overdue=Count("id", filter=Q(**{deadline: now})),
        soon=Count("id", filter=Q(**{deadline: soon}) & ~Q(**{deadline: now})),
    )
    return StockTotals(row["n"], row["mass"], row["overdue"], row["soon"])
