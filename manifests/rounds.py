"""Reading collections and rounds: what waits to be fetched, what a vehicle may carry, what a driver needs at a stop."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from django.db.models import Exists, F, Min, OuterRef, Prefetch, Q, QuerySet, Sum
from django.utils import timezone

from depots.models import Depot, DepotKind, Stay
from manifests.checks import carrier_problems, receiver_problems, vehicle_problems
from manifests.models import (
    CollectionItem,
    CollectionRequest,
    CollectionState,
    Leg,
    Round,
    RoundState,
    SignedStop,
    SignedStopState,
    Stop,
)
from manifests.selectors import aboard
from wastetrack.districts.selectors import Kind, reactions
from wastetrack.errors import FieldError, NotFound
from wastetrack.ledger.canonical import canonical_json
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Vehicle
from wastetrack.schemas import row_id
from wastetrack.units import kg_text
from wastetrack.waste.clock import warned
from wastetrack.waste.models import Container, ContainerState, WasteStream

OPEN = (CollectionState.ASKED, CollectionState.PLANNED)
OPEN_ROUND = (RoundState.PLANNED, RoundState.UNDER_WAY)
CITY = 4
"""Digits of a division that name its city."""


@dataclass(frozen=True)
class Piece:
    """Something a vehicle is to carry: a drum, or about so much of a usual waste."""

    waste_code: str
    reactions: frozenset[str] | None
    short_grouped: str
    mass_g: int

    @classmethod
    def of(cls, what: Container | WasteStream, mass_g: int) -> Piece:
        name = what.short_grouped if isinstance(what, Container) else what.name
        groups = what.reaction_groups
        return cls(what.waste_code, None if groups is None else frozenset(groups.split()), name, mass_g)

    @property
    def kind(self) -> Kind:
        return self.waste_code, self.reactions


# --- requests ----------------------------------------------------------------------------------------------


def requests_of(actor: Actor) -> QuerySet[CollectionRequest]:
    """The collection requests that the actor may see, with site, depot, items, their mass and first deadline.

    Each says whether any of its drums is `warned` of.
    """
    pressing = CollectionItem.objects.filter(warned("container__"), request=OuterRef("pk"))
    items = CollectionItem.objects.select_related("container", "stream").order_by("id")
    return (
        CollectionRequest.objects.visible_to(actor)
        .select_related("site__organisation", "depot__site__organisation", "asked_by")
        .prefetch_related(Prefetch("items", items))
        .annotate(mass_g=Sum("items__mass_g"), due=Min("items__container__storage_deadline"))
        .annotate(warned=Exists(pressing))
        .order_by("-id")
    )


def get_request(actor: Actor, request_id: object) -> CollectionRequest:
    """One of them. Raises NotFound(unknown_collection) alike for hidden and unknown ones."""
    found = requests_of(actor).filter(pk=row_id(str(request_id))).first()
    if found is None:
        raise NotFound("unknown_collection")
    return found


def most_urgent_first(rows: QuerySet[CollectionRequest]) -> QuerySet[CollectionRequest]:
    """The drum that must leave first leads, then who asked first."""
    return rows.order_by(F("due").asc(nulls_last=True), "asked_at", "id")


def free_for_collection(actor: Actor) -> QuerySet[Stay]:
    """The actor's stored drums that nobody is asked yet to fetch, the nearest deadline first."""
    asked = CollectionItem.objects.filter(container=OuterRef("container"), request__state__in=OPEN)
    stays = Stay.objects.filter(
        ~Exists(asked),
        left_at=None,
        depot__site__organisation=actor.organisation_id,
        container__holder=actor.organisation_id,
        container__state=ContainerState.STORED,
        container__treated_g=0,
    )
    stays = stays.select_related("container", "depot__site").annotate(warned=warned("container__"))
    return stays.order_by("container__storage_deadline", "id")


def depots_near(division: str) -> QuerySet[Depot]:
    """The depots of this division's city that take others' waste."""
    return (
        Depot.objects.filter(site__division__startswith=division[:CITY])
        .exclude(kind=DepotKind.STORAGE_POINT)
        .select_related("site__organisation")
        .prefetch_related("site__organisation__permits")
        .order_by("name", "pk")
    )


def depot_problems(depot: Depot, codes: set[str], on: date) -> list[FieldError]:
    """Which of these wastes the depot may not take on this day."""
    owner = depot.site.organisation
    return receiver_problems(owner, owner.permits.all(), codes, on)


# --- rounds ------------------------------------------------------------------------------------------------


