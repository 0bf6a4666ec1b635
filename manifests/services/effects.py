"""What becomes of a correction that all have agreed on: masses, stock, family tree, differences and clocks follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from depots.models import Stay
from depots.terms import Term, family_term
from manifests import deadlines
from manifests.checks import transfer_problems
from manifests.deviation import limits_in, severity_of
from manifests.models import Correction, Discrepancy, Leg, Line, Manifest, ManifestState, Outcome, Severity, Statement
from manifests.selectors import legs_of, lines_of
from manifests.services.carriage import drop_unused
from manifests.services.changes import DESCRIPTION, MASSES, components_field, last_leg, require_fitting, vehicle_of
from manifests.services.content import content_of, signature
from manifests.services.drafting import hold_what_it_uses_up
from manifests.services.followers import end_followed, leave_to_first
from manifests.services.masses import weigh_drum, went_on
from manifests.services.receipt import discrepancy_fact, is_disputed, term_of, with_first_stay
from manifests.services.treatment import end_if_treated
from wastetrack.alerts.services import settle
from wastetrack.errors import Refused
from wastetrack.ledger.services import Fact
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.units import grams
from wastetrack.waste import clock
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import descendants

KEPT = (ContainerState.STORED, ContainerState.COMMITTED)
"""States in which its holder's storage time runs."""
SAID_BY = {"name": "name", "hazards": "hazards", "form": "form", "container_kind": "packaging"}
"""By which field a difference that a receipt found is put right."""


def take_effect(actor: Actor, manifest: Manifest, correction: Correction, now: datetime) -> list[Fact]:
    """What was proposed holds, under the manifest's lock; the caller records the facts.

    Raises Refused where it can't be any more: treated_too_much | treated | too_little_for_parts | already_received; of
    what has not departed yet, with everything that would keep it from being issued so; Invalid at `vehicle` as depart.
    """
    if correction.cancels:
        return _call_off(actor, manifest, correction, now)
    by_drum: dict[str, dict[str, str]] = {}
    for change in correction.data:
        by_drum.setdefault(change["container"] or "", {})[change["field"]] = change["new"]
    own = by_drum.pop("", {})
    facts = _lines(actor, manifest, correction, by_drum, now)
    if by_drum and manifest.state == ManifestState.ISSUED:
        _require_issuable(manifest, now)
    _own(manifest, own)
    manifest.version += 1
    manifest.save(update_fields=[*("emergency_measures", "contract", "version", "received_at", "delivered_at")])
    correction.version = manifest.version
    correction.save(update_fields=["version"])
    lines = lines_of(manifest)
    content = content_of(manifest, lines)
    drums = {line.container.code: line.container.short_code for line in lines if line.container.code in by_drum}
    payload = {
        **signature(content, "correct"),
        "version": manifest.version,
        "reason": correction.reason,
        "changes": correction.data,
        **({"drums": drums} if drums else {}),
    }
    return [*facts, Fact("manifest.correct", manifest.subject, manifest.readers(), payload)]


def _call_off(actor: Actor, manifest: Manifest, correction: Correction, now: datetime) -> list[Fact]:
    """The drums turn back: they stay with the carrier until their sender takes them back or sends them on."""
    if manifest.delivered_at is not None:
        deadlines.receipt_done(manifest, actor=actor, now=now)
    leave_to_first(manifest)
    payload = {"reason": correction.reason, **drop_unused(manifest)}
    change = {"next_carrier_id": None}
    return move([manifest], "call_off", actor=actor, position="consent", change=change, payload=payload)[1]


def _require_issuable(manifest: Manifest, now: datetime) -> None:
    """What is corrected before departure still keeps within permits, approval and vehicles."""
    containers = [line.container for line in lines_of(manifest)]
    hold_what_it_uses_up(manifest, containers, now)
    if found := transfer_problems(manifest, containers, timezone.localdate(now)):
        raise Refused(found[0].code, errors=found, **found[0].params)


def _own(manifest: Manifest, new: Mapping[str, str]) -> None:
    for field in ("emergency_measures", "contract"):
        if field in new:
            setattr(manifest, field, new[field])
    if "vehicle" in new and (leg := last_leg(legs_of(manifest))) is not None:
        _change_vehicle(manifest, leg, new["vehicle"])


