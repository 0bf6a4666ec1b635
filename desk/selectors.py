"""Reading across rooms: a container with its place, its papers and its whole life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from depots.models import Stay
from manifests.models import Manifest, Treatment
from manifests.selectors import manifests_naming, treatments_of
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import Attestation, attest, history_of
from wastetrack.parties.actors import Actor
from wastetrack.waste.models import Container
from wastetrack.waste.selectors import get_container


def places(containers: Sequence[Container]) -> dict[int, Stay]:
    """Where each of these containers stands now, by its id (one query)."""
    stays = Stay.objects.filter(container__in=containers, left_at=None)
    return {stay.container_id: stay for stay in stays.select_related("depot__site", "bay")}


@dataclass(frozen=True)
class Life:
    """A container's whole life as one page tells it."""

    container: Container
    place: Stay | None
    entries: list[Entry]
    manifests: list[Manifest]
    treatments: list[Treatment]
    attestation: Attestation

    def left(self, now: datetime) -> int | None:
        """Whole days until the storage deadline, negative when over; None when no clock runs."""
        deadline = self.container.storage_deadline
        return (deadline.astimezone(now.tzinfo).date() - now.date()).days if deadline else None


def life_of(actor: Actor, code: str) -> Life:
    """A container's life, as far as the actor may see it. Raises NotFound(unknown_code)."""
    container = get_container(actor, code)
    entries = list(history_of([container.subject]))
    return Life(
        container=container,
        place=places([container]).get(container.pk),
        entries=entries,
        manifests=list(manifests_naming(actor, container)),
        treatments=list(treatments_of(container)),
        attestation=attest(entries),
    )
