"""Stock is a query: the stays that have not ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations_with_replacement
from typing import Any

from django.db.models import Count, Exists, F, FilteredRelation, Max, Min, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from django.utils import timezone

from depots.models import Bay, Depot, Stay
from wastetrack.districts.models import Figure, Pair
from wastetrack.districts.selectors import Kind, Reactions, reactions, reactions_in
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Permit, PermitKind
from wastetrack.regulations.compatibility import Conflict
from wastetrack.regulations.parameters import parameter
from wastetrack.sentences import listed
from wastetrack.units import kg_text, percent_of
from wastetrack.waste.clock import due_soon, warned
from wastetrack.waste.models import LIQUID, Container

OPEN_STAY = Q(stays__left_at=None)
LIQUID_SHARE = "facility.liquid_share_percent"
WASTE = ("here__container__waste_code", "here__container__reaction_groups")
_OF_LIQUID = Q(here__container__form=LIQUID)
STANDING: Mapping[str, Any] = {
    "n": Count("here"),
    "mass_g": Sum("here__container__mass_g"),
    "liquid_l": Sum("here__container__volume_l", filter=_OF_LIQUID),
    "largest_liquid_l": Max("here__container__volume_l", filter=_OF_LIQUID),
}
"""How much of a waste stands `here`, for rows by WASTE."""
LATELY = 50
"""Arrivals among which to look for the bay where a waste is being put."""


def get_depot(actor: Actor, depot_id: object, *, code: str = "unknown_depot") -> Depot:
    """A depot the actor may see, with its site and permit. Raises NotFound(unknown_depot)."""
    text = str(depot_id)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(code)
    depots = Depot.objects.visible_to(actor).select_related("site__organisation", "permit")
    depot = depots.filter(pk=int(text)).first()
    if depot is None:
        raise NotFound(code)
    return depot


def permit_of(depot: Depot, on: date) -> Permit | None:
    """The permit a depot works under on a day: its own, or once that has ended the one that follows it.

    That is its organisation's newest in force, of the same kind if there is one; the old one where none follows. None
    for a generator's own. A licence to carry is none to store. One query, and only where its own is not in force.
    """
    own = depot.permit
    if own is None:
        return None
    operates = own.kind != PermitKind.TRANSPORT
    if operates and own.valid_on(on):
        return own
    in_force = Permit.objects.filter(organisation=own.organisation_id, valid_from__lte=on, valid_to__gte=on)
    following = in_force.exclude(kind=PermitKind.TRANSPORT)
    newest = max(following, key=lambda one: (one.kind == own.kind, one.valid_from, one.pk), default=None)
    return newest or (own if operates else None)


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


def _standing_now() -> FilteredRelation:
    """What stands in a depot or bay: of what has stood there before nothing is read."""
    return FilteredRelation("stays", condition=Q(stays__left_at=None))


def filled(depots: QuerySet[Depot]) -> QuerySet[Depot]:
    """The depots with `used_g`, the grams that stand in them now."""
    return depots.annotate(here=_standing_now(), used_g=Coalesce(Sum("here__container__mass_g"), 0))


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


@dataclass(frozen=True)
class Standing:
    """The containers of one waste in a bay: its code and what it reacts with, how many, grams, litres of liquid."""

    waste_code: str
    reactions: frozenset[str] | None
    containers: int
    mass_g: int
    liquid_l: Decimal
    largest_liquid_l: Decimal

    @property
    def kind(self) -> Kind:
        return self.waste_code, self.reactions


@dataclass(frozen=True)
class Fault:
    """What is wrong with a bay as it stands: a stable code, the values of its sentence, and what two wastes may do."""

    code: str
    params: Mapping[str, Any]
    conflict: Conflict | None = None


@dataclass
class BayLoad:
    """A bay as a drum finds it: what stands in it, and what may not stand together in its district."""

    bay: Bay
    reactions: Reactions
    standing: list[Standing] = field(default_factory=list)
    liquid_share: int | Decimal = parameter(LIQUID_SHARE).value
    """The per cent of all liquid that the bund must hold in this district."""

    @property
    def used_g(self) -> int:
        return sum(one.mass_g for one in self.standing)

    @property
    def containers(self) -> int:
        return sum(one.containers for one in self.standing)

    def problem(self, container: Container, mass_g: int) -> str | None:
        """Why this container may not stand here; None when it may.

        bay_not_admitted, bay_incompatible, bay_reaction_unknown, bay_full, bay_no_place, bund_too_small.
        """
        return next(self.problems(container, mass_g), None)

    def problems(self, container: Container, mass_g: int) -> Iterator[str]:
        """Everything that speaks against it, the gravest first."""
        if not self.admits(container):
            yield "bay_not_admitted"
        clashes = {self.reactions.clash(container.kind, one.kind) for one in self.standing}
        if "reacts" in clashes:
            yield "bay_incompatible"
        elif "unknown" in clashes:
            yield "bay_reaction_unknown"
        if self.bay.capacity_g is not None and self.used_g + mass_g > self.bay.capacity_g:
            yield "bay_full"
        if self.bay.places is not None and self.containers + 1 > self.bay.places:
            yield "bay_no_place"
        if container.is_liquid and self.bay.bund_l is not None and self.bund_needed_l(container) > self.bay.bund_l:
            yield "bund_too_small"

    def admits(self, container: Container) -> bool:
        """Whether the bay is meant for this waste at all."""
        letters = set(self.bay.hazard_letters)
        by_code = self._admits_code(container.waste_code)
        return by_code and (not letters or letters.issuperset(container.hazard_letters))

    def _admits_code(self, waste_code: str) -> bool:
        admitted = self.bay.admitted
        return not admitted or waste_code in admitted or f"HW{waste_code[-2:]}" in admitted

    def bund_needed_l(self, newcomer: Container | None = None) -> Decimal:
        """Litres that the bund must hold: the largest liquid container or the share of them all (GB 18597 6.2.2)."""
        volume = newcomer.volume_l if newcomer is not None and newcomer.is_liquid else Decimal(0)
        total = sum((one.liquid_l for one in self.standing), volume)
        largest = max([volume, *(one.largest_liquid_l for one in self.standing)])
        return max(largest, total * self.liquid_share / 100)

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the bay as it stands, the gravest first.

        bay_reacting, bay_unstated, bay_stray, bund_short, bay_over_mass, bay_over_places.
        """
        bay = {"bay": self.bay.code}
        for one, other, conflict in self.reacting():
            yield Fault("bay_reacting", {**bay, "a": listed(one), "b": listed(other)}, conflict)
        if unstated := self.unstated():
            yield Fault("bay_unstated", {**bay, "codes": listed(unstated)})
        admitted = self.bay.admitted
        stray = sorted(code for code in {one.waste_code for one in self.standing} if not self._admits_code(code))
        if stray:
            yield Fault("bay_stray", {**bay, "codes": listed(stray), "admits": listed(sorted(admitted))})
        yield from self._overfull(bay)

    def unstated(self) -> list[str]:
        """The codes of wastes that stand with others, and of which nobody has said what they react with."""
        mixed = len({one.waste_code for one in self.standing}) > 1
        return sorted({one.waste_code for one in self.standing if one.reactions is None}) if mixed else []

    def reacting(self) -> Iterator[tuple[list[str], list[str], Conflict]]:
        """The codes of wastes that react with each other, those of the same groups together."""
        alike: dict[frozenset[str], list[Standing]] = {}
        for one in self.standing:
            alike.setdefault(one.reactions or frozenset(), []).append(one)
        for a, b in combinations_with_replacement(alike, 2):
            alone = a == b and sum(one.containers for one in alike[a]) < 2
            conflict = None if alone else self.reactions.between(a, b)
            if conflict is not None:
                codes = [sorted({one.waste_code for one in alike[groups]}) for groups in (a, b)]
                yield codes[0], codes[1], conflict

    def _overfull(self, bay: Mapping[str, str]) -> Iterator[Fault]:
        needed, limit = self.bund_needed_l(), self.bay.bund_l
        if limit is not None and needed > limit:
            yield Fault("bund_short", {**bay, "litres": limit, "needed": f"{needed.normalize():f}"})
        if self.bay.capacity_g is not None and self.used_g > self.bay.capacity_g:
            masses = {"mass_kg": kg_text(self.used_g), "limit_kg": kg_text(self.bay.capacity_g)}
            yield Fault("bay_over_mass", {**bay, **masses})
        if self.bay.places is not None and self.containers > self.bay.places:
            yield Fault("bay_over_places", {**bay, "count": self.containers, "limit": self.bay.places})

    def liking(self, container: Container) -> tuple[bool, bool, str]:
        """How well it suits, best first: meant for just this waste, the same waste there already, then by code."""
        alike = any(one.waste_code == container.waste_code for one in self.standing)
        return not self.bay.admitted, not alike, self.bay.code