def _change_vehicle(manifest: Manifest, leg: Leg, plate: str) -> None:
    require_fitting(manifest, leg, plate, lines_of(manifest))
    leg.vehicle = None if manifest.self_delivered else vehicle_of(leg, plate)
    leg.plate = plate
    leg.save(update_fields=["vehicle", "plate"])


def _lines(
    actor: Actor, manifest: Manifest, correction: Correction, by_drum: Mapping[str, Mapping[str, str]], now: datetime
) -> list[Fact]:
    """The drums' part of a correction."""
    lines = [line for line in lines_of(manifest) if line.container.code in by_drum]
    if not lines:
        return []
    facts: list[Fact] = []
    received = {line.received_at for line in lines if line.received_at}
    containers = lock([line.container for line in lines])
    gone = set(went_on(manifest, containers).values_list("container", flat=True))
    for line, container in zip(lines, containers, strict=True):
        line.container = container
        new = by_drum[container.code]
        _describe(container, new)
        facts += _weigh(manifest, line, new, moves=container.pk not in gone)
        facts += end_if_treated(actor=actor, manifest=manifest, container=container, now=now)
        if "received_at" in new:
            _set_received(manifest, line, _moment(new["received_at"]))
        line.save(update_fields=["mass_g", "received_mass_g", "received_at"])
        if line.outcome == Outcome.ACCEPTED:
            facts += _judge_again(manifest, correction, line, new, now)
    # Alerts are locked by kind, in the order of the kinds' names, as the sweep does it.
    _tell_differences(actor, manifest, now)
    _follow_times(actor, manifest, received, now)
    for line in lines:
        if "received_at" in by_drum[line.container.code]:
            _set_terms(manifest, line, now)
    return facts


def _describe(container: Container, new: Mapping[str, str]) -> None:
    fields = {components_field(container) if name == "components" else name: name for name in DESCRIPTION}
    changed = {attribute: new[name] for attribute, name in fields.items() if name in new}
    for attribute, value in changed.items():
        setattr(container, attribute, value)
    if changed:
        container.save(update_fields=list(changed))


def _weigh(manifest: Manifest, line: Line, new: Mapping[str, str], *, moves: bool) -> list[Fact]:
    """The line's masses, and the drum's with it unless it has gone on under another manifest (`moves`)."""
    masses = {field: grams(new[field]) for field in MASSES if field in new}
    line.mass_g = masses.get("declared_mass_kg", line.mass_g)
    counts = line.mass_g
    if line.outcome == Outcome.ACCEPTED:
        line.received_mass_g = masses.get("mass_kg", line.received_mass_g)
        if "mass_kg" not in masses or line.received_mass_g is None:
            return []
        counts = line.received_mass_g
    return weigh_drum(manifest, line, counts, moves=moves) if masses else []


def _judge_again(
    manifest: Manifest, correction: Correction, line: Line, new: Mapping[str, str], now: datetime
) -> list[Fact]:
    """The line's difference by its masses as they are now: opened, changed, or over.

    Who has agreed to the received mass has stated it: nobody is asked again, unless more than the mass differs.
    """
    found = Discrepancy.objects.filter(line=line).first()
    # A name put right does not open what both sides have settled.
    matters = {*MASSES, *SAID_BY} if found is not None and found.settled_at is None else {*MASSES}
    if matters.isdisjoint(new) or line.received_mass_g is None:
        return []
    right = {SAID_BY[name] for name in new if name in SAID_BY}
    differs = [name for name in found.differs.split() if name not in right] if found else []
    severity: str | None = severity_of(limits_in(manifest.receiver.division), line.mass_g, line.received_mass_g)
    if differs:
        severity = Severity.SIGNIFICANT
    if found is None and severity is None:
        return []
    before = (found.severity, found.settled_at is None) if found else None
    found = found or Discrepancy(line=line, opened_at=now)
    found.declared_mass_g, found.received_mass_g = line.mass_g, line.received_mass_g
    found.differs, found.severity = " ".join(differs), severity or found.severity
    # What was stated was stated of other masses.
    agreed = "mass_kg" in new and not differs
    found.settled_at = None if severity and not agreed else now if agreed else found.settled_at or now
    found.save()
    if severity:
        found.statements.all().delete()
        Statement.objects.bulk_create(_stated(manifest, correction, found) if agreed else [])
    line.container.disputed = is_disputed(line.container)
    line.container.save(update_fields=["disputed"])
    opened = found.settled_at is None and before != (severity, True)
    return [discrepancy_fact(manifest, line, line.container, found)] if opened else []


