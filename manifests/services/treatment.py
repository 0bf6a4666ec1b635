"""Treatment: how and where the waste ended, of the drums as they came and of what the plant made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from depots import services as store
from depots.models import Stay
from manifests.models import AFTER_RECEIPT, Discrepancy, Line, Manifest, ManifestState, Outcome, Treatment
from manifests.selectors import regrouped
from manifests.services.common import NOTE_LENGTH, about, event_time, plain_code, require_party
from manifests.services.content import signature
from wastetrack.errors import Refused, invalid
from wastetrack.ledger.canonical import instant
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor
from wastetrack.regulations.vocabulary import treatment_method
from wastetrack.units import kg_text
from wastetrack.waste import clock
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.reading import Reader


@dataclass(frozen=True)
class Treated:
    """One treatment to record: of which container, method code, grams, when it was done, what was left over."""

    container: Container
    method: str
    mass_g: int
    treated_at: datetime
    residue: str = ""


def read_treatments(manifest: Manifest, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Treated]:
    """The rows of a treatment as sent.

    Raises Invalid naming each container that is neither on the manifest nor came out of it here (unknown_line), and
    each mass or text that cannot be used.
    """
    lines = list(manifest.lines.select_related("container"))
    here = [*(line.container for line in lines), *regrouped(manifest, lines)]
    known = {code: one for one in here for code in (one.code, one.short_code)}
    reader, found = Reader(), []
    for number, row in enumerate(rows):
        field = f"lines.{number}"
        container = known.get(plain_code(row.get("container")))
        if container is None:
            reader.fail(f"{field}.container", "unknown_line")
        mass_g = reader.mass(f"{field}.mass_kg", row.get("mass_kg"))
        residue = reader.text(f"{field}.residue", row.get("residue"), NOTE_LENGTH)
        if container is not None:
            at = row.get("treated_at") or now
            found.append(Treated(container, str(row.get("method") or ""), mass_g, at, residue))
    reader.finish()
    return found


def treat(*, actor: Actor, manifest: Manifest, treatments: Sequence[Treated], now: datetime) -> Manifest:
    """The plant records what it did with what it accepted, or with what came out of that; what is all treated ends.

    Raises Refused(illegal_state | not_a_treater | open_discrepancy | line_not_accepted | not_here | emptied |
    treated_too_much), Invalid(no_lines | unknown_line | unknown_method | method_not_final | time_in_future |
    time_out_of_order).
    """
    with transaction.atomic():
        (manifest,) = lock([manifest])
        require_party(actor, manifest, "receiver")
        # What was sent on, refused there and came back is treated here after all, closed or not.
        if manifest.state not in (*AFTER_RECEIPT, ManifestState.CLOSED):
            raise Refused("illegal_state", verb="treat", state=manifest.state, subject=manifest.subject)
        if not manifest.is_final_transfer:
            raise Refused("not_a_treater")
        if not treatments:
            raise invalid("lines", "no_lines")
        rows = _judged(manifest, treatments, now)
        facts = _record_all(actor, manifest, rows, now)
        content = {
            "number": manifest.number,
            "plant": manifest.receiver.uscc,
            "treatments": [{"container": row.container.code, **_said(row)} for row, _ in rows],
        }
        payload = {"drums": len({row.container_id for row, _ in rows}), **signature(content, "treat")}
        payload["mass_kg"] = kg_text(sum(row.mass_g for row, _ in rows))
        facts.append(Fact("manifest.treat", manifest.subject, manifest.readers(), payload))
        record(actor, facts, now=now)
    return manifest


def _judged(manifest: Manifest, treatments: Sequence[Treated], now: datetime) -> list[tuple[Treatment, Container]]:
    """The rows to save, each with its locked container, which has been told how much of it is treated then."""
    lines = {line.container_id: line for line in manifest.lines.select_related("container")}
    made_here = {one.pk for one in regrouped(manifest, list(lines.values()))}
    locked = {one.pk: one for one in lock(list({row.container.pk: row.container for row in treatments}.values()))}
    disputed = set(Discrepancy.objects.filter(line__in=lines.values(), settled_at=None).values_list("line", flat=True))
    depots = dict(Stay.objects.filter(container__in=locked, left_at=None).values_list("container", "depot"))
    rows = []
    for number, treated in enumerate(treatments):
        field, container = f"lines.{number}", locked[treated.container.pk]
        line = lines.get(container.pk)
        if line is None and container.pk not in made_here:
            raise invalid(f"{field}.container", "unknown_line")
        method = treatment_method(treated.method)
        if method is None or not method.final:
            raise invalid(f"{field}.method", "unknown_method" if method is None else "method_not_final")
        since = line.received_at if line else container.logged_at
        at = event_time(f"{field}.treated_at", treated.treated_at, now, not_before=since)
        _require_treatable(manifest, container, line, disputed=line is not None and line.pk in disputed)
        if treated.mass_g > (left_g := container.mass_g - container.treated_g):
            raise Refused("treated_too_much", container=container.short_grouped, left_kg=kg_text(left_g))
        container.treated_g += treated.mass_g
        row = Treatment(
            container=container,
            plant_id=manifest.receiver_id,
            line=line,
            method=method.code,
            mass_g=treated.mass_g,
            residue=treated.residue,
            treated_at=at,
            recorded_at=now,
            depot_id=depots.get(container.pk),
        )
        rows.append((row, container))
    return rows


def _require_treatable(manifest: Manifest, container: Container, line: Line | None, *, disputed: bool) -> None:
    if line is not None and line.outcome != Outcome.ACCEPTED:
        raise Refused("line_not_accepted", container=container.short_grouped)
    if disputed:
        # The mass to treat is not known before both sides agree on it.
        raise Refused("open_discrepancy", container=container.short_grouped)
    if container.state == ContainerState.EMPTIED:
        raise Refused("emptied")
    if container.holder_id != manifest.receiver_id or container.state != ContainerState.STORED:
        raise Refused("not_here", container=container.short_grouped)


def _record_all(
    actor: Actor, manifest: Manifest, rows: Sequence[tuple[Treatment, Container]], now: datetime
) -> list[Fact]:
    """Save the treatments; a container whose last gram is treated ends, and its clock. One fact a treatment."""
    Treatment.objects.bulk_create([row for row, _ in rows])
    last = {container.pk: row for row, container in rows}
    ended = [container for container in _once(rows) if container.treated_g == container.mass_g]
    ends = {container.pk for container in ended}
    told = {row.pk: {**about(manifest), "plant": manifest.receiver.name, **_said(row)} for row, _ in rows}
    facts = [
        Fact("container.treat_part", container.subject, container.readers(), told[row.pk])
        for row, container in rows
        if container.pk not in ends or last[container.pk] is not row
    ]
    Container.objects.bulk_update(_once(rows), ["treated_g"])
    if ended:
        said = {container.pk: told[last[container.pk].pk] for container in ended}
        facts += _end(actor, ended, said, {container.pk: last[container.pk].treated_at for container in ended}, now)
    return facts


def end_if_treated(*, actor: Actor, manifest: Manifest, container: Container, now: datetime) -> list[Fact]:
    """A locked drum whose mass was corrected to what is treated of it already has ended by that; the caller records."""
    if container.state != ContainerState.STORED or container.treated_g != container.mass_g:
        return []
    said = {container.pk: {**about(manifest), "plant": container.holder.name}}
    return _end(actor, [container], said, {container.pk: now}, now)


def _end(
    actor: Actor,
    containers: Sequence[Container],
    said: Mapping[int, Mapping[str, Any]],
    at: Mapping[int, datetime],
    now: datetime,
) -> list[Fact]:
    """These are treated to the last gram: they leave the store, and their clocks stop."""
    _, facts = move(
        containers,
        "treat",
        actor=actor,
        position="manifest",
        payload=lambda container: said[container.pk],
        change={"storage_deadline": None},
    )
    for container in containers:
        store.leave([container], at=at[container.pk])
    clock.stop(containers, actor=actor, now=now)
    return facts


def _once(rows: Sequence[tuple[Treatment, Container]]) -> list[Container]:
    return list({container.pk: container for _, container in rows}.values())


def _said(row: Treatment) -> dict[str, Any]:
    """A treatment as entries tell it."""
    return {
        "method": row.method,
        "mass_kg": kg_text(row.mass_g),
        "treated_at": instant(row.treated_at),
        **({"residue": row.residue} if row.residue else {}),
    }
