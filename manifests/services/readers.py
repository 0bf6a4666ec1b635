"""Who may see drums when a transfer has one party less."""

from __future__ import annotations

from collections.abc import Sequence

from depots.models import Stay
from manifests.models import Line, Manifest, ManifestState
from wastetrack.parties.visibility import audience
from wastetrack.waste.lineage import readers_by_descent
from wastetrack.waste.models import Container
from wastetrack.waste.services import set_readers


def draw_readers(containers: Sequence[Container]) -> None:
    """Who would have received or carried these locked drums has nothing to do with them: readers are drawn anew."""
    readers = {container.pk: audience([container.generator_id, container.holder_id]) for container in containers}
    for stay in Stay.objects.filter(container__in=containers).select_related("container__origin", "depot__site"):
        divisions = [stay.container.origin.division, stay.depot.site.division]
        readers[stay.container_id] |= audience([stay.depot.organisation_id], divisions)
    lines = Line.objects.filter(container__in=containers, manifest__issued_at__isnull=False)
    lines = lines.exclude(manifest__state=ManifestState.CANCELLED, manifest__departed_at=None)
    manifests = Manifest.objects.filter(pk__in=lines.values("manifest")).select_related("sender_site", "receiver")
    theirs = {manifest.pk: manifest.readers() for manifest in manifests.prefetch_related("legs")}
    for container_id, manifest_id in lines.values_list("container", "manifest"):
        readers[container_id] |= theirs[manifest_id]
    # Whose waste went into it goes on seeing it.
    for pk, inherited in readers_by_descent(containers).items():
        readers[pk] |= inherited
    set_readers(containers, readers)
