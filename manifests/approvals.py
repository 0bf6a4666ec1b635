"""Approvals to send waste out of the province: which one a manifest uses up, and what is left of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from manifests.checks import approvals_left, leaves_province
from manifests.models import Approval, Manifest
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container

MOST = 100


def approval_for(manifest: Manifest, containers: Sequence[Container], on: date) -> Approval | None:
    """The approval that a manifest uses: the first to end of those that hold and cover it all, else the latest.

    None within a province, and where there is none for this receiver (two queries at most).
    """
    if not leaves_province(manifest):
        return None
    rows = Approval.objects.filter(sender=manifest.sender_id, receiver=manifest.receiver_id).order_by("valid_to", "pk")
    approvals = list(rows)
    left = approvals_left(approvals) if approvals else {}
    codes = {container.waste_code for container in containers}
    mass_g = sum(container.mass_g for container in containers)
    for approval in approvals:
        holds = approval.valid_from <= on <= approval.valid_to and codes <= set(approval.waste_codes.split())
        if holds and left[approval] >= mass_g:
            return approval
    return approvals[-1] if approvals else None


@dataclass(frozen=True)
class Standing:
    """An approval and how much of it is left, grams."""

    approval: Approval
    left_g: int
    holds: bool

    @property
    def used_g(self) -> int:
        return self.approval.mass_g - self.left_g

    @property
    def used_percent(self) -> int:
        return self.used_g * 100 // self.approval.mass_g


def approvals_of(actor: Actor, on: date) -> list[Standing]:
    """The approvals that the actor may see, those that hold first (two queries)."""
    rows = Approval.objects.visible_to(actor).select_related("sender", "receiver").order_by("-valid_to", "-pk")
    approvals = list(rows[:MOST])
    left = approvals_left(approvals)
    found = [Standing(one, left[one], one.valid_from <= on <= one.valid_to) for one in approvals]
    return sorted(found, key=lambda one: not one.holds)


def followed(approvals: Sequence[Approval]) -> set[Approval]:
    """Those of them after which another between the same two has been got, for all of their codes (one query)."""
    return {one for one, others in _instead_of(approvals).items() if any(one.valid_to < o.valid_to for o in others)}


def relieved(approvals: Sequence[Approval], on: date) -> set[Approval]:
    """Those beside which another that holds on a day has something left, for all of their codes (two queries)."""
    instead = _instead_of(approvals)
    holding = {one for others in instead.values() for one in others if one.valid_from <= on <= one.valid_to}
    left = approvals_left(list(holding))
    return {one for one, others in instead.items() if any(left.get(other) for other in others)}


def _instead_of(approvals: Sequence[Approval]) -> dict[Approval, list[Approval]]:
    """The other approvals between the same two that name all codes of each (one query)."""
    known: dict[tuple[int, int], list[Approval]] = {}
    for one in Approval.objects.filter(sender__in={one.sender_id for one in approvals}):
        known.setdefault((one.sender_id, one.receiver_id), []).append(one)
    return {
        one: [
            other
            for other in known.get((one.sender_id, one.receiver_id), ())
            if other != one and set(one.waste_codes.split()) <= set(other.waste_codes.split())
        ]
        for one in approvals
    }
