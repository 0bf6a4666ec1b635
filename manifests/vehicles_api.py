"""`/vehicles`: what a carrier has on record of its own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from manifests.schemas import VehicleIn
from wastetrack.errors import invalid
from wastetrack.fleet import end_vehicle, set_vehicle
from wastetrack.http import actor_of, now_of
from wastetrack.parties.models import Vehicle
from wastetrack.parties.selectors import vehicles_of
from wastetrack.units import kg_text
from wastetrack.waste.reading import read_day

router = Router(tags=["manifests"])


@router.get("/vehicles")
def vehicles(request: HttpRequest) -> dict[str, Any]:
    """The organisation's own vehicles."""
    return {"items": [vehicle_json(one) for one in vehicles_of(actor_of(request).organisation_id)], "next": None}


@router.post("/vehicles")
def keep_vehicle(request: HttpRequest, body: VehicleIn) -> dict[str, Any]:
    """Put a vehicle on record, by its plate; say it anew; or with `ended` say that it is there no longer."""
    actor, now = actor_of(request), now_of(request)
    if body.ended:
        return vehicle_json(end_vehicle(actor=actor, plate=body.plate, now=now))
    valid_to = read_day(body.valid_to)
    if body.valid_to and valid_to is None:
        raise invalid("valid_to", "date_unreadable")
    kept = set_vehicle(
        actor=actor,
        plate=body.plate,
        permit_number=body.permit_number,
        valid_to=valid_to,
        capacity_kg=body.capacity_kg,
        now=now,
    )
    return vehicle_json(kept)


def vehicle_json(vehicle: Vehicle) -> dict[str, Any]:
    """A vehicle; what is not on record of it is null or empty."""
    return {
        "plate": vehicle.plate,
        "permit_number": vehicle.permit_number,
        "valid_to": vehicle.valid_to.isoformat() if vehicle.valid_to else None,
        "capacity_kg": None if vehicle.capacity_g is None else kg_text(vehicle.capacity_g),
        "ended": vehicle.ended_at is not None,
    }
