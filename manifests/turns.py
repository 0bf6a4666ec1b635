"""Whose turn it is: the manifests that wait for an organisation, and the steps it may take on one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet

from manifests.models import AFTER_RECEIPT, ON_THE_WAY, Discrepancy, Line, Manifest, ManifestState, Outcome
from manifests.selectors import visible_manifests
from wastetrack.parties.actors import Actor


def waits_for(actor: Actor) -> Q:
    """Manifests whose next step is the actor's organisation's: a filter on any queryset of manifests."""
    organisation = actor.organisation_id
    disputes = Discrepancy.objects.filter(line__manifest=OuterRef("pk"), settled_at=None)
    lines = Line.objects.filter(manifest=OuterRef("pk"))
    refused = Exists(lines.filter(outcome=Outcome.REJECTED, taken_back_at=None))
    untreated = Exists(
        lines.filter(outcome=Outcome.ACCEPTED, manifest__receiver__roles__contains="treater")
        .exclude(container__state="treated")
        .exclude(discrepancy__isnull=False, discrepancy__settled_at=None)
    )
    to_treat = Q(untreated)
    # What may be treated is treated first; then only open differences and refused drums stand before the end.
    to_close = ~Q(untreated) & ~Q(Exists(disputes)) & ~Q(refused)
    received = Q(state__in=AFTER_RECEIPT)
    sender = Q(state=ManifestState.DRAFT) | received & (Q(_unstated(disputes, "sender")) | Q(refused))
    receiver = Q(state=ManifestState.DELIVERED) | received & (Q(_unstated(disputes, "receiver")) | to_treat | to_close)
    carrier = Q(state__in=[ManifestState.ISSUED, ManifestState.IN_TRANSIT])
    return Q(sender=organisation) & sender | Q(carrier=organisation) & carrier | Q(receiver=organisation) & receiver


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


def turn_of(manifest: Manifest, lines: Sequence[Line], actor: Actor, *, blocked: bool = False) -> Turn:
    """The actor's steps on this manifest; `blocked` says that a draft has problems and can't be issued today."""
    pending = _pending(manifest, lines, blocked)
    mine = manifest.positions(actor) if actor.may_write else frozenset()
    steps = [verb for party, verb in pending if party in mine]
    if "sender" in mine and manifest.state in (ManifestState.DRAFT, ManifestState.ISSUED):
        steps.append("cancel")
    if "receiver" in mine and manifest.state == ManifestState.IN_TRANSIT:
        # Nobody waits for a carrier who forgot to say that it arrived.
        steps.append("receive")
    return Turn(tuple(dict.fromkeys(steps)), pending[0] if pending and mine.isdisjoint(p for p, _ in pending) else None)


def _pending(manifest: Manifest, lines: Sequence[Line], blocked: bool) -> list[tuple[str, str]]:
    """What is to be done next and by which party, most urgent first."""
    before_receipt = {
        ManifestState.DRAFT: [("sender", "revise" if blocked else "issue")],
        ManifestState.ISSUED: [("carrier", "depart")],
        ManifestState.IN_TRANSIT: [("carrier", "deliver")],
        ManifestState.DELIVERED: [("receiver", "receive")],
    }
    if manifest.state in before_receipt:
        return before_receipt[manifest.state]
    if manifest.state not in AFTER_RECEIPT:
        return []
    disputed = [line for line in lines if is_disputed(line)]
    pending = [
        (side, "settle") for side in ("sender", "receiver") if any(not has_stated(line, side) for line in disputed)
    ]
    refused = any(line.outcome == Outcome.REJECTED and line.taken_back_at is None for line in lines)
    pending += [("sender", "take_back")] if refused else []
    untreated = [line for line in lines if manifest.is_final_transfer and awaits_treatment(line)]
    if any(line not in disputed for line in untreated):
        pending.append(("receiver", "treat"))
    return pending if pending or disputed or untreated else [("receiver", "close")]


def is_disputed(line: Line) -> bool:
    """Whether the line has a difference that is not settled."""
    discrepancy = getattr(line, "discrepancy", None)
    return discrepancy is not None and discrepancy.settled_at is None


def has_stated(line: Line, side: str) -> bool:
    """Whether this side has said which mass it stands by."""
    return any(said.side == side for said in line.discrepancy.statements.all())


def awaits_treatment(line: Line) -> bool:
    """Whether the line's container was accepted and is not treated to the last gram."""
    return line.outcome == Outcome.ACCEPTED and line.container.state != "treated"
