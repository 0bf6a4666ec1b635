"""Two books of a depot: its stock, which is rows, and the log, which nobody can change. They must say the same."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import CharField, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from depots.models import Depot, Stay
from wastetrack.ledger.models import Entry
from wastetrack.units import grams
from wastetrack.waste.models import Container, ContainerState

_SAYS_MASS = ("container.log", "container.derive", "container.receive", "container.take_back", "container.weigh")
_COMES = ("container.store", "container.receive", "container.take_back", "container.find", "container.put_away")
_GOES = tuple(
    f"container.{verb}" for verb in ("depart", "treat", "empty", "void", "lose", "unstore", "unreceive", "take_over")
)


@dataclass
class Books:
    """What stands in a depot by its stock and by the log, in grams, and the drums of which they differ."""

    stock_g: int = 0
    log_g: int = 0
    differing: dict[str, int] = field(default_factory=dict)
    """Grams by which the two differ, by the drum's short code."""

    def enter(self, short_code: str, stock_g: int, log_g: int) -> None:
        """One drum, as each of the two has it."""
        self.stock_g += stock_g
        self.log_g += log_g
        if stock_g != log_g:
            self.differing[short_code] = abs(stock_g - log_g)


def books_of(depots: Collection[Depot]) -> dict[int, Books]:
    """The books of these depots, by id (two queries; they read what stands there, and nothing of what has left).

    A drum counts by what the log last said of it: that it came in here, and its mass. Where its stay is gone although
    it is still on its holder's hands, the log alone has it; where its stay is there and the log knows nothing of it,
    or says that it left, the stock alone.
    """
    found: dict[int, Books] = defaultdict(Books)
    for depot, code, mass_g, mass, place in _rows(Stay.objects.filter(depot__in=depots, left_at=None)):
        found[depot].enter(code, mass_g, _mass_g(mass) if _stands_in(place) == str(depot) else 0)
    keys = {str(depot.pk): depot.pk for depot in depots}
    for code, mass, place in _strays({depot.organisation_id for depot in depots}):
        if (depot_id := keys.get(_stands_in(place))) is not None:
            found[depot_id].enter(code, 0, _mass_g(mass))
    return found


def _rows(stays: QuerySet[Stay]) -> Iterator[Any]:
    told = {"mass": _last("container__code", _SAYS_MASS), "place": _last("container__code", (*_COMES, *_GOES))}
    names = ("depot", "container__short_code", "container__mass_g", "mass", "place")
    return stays.annotate(**told).order_by().values_list(*names).iterator()


def _strays(organisations: Collection[int]) -> Iterator[Any]:
    """Drums that stand with these organisations by their state, and in no depot by its stock."""
    here = Stay.objects.filter(container=OuterRef("pk"), left_at=None)
    standing = (ContainerState.STORED, ContainerState.COMMITTED)
    held = Container.objects.filter(~Exists(here), holder__in=organisations, state__in=standing)
    told = {"mass": _last("code", _SAYS_MASS), "place": _last("code", (*_COMES, *_GOES))}
    return held.annotate(**told).order_by().values_list("short_code", "mass", "place").iterator()


def _last(code: str, kinds: Collection[str]) -> Subquery:
    """The last entry of these kinds about a container: its kind, a space, its payload."""
    subject = Concat(Value("container:"), OuterRef(code), output_field=CharField())
    entries = Entry.objects.filter(subject=subject, kind__in=kinds).order_by("-id")
    told = entries.annotate(told=Concat("kind", Value(" "), "payload", output_field=CharField()))
    return Subquery(told.values("told")[:1])


def _stands_in(told: str | None) -> str:
    """The id of the depot in which the log last said that it stands; empty: in none."""
    kind, _, payload = (told or "").partition(" ")
    return str(json.loads(payload).get("depot", "")) if kind in _COMES else ""


def _mass_g(told: str | None) -> int:
    _, _, payload = (told or "").partition(" ")
    said = json.loads(payload) if payload else {}
    mass_kg = said.get("kept_kg") or said.get("to_kg") or said.get("mass_kg")
    return grams(mass_kg) if mass_kg else 0
