"""The steward's desk: the firms that let it act for them, with what each of them owes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum

from manifests.models import Manifest, ManifestState
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Delegation
from wastetrack.waste.clock import due_soon
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import RESTING


@dataclass(frozen=True)
class Firm:
    """A firm under the steward's care, in figures."""

    delegation: Delegation
    containers: int = 0
    mass_g: int = 0
    overdue: int = 0
    due: int = 0
    drafts: int = 0


def firms_of(actor: Actor, now: datetime) -> list[Firm]:
    """The firms whose delegation to the actor's organisation is in force, the most pressing first (three queries)."""
    delegations = Delegation.objects.filter(agent=actor.organisation_id, ended_at=None).select_related("principal")
    firms = {delegation.principal_id: delegation for delegation in delegations}
    late = Q(storage_deadline__lt=now)
    stock = (
        Container.objects.filter(holder__in=firms, state__in=RESTING)
        .order_by()
        .values("holder")
        .annotate(
            containers=Count("id"),
            total_g=Sum("mass_g"),
            overdue=Count("id", filter=late),
            due=Count("id", filter=due_soon(now)),
        )
    )
    held = {row["holder"]: row for row in stock}
    drafted = Manifest.objects.filter(sender__in=firms, state=ManifestState.DRAFT).order_by().values("sender")
    drafts = {row["sender"]: row["n"] for row in drafted.annotate(n=Count("id"))}
    found = [_firm(delegation, held.get(pk), drafts.get(pk, 0)) for pk, delegation in firms.items()]
    return sorted(found, key=lambda firm: (-firm.overdue, -firm.due, -firm.drafts, firm.delegation.principal.name))


def _firm(delegation: Delegation, row: dict[str, int] | None, drafts: int) -> Firm:
    if row is None:
        return Firm(delegation, drafts=drafts)
    return Firm(delegation, row["containers"], row["total_g"], row["overdue"], row["due"], drafts)
