"""Corrections after a signature: proposed with old and new values, in force when all others who signed agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from manifests.models import AFTER_RECEIPT, ON_THE_WAY, Consent, Correction, Leg, Line, Manifest, ManifestState, Outcome
from manifests.selectors import legs_of, lines_of
from manifests.services.changes import Change, ChangeReader, last_leg, own_value, value_of
from manifests.services.common import NOTE_LENGTH, about
from manifests.services.consents import all_agreed, ask_further, signers
from manifests.services.content import signature
from manifests.services.effects import take_effect
from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.ledger.canonical import canonical_json
from wastetrack.ledger.services import Fact, record
from wastetrack.lifecycle.services import lock, move
from wastetrack.parties.actors import Actor

CORRECTABLE = (ManifestState.ISSUED, *ON_THE_WAY, *AFTER_RECEIPT[:2])
"""Signed, and neither refused as a whole, closed nor called off."""


def propose(
    *, actor: Actor, manifest: Manifest, reason: str, changes: Mapping[str, Any], now: datetime, cancels: bool = False
) -> Correction:
    """A party that signed proposes other values (as ChangeReader reads them), or to call it off under way (`cancels`).

    It holds at once where nobody else has signed; else when all of them have agreed. One is open at a time.
    Raises NotPermitted(not_your_part | nothing_signed), Refused(still_a_draft | illegal_state | already_received |
    correction_open | nothing_changes), Invalid(reason_missing | too_long | …) with every problem at its field.
    """
    actor.require_write()
    with transaction.atomic():
        (manifest,) = lock([manifest])
        lines, legs = lines_of(manifest), legs_of(manifest)
        _require_open_to(actor, manifest, lines, legs, cancels)
        read = [] if cancels else _read(ChangeReader(manifest, lines, legs, now), reason, changes)
        if cancels and not reason.strip():
            raise invalid("reason", "reason_missing")
        signed = signers(manifest, lines, legs, carriage=cancels or any(one.field == "vehicle" for one in read))
        if actor.organisation_id not in signed:
            raise NotPermitted("nothing_signed", subject=manifest.subject)
        correction = Correction.objects.create(
            manifest=manifest,
            proposer=actor.principal,
            proposed_by=actor.person,
            reason=" ".join(reason.split())[:NOTE_LENGTH],
            cancels=cancels,
            changes=canonical_json([one.as_json() for one in read]),
            proposed_at=now,
        )
        others = sorted(signed - {actor.organisation_id})
        Consent.objects.bulk_create(Consent(correction=correction, organisation_id=pk) for pk in others)
        facts = [_fact("propose", manifest, correction)]
        if not others:
            facts += _approve(actor, manifest, correction, now)
        record(actor, facts, now=now)
    return correction


def _require_open_to(
    actor: Actor, manifest: Manifest, lines: Sequence[Line], legs: Sequence[Leg], cancels: bool
) -> None:
    if actor.organisation_id not in {manifest.sender_id, manifest.receiver_id, *(leg.carrier_id for leg in legs)}:
        raise NotPermitted("not_your_part", verb="correct", subject=manifest.subject)
    if cancels and any(line.outcome for line in lines):
        raise Refused("already_received", subject=manifest.subject)
    if manifest.state not in (ON_THE_WAY if cancels else CORRECTABLE):
        if manifest.state == ManifestState.DRAFT:
            raise Refused("still_a_draft", manifest=manifest.number)
        verb = "cancel" if cancels else "correct"
        raise Refused("illegal_state", verb=verb, state=manifest.state, subject=manifest.subject)
    if manifest.corrections.filter(settled_at=None).exists():
        raise Refused("correction_open", manifest=manifest.number)


def _read(reader: ChangeReader, reason: str, changes: Mapping[str, Any]) -> list[Change]:
    if not reader.text("reason", reason, NOTE_LENGTH):
        reader.fail("reason", "reason_missing")
    read = reader.read(changes)
    reader.finish()
    if not read:
        raise Refused("nothing_changes")
    return read


def approve(*, actor: Actor, manifest: Manifest, now: datetime, correction_id: str = "") -> Correction:
    """One of those asked agrees and signs; with the last of them what was proposed holds.

    Who has signed the manifest since it was proposed is asked from now on.

    `correction_id`: which proposal was read, where the caller can say: another one is not meant.

    Raises Refused(correction_over | already_agreed | correction_stale | already_received, and what its effects refuse),
    NotPermitted(own_proposal | not_your_part).
    """
    actor.require_write()
    with transaction.atomic():
        (manifest,) = lock([manifest])
        correction = _others_proposal(actor, manifest, correction_id)
        facts = ask_further(manifest)
        consent = correction.consents.filter(organisation=actor.organisation_id).first()
        if consent is None:
            raise NotPermitted("not_your_part", verb="approve", subject=manifest.subject)
        if consent.given_at is not None:
            raise Refused("already_agreed")
        if (refusal := _why_stale(manifest, correction)) is not None:
            raise refusal
        consent.given_by, consent.given_at = actor.person, now
        consent.save(update_fields=["given_by", "given_at"])
        facts.append(_fact("consent", manifest, correction))
        if all_agreed(manifest, correction):
            facts += _approve(actor, manifest, correction, now)
        record(actor, facts, now=now)
    return correction


def _approve(actor: Actor, manifest: Manifest, correction: Correction, now: datetime) -> list[Fact]:
    moved, facts = move(
        [correction],
        "approve",
        actor=actor,
        position="consenter",
        change={"settled_at": now},
        payload=about(manifest),
    )
    return [*facts, *take_effect(actor, manifest, moved[0], now)]


def decline(*, actor: Actor, manifest: Manifest, reason: str, now: datetime, correction_id: str = "") -> Correction:
    """One of those asked does not agree: nothing changes, and the proposal is over. `correction_id` as in approve.

    Raises Refused(correction_over), NotPermitted(own_proposal | not_your_part), Invalid(reason_missing).
    """
    actor.require_write()
    with transaction.atomic():
        (manifest,) = lock([manifest])
        correction = _others_proposal(actor, manifest, correction_id)
        if not correction.positions(actor):
            raise NotPermitted("not_your_part", verb="decline", subject=manifest.subject)
        if not reason.strip():
            raise invalid("reason", "reason_missing")
        return _end(actor, manifest, correction, "decline", now, reason=reason[:NOTE_LENGTH])


def withdraw(*, actor: Actor, manifest: Manifest, now: datetime, correction_id: str = "") -> Correction:
    """Who proposed it takes it back. `correction_id` as in approve.

    Raises Refused(correction_over), NotPermitted(not_your_part).
    """
    actor.require_write()
    with transaction.atomic():
        (manifest,) = lock([manifest])
        return _end(actor, manifest, _open_of(manifest, correction_id), "withdraw", now)


def withdraw_stale(*, actor: Actor, manifest: Manifest, now: datetime) -> None:
    """What an open proposal would change is no longer as it was: it is over, as if its proposer had withdrawn it."""
    with transaction.atomic():
        (manifest,) = lock([manifest])
        correction = manifest.corrections.filter(settled_at=None).first()
        if correction is not None and _why_stale(manifest, correction) is not None:
            _end(actor, manifest, correction, "withdraw", now, position="proposer", stale=True)


def _end(
    actor: Actor,
    manifest: Manifest,
    correction: Correction,
    verb: str,
    now: datetime,
    *,
    position: str | None = None,
    **told: Any,
) -> Correction:
    (correction,), facts = move(
        [correction],
        verb,
        actor=actor,
        position=position,
        change={"settled_at": now},
        payload={**about(manifest), **told},
    )
    record(actor, facts, now=now)
    return correction


def _open_of(manifest: Manifest, correction_id: str = "") -> Correction:
    found = manifest.corrections.filter(settled_at=None).first()
    if found is None or correction_id not in ("", str(found.pk)):
        raise Refused("correction_over", manifest=manifest.number)
    (found,) = lock([found])
    return found


def _others_proposal(actor: Actor, manifest: Manifest, correction_id: str) -> Correction:
    """The open proposal, which the actor may answer because it is not its own."""
    found = _open_of(manifest, correction_id)
    if found.proposer_id == actor.organisation_id:
        raise NotPermitted("own_proposal", subject=manifest.subject)
    return found


def _why_stale(manifest: Manifest, correction: Correction) -> Refused | None:
    """Why what was proposed can't hold any more: a value, or the manifest itself, is not as it was."""
    lines, legs = lines_of(manifest), legs_of(manifest)
    if correction.cancels and any(line.outcome for line in lines):
        return Refused("already_received", subject=manifest.subject)
    by_code = {line.container.code: line for line in lines}
    stale = manifest.state not in (ON_THE_WAY if correction.cancels else CORRECTABLE)
    for change in correction.data:
        line = by_code.get(change["container"])
        field = change["field"]
        value = value_of(line, field) if line else own_value(manifest, last_leg(legs), field)
        stale = stale or value != change["old"]
        # A receipt that was taken back has no mass to correct.
        stale = stale or (field == "mass_kg" and line is not None and line.outcome != Outcome.ACCEPTED)
    return Refused("correction_stale", manifest=manifest.number) if stale else None


def _fact(kind: str, manifest: Manifest, correction: Correction) -> Fact:
    """What one party says of a proposal, bound to what exactly it is."""
    content = {
        "number": manifest.number,
        "version": manifest.version,
        "cancels": correction.cancels,
        "changes": correction.data,
        "reason": correction.reason,
    }
    payload = {**about(manifest), "reason": correction.reason, **signature(content, kind)}
    return Fact(f"correction.{kind}", correction.subject, correction.readers(), payload)
