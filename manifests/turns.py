"""Whose turn it is: the manifests that wait for an organisation, and the steps it may take on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet

from manifests.corrections import asked_of
from manifests.models import (
    AFTER_RECEIPT,
    ON_THE_WAY,
    TURNED_AWAY,
    Consent,
    Correction,
    Discrepancy,
    Line,
    Manifest,
    ManifestState,
    Outcome,
    to_treat,
)
from manifests.selectors import visible_manifests
from manifests.services.corrections import CORRECTABLE
from wastetrack.parties.actors import Actor


def waits_for(actor: Actor) -> Q:
    """Manifests whose next step is the actor's organisation's: a filter on any queryset of manifests."""
    organisation = actor.organisation_id
    disputes = Discrepancy.objects.filter(line__manifest=OuterRef("pk"), settled_at=None)
    lines = Line.objects.filter(manifest=OuterRef("pk"))
    away = lines.filter(TURNED_AWAY, taken_back_at=None)
    refused = Exists(away.filter(followed_by=None))
    proposed = Correction.objects.filter(manifest=OuterRef("pk"), settled_at=None)
    asked = Consent.objects.filter(correction__manifest=OuterRef("pk"), correction__settled_at=None, given_at=None)
    untreated = Exists(
        lines.filter(to_treat(organisation), manifest__receiver__roles__contains="treater").exclude(
            discrepancy__isnull=False, discrepancy__settled_at=None
        )
    )
    treating = Q(untreated)
    # What may be treated is treated first; then only open differences and refused drums stand before the end.
    to_close = ~Q(untreated) & ~Q(Exists(disputes)) & ~Q(Exists(away)) & ~Q(Exists(proposed))
    received = Q(state__in=AFTER_RECEIPT)
    unloading = Q(state__in=[*AFTER_RECEIPT, ManifestState.DELIVERED])
    sender = Q(state=ManifestState.DRAFT) | Q(refused) | unloading & Q(_unstated(disputes, "sender"))
    receiver = Q(state=ManifestState.DELIVERED) | received & (Q(_unstated(disputes, "receiver")) | treating | to_close)
    carrier = Q(state__in=[ManifestState.ISSUED, ManifestState.IN_TRANSIT])
    next_carrier = Q(next_carrier=organisation, state=ManifestState.IN_TRANSIT)
    carriers = Q(carrier=organisation) & carrier | next_carrier
    consents = Q(Exists(asked.filter(organisation=organisation)))
    return Q(sender=organisation) & sender | carriers | Q(receiver=organisation) & receiver | consents


def _unstated(disputes: QuerySet[Discrepancy], side: str) -> Exists:
    return Exists(disputes.exclude(statements__side=side))


def waiting(actor: Actor) -> QuerySet[Manifest]:
    """The actor's manifests whose next step is its own; newest first."""
    return visible_manifests(actor).filter(waits_for(actor))


def expected_by(actor: Actor, receiver_id: int) -> list[Manifest]:
    """Loads on their way to a receiver, the first to have departed first.

    Each has `missing`, its lines not yet received, and `received_count`. Three queries, however many loads.
    """
    missing = Line.objects.filter(outcome="").select_related("container")
    return list(
        visible_manifests(actor)
        .annotate(received_count=Count("lines", filter=~Q(lines__outcome="")))
        .filter(receiver=receiver_id, state__in=ON_THE_WAY)
        .prefetch_related(Prefetch("lines", missing, to_attr="missing"), "legs")
        .order_by("departed_at", "id")
    )


@dataclass(frozen=True)
class Turn:
    """A manifest as one actor sees it: the steps open to it (the next one first), and who else is waited for.

    `waits_for` is a pair of party and verb; None when the actor has a step of its own, or nothing is left.
    """

    steps: tuple[str, ...]
    waits_for: tuple[str, str] | None


def turn_of(
    manifest: Manifest,
    lines: Sequence[Line],
    actor: Actor,
    *,
    blocked: bool = False,
    proposal: Correction | None = None,
) -> Turn:
    """The actor's steps on this manifest; `blocked` says that a draft has problems and can't be issued today.

    `proposal`: the correction that is open, if one is.
    """
    pending = [step for step in _pending(manifest, lines, blocked) if proposal is None or step[1] != "close"]
    mine = manifest.positions(actor) if actor.may_write else frozenset()
    steps = _about_proposal(proposal, actor) + [verb for party, verb in pending if party in mine]
    if "receiver" in mine and manifest.state == ManifestState.IN_TRANSIT:
        # Nobody waits for a carrier who forgot to say that it arrived.
        steps.append("receive")
    if manifest.state in (ManifestState.DELIVERED, *AFTER_RECEIPT):
        # Whoever slipped may put its own statement right while the other side has not agreed.
        sides = {"sender", "receiver"} & mine
        steps += ["settle"] if any(may_restate(line, side) for line in lines for side in sides) else []
    steps += _asides(manifest, lines, mine) if proposal is None else []
    return Turn(tuple(dict.fromkeys(steps)), pending[0] if pending and mine.isdisjoint(p for p, _ in pending) else None)


