"""Carriage: departing, handing over to another carrier, and arriving. Each leg is signed by its own carrier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from depots import services as store
from manifests.checks import carrier_problems, permit_problems, vehicle_problems
from manifests.deadlines import receipt_due
from manifests.models import Leg, Line, Manifest, ManifestState
from manifests.selectors import aboard, legs_of
from manifests.services.common import about, brought_by, event_time, require_party
from manifests.services.consents import ask_further
from manifests.services.content import digest_of, signature
from manifests.services.loading import require_loaded
from manifests.services.readers import draw_readers
from wastetrack.districts.selectors import reactions
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Permit, Vehicle
from wastetrack.parties.selectors import vehicles_of
from wastetrack.parties.visibility import audience
from wastetrack.regulations import plates
from wastetrack.units import kg_text
from wastetrack.waste import clock
from wastetrack.waste.services import share

PLACE_LENGTH = 100


# --- departing ---------------------------------------------------------------------------------------------


def depart(
    *,
    actor: Actor,
    manifest: Manifest,
    now: datetime,
    plate: str = "",
    departed_at: datetime | None = None,
    compared: bool | None = None,
) -> Manifest:
    """The carrier departs: containers leave the sender's stock, their clocks stop, the carrier holds them.

    `plate` names one of the carrier's vehicles; without it the carrier's only vehicle is meant. A sender that brings
    the load itself needs no vehicle on record. `compared`: as require_loaded takes it.
    Raises Invalid(vehicle_missing | unknown_vehicle | plate_format | time_in_future | time_out_of_order),
    Refused(not_all_loaded | not_scanned | carrier_permit_expired | vehicle_expired | vehicle_overloaded |
    vehicle_incompatible | vehicle_reaction_unknown).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "carrier")
        at = event_time("departed_at", departed_at, now, not_before=manifest.issued_at)
        vehicle = None if manifest.self_delivered else _vehicle(actor, plate)
        plate = plates.plain(vehicle.plate) if vehicle else _own_plate(plate)
        lines = list(manifest.lines.select_related("container"))
        loaded: dict[str, Any] = {}
        if manifest.state == ManifestState.ISSUED:
            loaded = require_loaded(lines, compared=compared)
            if vehicle:
                require_fit(actor.principal, vehicle, manifest, lines, timezone.localdate(at))
            _require_permits(manifest, lines, timezone.localdate(at))
        leg = Leg(
            carrier=actor.principal,
            vehicle=vehicle,
            plate=plate,
            driver_name=actor.person.display_name,
            departed_at=at,
        )
        told = {"vehicle": plate, "departed_at": instant(at), **loaded, **brought_by(manifest)}
        return set_out(actor=actor, manifest=manifest, lines=lines, leg=leg, told=told, now=now)


def _require_permits(manifest: Manifest, lines: Sequence[Line], on: date) -> None:
    """What bore the transfer when it was issued bears it still. Raises Refused, as permit_problems names it."""
    if problems := permit_problems(manifest, [line.container for line in lines], on):
        raise Refused(problems[0].code, errors=problems, **problems[0].params)


def set_out(
    *,
    actor: Actor,
    manifest: Manifest,
    lines: Sequence[Line],
    leg: Leg,
    told: dict[str, Any],
    now: datetime,
    position: str | None = None,
) -> Manifest:
    """The first leg begins, whoever says so: the carrier itself, or the sender from paper (`position` carrier).

    The caller holds the manifest's lock; `told` goes into its entry.
    """
    at = leg.departed_at
    assert at is not None
    payload = {**told, **_signed(manifest, lines, "depart", told)}
    (manifest,), facts = move(
        [manifest], "depart", actor=actor, position=position, change={"departed_at": at}, payload=payload
    )
    leg.manifest = manifest
    leg.save()
    containers, container_facts = move(
        [line.container for line in lines],
        "depart",
        actor=actor,
        position="manifest",
        payload={**about(manifest), "vehicle": leg.plate, **brought_by(manifest)},
        change={"holder_id": manifest.carrier_id, "storage_deadline": None},
    )
    store.leave(containers, at=at)
    clock.stop(containers, actor=actor, now=now)
    record(actor, [*facts, *container_facts], now=now, event_time=at)
    return manifest


