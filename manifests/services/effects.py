"""What becomes of a correction that all have agreed on: masses, stock, family tree, differences and clocks follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from depots.models import Stay
from depots.terms import Term, family_term
from manifests import deadlines
from manifests.deviation import limits_in, severity_of
from manifests.models import Correction, Discrepancy, Leg, Line, Manifest, Outcome, Severity
from manifests.selectors import legs_of, lines_of
from manifests.services.carriage import drop_unused
from manifests.services.changes import DESCRIPTION, MASSES, components_field, last_leg, vehicle_of, went_on
from manifests.services.common import about
from manifests.services.content import content_of, signature
from manifests.services.receipt import discrepancy_fact, is_disputed, term_of, with_first_stay
from manifests.services.treatment import end_if_treated
from wastetrack.ledger.services import Fact
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.units import grams
from wastetrack.waste import clock
from wastetrack.waste.lineage import reweigh
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import descendants

KEPT = (ContainerState.STORED, ContainerState.COMMITTED)
"""States in which its holder's storage time runs."""
SAID_BY = {"name": "name", "hazards": "hazards", "form": "form", "container_kind": "packaging"}
"""By which field a difference that a receipt found is put right."""


def take_effect(actor: Actor, manifest: Manifest, correction: Correction, now: datetime) -> list[Fact]:
    """What was proposed holds, under the manifest's lock; the caller records the facts.

    Raises Refused where it can't be any more: treated_too_much | treated | too_little_for_parts | already_received.
    """
    if correction.cancels:
        return _call_off(actor, manifest, correction, now)
    by_drum: dict[str, dict[str, str]] = {}
    for change in correction.data:
        by_drum.setdefault(change["container"] or "", {})[change["field"]] = change["new"]
    _own(manifest, by_drum.pop("", {}))
    facts = _lines(actor, manifest, by_drum, now)
    manifest.version += 1
    manifest.save(update_fields=[*("emergency_measures", "contract", "version", "received_at", "delivered_at")])
    correction.version = manifest.version
    correction.save(update_fields=["version"])
    content = content_of(manifest, lines_of(manifest))
    payload = {
        **signature(content, "correct"),
        "version": manifest.version,
        "reason": correction.reason,
        "changes": correction.data,
    }
    return [*facts, Fact("manifest.correct", manifest.subject, manifest.readers(), payload)]


def _call_off(actor: Actor, manifest: Manifest, correction: Correction, now: datetime) -> list[Fact]:
    """The drums turn back: they stay with the carrier until their sender takes them back or sends them on."""
    if manifest.delivered_at is not None:
        deadlines.receipt_done(manifest, actor=actor, now=now)
    payload = {"reason": correction.reason, **drop_unused(manifest)}
    change = {"next_carrier_id": None}
    return move([manifest], "call_off", actor=actor, position="consent", change=change, payload=payload)[1]


def _own(manifest: Manifest, new: Mapping[str, str]) -> None:
    for field in ("emergency_measures", "contract"):
        if field in new:
            setattr(manifest, field, new[field])
    if "vehicle" in new and (leg := last_leg(legs_of(manifest))) is not None:
        _change_vehicle(manifest, leg, new["vehicle"])


def _change_vehicle(manifest: Manifest, leg: Leg, plate: str) -> None:
    leg.vehicle = None if manifest.self_delivered else vehicle_of(leg, plate)
    leg.plate = plate
    leg.save(update_fields=["vehicle", "plate"])


def _lines(actor: Actor, manifest: Manifest, by_drum: Mapping[str, Mapping[str, str]], now: datetime) -> list[Fact]:
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
            _set_received(actor, manifest, line, _moment(new["received_at"]), now)
        line.save(update_fields=["mass_g", "received_mass_g", "received_at"])
        if line.outcome == Outcome.ACCEPTED:
            facts += _judge_again(manifest, line, new, now)
    _follow_times(manifest, received)
    _tell_differences(actor, manifest, now)
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
    if not masses or not moves:
        return []
    if line.received_at is not None:
        Stay.objects.filter(container=line.container, entered_at=line.received_at).update(mass_in_g=counts)
    return [replace(fact, payload={**about(manifest), **fact.payload}) for fact in reweigh(line.container, counts)]


def _judge_again(manifest: Manifest, line: Line, new: Mapping[str, str], now: datetime) -> list[Fact]:
    """The line's difference by its masses as they are now: opened, changed, or over."""
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
    found.settled_at = None if severity else found.settled_at or now
    found.save()
    if severity:
        found.statements.all().delete()
    line.container.disputed = is_disputed(line.container)
    line.container.save(update_fields=["disputed"])
    opened = severity is not None and before != (severity, True)
    return [discrepancy_fact(manifest, line, line.container, found)] if opened else []


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


def _set_received(actor: Actor, manifest: Manifest, line: Line, at: datetime, now: datetime) -> None:
    """The drum came into the store at another time: its stay, and the storage time of what is kept of it."""
    before, line.received_at = line.received_at, at
    assert before is not None
    stays = Stay.objects.filter(container=line.container, entered_at=before)
    stays.filter(moved_at=before).update(moved_at=at)
    stays.update(entered_at=at)
    family = [line.container, *descendants([line.container])]
    here = Stay.objects.filter(container__in=family, left_at=None, depot__site__organisation=manifest.receiver_id)
    for stay in here.select_related("container", "depot__site__organisation", "depot__permit"):
        if stay.container_id == line.container_id:
            own = with_first_stay(Line.objects.filter(pk=line.pk), stay.depot).get()
            _set_term(actor, line.container, stay, term_of(own, line.container, stay.depot, at), now)
        else:
            (container,) = lock([stay.container])
            on = timezone.localdate(stay.entered_at)
            _set_term(actor, container, stay, family_term(container, stay.depot, on=on), now)


def _set_term(actor: Actor, container: Container, stay: Stay, term: Term, now: datetime) -> None:
    # An extension names its own day.
    if container.state not in KEPT or container.extension or container.storage_deadline is None:
        return
    clock.stop([container], actor=actor, now=now)
    clock.set_deadline(container, term.limit, term.since)
    container.save(update_fields=["storage_deadline", "storage_clause"])
    site = stay.depot.site
    clock.start([container], limit=term.limit, organisation_id=site.organisation_id, division=site.division)


def _follow_times(manifest: Manifest, before: set[datetime]) -> None:
    """The manifest's own times, where they were those of its lines."""
    times = [line.received_at for line in manifest.lines.all() if line.received_at]
    if not times:
        return
    if manifest.delivered_at in before:
        manifest.delivered_at = min(times)
    if manifest.received_at is not None:
        manifest.received_at = max(times)
