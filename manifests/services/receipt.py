"""Receipt at the gate, line by line, and taking back what was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet, Subquery
from django.utils import timezone

from depots import services as store
from depots.models import Bay, Depot, Stay
from depots.services import Place
from depots.terms import Term, family_term, plain_term
from manifests import deadlines
from manifests.checks import receiver_problems
from manifests.deviation import limits_in, severity_of
from manifests.models import (
    AFTER_RECEIPT,
    ON_THE_WAY,
    TURNED_AWAY,
    Discrepancy,
    Line,
    Manifest,
    ManifestState,
    Outcome,
    Severity,
)
from manifests.selectors import legs_of
from manifests.services.carriage import Arrival, arrive
from manifests.services.common import (
    about,
    event_time,
    require_party,
)
from manifests.services.consents import PROPOSED, ask_further
from manifests.services.content import digest_of, signature
from manifests.services.followers import end_followed, leave_to_first
from manifests.services.masses import has_gone_on, require_weighable, weigh_drum
from manifests.services.receipt_rows import Receipt
from wastetrack.errors import Refused
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.selectors import require_newest
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.units import kg_text
from wastetrack.waste import clock
from wastetrack.waste.models import Container, Derivation


def receive(
    *,
    actor: Actor,
    manifest: Manifest,
    receipts: Sequence[Receipt],
    depot: Depot,
    now: datetime,
    bay: Bay | None = None,
    at: datetime | None = None,
    breaches: list[Refused] | None = None,
    unsigned: str = "by_scan",
) -> Manifest:
    """The receiver accepts or refuses lines of a manifest that is on its way; the last one settles its state.

    Accepted containers enter the depot's stock with a new clock and their weighed mass; a deviation beyond the limits
    opens a discrepancy. `breaches` as in depots' Place. Signed by password or PIN, its entry holds what was found of
    these lines; else it says how they were confirmed drum by drum: `unsigned`, by_scan or at_counter.
    Raises Refused(illegal_state | line_already_received | one of PLACE_RULES), NotPermitted,
    Invalid(time_in_future | time_out_of_order).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "receiver")
        store.require_own(actor, depot)
        found = with_first_stay(Line.objects.filter(manifest=manifest), depot).annotate(proposed=PROPOSED)
        lines = {line.pk: line for line in found}
        for receipt in receipts:
            if lines[receipt.line.pk].outcome:
                raise Refused("line_already_received", container=receipt.line.container.short_grouped)
        if manifest.state not in ON_THE_WAY:
            raise Refused("illegal_state", verb="receive", state=manifest.state, subject=manifest.subject)
        comes_back = manifest.purpose == "return"
        if not depot.takes_from_others and not comes_back:
            raise Refused("wrong_depot", container="")
        at = event_time("received_at", at, now, not_before=earliest_receipt(manifest))
        told: dict[str, Any] = {"meaning": f"receive_{unsigned}"}
        if actor.confirmed:
            told = _signed(manifest, receipts, at)
        facts: list[Fact] = []
        for receipt, container in zip(receipts, lock([receipt.line.container for receipt in receipts]), strict=True):
            receipt.line.container = container
            facts += _receive_line(actor, manifest, lines[receipt.line.pk], receipt, Place(depot, bay, breaches), at)
        if manifest.follows_id:
            taken_in = [one.line.container_id for one in receipts if one.outcome == Outcome.ACCEPTED]
            end_followed(manifest, taken_in, at)
        if comes_back:
            # Whoever refuses its own waste has it to fetch, or to send on, as before.
            leave_to_first(manifest, [one.line.container_id for one in receipts if one.outcome == Outcome.REJECTED])
        if any(fact.payload.get("severity") == Severity.SIGNIFICANT for fact in facts):
            deadlines.differs(manifest, now=now)
        facts += _after_receipt(actor, manifest, list(lines.values()), at, now, told)
        facts += ask_further(manifest) if any(line.proposed for line in lines.values()) else []
        manifest.progress = (sum(1 for line in lines.values() if line.outcome), len(lines))
        record(actor, facts, now=now, event_time=at)
    return manifest


def earliest_receipt(manifest: Manifest) -> datetime | None:
    """Before when no drum of it was received: it arrived, where that is told, else its last carrier set out."""
    if manifest.delivered_at is not None or not manifest.relay:
        return manifest.delivered_at or manifest.departed_at
    return manifest.legs.aggregate(last=Max("departed_at"))["last"] or manifest.departed_at


