"""The mass that counts for a line, and its drum's with it, unless the drum has gone on under another manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db.models import Q, QuerySet

from depots.models import Stay
from manifests.models import Line, Manifest, ManifestState
from manifests.services.common import about
from wastetrack.errors import Refused
from wastetrack.ledger.services import Fact
from wastetrack.units import kg_text
from wastetrack.waste.lineage import reweigh
from wastetrack.waste.models import Container, ContainerState


def went_on(manifest: Manifest, containers: Sequence[Container]) -> QuerySet[Line]:
    """The lines of other manifests under which these containers have gone on since: departed, or issued to depart.

    What was signed there stands: neither their masses nor what they are is changed from an earlier manifest.
    """
    if manifest.departed_at is None:
        return Line.objects.none()
    later = Q(manifest__departed_at__gt=manifest.departed_at)
    later |= Q(manifest__departed_at=manifest.departed_at, manifest__gt=manifest.pk)
    later |= Q(manifest__state=ManifestState.ISSUED)
    return Line.objects.filter(later, container__in=containers)


def has_gone_on(manifest: Manifest, container: Container) -> bool:
    return went_on(manifest, [container]).exists()


def require_weighable(container: Container, mass_g: int, *, moves: bool) -> None:
    """A mass may count for this drum's line. Raises Refused(treated_too_much | treated); `moves` as in weigh_drum."""
    if mass_g < container.treated_g:
        left_kg = kg_text(container.mass_g - container.treated_g)
        raise Refused("treated_too_much", container=container.short_grouped, left_kg=left_kg)
    if moves and container.state == ContainerState.TREATED and mass_g != container.mass_g:
        raise Refused("treated")


def weigh_drum(manifest: Manifest, line: Line, mass_g: int, *, moves: bool) -> list[Fact]:
    """A line's locked drum weighs what counts for the line, in the store's book too; nothing where it has gone on.

    `moves`: it has not (`has_gone_on`). The caller records the facts. Raises as lineage.reweigh.
    """
    if not moves:
        return []
    if line.received_at is not None:
        Stay.objects.filter(container=line.container, entered_at=line.received_at).update(mass_in_g=mass_g)
    return [replace(fact, payload={**about(manifest), **fact.payload}) for fact in reweigh(line.container, mass_g)]