def rounds_of(actor: Actor) -> QuerySet[Round]:
    """The rounds that the actor may see, newest first."""
    rounds = Round.objects.visible_to(actor).select_related("depot__site__organisation", "carrier", "vehicle")
    return rounds.prefetch_related("stops").order_by("-id")


def get_round(actor: Actor, round_id: object) -> Round:
    """One of them. Raises NotFound(unknown_round) alike for hidden and unknown ones."""
    found = rounds_of(actor).filter(pk=row_id(str(round_id))).first()
    if found is None:
        raise NotFound("unknown_round")
    return found


def stops_of(round_: Round) -> list[Stop]:
    """Its stops in order, each with firm, items, manifest and what is parked (four queries, however many)."""
    items = CollectionItem.objects.select_related("container", "stream").order_by("id")
    stops = (
        Stop.objects.filter(round=round_)
        .select_related("request__site__organisation", "request__depot", "manifest")
        .prefetch_related(
            Prefetch("request__items", items),
            Prefetch("signings", SignedStop.objects.filter(state=SignedStopState.PARKED), to_attr="parked"),
        )
    )
    return list(stops)


def get_stop(round_: Round, stop_id: object) -> Stop:
    """A stop of this round. Raises NotFound(unknown_stop)."""
    stops = Stop.objects.filter(round=round_).select_related("request__site__organisation", "request__depot__site")
    found: Stop | None = stops.filter(pk=row_id(str(stop_id))).first()
    if found is None:
        raise NotFound("unknown_stop")
    return found


def pieces_of(requests: Sequence[CollectionRequest]) -> list[Piece]:
    """What these requests would put on the vehicle."""
    found = []
    for request in requests:
        for item in request.items.all():
            what = item.container or item.stream
            assert what is not None
            found.append(Piece.of(what, item.container.mass_g if item.container else item.mass_g))
    return found


def ride_problems(vehicle: Vehicle, pieces: Sequence[Piece], division: str) -> list[FieldError]:
    """Why this vehicle may not carry all of these at once: too heavy, or not to be together (one query)."""
    found = []
    mass_g = sum(piece.mass_g for piece in pieces)
    if vehicle.capacity_g is not None and mass_g > vehicle.capacity_g:
        params = {"plate": vehicle.plate, "mass_kg": kg_text(mass_g), "limit": kg_text(vehicle.capacity_g)}
        found.append(FieldError("vehicle", "vehicle_overloaded", params))
    return found + vehicle_problems(cast("list[Container]", pieces), reactions(division))


def round_problems(
    depot: Depot, vehicle: Vehicle, requests: Sequence[CollectionRequest], day: date
) -> list[FieldError]:
    """All that speaks against this vehicle fetching all of this on this day."""
    pieces = pieces_of(requests)
    found = ride_problems(vehicle, pieces, depot.site.division)
    carrier = vehicle.organisation
    found += carrier_problems(carrier, carrier.permits.all(), day)
    if vehicle.valid_to is not None and vehicle.valid_to < day:
        params = {"plate": vehicle.plate, "day": vehicle.valid_to.isoformat()}
        found.append(FieldError("vehicle", "vehicle_expired", params))
    return found + depot_problems(depot, {piece.waste_code for piece in pieces}, day)


def vehicles_for(depot: Depot) -> list[Vehicle]:
    """Whom the depot knows: its own vehicles, and those that brought it something or went round for it before."""
    owner = depot.site.organisation_id
    brought = Leg.objects.filter(vehicle=OuterRef("pk"), manifest__receiver=owner, departed_at__isnull=False)
    sent = Leg.objects.filter(vehicle=OuterRef("pk"), manifest__sender=owner, departed_at__isnull=False)
    went = Round.objects.filter(vehicle=OuterRef("pk"), depot__site__organisation=owner)
    known = Q(organisation=owner) | Q(Exists(brought)) | Q(Exists(sent)) | Q(Exists(went))
    vehicles = Vehicle.objects.filter(known, ended_at=None, organisation__roles__contains="carrier").select_related(
        "organisation"
    )
    return list(vehicles.prefetch_related("organisation__permits").order_by("plate")[:50])


# --- what a driver sees at a stop, and what a signature is bound to ----------------------------------------------


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:32]


def seen_of(what: Container | WasteStream) -> str:
    """The digest of a drum, or of a usual waste, as a stop shows it."""
    if isinstance(what, Container):
        return _digest([what.code, what.waste_code, what.name, what.hazards, kg_text(what.mass_g)])
    return _digest([what.pk, what.waste_code, what.name, what.hazards, what.container_kind])