def _signed(manifest: Manifest, receipts: Sequence[Receipt], at: datetime) -> dict[str, Any]:
    """What the receiver's signature is bound to: the manifest as it stood, by its digest, and what was found now."""
    lines = list(manifest.lines.select_related("container"))
    content = {
        "number": manifest.number,
        "manifest_sha256": digest_of(manifest, lines, legs_of(manifest)),
        "received_at": instant(at),
        "lines": [receipt.content() for receipt in receipts],
    }
    return signature(content, "receipt")


def _receive_line(
    actor: Actor, manifest: Manifest, line: Line, receipt: Receipt, place: Place, at: datetime
) -> list[Fact]:
    line.outcome, line.reason, line.received_at = receipt.outcome, receipt.reason, at
    container = receipt.line.container
    if receipt.outcome == Outcome.REJECTED:
        line.refused_mass_g = receipt.mass_g
        line.save(update_fields=["outcome", "reason", "received_at", "refused_mass_g"])
        weighed = {} if receipt.mass_g is None else {"mass_kg": kg_text(receipt.mass_g)}
        payload = {**about(manifest), "reason": receipt.reason, **weighed, **_differs(receipt.differs)}
        return [Fact("container.reject", container.subject, container.readers(), payload)]
    mass_g = receipt.counted_g
    line.received_mass_g = mass_g
    line.save(update_fields=["outcome", "reason", "received_at", "received_mass_g"])
    store.find_place(place, container, mass_g)
    receipt.bay = place.bay
    term = term_of(line, container, place.depot, at)
    told = {
        **about(manifest),
        "declared_kg": kg_text(line.mass_g),
        **_permit_lapsed(manifest, place.depot, container, at),
    }
    container, facts = _into_stock(actor, container, "receive", place, at, term, mass_g, told)
    receipt.line.container = container
    return facts + _open_discrepancy(manifest, line, container, receipt, at)


def _differs(names: Sequence[str]) -> dict[str, str]:
    """What else than the mass differs, as an entry says it; nothing where nothing does."""
    return {"differs": " ".join(names)} if names else {}


def _permit_lapsed(manifest: Manifest, depot: Depot, container: Container, at: datetime) -> dict[str, bool]:
    """That the receiver's permit has ended or lost the code since issue, as an entry says it.

    What stands at the gate must not vanish: it is received, and everybody who reads the entry sees the flag.
    """
    on, code = timezone.localdate(at), container.waste_code
    if manifest.purpose == "return":
        return {}
    if depot.permit is not None and depot.permit.valid_on(on) and depot.permit.covers(code):
        return {}
    lapsed = receiver_problems(manifest.receiver, manifest.receiver.permits.all(), [code], on)
    return {"permit_lapsed": True} if lapsed else {}


def _into_stock(
    actor: Actor,
    container: Container,
    verb: str,
    place: Place,
    at: datetime,
    term: Term,
    mass_g: int,
    payload: Mapping[str, Any],
) -> tuple[Container, list[Fact]]:
    """A container comes off the lorry into a depot: state, holder, mass, stay, and the clock of its new holder."""
    depot = place.depot
    clock.set_deadline(container, term.limit, term.since)
    (container,), facts = move(
        [container],
        verb,
        actor=actor,
        position="manifest",
        payload={**payload, **place.payload(), "mass_kg": kg_text(mass_g)},
        change={
            "holder_id": depot.organisation_id,
            "mass_g": mass_g,
            "storage_deadline": container.storage_deadline,
            "storage_clause": container.storage_clause,
            "extension": "",
        },
    )
    store.enter([container], place=place, at=at)
    clock.start([container], organisation_id=depot.organisation_id, division=depot.site.division)
    return container, facts


def with_first_stay(lines: QuerySet[Line], depot: Depot) -> QuerySet[Line]:
    """The lines with `first_stay`: when their container first came to the depot's organisation, if it ever did; and
    with `is_derived`: whether it came out of others."""
    stays = Stay.objects.filter(container=OuterRef("container"), depot__site__organisation=depot.organisation_id)
    return lines.annotate(
        first_stay=Subquery(stays.order_by("entered_at").values("entered_at")[:1]),
        is_derived=Exists(Derivation.objects.filter(child=OuterRef("container"))),
    )


def term_of(line: Line, container: Container, depot: Depot, at: datetime) -> Term:
    """Since when it counts: filling at its generator's, else its first receipt here. Being sent on resets nothing."""
    on = timezone.localdate(at)
    if line.is_derived:  # type: ignore[attr-defined]
        return family_term(container, depot, on=on)
    since = timezone.localdate(line.first_stay or at)  # type: ignore[attr-defined]
    if container.generator_id == depot.organisation_id:
        since = container.accumulation_start
    return plain_term(container, depot, since=since, on=on)


