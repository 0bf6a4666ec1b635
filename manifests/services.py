"""The manifest's verbs: each moves manifest and containers in one transaction; its ledger entry is the signature."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from depots import services as store
from depots.models import Bay, Depot, Stay
from manifests.checks import problems_of
from manifests.deviation import severity_of
from manifests.models import (
    AFTER_RECEIPT,
    ON_THE_WAY,
    Discrepancy,
    Leg,
    Line,
    Manifest,
    ManifestState,
    Outcome,
    Statement,
    Treatment,
)
from wastetrack.errors import FieldError, Invalid, NotPermitted, Refused, invalid
from wastetrack.ledger.canonical import canonical_json, instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import advance, lock, move, next_number
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation, Site, Vehicle
from wastetrack.regulations.identifiers import MAX_MANIFEST_SERIAL, manifest_number, manifest_series
from wastetrack.regulations.vocabulary import treatment_method
from wastetrack.units import grams, kg_text
from wastetrack.waste import clock
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.services import require_stored_state, share

NOTE_LENGTH, MEASURES_LENGTH = 200, 300


# --- drafting and issuing ----------------------------------------------------------------------------------


def draft(
    *,
    actor: Actor,
    receiver: Organisation,
    containers: Sequence[Container],
    now: datetime,
    carrier: Organisation | None = None,
    emergency_measures: str = "",
) -> Manifest:
    """A draft from the actor's own stored containers, all in stores of one site. Nobody else sees it.

    Raises Invalid(no_lines | duplicate_container | not_your_container | several_sites | receiver_is_sender |
    not_a_receiver | not_a_carrier | too_long), Refused(container_not_free).
    """
    actor.require_write()
    organisation = actor.principal
    if actor.is_regulator:
        raise NotPermitted("not_your_part")
    if len(emergency_measures) > MEASURES_LENGTH:
        raise invalid("emergency_measures", "too_long", limit=MEASURES_LENGTH)
    _check_draft(organisation, receiver, carrier, containers)
    for container in containers:
        require_stored_state(container)
    site = _common_site(containers)
    with transaction.atomic():
        year = timezone.localdate(now).year
        serial = next_number(f"manifest:{manifest_series(year, site.division)}", limit=MAX_MANIFEST_SERIAL)
        manifest = Manifest.objects.create(
            number=manifest_number(year, site.division, serial),
            sender=organisation,
            sender_site=site,
            receiver=receiver,
            carrier=carrier,
            emergency_measures=emergency_measures,
            created_at=now,
        )
        lines = Line.objects.bulk_create(
            Line(manifest=manifest, position=position, container=container, mass_g=container.mass_g)
            for position, container in enumerate(containers, 1)
        )
        fact = Fact("manifest.draft", manifest.subject, manifest.readers(), content_of(manifest, lines))
        record(actor, [fact], now=now)
    return manifest


def _check_draft(
    sender: Organisation, receiver: Organisation, carrier: Organisation | None, containers: Sequence[Container]
) -> None:
    errors = []
    if not containers:
        errors.append(FieldError("containers", "no_lines"))
    if len({container.pk for container in containers}) != len(containers):
        errors.append(FieldError("containers", "duplicate_container"))
    errors += [
        FieldError("containers", "not_your_container", {"container": container.short_grouped})
        for container in containers
        if container.holder_id != sender.pk
    ]
    if receiver.pk == sender.pk:
        errors.append(FieldError("receiver", "receiver_is_sender"))
    elif not receiver.role_set & {"collector", "treater"}:
        errors.append(FieldError("receiver", "not_a_receiver", {"receiver": receiver.name}))
    if carrier is not None and "carrier" not in carrier.role_set:
        errors.append(FieldError("carrier", "not_a_carrier", {"carrier": carrier.name}))
    if errors:
        raise Invalid(*errors)


def _common_site(containers: Sequence[Container]) -> Site:
    stays = Stay.objects.filter(container__in=containers, left_at=None).select_related("depot__site")
    sites = {stay.depot.site for stay in stays}
    if len(sites) != 1:
        raise invalid("containers", "several_sites")
    return sites.pop()


def content_of(manifest: Manifest, lines: Sequence[Line]) -> dict[str, Any]:
    """What the sender signs: the parties and every line."""
    return {
        "number": manifest.number,
        "sender": manifest.sender.uscc,
        "receiver": manifest.receiver.uscc,
        "carrier": manifest.carrier.uscc if manifest.carrier else None,
        "emergency_measures": manifest.emergency_measures,
        "lines": [
            {
                "container": line.container.code,
                "waste_code": line.container.waste_code,
                "name": line.container.name,
                "form": line.container.form,
                "hazards": line.container.hazards,
                "mass_kg": kg_text(line.mass_g),
            }
            for line in lines
        ],
    }


def signature(content: Mapping[str, Any]) -> dict[str, Any]:
    """What binds an entry to what was signed: the content and the SHA-256 of its canonical JSON."""
    return {"content": dict(content), "content_sha256": hashlib.sha256(canonical_json(content).encode()).hexdigest()}


def problems(manifest: Manifest, now: datetime) -> list[FieldError]:
    """Everything that stands in the way of issuing this draft today."""
    return problems_of(manifest, list(manifest.lines.select_related("container")), timezone.localdate(now))


def issue(*, actor: Actor, manifest: Manifest, now: datetime) -> Manifest:
    """The sender signs. Its containers are committed; carrier and receiver see manifest and containers from now on.

    Raises Refused with the first problem's code and all problems in `errors` (see checks.problems_of).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        _require_party(actor, manifest, "sender")
        lines = list(manifest.lines.select_related("container__generator"))
        containers = lock([line.container for line in lines])
        for line, container in zip(lines, containers, strict=True):
            line.container, line.mass_g = container, container.mass_g
        if manifest.state == ManifestState.DRAFT and (found := problems_of(manifest, lines, timezone.localdate(now))):
            raise Refused(found[0].code, errors=found, **found[0].params)
        manifest.issued_at = now
        (manifest,), facts = move(
            [manifest], "issue", actor=actor, change={"issued_at": now}, payload=signature(content_of(manifest, lines))
        )
        Line.objects.bulk_update(lines, ["mass_g"])
        share(containers, manifest.readers())
        _, container_facts = move(containers, "commit", actor=actor, position="manifest", payload=_about(manifest))
        record(actor, [*facts, *container_facts], now=now)
    return manifest