def _signed(manifest: Manifest, lines: Sequence[Line], meaning: str, told: dict[str, Any]) -> dict[str, Any]:
    """What a carrier's signature is bound to: the manifest as it stood, by its digest, and what the carrier adds."""
    content = {"number": manifest.number, "manifest_sha256": digest_of(manifest, lines, legs_of(manifest)), **told}
    return signature(content, meaning)


def require_fit(
    carrier: Organisation,
    vehicle: Vehicle,
    manifest: Manifest,
    lines: Sequence[Line],
    on: date,
    leg: Leg | None = None,
) -> None:
    """Carrier and vehicle may carry this on that day, with what is on the vehicle already; of a leg, what was then.

    Raises Refused(carrier_permit_expired | vehicle_expired | vehicle_overloaded | vehicle_incompatible | …).
    """
    # Held to the commit: two loads that come onto one vehicle at once are weighed one after the other.
    vehicle = Vehicle.objects.select_for_update().get(pk=vehicle.pk)
    _require_able(carrier, on)
    if vehicle.valid_to is not None and vehicle.valid_to < on:
        raise Refused("vehicle_expired", plate=vehicle.plate, day=vehicle.valid_to.isoformat())
    already = aboard(vehicle.plate, leg)
    mass_g = sum(line.mass_g for line in lines) + sum(container.mass_g for container in already)
    if vehicle.capacity_g is not None and mass_g > vehicle.capacity_g:
        limit, mass = kg_text(vehicle.capacity_g), kg_text(mass_g)
        raise Refused("vehicle_overloaded", plate=vehicle.plate, limit=limit, mass_kg=mass)
    containers = [line.container for line in lines]
    if problems := vehicle_problems([*already, *containers], reactions(manifest.sender_site.division)):
        raise Refused(problems[0].code, errors=problems, **problems[0].params)


def _require_able(carrier: Organisation, on: date) -> None:
    """Raises Refused(not_a_carrier | carrier_permit_expired) unless this organisation may carry on this day."""
    if problems := carrier_problems(carrier, Permit.objects.filter(organisation=carrier), on):
        raise Refused(problems[0].code, errors=problems, **problems[0].params)


def _vehicle(actor: Actor, plate: str) -> Vehicle:
    """The vehicle of the actor's organisation that is meant.

    Raises Invalid(vehicle_missing | plate_format | unknown_vehicle).
    """
    vehicles = list(vehicles_of(actor.organisation_id))
    if plate.strip():
        found = next((vehicle for vehicle in vehicles if plates.same(vehicle.plate, plate)), None)
        if found is None:
            raise invalid("vehicle", "unknown_vehicle", plate=read_plate(plate), carrier=actor.principal.name)
        return found
    if len(vehicles) != 1:
        raise invalid("vehicle", "vehicle_missing")
    return vehicles[0]


def read_plate(plate: str) -> str:
    """A plate as it is kept. Raises Invalid(plate_format)."""
    found = plates.normal(plate)
    if found is None:
        raise invalid("vehicle", "plate_format", plate=plate.strip()[:20])
    return found


def _own_plate(plate: str) -> str:
    return read_plate(plate) if plate.strip() else ""


# --- handing over ------------------------------------------------------------------------------------------