def _open_discrepancy(
    manifest: Manifest, line: Line, container: Container, receipt: Receipt, at: datetime
) -> list[Fact]:
    assert line.received_mass_g is not None
    if line.received_mass_g == line.mass_g and not receipt.differs:
        return []
    severity: str | None = Severity.SIGNIFICANT
    if not receipt.differs:
        severity = severity_of(limits_in(manifest.receiver.division), line.mass_g, line.received_mass_g)
    if severity is None:
        return []
    line.discrepancy = Discrepancy.objects.create(
        line=line,
        severity=severity,
        declared_mass_g=line.mass_g,
        received_mass_g=line.received_mass_g,
        differs=" ".join(receipt.differs),
        note=receipt.reason if receipt.differs else "",
        opened_at=at,
    )
    _dispute(container, True)
    return [discrepancy_fact(manifest, line, container, line.discrepancy)]


def discrepancy_fact(manifest: Manifest, line: Line, container: Container, discrepancy: Discrepancy) -> Fact:
    """That declared and received differ, told to everybody who reads the manifest or the container."""
    payload = {
        "container": container.code,
        "severity": discrepancy.severity,
        "declared_kg": kg_text(line.mass_g),
        "received_kg": kg_text(line.received_mass_g),
        **_differs(discrepancy.differs.split()),
        **({"note": discrepancy.note} if discrepancy.note else {}),
    }
    return Fact("manifest.discrepancy", manifest.subject, manifest.readers() | container.readers(), payload)


def _dispute(container: Container, disputed: bool) -> None:
    container.disputed = disputed
    container.save(update_fields=["disputed"])


def is_disputed(container: Container) -> bool:
    """Whether sender and receiver of any of its transfers do not agree on its mass yet."""
    return Discrepancy.objects.filter(line__container=container, settled_at=None).exists()


def weigh_again(*, actor: Actor, line: Line, mass_g: int, now: datetime, at: datetime | None = None) -> Discrepancy:
    """The receiver puts a drum whose mass differs on the scale a second time: this mass stands from now on.

    Within the limits after all, the first weighing was the mistake and the discrepancy is over. On an issued onward
    manifest already, the drum keeps the mass that is signed there, and the entry says which.
    Raises Refused(no_discrepancy | already_weighed_again | already_stated | treated_too_much | treated),
    NotPermitted(not_your_part).
    """
    with transaction.atomic():
        (manifest,) = lock([line.manifest])
        require_party(actor, manifest, "receiver")
        (container,) = lock([line.container])
        line = Line.objects.get(pk=line.pk)
        discrepancy = Discrepancy.objects.select_for_update().filter(line=line, settled_at=None).first()
        if discrepancy is None or container.holder_id != manifest.receiver_id:
            raise Refused("no_discrepancy")
        if discrepancy.weighed_again_at is not None:
            raise Refused("already_weighed_again", container=container.short_grouped)
        if discrepancy.statements.exists():
            # What the parties have said of the first weighing is not to be changed under their hands.
            raise Refused("already_stated")
        moves = not has_gone_on(manifest, container)
        require_weighable(container, mass_g, moves=moves)
        at = store.not_before(at or now, line.received_at or now)
        severity = severity_of(limits_in(manifest.receiver.division), line.mass_g, mass_g)
        if discrepancy.differs:
            # What is in it is another thing than declared, whatever it weighs.
            severity = Severity.SIGNIFICANT
        first_g, line.received_mass_g, line.container = line.received_mass_g, mass_g, container
        line.save(update_fields=["received_mass_g"])
        weighed = weigh_drum(manifest, line, mass_g, moves=moves)
        discrepancy.received_mass_g, discrepancy.weighed_again_at = mass_g, at
        discrepancy.severity = severity or discrepancy.severity
        discrepancy.settled_at = None if severity else now
        discrepancy.save(update_fields=["received_mass_g", "weighed_again_at", "severity", "settled_at"])
        container.disputed = is_disputed(container)
        container.save(update_fields=["disputed"])
        payload = {**about(manifest), "from_kg": kg_text(first_g), "to_kg": kg_text(mass_g), "again": True}
        if not moves:
            payload["kept_kg"] = kg_text(container.mass_g)
        facts = [Fact("container.weigh", container.subject, container.readers(), payload)]
        facts += [fact for fact in weighed if fact.subject != container.subject]
        if severity:
            facts.append(discrepancy_fact(manifest, line, container, discrepancy))
        record(actor, facts, now=now, event_time=at)
        if severity == Severity.SIGNIFICANT:
            deadlines.differs(manifest, now=now)
        else:
            deadlines.settled(manifest, actor=actor, now=now)
    return discrepancy