def cancel(*, actor: Actor, manifest: Manifest, reason: str, now: datetime) -> Manifest:
    """The sender calls it off before departure; committed containers are free again."""
    with transaction.atomic():
        (manifest,) = lock([manifest])
        issued = manifest.state == ManifestState.ISSUED
        (manifest,), facts = move([manifest], "cancel", actor=actor, payload={"reason": reason[:NOTE_LENGTH]})
        if issued:
            facts += _move_containers(manifest, "release", actor)
        record(actor, facts, now=now)
    return manifest


# --- carriage ----------------------------------------------------------------------------------------------


def depart(
    *, actor: Actor, manifest: Manifest, now: datetime, plate: str = "", departed_at: datetime | None = None
) -> Manifest:
    """The carrier departs: containers leave the sender's stock, their clocks stop, the carrier holds them.

    `plate` names one of the carrier's vehicles; without it the carrier's only vehicle is meant.
    Raises Invalid(vehicle_missing | unknown_vehicle | time_in_future | before_issue).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        _require_party(actor, manifest, "carrier")
        at = _event_time("departed_at", departed_at, now, not_before=manifest.issued_at)
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
            payload={**_about(manifest), "vehicle": vehicle.plate},
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
        at = _event_time("delivered_at", delivered_at, now, not_before=manifest.departed_at)
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


# --- receipt -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Receipt:
    """What the receiver found of one line: accepted with its mass (None: as declared), or rejected with a reason."""

    line: Line
    outcome: str = Outcome.ACCEPTED
    mass_g: int | None = None
    reason: str = ""


def read_receipts(manifest: Manifest, rows: Sequence[Mapping[str, Any]]) -> list[Receipt]:
    """Receipts from `{container, outcome, mass_kg, reason}` rows; no rows: every open line as declared.

    Raises Invalid naming each row: unknown_line, duplicate_line, unknown_outcome, reason_missing, mass_….
    """
    lines = list(manifest.lines.select_related("container"))
    if not rows:
        return [Receipt(line) for line in lines if not line.outcome]
    by_code = {code: line for line in lines for code in (line.container.code, line.container.short_code)}
    receipts, errors, seen = [], list[FieldError](), set[int]()
    for number, row in enumerate(rows):
        field = f"lines.{number}"
        line = by_code.get(plain_code(row.get("container")))
        if line is None:
            errors.append(FieldError(f"{field}.container", "unknown_line"))
            continue
        if line.pk in seen:
            errors.append(FieldError(f"{field}.container", "duplicate_line"))
        seen.add(line.pk)
        receipt, found = _read_receipt(field, line, row)
        receipts.append(receipt)
        errors += found
    if errors:
        raise Invalid(*errors)
    return receipts


def plain_code(text: object) -> str:
    """A container code as typed, without dashes and spaces."""
    return str(text or "").upper().replace("-", "").replace(" ", "")


def _read_receipt(field: str, line: Line, row: Mapping[str, Any]) -> tuple[Receipt, list[FieldError]]:
    outcome = row.get("outcome") or Outcome.ACCEPTED
    reason = str(row.get("reason") or "")[:NOTE_LENGTH]
    if outcome == Outcome.REJECTED:
        errors = [] if reason.strip() else [FieldError(f"{field}.reason", "reason_missing")]
        return Receipt(line, outcome, None, reason), errors
    if outcome != Outcome.ACCEPTED:
        return Receipt(line), [FieldError(f"{field}.outcome", "unknown_outcome")]
    try:
        return Receipt(line, outcome, grams(row.get("mass_kg"), field=f"{field}.mass_kg"), reason), []
    except Invalid as error:
        return Receipt(line), list(error.errors)


def receive(
    *,
    actor: Actor,
    manifest: Manifest,
    receipts: Sequence[Receipt],
    depot: Depot,
    now: datetime,
    bay: Bay | None = None,
    at: datetime | None = None,
) -> Manifest:
    """The receiver accepts or refuses lines of a manifest that is on its way; the last one settles its state.

    Accepted containers enter the depot's stock with a new clock and their weighed mass; a deviation beyond the limits
    opens a discrepancy. Raises Refused(illegal_state | line_already_received | bay_full), NotPermitted.
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        _require_party(actor, manifest, "receiver")
        store.require_own(actor, depot)
        lines = {line.pk: line for line in _with_first_stay(Line.objects.filter(manifest=manifest), depot)}
        for receipt in receipts:
            if lines[receipt.line.pk].outcome:
                raise Refused("line_already_received", container=receipt.line.container.short_grouped)
        if manifest.state not in ON_THE_WAY:
            raise Refused("illegal_state", verb="receive", state=manifest.state, subject=manifest.subject)
        at = _event_time("received_at", at, now, not_before=manifest.departed_at)
        facts: list[Fact] = []
        for receipt in receipts:
            facts += _receive_line(actor, manifest, lines[receipt.line.pk], receipt, depot, bay, at)
        facts += _after_receipt(actor, manifest, list(lines.values()), at)
        record(actor, facts, now=now, event_time=at)
    return manifest