def _stated(manifest: Manifest, correction: Correction, found: Discrepancy) -> list[Statement]:
    """What both sides have said of a received mass by agreeing to its correction."""
    by = {correction.proposer_id: (correction.proposed_by, correction.proposed_at)}
    for consent in correction.consents.select_related("given_by"):
        if consent.given_by is not None and consent.given_at is not None:
            by[consent.organisation_id] = (consent.given_by, consent.given_at)
    said = {"mass_g": found.received_mass_g, "note": correction.reason}
    sides = {"sender": manifest.sender_id, "receiver": manifest.receiver_id}
    return [
        Statement(discrepancy=found, side=side, by=by[pk][0], at=by[pk][1], **said)
        for side, pk in sides.items()
        if pk in by
    ]


def _tell_differences(actor: Actor, manifest: Manifest, now: datetime) -> None:
    """Who must hear at once of a significant difference does; what is settled is no longer due."""
    open_ones = Discrepancy.objects.filter(line__manifest=manifest, settled_at=None, severity=Severity.SIGNIFICANT)
    if open_ones.exists():
        deadlines.differs(manifest, now=now)
    else:
        deadlines.settled(manifest, actor=actor, now=now)


# --- when it was received ----------------------------------------------------------------------------------


def _moment(text: str) -> datetime:
    moment = parse_datetime(text)
    assert moment is not None
    return moment


def _set_received(manifest: Manifest, line: Line, at: datetime) -> None:
    """The drum came into the store at another time, and so its stay began then."""
    before, line.received_at = line.received_at, at
    assert before is not None
    stays = Stay.objects.filter(container=line.container, entered_at=before)
    stays.filter(moved_at=before).update(moved_at=at)
    stays.update(entered_at=at)
    if line.outcome == Outcome.ACCEPTED:
        end_followed(manifest, [line.container_id], at)


def _set_terms(manifest: Manifest, line: Line, now: datetime) -> None:
    """The storage time of what is kept of a drum, by when it was received."""
    assert line.received_at is not None
    family = [line.container, *descendants([line.container])]
    here = Stay.objects.filter(container__in=family, left_at=None, depot__site__organisation=manifest.receiver_id)
    for stay in here.select_related("container", "depot__site__organisation", "depot__permit"):
        if stay.container_id == line.container_id:
            own = with_first_stay(Line.objects.filter(pk=line.pk), stay.depot).get()
            _set_term(line.container, term_of(own, line.container, stay.depot, line.received_at), now)
        else:
            (container,) = lock([stay.container])
            on = timezone.localdate(stay.entered_at)
            _set_term(container, family_term(container, stay.depot, on=on), now)


def _set_term(container: Container, term: Term, now: datetime) -> None:
    # An extension names its own day.
    if container.state not in KEPT or container.extension or container.storage_deadline is None:
        return
    clock.set_deadline(container, term.limit, term.since)
    container.save(update_fields=["storage_deadline", "storage_clause"])
    settle(clock.KIND, [container.subject], now=now)


def _follow_times(actor: Actor, manifest: Manifest, before: set[datetime], now: datetime) -> None:
    """The manifest's own times, where they were those of its lines; the days to receive the rest with its arrival."""
    lines = list(manifest.lines.all())
    times = [line.received_at for line in lines if line.received_at]
    if not times:
        return
    if manifest.delivered_at in before and manifest.delivered_at != min(times):
        manifest.legs.filter(arrived_at=manifest.delivered_at).update(arrived_at=min(times))
        manifest.delivered_at = min(times)
        if any(not line.outcome for line in lines):
            deadlines.receipt_done(manifest, actor=actor, now=now)
            deadlines.receipt_due(manifest, manifest.delivered_at)
    if manifest.received_at is not None:
        manifest.received_at = max(times)