def undo_receipt(*, actor: Actor, line: Line, entry_id: int, now: datetime) -> Container:
    """The receiver takes its receipt of one drum back: it was scanned by mistake and waits at the gate again.

    Raises Refused(cannot_undo) unless the entry of that receipt is the drum's newest, and once the manifest is closed.
    """
    with transaction.atomic():
        (manifest,) = lock([line.manifest])
        require_party(actor, manifest, "receiver")
        line = Line.objects.select_related("container").get(pk=line.pk)
        (container,) = lock([line.container])
        require_newest(container.subject, entry_id)
        discrepancy = Discrepancy.objects.filter(line=line).first()
        stated = discrepancy is not None and discrepancy.statements.exists()
        if line.outcome != Outcome.ACCEPTED or stated or manifest.state == ManifestState.CLOSED:
            raise Refused("cannot_undo")
        if discrepancy is not None:
            discrepancy.delete()
            deadlines.settled(manifest, actor=actor, now=now)
        (container,), facts = move(
            [container],
            "unreceive",
            actor=actor,
            position="manifest",
            payload=about(manifest),
            change={
                "holder_id": manifest.carrier_id,
                "mass_g": line.mass_g,
                "storage_deadline": None,
                "disputed": is_disputed(container),
            },
        )
        # It was never here: the stay is no part of its life.
        Stay.objects.filter(container=container, left_at=None).delete()
        line.outcome, line.received_mass_g, line.received_at, line.reason = "", None, None, ""
        line.save(update_fields=["outcome", "received_mass_g", "received_at", "reason"])
        end_followed(manifest, [container.pk], None)
        if manifest.state in AFTER_RECEIPT:
            # The days to confirm it go on from its arrival.
            deadlines.receipt_due(manifest, manifest.delivered_at or now)
            facts += move([manifest], "reopen", actor=actor, change={"received_at": None}, payload=about(manifest))[1]
        facts += ask_further(manifest)
        # After the manifest's own alerts: they are locked by kind, in the order of the kinds' names.
        clock.stop([container], actor=actor, now=now)
        record(actor, facts, now=now)
    return container


def _after_receipt(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], at: datetime, now: datetime, told: Mapping[str, Any]
) -> list[Fact]:
    """The manifest's own move: to `delivered` by a first receipt, to its outcome by the last. `told`: as confirmed.

    A signed receipt that is not the last has an entry of its own.
    """
    waits = any(not line.outcome for line in lines)
    arrival, facts = Arrival({}, {}), list[Fact]()
    if manifest.state == ManifestState.IN_TRANSIT:
        arrival = arrive(manifest, at, to_confirm=waits)
        if waits:
            payload = {"by_receipt": True, **arrival.payload}
            facts = move([manifest], "deliver", actor=actor, change=arrival.change, payload=payload)[1]
    elif not waits:
        deadlines.receipt_done(manifest, actor=actor, now=now)
    if waits:
        signed = [Fact("manifest.receipt", manifest.subject, manifest.readers(), dict(told))] if actor.confirmed else []
        return facts + signed
    outcomes = frozenset(line.outcome for line in lines)
    verb = {frozenset({"accepted"}): "receive", frozenset({"rejected"}): "reject"}.get(outcomes, "receive_partly")
    change = {"received_at": at, **arrival.change}
    payload = {**told, **arrival.payload}
    return move([manifest], verb, actor=actor, change=change, payload=payload)[1]


def take_back(
    *,
    actor: Actor,
    line: Line,
    depot: Depot,
    now: datetime,
    bay: Bay | None = None,
    at: datetime | None = None,
    breaches: list[Refused] | None = None,
) -> Container:
    """The sender takes a container that was turned away back into its own store; its clock goes on.

    Raises Refused(already_here) for one that was not turned away, is back already, or travels under another manifest.
    """
    with transaction.atomic():
        store.require_own(actor, depot)
        (manifest,) = lock([line.manifest])
        require_party(actor, manifest, "sender")
        away = Line.objects.filter(TURNED_AWAY, taken_back_at=None, followed_by=None).select_related("container")
        found = with_first_stay(away, depot).filter(pk=line.pk).first()
        if found is None:
            raise Refused("already_here", container=line.container.short_grouped)
        line = found
        at = store.not_before(at or now, line.received_at or manifest.departed_at or now)
        (line.container,) = lock([line.container])
        place = Place(depot, bay, breaches)
        store.find_place(place, line.container, line.container.mass_g)
        term, mass_g = term_of(line, line.container, depot, at), line.container.mass_g
        container, facts = _into_stock(actor, line.container, "take_back", place, at, term, mass_g, about(manifest))
        line.taken_back_at = at
        line.save(update_fields=["taken_back_at"])
        end_followed(manifest, [container.pk], at)
        record(actor, facts, now=now, event_time=at)
    return container