def _receive_line(
    actor: Actor, manifest: Manifest, line: Line, receipt: Receipt, depot: Depot, bay: Bay | None, at: datetime
) -> list[Fact]:
    line.outcome, line.reason, line.received_at = receipt.outcome, receipt.reason, at
    container = receipt.line.container
    if receipt.outcome == Outcome.REJECTED:
        line.save(update_fields=["outcome", "reason", "received_at"])
        payload = {**_about(manifest), "reason": receipt.reason}
        return [Fact("container.reject", container.subject, container.readers(), payload)]
    mass_g = line.mass_g if receipt.mass_g is None else receipt.mass_g
    line.received_mass_g = mass_g
    line.save(update_fields=["outcome", "reason", "received_at", "received_mass_g"])
    bay = store.place_for(depot, bay, mass_g)
    since = _clock_start(line, container, depot, at)
    told = {**_about(manifest), "declared_kg": kg_text(line.mass_g)}
    container, facts = _into_stock(actor, container, "receive", depot, bay, at, since, mass_g, told)
    receipt.line.container = container
    return facts + _open_discrepancy(manifest, line, container, at)


def _into_stock(
    actor: Actor,
    container: Container,
    verb: str,
    depot: Depot,
    bay: Bay | None,
    at: datetime,
    since: date,
    mass_g: int,
    payload: Mapping[str, Any],
) -> tuple[Container, list[Fact]]:
    """A container comes off the lorry into a depot: state, holder, mass, stay, and the clock of its new holder."""
    day = timezone.localdate(at)
    limit = clock.limit_for(
        depot.site.organisation.role_set, depot.permit.kind if depot.permit else None, container.waste_code, day
    )
    clock.set_deadline(container, limit, since)
    (container,), facts = move(
        [container],
        verb,
        actor=actor,
        position="manifest",
        payload={**payload, **store.place_payload(depot, bay), "mass_kg": kg_text(mass_g)},
        change={
            "holder_id": depot.organisation_id,
            "mass_g": mass_g,
            "storage_deadline": container.storage_deadline,
            "storage_clause": container.storage_clause,
        },
    )
    store.enter([container], depot=depot, bay=bay, at=at)
    clock.start(
        [container], limit=limit, since=since, organisation_id=depot.organisation_id, division=depot.site.division
    )
    return container, facts