def bays_for(depot: Depot, container: Container) -> QuerySet[Bay]:
    """The bays that admit the container's waste code, whatever stands in them."""
    named = Q(admits__contains=container.waste_code) | Q(admits__contains=container.category)
    return Bay.objects.filter(Q(admits="") | named, depot=depot)


def likely_bays(depot: Depot, container: Container) -> QuerySet[Bay]:
    """The bay into which the same waste went lately; all bays for it where it came in lately nowhere.

    To look at one bay's stock alone keeps a check-in as cheap in a full depot as in an empty one.
    """
    lately = Stay.objects.filter(depot=depot, left_at=None, bay__isnull=False).order_by("-id").values("pk")[:LATELY]
    alike = Stay.objects.filter(pk__in=lately, container__waste_code=container.waste_code).order_by("-id")
    likely = bays_for(depot, container).filter(pk=Coalesce(Subquery(alike.values("bay")[:1]), F("pk")))
    # Found before the bays' stock is joined to them: else it would be looked for again at every drum.
    return Bay.objects.filter(pk__in=likely.values("pk"))


def bay_loads(depot: Depot, bays: QuerySet[Bay] | None = None) -> list[BayLoad]:
    """The depot's bays, or those given, by code, each with what stands in it.

    One query, two where the district has its own compatibility table.
    """
    own_share = Figure.objects.filter(Figure.binding(depot.site.division), key=LIQUID_SHARE)
    bays = Bay.objects.filter(depot=depot) if bays is None else bays
    kept = [item.name for item in Bay._meta.concrete_fields if item.name != "depot"]
    rows = (
        bays.annotate(here=_standing_now())
        .annotate(own_table=Exists(Pair.objects.filter(Pair.binding(depot.site.division))))
        .annotate(own_share=Subquery(own_share.order_by(Length("division").desc()).values("value")[:1]))
        .order_by("code")
        .values(*kept, "own_table", "own_share", *WASTE)
        .annotate(**STANDING)
    )
    loads: dict[int, BayLoad] = {}
    table: Reactions | None = None
    for row in rows:
        table = table or reactions(depot.site.division, any_set=row["own_table"])
        if (load := loads.get(row["id"])) is None:
            found = Bay(depot=depot, **{name: row[name] for name in kept})
            load = loads.setdefault(row["id"], BayLoad(found, table))
            load.liquid_share = load.liquid_share if row["own_share"] is None else row["own_share"]
        load.standing += _standing(row)
    return list(loads.values())


