"""Carriage: departing and arriving."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from depots import services as store
from manifests.models import (
    Leg,
    Manifest,
)
from manifests.services.common import (
    about,
    event_time,
    require_party,
)
from wastetrack.errors import invalid
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Vehicle
from wastetrack.waste import clock


def depart(
    *, actor: Actor, manifest: Manifest, now: datetime, plate: str = "", departed_at: datetime | None = None
) -> Manifest:
    """The carrier departs: containers leave the sender's stock, their clocks stop, the carrier holds them.

    `plate` names one of the carrier's vehicles; without it the carrier's only vehicle is meant.
    Raises Invalid(vehicle_missing | unknown_vehicle | time_in_future | before_issue).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "carrier")
        at = event_time("departed_at", departed_at, now, not_before=manifest.issued_at)
        vehicle = _vehicle(actor, plate)
        (manifest,), facts = move(
            [manifest],
            "depart",
            actor=actor,
            change={"departed_at": at},
            payload={"vehicle": vehicle.plate, "departed_at": instant(at)},
        )
        Leg.objects.create(
            manifest=manifest,
            carrier=actor.principal,
            vehicle=vehicle,
            plate=vehicle.plate,
            driver_name=actor.person.display_name,
            departed_at=at,
        )
        containers = [line.container for line in manifest.lines.select_related("container")]
        containers, container_facts = move(
            containers,
            "depart",
            actor=actor,
            position="manifest",
            payload={**about(manifest), "vehicle": vehicle.plate},
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
        (manifest,), facts = move([manifest], "deliver", actor=actor, change={"delivered_at": at})
        manifest.legs.filter(arrived_at=None).update(arrived_at=at)
        record(actor, facts, now=now, event_time=at)
    return manifest


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