def hand_over(
    *,
    actor: Actor,
    manifest: Manifest,
    carrier: Organisation,
    place: str,
    now: datetime,
    at: datetime | None = None,
    plate: str = "",
) -> Manifest:
    """The carrier says to whom, where and when it hands the load over (article 17). It carries on till that one signs.

    It may be said again, of another carrier, until somebody has taken the load over. `plate`: the next vehicle, where
    it is known already.
    Raises Invalid(place missing | too_long | handed_to_self | plate_format | time_in_future | time_out_of_order),
    Refused(not_a_carrier | carrier_permit_expired | illegal_state), NotPermitted(not_your_part).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "carrier")
        place, plate = read_place(place), _own_plate(plate)
        legs = legs_of(manifest)
        current = _current(legs)
        at = event_time("at", at, now, not_before=current.departed_at if current else manifest.departed_at)
        require_next(actor, manifest, carrier, timezone.localdate(at))
        told = {"carrier": carrier.name, "uscc": carrier.uscc, "place": place, "at": instant(at), "vehicle": plate}
        lines = list(manifest.lines.select_related("container"))
        signed = {**told, **_signed(manifest, lines, "hand_over", told)}
        before = manifest.next_carrier_id
        (manifest,), facts = move(
            [manifest],
            "hand_over",
            actor=actor,
            change={"next_carrier_id": carrier.pk, "relay": True},
            payload=signed,
        )
        _offer(manifest, legs, carrier, place=place, at=at, plate=plate)
        containers = lock([line.container for line in lines])
        if before not in (None, carrier.pk):
            draw_readers(containers)
        share(containers, audience([carrier.pk], [carrier.division]))
        record(actor, facts, now=now, event_time=at)
    return manifest


def require_next(actor: Actor, manifest: Manifest, carrier: Organisation, on: date) -> None:
    """The actor has a load on the road that this carrier may carry on from that day; asked before a PIN is looked at.

    Raises NotPermitted(not_your_part), Invalid(handed_to_self), Refused(illegal_state | not_a_carrier |
    carrier_permit_expired).
    """
    require_party(actor, manifest, "carrier")
    if carrier.pk == manifest.carrier_id:
        raise invalid("carrier", "handed_to_self")
    if manifest.state != ManifestState.IN_TRANSIT:
        raise Refused("illegal_state", verb="hand_over", state=manifest.state, subject=manifest.subject)
    _require_able(carrier, on)


def read_place(place: str) -> str:
    """Where a load is handed over. Raises Invalid(missing | too_long) at `place`."""
    place = place.strip()
    if not place:
        raise invalid("place", "missing")
    if len(place) > PLACE_LENGTH:
        raise invalid("place", "too_long", limit=PLACE_LENGTH)
    return place


def _current(legs: Sequence[Leg]) -> Leg | None:
    """The leg that is being driven."""
    return next((leg for leg in legs if leg.departed_at and not leg.arrived_at), None)


def _offered(legs: Sequence[Leg]) -> Leg | None:
    """The leg that was handed over and not yet taken."""
    return next((leg for leg in legs if leg.handed_over_at and not leg.departed_at), None)


def _offer(
    manifest: Manifest, legs: Sequence[Leg], carrier: Organisation, *, place: str, at: datetime, plate: str
) -> None:
    """The next leg is this carrier's: one that was planned for it, else a new one.

    It comes right after the last that was driven, so that the positions are the order of the way.
    """
    legs = list(legs)
    if (before := _offered(legs)) is not None:
        legs.remove(before)
        if before.planned:
            before.place, before.handed_over_at, before.plate = "", None, ""
            before.save(update_fields=["place", "handed_over_at", "plate"])
            legs.append(before)
        else:
            before.delete()
    ahead = sorted((leg for leg in legs if leg.departed_at is None), key=lambda leg: leg.position)
    leg = next((leg for leg in ahead if leg.carrier_id == carrier.pk), None)
    if leg is None:
        leg = Leg(manifest=manifest, carrier=carrier, planned=False)
    driven = max((leg.position for leg in legs if leg.departed_at), default=0)
    later = [one for one in ahead if one is not leg]
    # Out of the way and then into place from the far end, so that no two ever have one position.
    leg.position = max((one.position for one in legs), default=0) + len(later) + 2
    leg.place, leg.handed_over_at, leg.plate = place, at, plate
    leg.save()
    for number, one in reversed(list(enumerate(later, driven + 2))):
        one.position = number
        one.save(update_fields=["position"])
    leg.position = driven + 1
    leg.save(update_fields=["position"])


def take_over(
    *, actor: Actor, manifest: Manifest, now: datetime, plate: str = "", at: datetime | None = None
) -> Manifest:
    """The next carrier has checked the load, signs for its own leg, and holds the drums from now on.

    Raises NotPermitted(not_your_part), Invalid(vehicle_missing | unknown_vehicle | plate_format | time_in_future |
    time_out_of_order), Refused(as depart | illegal_state).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "next_carrier")
        legs = legs_of(manifest)
        leg, before = _offered(legs), _current(legs)
        assert leg is not None
        at = event_time("at", at, now, not_before=leg.handed_over_at)
        # Said at the handing over already, it need not be said again.
        vehicle = _vehicle(actor, plate or leg.plate)
        lines = list(manifest.lines.select_related("container"))
        if manifest.state == ManifestState.IN_TRANSIT:
            require_fit(actor.principal, vehicle, manifest, lines, timezone.localdate(at))
        plate = plates.plain(vehicle.plate)
        told = {"carrier": actor.principal.name, "place": leg.place, "vehicle": plate, "at": instant(at)}
        (manifest,), facts = move(
            [manifest],
            "take_over",
            actor=actor,
            change={"carrier_id": actor.organisation_id, "next_carrier_id": None},
            payload={**told, **_signed(manifest, lines, "take_over", told)},
        )
        leg.vehicle, leg.plate, leg.driver_name, leg.departed_at = vehicle, plate, actor.person.display_name, at
        leg.save(update_fields=["vehicle", "plate", "driver_name", "departed_at"])
        if before is not None:
            before.arrived_at = at
            before.save(update_fields=["arrived_at"])
        _, container_facts = move(
            [line.container for line in lines],
            "take_over",
            actor=actor,
            position="manifest",
            payload={**about(manifest), "place": leg.place, "vehicle": plate},
            change={"holder_id": actor.organisation_id},
        )
        record(actor, [*facts, *container_facts, *ask_further(manifest)], now=now, event_time=at)
    return manifest


