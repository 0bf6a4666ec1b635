"""What an officer sees of a load on the road, and what a regulator finds of it by its number plate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from manifests.models import Leg, Line, Manifest, ManifestState
from manifests.selectors import legs_of, visible_manifests
from wastetrack.errors import NotFound
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Permit, PermitKind
from wastetrack.parties.selectors import valid_permits
from wastetrack.regulations.plates import plain


@dataclass(frozen=True)
class OnTheRoad:
    """A load as it is checked at the roadside: its papers, its way, and what is in it."""

    manifest: Manifest
    lines: list[Line]
    legs: list[Leg]
    permits: list[Permit]
    """The transport permits in force of the carrier that has it now."""

    @property
    def leg(self) -> Leg | None:
        """The leg that is being driven."""
        return next((leg for leg in self.legs if leg.departed_at and not leg.arrived_at), None)

    @property
    def mass_g(self) -> int:
        return sum(line.mass_g for line in self.lines)


def load_on_the_road(manifest: Manifest, on: date) -> OnTheRoad:
    """Everything of a load that is on the road (four queries, however many drums)."""
    manifest = Manifest.objects.select_related("sender", "sender_site", "receiver", "carrier").get(pk=manifest.pk)
    assert manifest.carrier is not None
    permits = [permit for permit in valid_permits(manifest.carrier, on) if permit.kind == PermitKind.TRANSPORT]
    return OnTheRoad(manifest, list(manifest.lines.select_related("container")), legs_of(manifest), permits)


def on_the_road(actor: Actor, plate: str = "") -> QuerySet[Manifest]:
    """The loads now on the road in a regulator's district, by a number plate or a part of one; each has `now_legs`.

    Raises NotFound for anybody else: a search by plate is a regulator's.
    """
    if not actor.is_regulator:
        raise NotFound
    now = Leg.objects.filter(departed_at__isnull=False, arrived_at=None)
    rows = visible_manifests(actor).filter(state=ManifestState.IN_TRANSIT)
    if wanted := plain(plate):
        rows = rows.filter(Exists(now.filter(manifest=OuterRef("pk"), plate__contains=wanted)))
    return rows.prefetch_related(Prefetch("legs", now, to_attr="now_legs"))
