"""Stock is a query: the stays that have not ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, FilteredRelation, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from depots.models import Bay, Depot, Stay
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor
from wastetrack.regulations.compatibility import conflict, groups_for

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


@dataclass
class BayLoad:
    """A bay as a drum finds it: grams that stand in it and of which wastes."""

    bay: Bay
    used: int = 0
    waste_codes: set[str] = field(default_factory=set)

    def problem(self, waste_code: str, mass_g: int) -> str | None:
        """Why this waste may not stand here: bay_full, bay_incompatible; None when it may.

        A waste whose reaction groups its code does not tell is stopped by nothing but explosives.
        """
        if self.bay.capacity_g is not None and self.used + mass_g > self.bay.capacity_g:
            return "bay_full"
        own = groups_for(waste_code) or frozenset()
        if any(conflict(own, groups_for(other) or frozenset()) for other in self.waste_codes):
            return "bay_incompatible"
        return None


def bay_loads(depot: Depot, bay: Bay | None = None) -> list[BayLoad]:
    """The depot's bays, or the one named, by code, each with what stands in it (one query)."""
    bays = Bay.objects.filter(depot=depot) if bay is None else Bay.objects.filter(pk=bay.pk)
    rows = (
        bays.annotate(here=FilteredRelation("stays", condition=Q(stays__left_at=None)))
        .order_by("code")
        .values("pk", "code", "name", "capacity_g", "here__container__waste_code")
        .annotate(mass_g=Sum("here__container__mass_g"))
    )
    loads: dict[int, BayLoad] = {}
    for row in rows:
        found = Bay(pk=row["pk"], depot=depot, code=row["code"], name=row["name"], capacity_g=row["capacity_g"])
        load = loads.setdefault(row["pk"], BayLoad(found))
        if row["here__container__waste_code"]:
            load.used += row["mass_g"]
            load.waste_codes.add(row["here__container__waste_code"])
    return list(loads.values())


def roomy_bay(depot: Depot, waste_code: str, mass_g: int) -> Bay | None:
    """The bay to propose: the depot's first where this drum may stand, as things are; None where there is none."""
    return next((load.bay for load in bay_loads(depot) if load.problem(waste_code, mass_g) is None), None)


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