# --- arriving ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrival:
    """What an arrival changes of the manifest, and what its entry says: which planned legs fell away."""

    change: dict[str, Any]
    payload: dict[str, Any]


def arrive(manifest: Manifest, at: datetime, *, to_confirm: bool = True) -> Arrival:
    """A locked manifest's load is at the receiver's: its leg ends, and legs that nobody drove fall away.

    Their carriers lose sight of manifest and drums. The caller moves the manifest with what this returns.
    `to_confirm`: its receipt is still to be confirmed, and the days for that begin.
    """
    manifest.legs.filter(departed_at__isnull=False, arrived_at=None).update(arrived_at=at)
    if to_confirm:
        receipt_due(manifest, at)
    return Arrival({"delivered_at": at, "next_carrier_id": None}, drop_unused(manifest))


def drop_unused(manifest: Manifest) -> dict[str, list[str]]:
    """Legs of a locked manifest that nobody drove fall away; whose they were, for its entry (one query for none)."""
    unused = list(manifest.legs.filter(departed_at=None).select_related("carrier")) if manifest.relay else []
    if not unused:
        return {}
    Leg.objects.filter(pk__in=[leg.pk for leg in unused]).delete()
    # Whom it was offered to is to see no more of it either: written before the readers are drawn.
    Manifest.objects.filter(pk=manifest.pk).update(next_carrier=None)
    draw_readers(lock([line.container for line in manifest.lines.select_related("container")]))
    return {"fell_away": [leg.carrier.name for leg in unused]}


def deliver(*, actor: Actor, manifest: Manifest, now: datetime, delivered_at: datetime | None = None) -> Manifest:
    """The carrier is at the receiver's gate; the receiver may say so too.

    Raises NotPermitted(not_your_part), Invalid(time_in_future | time_out_of_order), Refused(illegal_state).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        if "receiver" not in manifest.positions(actor):
            require_party(actor, manifest, "carrier")
        current = _current(legs_of(manifest))
        earliest = current.departed_at if current else manifest.departed_at
        at = event_time("delivered_at", delivered_at, now, not_before=earliest)
        arrival = Arrival({}, {})
        if manifest.state == ManifestState.IN_TRANSIT:
            arrival = arrive(manifest, at)
        (manifest,), facts = move(
            [manifest],
            "deliver",
            actor=actor,
            change=arrival.change,
            payload={**brought_by(manifest), **arrival.payload},
        )
        record(actor, [*facts, *ask_further(manifest)], now=now, event_time=at)
    return manifest
