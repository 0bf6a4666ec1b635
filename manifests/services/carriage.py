"""Carriage: departing and arriving."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from depots import services as store
from manifests.checks import vehicle_problems
from manifests.models import (
    Leg,
    Manifest,
)
from manifests.selectors import aboard
from manifests.services.common import (
    about,
    brought_by,
    event_time,
    require_party,
)
from manifests.services.loading import require_loaded
from wastetrack.districts.selectors import reactions
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Vehicle
from wastetrack.waste import clock
from wastetrack.waste.models import Container

PLATE_LENGTH = 12


def depart(
    *, actor: Actor, manifest: Manifest, now: datetime, plate: str = "", departed_at: datetime | None = None
) -> Manifest:
    """The carrier departs: containers leave the sender's stock, their clocks stop, the carrier holds them.

    `plate` names one of the carrier's vehicles; without it the carrier's only vehicle is meant. A sender that brings
    the load itself needs no vehicle on record.
    Raises Invalid(vehicle_missing | unknown_vehicle | time_in_future | before_issue).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "carrier")
        at = event_time("departed_at", departed_at, now, not_before=manifest.issued_at)
        vehicle = None if manifest.self_delivered else _vehicle(actor, plate)
        plate = vehicle.plate if vehicle else plate[:PLATE_LENGTH]
        require_loaded(manifest)
        containers = [line.container for line in manifest.lines.select_related("container")]
        if vehicle:
            _require_compatible(manifest, vehicle, containers)
        (manifest,), facts = move(
            [manifest],
            "depart",
            actor=actor,
            change={"departed_at": at},
            payload={"vehicle": plate, "departed_at": instant(at), **brought_by(manifest)},
        )
        Leg.objects.create(
            manifest=manifest,
            carrier=actor.principal,
            vehicle=vehicle,
            plate=plate,
            driver_name=actor.person.display_name,
            departed_at=at,
        )
        containers, container_facts = move(
            containers,
            "depart",
            actor=actor,
            position="manifest",
            payload={**about(manifest), "vehicle": plate, **brought_by(manifest)},
            change={"holder_id": manifest.carrier_id, "storage_deadline": None},
        )
        store.leave(containers, at=at)
        clock.stop(containers, actor=actor, now=now)
        record(actor, [*facts, *container_facts], now=now, event_time=at)
    return manifest


def deliver(*, actor: Actor, manifest: Manifest, now: datetime, delivered_at: datetime | None = None) -> Manifest:
    """The carrier is at the receiver's gate."""
    with transaction.atomic():
        (manifest,) = lock([manifest])
        at = event_time("delivered_at", delivered_at, now, not_before=manifest.departed_at)
        (manifest,), facts = move(
            [manifest], "deliver", actor=actor, change={"delivered_at": at}, payload=brought_by(manifest)
        )
        manifest.legs.filter(arrived_at=None).update(arrived_at=at)
        record(actor, facts, now=now, event_time=at)
    return manifest


def _require_compatible(manifest: Manifest, vehicle: Vehicle, containers: list[Container]) -> None:
    """What is on the vehicle already must bear what comes onto it.

    Raises Refused(vehicle_incompatible | vehicle_reaction_unknown).
    """
    if already := aboard(vehicle.plate):
        problems = vehicle_problems([*already, *containers], reactions(manifest.sender_site.division))
        if problems:
            raise Refused(problems[0].code, errors=problems, **problems[0].params)


def _vehicle(actor: Actor, plate: str) -> Vehicle:
    vehicles = list(Vehicle.objects.filter(organisation=actor.organisation_id).order_by("pk"))
    plain = plain_plate(plate)
    if plain:
        found = [vehicle for vehicle in vehicles if plain_plate(vehicle.plate) == plain]
        if not found:
            raise invalid("vehicle", "unknown_vehicle", plate=plate[:12])
        return found[0]
    if len(vehicles) != 1:
        raise invalid("vehicle", "vehicle_missing")
    return vehicles[0]


def plain_plate(plate: str) -> str:
    """A number plate without separators, upper case: how two spellings of one plate are compared."""
    return "".join(character for character in plate.upper() if character.isalnum())
