"""A carrier's vehicles: which ones it has on record, with their transport certificates."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from wastetrack.errors import FieldError, Invalid, NotPermitted, invalid
from wastetrack.ledger.services import Fact, record
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Vehicle
from wastetrack.parties.selectors import vehicles_of
from wastetrack.parties.visibility import audience
from wastetrack.regulations import plates
from wastetrack.units import grams, kg_text

CERTIFICATE_LENGTH = 40
MOST_G = 100_000_000
"""100 t: more than any vehicle on a road may carry."""
YEARS = range(2000, 2101)


def may_manage(actor: Actor) -> bool:
    """Whether the actor says which vehicles its carrier has: an operator or administrator, no driver."""
    return actor.manages and "carrier" in actor.roles


def set_vehicle(
    *,
    actor: Actor,
    plate: str,
    now: datetime,
    permit_number: str = "",
    valid_to: date | None = None,
    capacity_kg: object = None,
) -> Vehicle:
    """Put a vehicle on the carrier's record, or say anew what is on record of one that is.

    `valid_to`: the last day of its transport certificate; after it, it departs with nothing.
    Raises NotPermitted(read_only | not_your_part), Invalid(plate_format | too_long | unprintable | year_out_of_reach |
    mass_…).
    """
    _require_manager(actor)
    errors: list[FieldError] = []
    permit_number = " ".join(permit_number.split())
    if len(permit_number) > CERTIFICATE_LENGTH:
        errors.append(FieldError("permit_number", "too_long", {"limit": CERTIFICATE_LENGTH}))
    if not permit_number.isprintable():
        errors.append(FieldError("permit_number", "unprintable"))
    if valid_to is not None and valid_to.year not in YEARS:
        errors.append(FieldError("valid_to", "year_out_of_reach"))
    capacity_g = _capacity(capacity_kg, errors)
    with transaction.atomic():
        found = _on_record(actor, plate)
        normal = found.plate if found else plates.normal(plate)
        if normal is None:
            errors.append(FieldError("plate", "plate_format", {"plate": plate.strip()[:20]}))
        if errors or normal is None:
            raise Invalid(*errors)
        vehicle = found or Vehicle(organisation=actor.principal, plate=normal)
        vehicle.permit_number, vehicle.valid_to, vehicle.capacity_g = permit_number, valid_to, capacity_g
        vehicle.save()
        payload = {
            "plate": vehicle.plate,
            "permit_number": permit_number,
            "valid_to": valid_to.isoformat() if valid_to else None,
            "capacity_kg": kg_text(capacity_g),
        }
        _tell(actor, vehicle, "vehicle.set", payload, now)
    return vehicle


def end_vehicle(*, actor: Actor, plate: str, now: datetime) -> Vehicle:
    """The carrier has this vehicle no longer: it departs with nothing any more, and its past stays as it is.

    Raises NotPermitted(read_only | not_your_part), Invalid(unknown_vehicle).
    """
    _require_manager(actor)
    with transaction.atomic():
        vehicle = _on_record(actor, plate)
        if vehicle is None:
            raise invalid("plate", "unknown_vehicle", plate=plate.strip()[:20], carrier=actor.principal.name)
        vehicle.ended_at = now
        vehicle.save(update_fields=["ended_at"])
        _tell(actor, vehicle, "vehicle.end", {"plate": vehicle.plate}, now)
    return vehicle


def _require_manager(actor: Actor) -> None:
    actor.require_write()
    if not may_manage(actor):
        raise NotPermitted("not_your_part")


def _capacity(kg: object, errors: list[FieldError]) -> int | None:
    if kg is None or kg == "":
        return None
    try:
        return grams(kg, field="capacity_kg", most_g=MOST_G)
    except Invalid as wrong:
        errors += wrong.errors
        return None


def _on_record(actor: Actor, plate: str) -> Vehicle | None:
    """The carrier's vehicle with this plate; its organisation stays locked, so that nobody enters it twice."""
    Organisation.objects.select_for_update().get(pk=actor.principal.pk)
    return next((one for one in vehicles_of(actor.organisation_id) if plates.same(one.plate, plate)), None)


def _tell(actor: Actor, vehicle: Vehicle, kind: str, payload: dict[str, str | None], now: datetime) -> None:
    readers = audience([actor.organisation_id], [actor.principal.division])
    record(actor, [Fact(kind, f"vehicle:{vehicle.pk}", readers, payload)], now=now)