def loads_of(bays: QuerySet[Bay]) -> list[BayLoad]:
    """Bays of whatever depots, each with what stands in it, by its own district's table (three queries)."""
    found = {bay.pk: bay for bay in bays.select_related("depot__site")}
    tables = reactions_in({bay.depot.site.division for bay in found.values()})
    loads = {pk: BayLoad(bay, tables[bay.depot.site.division]) for pk, bay in found.items()}
    stock = Bay.objects.filter(pk__in=found).annotate(here=_standing_now()).order_by()
    for row in stock.values("id", *WASTE).annotate(**STANDING):
        loads[row["id"]].standing += _standing(row)
    return list(loads.values())


def _standing(row: Mapping[str, Any]) -> list[Standing]:
    """What stands there of one waste; nothing where the bay is empty."""
    if not row["n"]:
        return []
    waste_code, groups = (row[name] for name in WASTE)
    stated = None if groups is None else frozenset(groups.split())
    liquids = row["liquid_l"] or Decimal(0), row["largest_liquid_l"] or Decimal(0)
    return [Standing(waste_code, stated, row["n"], row["mass_g"], *liquids)]


def best_of(loads: Iterable[BayLoad], container: Container, mass_g: int) -> Bay | None:
    """Of these bays the one that suits the container best; None where it may stand in none."""
    fit = [load for load in loads if load.problem(container, mass_g) is None]
    return min(fit, key=lambda load: load.liking(container)).bay if fit else None


def roomy_bay(depot: Depot, container: Container) -> Bay | None:
    """The bay to propose: where this container may stand and suits best, as things are; None where there is none."""
    return best_of(bay_loads(depot, bays_for(depot, container)), container, container.mass_g)


def kept_since(containers: Sequence[Container], organisation_id: int) -> dict[int, date]:
    """Since when an organisation has to count each container's storage time (one query).

    From filling, for what it filled itself; else from the first time it received it: going out and coming back resets
    nothing. A container that it never had is not named.
    """
    stays = Stay.objects.filter(container__in=containers, depot__site__organisation=organisation_id)
    first = dict(stays.order_by().values_list("container").annotate(Min("entered_at")))
    found = {pk: timezone.localdate(at) for pk, at in first.items()}
    return found | {one.pk: one.accumulation_start for one in containers if one.generator_id == organisation_id}


def stock(depot: Depot) -> QuerySet[Stay]:
    """What stands in the depot now, the nearest deadline first, each with whether it is `warned` of."""
    return (
        Stay.objects.filter(depot=depot, left_at=None)
        .select_related("container__generator", "bay")
        .annotate(warned=warned("container__"))
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
        return min(100, percent_of(self.mass_g, self.bay.capacity_g)) if self.bay.capacity_g else None


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


def totals(depot: Depot, *, now: datetime) -> StockTotals:
    """Stock figures of a depot (one query)."""
    row = Stay.objects.filter(depot=depot, left_at=None).aggregate(
        n=Count("id"),
        mass=Coalesce(Sum("container__mass_g"), 0),
        overdue=Count("id", filter=Q(container__storage_deadline__lt=now)),
        due_soon=Count("id", filter=due_soon(now, "container__")),
    )
    return StockTotals(row["n"], row["mass"], row["overdue"], row["due_soon"])
