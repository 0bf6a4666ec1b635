"""What a depot's board shows: every bay as a tile of the plan, what is wrong with it, and what came today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

from django.db.models import Count, Max, Min, Sum
from django.db.models.functions import Coalesce
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from depots.models import Bay, Depot, Stay
from depots.selectors import BayLoad, Fault, bay_loads
from labels.standard import hazard
from labels.symbols import svg
from wastetrack.districts.selectors import figures
from wastetrack.regulations.hazards import NAMES
from wastetrack.units import percent_of
from wastetrack.waste.clock import warned

MARKS: Mapping[str, Any] = {
    "bay_reacting": _("Wastes react"),
    "bay_unstated": _("Reaction unknown"),
    "bay_stray": _("Wrong waste"),
    "bay_stray_hazard": _("Wrong hazard"),
    "bund_short": _("Bund too small"),
    "bay_over_mass": _("Too heavy"),
    "bay_over_places": _("Too many drums"),
}
"""What is wrong with a bay, in a word or two."""
LATEST = 8
"""So many of today's arrivals by name; the rest is a number."""


@dataclass(frozen=True)
class Standing:
    """What stands in a bay, or in none: how much, its hazards, since when the oldest, until when the first."""

    containers: int = 0
    mass_g: int = 0
    hazards: tuple[str, ...] = ()
    oldest: datetime | None = None
    next_deadline: datetime | None = None
    warned: bool = False
    """Whether anything in it is warned of."""
    last_moved: datetime | None = None
    """When something last came into it."""


@dataclass(frozen=True)
class Tile:
    """A bay on the board."""

    load: BayLoad
    standing: Standing
    limits: Mapping[str, int | Decimal]
    """The district's figures of a facility: from which share of its capacity a bay is to be watched."""

    @property
    def bay(self) -> Bay:
        return self.load.bay

    @property
    def percent(self) -> int | None:
        """How full by mass; None where no capacity is known."""
        return _share(self.load.used_g, self.bay.capacity_g)

    @property
    def fill_tone(self) -> str:
        """`over`, `high` or nothing: how near to its capacity, by the district's figures."""
        percent = self.percent or 0
        if percent >= self.limits["alarm_percent"]:
            return "over"
        return "high" if percent >= self.limits["warn_percent"] else ""

    @property
    def marks(self) -> list[Any]:
        """What is wrong with it, in a word each."""
        return list(dict.fromkeys(MARKS[fault.code] for fault in self.faults))

    @property
    def symbols(self) -> list[tuple[str, str]]:
        """The hazards of what stands in it: each letter and, where the label has one, its pictogram."""
        return [(letter, _pictogram(letter)) for letter in self.standing.hazards]

    @property
    def is_closed(self) -> bool:
        """Whether it takes nothing more: it has no places."""
        return self.bay.places == 0

    @cached_property
    def faults(self) -> list[Fault]:
        """What is wrong with it as it stands, the gravest first."""
        return [*self.load.faults(), *self._stray_hazards()]

    def _stray_hazards(self) -> Iterator[Fault]:
        admitted = self.bay.hazard_letters
        stray = [letter for letter in self.standing.hazards if letter not in admitted]
        if admitted and stray:
            params = {"bay": self.bay.code, "letters": ", ".join(stray), "hazards": ", ".join(admitted)}
            yield Fault("bay_stray_hazard", params)


@cache
def _pictogram(letter: str) -> str:
    halves = hazard(letter).halves
    return mark_safe(svg(letter, *halves)) if halves else ""


def _share(used_g: int, capacity_g: int | None) -> int | None:
    return min(100, percent_of(used_g, capacity_g)) if capacity_g else None


@dataclass(frozen=True)
class BayMap:
    """A depot's bays: those on its plan by row and column (None where nothing is), the others, and what is in none."""

    rows: Sequence[Sequence[Tile | None]]
    unplaced: Sequence[Tile]
    loose: Standing

    @property
    def aisles(self) -> list[bool]:
        """Of each column, whether nothing lies in it."""
        return [all(tile is None for tile in column) for column in zip(*self.rows, strict=True)]

    @property
    def tiles(self) -> list[Tile]:
        """Every bay, those on the plan first, in the plan's order."""
        return [tile for row in self.rows for tile in row if tile is not None] + list(self.unplaced)

    @property
    def faults(self) -> list[tuple[Tile, Fault]]:
        """Everything that is wrong, bay by bay."""
        return [(tile, fault) for tile in self.tiles for fault in tile.faults]


def bay_map(depot: Depot) -> BayMap:
    """The depot's bays as they stand now (three queries, four where the district has its own compatibility table)."""
    limits = figures(depot.site.division, "facility")
    standing = _standing(depot)
    nothing = Standing()
    tiles = [Tile(load, standing.get(load.bay.pk, nothing), limits) for load in bay_loads(depot)]
    placed = {(tile.bay.row, tile.bay.column): tile for tile in tiles if tile.bay.row and tile.bay.column}
    height = max((row or 0 for row, _ in placed), default=0)
    width = max((column or 0 for _, column in placed), default=0)
    rows = [[placed.get((row, column)) for column in range(1, width + 1)] for row in range(1, height + 1)]
    return BayMap(rows, [tile for tile in tiles if not tile.bay.row], standing.get(None, nothing))


def _standing(depot: Depot) -> dict[int | None, Standing]:
    """What stands in each bay, by its id; under None what stands in none (one query)."""
    rows = (
        Stay.objects.filter(depot=depot, left_at=None)
        .order_by()
        .values("bay", "container__hazards")
        .annotate(
            n=Count("id"),
            mass_g=Sum("container__mass_g"),
            oldest=Min("entered_at"),
            first=Min("container__storage_deadline"),
            warned=Count("id", filter=warned("container__")),
            moved=Max("moved_at"),
        )
    )
    by_bay = defaultdict[int | None, list[Any]](list)
    for row in rows:
        by_bay[row["bay"]].append(row)
    return {bay: _summed(found) for bay, found in by_bay.items()}


def _summed(rows: Sequence[Any]) -> Standing:
    letters = {letter for row in rows for letter in row["container__hazards"].split()}
    return Standing(
        containers=sum(row["n"] for row in rows),
        mass_g=sum(row["mass_g"] for row in rows),
        hazards=tuple(letter for letter in NAMES if letter in letters),
        oldest=min(row["oldest"] for row in rows),
        next_deadline=min((row["first"] for row in rows if row["first"]), default=None),
        warned=any(row["warned"] for row in rows),
        last_moved=max(row["moved"] for row in rows),
    )


@dataclass(frozen=True)
class Arrivals:
    """What came in since a moment: in figures, and the latest of it."""

    containers: int
    mass_g: int
    latest: Sequence[Stay]


def came_since(depot: Depot, since: datetime) -> Arrivals:
    """What came into the depot since then, also what has left again (two queries)."""
    came = Stay.objects.filter(depot=depot, entered_at__gte=since)
    sums = came.aggregate(n=Count("id"), mass_g=Coalesce(Sum("mass_in_g"), 0))
    latest = came.select_related("container__generator", "bay").order_by("-entered_at", "-id")[:LATEST]
    return Arrivals(sums["n"], sums["mass_g"], list(latest))