def _about_proposal(proposal: Correction | None, actor: Actor) -> list[str]:
    """What the actor may say to an open proposal."""
    if proposal is None or not actor.may_write:
        return []
    if proposal.proposer_id == actor.organisation_id:
        return ["withdraw"]
    return ["approve", "decline"] if asked_of(proposal, actor) else []


def _asides(manifest: Manifest, lines: Sequence[Line], mine: frozenset[str]) -> list[str]:
    """Steps that nobody waits for: calling it off, alone or by consent, and proposing a correction."""
    received = any(line.outcome for line in lines)
    signed = {"sender"} | ({"receiver"} if received else {"carrier"} if manifest.departed_at else set())
    asides = ["correct"] if manifest.state in CORRECTABLE and signed & mine else []
    alone = manifest.state in (ManifestState.DRAFT, ManifestState.ISSUED) and "sender" in mine
    at_gate = {"receiver"} if manifest.state == ManifestState.DELIVERED else set()
    together = manifest.state in ON_THE_WAY and not received and mine & {"sender", "carrier", *at_gate}
    if "receiver" in mine and manifest.state in AFTER_RECEIPT and any(was_turned_away(manifest, one) for one in lines):
        asides.append("return")
    return [*asides, "cancel"] if alone or together else asides


def _pending(manifest: Manifest, lines: Sequence[Line], blocked: bool) -> list[tuple[str, str]]:
    """What is to be done next and by which party, most urgent first."""
    before_receipt = {
        ManifestState.DRAFT: [("sender", _of_a_draft(manifest, blocked))],
        ManifestState.ISSUED: [("carrier", "depart")],
        ManifestState.IN_TRANSIT: _on_the_road(manifest),
    }
    if manifest.state in before_receipt:
        return before_receipt[manifest.state]
    back = [("sender", "take_back")] if any(was_turned_away(manifest, line) for line in lines) else []
    if manifest.state == ManifestState.CANCELLED:
        return back
    disputed = [line for line in lines if is_disputed(line)]
    pending = [
        (side, "settle") for side in ("sender", "receiver") if any(not has_stated(line, side) for line in disputed)
    ]
    if manifest.state == ManifestState.DELIVERED:
        return [("receiver", "receive"), *pending, *back]
    pending += back
    untreated = [line for line in lines if manifest.is_final_transfer and awaits_treatment(line)]
    if any(line not in disputed for line in untreated):
        pending.append(("receiver", "treat"))
    done = not (pending or disputed or untreated or any(is_away(manifest, line) for line in lines))
    return [("receiver", "close")] if done and manifest.state != ManifestState.CLOSED else pending


def _of_a_draft(manifest: Manifest, blocked: bool) -> str:
    """What ran on paper is typed in; else a draft is issued, or first mended."""
    if blocked:
        return "revise"
    return "type-in" if manifest.paper else "issue"


def _on_the_road(manifest: Manifest) -> list[tuple[str, str]]:
    """Whoever was handed the load takes it over; until then, and else, the carrier brings it or hands it over."""
    to_take = [("next_carrier", "take-over")] if manifest.next_carrier_id else []
    return [*to_take, ("carrier", "deliver"), ("carrier", "hand-over")]


def was_turned_away(manifest: Manifest, line: Line) -> bool:
    """Whether the line's drum was turned away and is neither back nor under way on another manifest."""
    return is_away(manifest, line) and line.followed_by_id is None


def is_away(manifest: Manifest, line: Line) -> bool:
    """Whether the line's drum was turned away and is not back nor taken in elsewhere yet: as TURNED_AWAY says."""
    called_off = manifest.state == ManifestState.CANCELLED and manifest.departed_at is not None
    refused = line.outcome == Outcome.REJECTED and manifest.purpose != "return"
    return (refused or (called_off and manifest.follows_id is None)) and line.taken_back_at is None


def is_disputed(line: Line) -> bool:
    """Whether the line has a difference that is not settled."""
    discrepancy = getattr(line, "discrepancy", None)
    return discrepancy is not None and discrepancy.settled_at is None


def has_stated(line: Line, side: str) -> bool:
    """Whether this side has said which mass it stands by."""
    return any(said.side == side for said in line.discrepancy.statements.all())


def may_restate(line: Line, side: str) -> bool:
    """Whether this side stated a mass that the other has not agreed to; where the masses agree there is no other."""
    if not is_disputed(line) or not has_stated(line, side):
        return False
    return bool(line.discrepancy.declared_mass_g != line.discrepancy.received_mass_g)


def awaits_treatment(line: Line) -> bool:
    """Whether the receiver has still to treat the line's drum or what came out of it, as `lines_of` tells."""
    return bool(line.untreated)  # type: ignore[attr-defined]
