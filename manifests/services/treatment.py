"""Treatment: how and where the waste ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from depots import services as store
from depots.models import Stay
from manifests.models import (
    AFTER_RECEIPT,
    Discrepancy,
    Line,
    Manifest,
    Outcome,
    Treatment,
)
from manifests.services.common import (
    about,
    event_time,
    require_party,
)
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.regulations.vocabulary import treatment_method
from wastetrack.units import kg_text
from wastetrack.waste import clock
from wastetrack.waste.models import ContainerState


@dataclass(frozen=True)
class Treated:
    """One treatment to record: the line, method code, grams, and when it was done."""

    line: Line
    method: str
    mass_g: int
    treated_at: datetime


def treat(*, actor: Actor, manifest: Manifest, treatments: Sequence[Treated], now: datetime) -> Manifest:
    """The plant records what it did with accepted containers; one whose whole mass is treated ends there.

    Raises Refused(illegal_state | not_a_treater | open_discrepancy | line_not_accepted | not_here | treated_too_much),
    Invalid(unknown_method | method_not_final | time_in_future | before_receipt).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "receiver")
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
    at = event_time(f"{field}.treated_at", treated.treated_at, now, not_before=line.received_at)
    if line.outcome != Outcome.ACCEPTED:
        raise Refused("line_not_accepted", container=line.container.short_grouped)
    if Discrepancy.objects.filter(line=line, settled_at=None).exists():
        # The mass to treat is not known before both sides agree on it.
        raise Refused("open_discrepancy", container=line.container.short_grouped)
    (container,) = lock([line.container])
    if container.holder_id != manifest.receiver_id or container.state != ContainerState.STORED:
        raise Refused("not_here", container=container.short_grouped)
    done = container.treated_g + treated.mass_g
    if done > container.mass_g:
        left_kg = kg_text(container.mass_g - container.treated_g)
        raise Refused("treated_too_much", container=container.short_grouped, left_kg=left_kg)
    stay = Stay.objects.filter(container=container, left_at=None).first()
    Treatment.objects.create(
        container=container,
        plant_id=manifest.receiver_id,
        line=line,
        method=method.code,
        mass_g=treated.mass_g,
        treated_at=at,
        recorded_at=now,
        depot_id=stay.depot_id if stay else None,
    )
    payload = {
        **about(manifest),
        "method": method.code,
        "mass_kg": kg_text(treated.mass_g),
        "treated_at": instant(at),
        "plant": manifest.receiver.name,
    }
    if done < container.mass_g:
        container.treated_g = done
        container.save(update_fields=["treated_g"])
        return [Fact("container.treat_part", container.subject, container.readers(), payload)]
    (container,), facts = move(
        [container],
        "treat",
        actor=actor,
        position="manifest",
        payload=payload,
        change={"storage_deadline": None, "treated_g": done},
    )
    store.leave([container], at=at)
    clock.stop([container], actor=actor, now=now)
    return facts