def _with_first_stay(lines: QuerySet[Line], depot: Depot) -> QuerySet[Line]:
    """The lines with `first_stay`: when their container first came to the depot's organisation, if it ever did."""
    stays = Stay.objects.filter(container=OuterRef("container"), depot__site__organisation=depot.organisation_id)
    return lines.annotate(first_stay=Subquery(stays.order_by("entered_at").values("entered_at")[:1]))


def _clock_start(line: Line, container: Container, depot: Depot, at: datetime) -> date:
    """Since when it counts: filling at its generator's, else its first receipt here. Being sent on resets nothing."""
    if container.generator_id == depot.organisation_id:
        return container.accumulation_start
    return timezone.localdate(line.first_stay or at)  # type: ignore[attr-defined]


def _open_discrepancy(manifest: Manifest, line: Line, container: Container, at: datetime) -> list[Fact]:
    assert line.received_mass_g is not None
    severity = severity_of(line.mass_g, line.received_mass_g)
    if severity is None:
        return []
    Discrepancy.objects.create(
        line=line,
        severity=severity,
        declared_mass_g=line.mass_g,
        received_mass_g=line.received_mass_g,
        opened_at=at,
    )
    payload = {
        "container": container.code,
        "severity": severity,
        "declared_kg": kg_text(line.mass_g),
        "received_kg": kg_text(line.received_mass_g),
    }
    return [Fact("manifest.discrepancy", manifest.subject, manifest.readers() | container.readers(), payload)]


def _after_receipt(actor: Actor, manifest: Manifest, lines: Sequence[Line], at: datetime) -> list[Fact]:
    """The manifest's own move: to `delivered` by a first receipt, to its outcome by the last."""
    delivered = {} if manifest.delivered_at else {"delivered_at": at}
    if delivered:
        manifest.legs.filter(arrived_at=None).update(arrived_at=at)
    outcomes = {line.outcome for line in lines}
    if "" in outcomes:
        if manifest.state == ManifestState.DELIVERED:
            return []
        return move([manifest], "deliver", actor=actor, change=delivered, payload={"by_receipt": True})[1]
    verb = {frozenset({"accepted"}): "receive", frozenset({"rejected"}): "reject"}.get(
        frozenset(outcomes), "receive_partly"
    )
    content = {
        "number": manifest.number,
        "lines": [
            {"position": line.position, "outcome": line.outcome, "mass_kg": kg_text(line.received_mass_g)}
            for line in lines
        ],
    }
    change = {"received_at": at, **delivered}
    return move([manifest], verb, actor=actor, change=change, payload=signature(content))[1]


