"""The next truck: which of a store's drums should go next, to whom, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, F, Max, OuterRef
from django.utils import timezone

from depots.models import Depot, Stay
from manifests.checks import yearly_left
from manifests.choices import receivers
from manifests.models import Line, Manifest, ManifestState
from wastetrack.districts.selectors import Kind, Reactions, figure, reactions
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Vehicle
from wastetrack.units import GRAMS_PER_KG
from wastetrack.waste.clock import warned
from wastetrack.waste.models import ContainerState

MOST_LOOKED_AT = 2_000
"""Drums by deadline that a proposal chooses from."""
MOST_DRUMS = 200
"""More than a person ticks off; the rest goes with the truck after it."""
RECENT = 20
"""So many of the latest manifests show whom one usually sends to, and with whom."""


@dataclass(frozen=True)
class NextLoad:
    """A proposal: these drums, to this receiver, the first deadlines first, within one vehicle's payload."""

    receiver: Organisation
    drums: Sequence[Stay]
    due: int
    """How many of them are overdue or due soon."""
    payload_g: int
    left_behind: int
    """Drums overdue or due soon that this truck does not take: too heavy, not compatible, or not for this receiver."""

    @property
    def mass_g(self) -> int:
        return sum(stay.container.mass_g for stay in self.drums)

    @property
    def categories(self) -> list[str]:
        """The categories of what it takes, all covered by the receiver's permits."""
        return sorted({stay.container.category for stay in self.drums})

    @property
    def wastes(self) -> list[tuple[str, str, int, int]]:
        """What it takes by waste: code, name, how many, grams; the most first."""
        found: dict[str, tuple[str, str, int, int]] = {}
        for stay in self.drums:
            drum = stay.container
            _, name, n, mass_g = found.get(drum.waste_code, ("", drum.name, 0, 0))
            found[drum.waste_code] = drum.waste_code, name, n + 1, mass_g + drum.mass_g
        return sorted(found.values(), key=lambda row: (-row[3], row[0]))

    @property
    def address(self) -> str:
        """Where the manifest is made, with these drums and this receiver chosen."""
        chosen = [("container", stay.container.short_code) for stay in self.drums]
        return f"/manifests/new?{urlencode([*chosen, ('receiver', self.receiver.uscc)])}"


def next_load(actor: Actor, depot: Depot, now: datetime) -> NextLoad | None:
    """What the next truck from the actor's own depot should take; None when nobody may take anything of it.

    The receiver may take the drum with the first deadline of all that can go; of several, the one that takes most of
    what is due, then the usual one. The number of queries does not grow with the stock.
    """
    stays, today = _waiting(depot), timezone.localdate(now)
    takers = _takers(actor, {stay.container.waste_code for stay in stays}, today) if stays else {}
    first = next((stay for stay in stays if any(stay.container.waste_code in codes for codes in takers.values())), None)
    if first is None:
        return None
    able = {taker: codes for taker, codes in takers.items() if first.container.waste_code in codes}
    left, usual = yearly_left(able, today), _usual(actor)
    payload_g, table = _payload_g(actor, depot), _Hold(reactions(depot.site.division))
    loads = {
        taker: table.load(stays, codes, min(payload_g, left.get(taker, payload_g))) for taker, codes in able.items()
    }
    due = {taker: sum(_is_due(stay, now) for stay in load) for taker, load in loads.items()}

    def rank(taker: Organisation) -> tuple[object, ...]:
        return not loads[taker], -due[taker], -usual.get(taker.pk, 0), -len(loads[taker]), taker.name

    best = min(able, key=rank)
    if not loads[best]:
        return None
    return NextLoad(
        receiver=best,
        drums=loads[best],
        due=due[best],
        payload_g=payload_g,
        left_behind=sum(_is_due(stay, now) for stay in stays) - due[best],
    )


def _is_due(stay: Any, now: datetime) -> bool:
    """Overdue or due soon, of a stay that says whether it is `warned` of."""
    deadline = stay.container.storage_deadline
    return deadline is not None and (deadline < now or stay.warned)


def _waiting(depot: Depot) -> list[Stay]:
    """The depot's whole, free drums that no draft names, the nearest deadline first."""
    drafts = Line.objects.filter(container=OuterRef("container"), manifest__state=ManifestState.DRAFT)
    return list(
        Stay.objects.filter(depot=depot, left_at=None, container__state=ContainerState.STORED, container__treated_g=0)
        .filter(~Exists(drafts))
        .annotate(warned=warned("container__"))
        .select_related("container")
        .order_by(F("container__storage_deadline").asc(nulls_last=True), "id")[:MOST_LOOKED_AT]
    )


def _takers(actor: Actor, waste_codes: Collection[str], on: date) -> dict[Organisation, frozenset[str]]:
    """Who may take which of these wastes today. From a licensed store it goes on to a plant, not in a circle."""
    to_a_plant = bool(actor.roles & {"collector", "treater"})
    found = {}
    for choice in receivers(actor, (), on):
        if to_a_plant and "treater" not in choice.organisation.role_set:
            continue
        codes = frozenset(code for code in waste_codes if any(permit.covers(code) for permit in choice.permits))
        if codes:
            found[choice.organisation] = codes
    return found


def _usual(actor: Actor) -> dict[int, int]:
    """How many manifests went to each receiver so far, by its id (one query)."""
    sent = Manifest.objects.filter(sender=actor.organisation_id, issued_at__isnull=False).order_by()
    return dict(sent.values_list("receiver").annotate(Count("id")))


def _payload_g(actor: Actor, depot: Depot) -> int:
    """What the largest vehicle of the usual carriers takes, else what the district assumes (at most two queries)."""
    recent = Manifest.objects.filter(sender=actor.organisation_id, carrier__isnull=False).order_by("-pk")
    carriers = recent.values("carrier")[:RECENT]
    largest = Vehicle.objects.filter(organisation__in=carriers, ended_at=None).aggregate(largest=Max("capacity_g"))[
        "largest"
    ]
    return int(largest or figure(depot.site.division, "vehicle.payload_kg") * GRAMS_PER_KG)


class _Hold:
    """What may ride together on one vehicle: the same as `checks.vehicle_problems` will look at."""

    def __init__(self, table: Reactions) -> None:
        self.table = table
        self.known: dict[tuple[Kind, Kind], bool] = {}

    def load(self, stays: Sequence[Stay], codes: Collection[str], limit_g: int) -> list[Stay]:
        """What of these wastes fits, in the order given: each that goes with all before it, within the mass."""
        taken: list[Stay] = []
        aboard: dict[Kind, None] = {}
        mass_g = 0
        for stay in stays:
            drum = stay.container
            if drum.waste_code not in codes or mass_g + drum.mass_g > limit_g:
                continue
            kind = drum.kind
            if any(self.clash(kind, other) for other in aboard if other != kind):
                continue
            aboard[kind] = None
            taken.append(stay)
            mass_g += drum.mass_g
            if len(taken) == MOST_DRUMS:
                break
        return taken

    def clash(self, one: Kind, other: Kind) -> bool:
        """Whether they react, or one of two wastes is of unknown reactions."""
        if (one, other) not in self.known:
            self.known[one, other] = self.table.clash(one, other) is not None
        return self.known[one, other]
