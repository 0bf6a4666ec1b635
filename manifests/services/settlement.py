"""Settling what declared and received mass differ by, and closing."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from manifests import deadlines
from manifests.deviation import limits_in, within_reach
from manifests.models import (
    Discrepancy,
    Line,
    Manifest,
    Statement,
)
from manifests.services.common import NOTE_LENGTH
from manifests.services.masses import has_gone_on, require_weighable, weigh_drum
from manifests.services.treatment import end_if_treated
from wastetrack.errors import NotPermitted, Refused
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import advance, lock
from wastetrack.parties.actors import Actor
from wastetrack.units import grams, kg_text


def settle(*, actor: Actor, manifest: Manifest, line: Line, mass_kg: object, note: str, now: datetime) -> Discrepancy:
    """One side states the mass it stands by; when both state the same, the discrepancy is settled at that mass.

    A side that slipped may state another mass until the other has agreed; the ledger keeps both.
    Raises Refused(no_discrepancy | already_stated | settle_differs | settle_out_of_range | treated_too_much |
    treated), NotPermitted(not_your_part), Invalid(mass_…).
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
        limits = limits_in(manifest.receiver.division)
        if not within_reach(limits, discrepancy.declared_mass_g, discrepancy.received_mass_g, mass_g):
            raise Refused("settle_out_of_range")
        (line.container,) = lock([line.container])
        moves = not has_gone_on(manifest, line.container)
        require_weighable(line.container, mass_g, moves=moves)
        _state(discrepancy, side, mass_g, note, actor, now)
        payload = {
            "container": line.container.code,
            "side": side,
            "mass_kg": kg_text(mass_g),
            "note": note[:NOTE_LENGTH],
            **_as_found(discrepancy, mass_g),
        }
        facts = [Fact("manifest.settle", manifest.subject, manifest.readers(), payload)]
        if other is not None:
            discrepancy.settled_at = now
            discrepancy.save(update_fields=["settled_at"])
            facts += _weigh(actor, line, mass_g, manifest, now, moves=moves)
            deadlines.settled(manifest, actor=actor, now=now)
        record(actor, facts, now=now)
    return discrepancy


def _as_found(discrepancy: Discrepancy, mass_g: int) -> dict[str, str]:
    """Of masses that agree: what else differs and is accepted with them, as an entry says it."""
    agree = discrepancy.declared_mass_g == discrepancy.received_mass_g == mass_g
    return {"as_found": discrepancy.differs} if agree and discrepancy.differs else {}


def _state(discrepancy: Discrepancy, side: str, mass_g: int, note: str, actor: Actor, now: datetime) -> None:
    if discrepancy.statements.filter(side=side, mass_g=mass_g).exists():
        raise Refused("already_stated")
    said = {"mass_g": mass_g, "note": note[:NOTE_LENGTH], "by": actor.person, "at": now}
    Statement.objects.update_or_create(discrepancy=discrepancy, side=side, defaults=said)


def _weigh(actor: Actor, line: Line, mass_g: int, manifest: Manifest, now: datetime, *, moves: bool) -> list[Fact]:
    """The agreed mass is what was received of the line; the measured one stays in the discrepancy and the ledger."""
    line.received_mass_g = mass_g
    line.save(update_fields=["received_mass_g"])
    container = line.container
    container.disputed = Discrepancy.objects.filter(line__container=container, settled_at=None).exists()
    container.save(update_fields=["disputed"])
    weighed = weigh_drum(manifest, line, mass_g, moves=moves)
    return weighed + end_if_treated(actor=actor, manifest=manifest, container=container, now=now)


def close(*, actor: Actor, manifest: Manifest, now: datetime) -> Manifest:
    """Nothing is left to do. Raises Refused(open_discrepancy | correction_open | not_treated | not_taken_back)."""
    (manifest,) = advance([manifest], "close", actor=actor, now=now, change={"closed_at": now})
    return manifest