def take_back(
    *, actor: Actor, line: Line, depot: Depot, now: datetime, bay: Bay | None = None, at: datetime | None = None
) -> Container:
    """The sender takes a refused container back into its own store; its clock goes on."""
    at = at or now
    with transaction.atomic():
        store.require_own(actor, depot)
        (manifest,) = lock([line.manifest])
        _require_party(actor, manifest, "sender")
        line = _with_first_stay(Line.objects.select_related("container"), depot).get(pk=line.pk)
        if line.outcome != Outcome.REJECTED or line.taken_back_at is not None:
            raise Refused("already_here", container=line.container.short_grouped)
        bay = store.place_for(depot, bay, line.container.mass_g)
        since, mass_g = _clock_start(line, line.container, depot, at), line.container.mass_g
        container, facts = _into_stock(
            actor, line.container, "take_back", depot, bay, at, since, mass_g, _about(manifest)
        )
        line.taken_back_at = at
        line.save(update_fields=["taken_back_at"])
        record(actor, facts, now=now, event_time=at)
    return container


# --- after receipt -----------------------------------------------------------------------------------------


def settle(*, actor: Actor, manifest: Manifest, line: Line, mass_kg: object, note: str, now: datetime) -> Discrepancy:
    """One side states the mass it stands by; when both state the same, the discrepancy is settled at that mass.

    Raises Refused(no_discrepancy | already_stated | settle_differs), NotPermitted(not_your_part), Invalid(mass_…).
    """
    mass_g = grams(mass_kg)
    with transaction.atomic():
        (manifest,) = lock([manifest])
        sides = manifest.positions(actor) & {"sender", "receiver"}
        if not sides:
            raise NotPermitted("not_your_part", verb="settle", subject=manifest.subject)
        (side,) = sides
        discrepancy = Discrepancy.objects.filter(line=line, settled_at=None).first()
        if discrepancy is None or line.manifest_id != manifest.pk:
            raise Refused("no_discrepancy")
        other = discrepancy.statements.exclude(side=side).first()
        if other is not None and other.mass_g != mass_g:
            # Recording it would leave two final statements that can never meet.
            raise Refused("settle_differs", stated_kg=kg_text(other.mass_g))
        _state(discrepancy, side, mass_g, note, actor, now)
        payload = {
            "container": line.container.code,
            "side": side,
            "mass_kg": kg_text(mass_g),
            "note": note[:NOTE_LENGTH],
        }
        facts = [Fact("manifest.settle", manifest.subject, manifest.readers(), payload)]
        if other is not None:
            discrepancy.settled_at = now
            discrepancy.save(update_fields=["settled_at"])
            facts += _weigh(line, mass_g, manifest)
        record(actor, facts, now=now)
    return discrepancy


def _state(discrepancy: Discrepancy, side: str, mass_g: int, note: str, actor: Actor, now: datetime) -> None:
    try:
        with transaction.atomic():
            Statement.objects.create(
                discrepancy=discrepancy, side=side, mass_g=mass_g, note=note[:NOTE_LENGTH], by=actor.person, at=now
            )
    except IntegrityError:
        raise Refused("already_stated") from None


def _weigh(line: Line, mass_g: int, manifest: Manifest) -> list[Fact]:
    """The agreed mass becomes the container's while it stands with the receiver.

    One that has gone on since keeps the mass that its next manifest declared: nobody there waits for our paperwork.
    """
    (container,) = lock([line.container])
    stands = container.holder_id == manifest.receiver_id and container.state == ContainerState.STORED
    if container.mass_g == mass_g or not stands:
        return []
    before, container.mass_g = container.mass_g, mass_g
    container.save(update_fields=["mass_g"])
    payload = {**_about(manifest), "from_kg": kg_text(before), "to_kg": kg_text(mass_g)}
    return [Fact("container.weigh", container.subject, container.readers(), payload)]


@dataclass(frozen=True)
class Treated:
    """One treatment to record: the line, method code, grams, and when it was done."""

    line: Line
    method: str
    mass_g: int
    treated_at: datetime