def head_of(round_: Round, stop: Stop) -> str:
    """The digest of who hands over what kind of thing to whom: the stop's parties, place and vehicle."""
    firm, depot = stop.request.site.organisation, round_.depot
    parties = [firm.uscc, stop.request.site.code, round_.carrier.uscc, round_.vehicle.plate]
    return _digest([stop.pk, *parties, depot.site.organisation.uscc, depot.name])


def shown_text(head: str, drums: Sequence[tuple[str, str]], new: Sequence[tuple[str, str, str]]) -> str:
    """What a stop showed as one text: a line for the parties, for each drum, for each new drum with its mass."""
    lines = [f"drum {code} {seen}" for code, seen in drums]
    lines += [f"new {stream} {seen} {mass}" for stream, seen, mass in new]
    return "\n".join([head, *sorted(lines)])


def shown_digest(head: str, drums: Sequence[tuple[str, str]], new: Sequence[tuple[str, str, str]]) -> str:
    """The SHA-256 of that text in hex: what both signatures are bound to. The phone makes it the same way."""
    return hashlib.sha256(shown_text(head, drums, new).encode()).hexdigest()


@dataclass(frozen=True)
class DrumHere:
    """A drum that a stop may take: `planned` where the firm asked for it."""

    container: Container
    planned: bool

    @property
    def seen(self) -> str:
        return seen_of(self.container)


@dataclass(frozen=True)
class WasteHere:
    """A usual waste of the firm of which a new drum may be taken; `mass_g` where it asked for so much."""

    stream: WasteStream
    mass_g: int | None

    @property
    def seen(self) -> str:
        return seen_of(self.stream)


@dataclass(frozen=True)
class StopHere:
    """A stop as its driver sees it."""

    stop: Stop
    head: str
    drums: Sequence[DrumHere]
    wastes: Sequence[WasteHere]

    @property
    def planned(self) -> list[DrumHere]:
        return [drum for drum in self.drums if drum.planned]

    @property
    def others(self) -> list[DrumHere]:
        return [drum for drum in self.drums if not drum.planned]


def stops_here(round_: Round, stops: Sequence[Stop], now: datetime) -> list[StopHere]:
    """The stops with all that may be taken at each (four queries, however many stops).

    Who asked to be fetched from shows the round what else it has free at that site: one vehicle then fetches it too.
    """
    pending = [stop for stop in stops if stop.phase == "pending"]
    sites = {stop.request.site_id for stop in pending}
    stays = Stay.objects.filter(
        left_at=None, depot__site__in=sites, container__state=ContainerState.STORED, container__treated_g=0
    ).filter(container__holder=F("depot__site__organisation"))
    free = list(stays.select_related("container", "depot").order_by("container__storage_deadline", "id"))
    streams = list(WasteStream.objects.filter(site__in=sites, active=True).order_by("name", "pk"))
    able = Able(round_.depot, timezone.localdate(now))
    rows = []
    for stop in stops:
        asked = {item.container_id for item in stop.request.items.all()}
        about = {item.stream_id: item.mass_g for item in stop.request.items.all() if item.stream_id}
        site = stop.request.site_id if stop.phase == "pending" else None
        here = [stay.container for stay in free if stay.depot.site_id == site]
        drums = [DrumHere(one, one.pk in asked) for one in here if one.pk in asked or able.takes(one.waste_code)]
        wastes = [
            WasteHere(one, about.get(one.pk))
            for one in streams
            if one.site_id == site and (one.pk in about or able.takes(one.waste_code))
        ]
        wastes.sort(key=lambda waste: waste.mass_g is None)
        rows.append(StopHere(stop, head_of(round_, stop), drums, wastes))
    return rows


class Able:
    """Which wastes a depot may take on a day; each code is looked at once."""

    def __init__(self, depot: Depot, on: date) -> None:
        self.depot, self.on = depot, on
        self.permits = list(depot.site.organisation.permits.all())
        self.known: dict[str, bool] = {}

    def takes(self, code: str) -> bool:
        if code not in self.known:
            self.known[code] = not receiver_problems(self.depot.site.organisation, self.permits, {code}, self.on)
        return self.known[code]


def aboard_now(round_: Round) -> list[Piece]:
    """What is on this round's vehicle already (one query)."""
    return [Piece.of(container, container.mass_g) for container in aboard(round_.vehicle.plate)]


def carriers_by_uscc(uscc: str) -> Organisation | None:
    """The carrier of this credit code, if there is one."""
    carriers = Organisation.objects.filter(roles__contains="carrier").prefetch_related("permits")
    return carriers.filter(uscc=uscc.strip().upper()).first()
