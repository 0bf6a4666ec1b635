"""Reading scans, and what a scanner wants to know beside the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from depots.models import Bay, Depot, Stay
from depots.selectors import roomy_bay
from manifests.models import Line
from scanner.models import Scan
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import get_container


def last_scans(actor: Actor, depot: Depot | None = None) -> QuerySet[Scan]:
    """The organisation's scans, the newest first; of one depot where one is named."""
    scans = Scan.objects.visible_to(actor).select_related("container", "user").order_by("-id")
    return scans.filter(depot_asked=str(depot.pk)) if depot else scans


@dataclass(frozen=True)
class Whereabouts:
    """Where a scanned container stands, the bay that has room for it if it stands in none, and its manifest's line."""

    container: Container
    stay: Stay | None
    proposed: Bay | None
    line: Line | None


def whereabouts(actor: Actor, code: str) -> Whereabouts | None:
    """What to tell of a container just scanned; None where there is none, or none that the actor may see."""
    if not code:
        return None
    try:
        container = get_container(actor, code)
    except NotFound:
        return None
    stays = Stay.objects.visible_to(actor).filter(container=container, left_at=None)
    stay = stays.select_related("depot__site", "bay", "container").first()
    line = (
        Line.objects.filter(container=container, manifest__receiver=actor.organisation_id, received_at__isnull=False)
        .select_related("manifest", "discrepancy")
        .order_by("-received_at")
        .first()
    )
    return Whereabouts(container, stay, _proposed(actor, stay), line)


def _proposed(actor: Actor, stay: Stay | None) -> Bay | None:
    """A bay with room for a container that stands in our depot but in no bay."""
    if stay is None or stay.bay is not None or stay.depot.organisation_id != actor.organisation_id:
        return None
    return roomy_bay(stay.depot, stay.container)