def treat(*, actor: Actor, manifest: Manifest, treatments: Sequence[Treated], now: datetime) -> Manifest:
    """The plant records what it did with accepted containers; one whose whole mass is treated ends there.

    Raises Refused(illegal_state | not_a_treater | open_discrepancy | line_not_accepted | treated_too_much),
    Invalid(unknown_method | method_not_final | time_in_future | before_receipt).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        _require_party(actor, manifest, "receiver")
        if manifest.state not in AFTER_RECEIPT:
            raise Refused("illegal_state", verb="treat", state=manifest.state, subject=manifest.subject)
        if not manifest.is_final_transfer:
            raise Refused("not_a_treater")
        facts: list[Fact] = []
        for number, treated in enumerate(treatments):
            facts += _treat_line(actor, manifest, treated, f"lines.{number}", now)
        if not facts:
            raise invalid("lines", "no_lines")
        record(actor, facts, now=now)
    return manifest


def _treat_line(actor: Actor, manifest: Manifest, treated: Treated, field: str, now: datetime) -> list[Fact]:
    line = Line.objects.select_related("container").get(pk=treated.line.pk, manifest=manifest)
    method = treatment_method(treated.method)
    if method is None or not method.final:
        raise invalid(f"{field}.method", "unknown_method" if method is None else "method_not_final")
    at = _event_time(f"{field}.treated_at", treated.treated_at, now, not_before=line.received_at)
    if line.outcome != Outcome.ACCEPTED:
        raise Refused("line_not_accepted", container=line.container.short_grouped)
    if Discrepancy.objects.filter(line=line, settled_at=None).exists():
        # The mass to treat is not known before both sides agree on it.
        raise Refused("open_discrepancy", container=line.container.short_grouped)
    (container,) = lock([line.container])
    done = sum(line.treatments.values_list("mass_g", flat=True))
    if done + treated.mass_g > container.mass_g:
        raise Refused("treated_too_much", container=container.short_grouped, left_kg=kg_text(container.mass_g - done))
    stay = Stay.objects.filter(container=container, left_at=None).first()
    Treatment.objects.create(
        line=line,
        method=method.code,
        mass_g=treated.mass_g,
        treated_at=at,
        recorded_at=now,
        depot_id=stay.depot_id if stay else None,
    )
    payload = {
        **_about(manifest),
        "method": method.code,
        "mass_kg": kg_text(treated.mass_g),
        "treated_at": instant(at),
        "plant": manifest.receiver.name,
    }
    if done + treated.mass_g < container.mass_g:
        return [Fact("container.treat_part", container.subject, container.readers(), payload)]
    (container,), facts = move(
        [container],
        "treat",
        actor=actor,
        position="manifest",
        payload=payload,
        change={"storage_deadline": None},
    )
    store.leave([container], at=at)
    clock.stop([container], actor=actor, now=now)
    return facts


def close(*, actor: Actor, manifest: Manifest, now: datetime) -> Manifest:
    """Nothing is left to do. Raises Refused(open_discrepancy | not_treated | not_taken_back)."""
    (manifest,) = advance([manifest], "close", actor=actor, now=now, change={"closed_at": now})
    return manifest


# --- shared ------------------------------------------------------------------------------------------------


def _move_containers(manifest: Manifest, verb: str, actor: Actor) -> list[Fact]:
    containers = [line.container for line in manifest.lines.select_related("container")]
    return move(containers, verb, actor=actor, position="manifest", payload=_about(manifest))[1]


def _about(manifest: Manifest) -> dict[str, str]:
    return {"manifest": manifest.number}


def _require_party(actor: Actor, manifest: Manifest, party: str) -> None:
    actor.require_write()
    if party not in manifest.positions(actor):
        raise NotPermitted("not_your_part", subject=manifest.subject)


def _event_time(field: str, at: datetime | None, now: datetime, *, not_before: datetime | None) -> datetime:
    """When it happened: now unless said otherwise; not in the future, not before what must come first."""
    if at is None:
        return now
    if at > now:
        raise invalid(field, "time_in_future")
    if not_before is not None and at < not_before:
        raise invalid(field, "time_out_of_order", earliest=instant(not_before))
    return at
