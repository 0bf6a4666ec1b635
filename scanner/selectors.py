"""Reading scans, and what a scanner wants to know beside the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from depots.models import Bay, Depot, Stay
from depots.selectors import roomy_bay
from manifests.deviation import limits_in
from manifests.models import Line
from scanner.models import TO_BE_SEEN, Intent, Scan
from scanner.tasks import Details, Load, Weighing
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import get_container


def last_scans(actor: Actor, depot: Depot | None = None) -> QuerySet[Scan]:
    """The organisation's scans, the newest first; of one depot where one is named."""
    scans = Scan.objects.visible_to(actor).select_related("container", "user", "undone_by").order_by("-id")
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


def details_of(actor: Actor, container: Container | None, intent: str, *, weigh_again: bool = False) -> Details:
    """What to tell beside an accepted scan (two queries at most, three where it is to be weighed again)."""
    # A count is blind: where the books have a drum is not told while it goes on.
    if container is None or intent in (Intent.LOOKUP, Intent.COUNT):
        return Details()
    bay = Stay.objects.filter(container=container, left_at=None, depot__site__organisation=actor.organisation_id)
    line = _line_of(actor, container, intent)
    load = Load(line.manifest.number, line.done, line.expected) if line else None  # type: ignore[attr-defined]
    weighing = None
    if weigh_again and line is not None and hasattr(line, "discrepancy"):
        limits = limits_in(line.manifest.receiver.division)
        found = line.discrepancy
        weighing = Weighing(found.declared_mass_g, found.received_mass_g, limits["notice_percent"])
    return Details(bay.values_list("bay__code", flat=True).first(), load, weighing)


def _line_of(actor: Actor, container: Container, intent: str) -> Line | None:
    """The line that a check-in has just received or a check-out loaded, with its manifest's `done` and `expected`."""
    if intent == Intent.CHECK_IN:
        mine, mark = Q(manifest__receiver=actor.organisation_id, received_at__isnull=False), "received_at"
    elif intent == Intent.CHECK_OUT:
        ours = Q(manifest__sender=actor.organisation_id) | Q(manifest__carrier=actor.organisation_id)
        mine, mark = ours & Q(loaded_at__isnull=False), "loaded_at"
    else:
        return None
    siblings = Line.objects.filter(manifest=OuterRef("manifest")).order_by().values("manifest")
    return (
        Line.objects.filter(mine, container=container)
        .select_related("manifest__receiver", "discrepancy")
        .annotate(
            done=Subquery(siblings.annotate(n=Count(mark)).values("n")),
            expected=Subquery(siblings.annotate(n=Count("id")).values("n")),
        )
        .order_by(f"-{mark}")
        .first()
    )


def to_be_seen(actor: Actor) -> QuerySet[Scan]:
    """Scans that had happened in the yard and that the rules do not bear, oldest first."""
    scans = Scan.objects.visible_to(actor).filter(TO_BE_SEEN)
    return scans.select_related("container__generator", "user").order_by("id")
