"""A driver's day: the loads to fetch, those aboard, and those that another driver hands over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Prefetch, Q, QuerySet

from manifests.models import Leg, Line, Manifest, ManifestState
from manifests.selectors import visible_manifests
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor

MOST = 60
"""Loads on one page: far more than a lorry's day."""
PHASES = ("offered", "aboard", "to_fetch")
"""In the order in which somebody waits for the driver."""


@dataclass(frozen=True)
class Load:
    """A manifest as its driver sees it; `phase` is one of PHASES."""

    manifest: Manifest
    phase: str

    @cached_property
    def legs(self) -> Sequence[Leg]:
        return list(self.manifest.legs.all())

    @property
    def leg(self) -> Leg | None:
        """The leg that is being driven, or that is offered to this driver."""
        if self.phase == "offered":
            return next((leg for leg in self.legs if leg.handed_over_at and not leg.departed_at), None)
        return next((leg for leg in self.legs if leg.departed_at and not leg.arrived_at), None)

    @property
    def offered_to(self) -> str:
        """Whom this load was handed to and who has not signed for it yet; empty where it was not."""
        to = self.manifest.next_carrier
        return to.name if to is not None and self.phase == "aboard" else ""

    @property
    def scanned(self) -> int:
        """Drums that are scanned onto the vehicle."""
        return int(self.manifest.loaded_count)  # type: ignore[attr-defined]

    @property
    def missing(self) -> int:
        """Drums that are not scanned on yet, once scanning has begun; a load may go unscanned, but not in part."""
        return self.manifest.line_count - self.scanned if self.scanned else 0  # type: ignore[attr-defined]


def loads_of(actor: Actor) -> tuple[list[Load], bool]:
    """The loads that the actor's organisation is to drive, and whether there are more (two queries)."""
    found = list(_loads(actor).order_by("departed_at", "issued_at", "id")[: MOST + 1])
    loads = [Load(manifest, _phase(manifest, actor)) for manifest in found[:MOST]]
    return sorted(loads, key=lambda load: PHASES.index(load.phase)), len(found) > MOST


def get_load(actor: Actor, number: str) -> tuple[Load, list[Line]]:
    """One load and its drums. Raises NotFound(unknown_manifest) for what is not the actor's to drive now."""
    manifest = _loads(actor).filter(number=number).first()
    if manifest is None:
        raise NotFound("unknown_manifest")
    return Load(manifest, _phase(manifest, actor)), list(manifest.lines.select_related("container"))


def _loads(actor: Actor) -> QuerySet[Manifest]:
    mine = Q(carrier=actor.organisation_id, state__in=[ManifestState.ISSUED, ManifestState.IN_TRANSIT])
    offered = Q(next_carrier=actor.organisation_id, state=ManifestState.IN_TRANSIT)
    return (
        visible_manifests(actor)
        .annotate(loaded_count=Count("lines", filter=Q(lines__loaded_at__isnull=False)))
        .filter(mine | offered)
        .prefetch_related(Prefetch("legs", Leg.objects.order_by("position")))
    )


def _phase(manifest: Manifest, actor: Actor) -> str:
    if manifest.carrier_id != actor.organisation_id:
        return "offered"
    return "to_fetch" if manifest.state == ManifestState.ISSUED else "aboard"
