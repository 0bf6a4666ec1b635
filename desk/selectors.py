"""Reading across rooms: a container with its place, its papers and its whole life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from depots.models import Stay
from manifests.models import Manifest, Treatment
from manifests.selectors import manifests_naming, treatments_of
from wastetrack.alerts.models import Alert
from wastetrack.ledger.models import Entry
from wastetrack.ledger.selectors import Attestation, attest, history_of
from wastetrack.parties.actors import Actor
from wastetrack.waste.clock import warned
from wastetrack.waste.models import Container, ContainerState
from wastetrack.waste.selectors import get_container

MASS_KINDS = ("manifest.discrepancy", "manifest.settle")


def places(containers: Sequence[Container]) -> dict[int, Stay]:
    """Where each of these containers stands now, by its id; each stay with whether it is `warned` of (one query)."""
    stays = Stay.objects.filter(container__in=containers, left_at=None).annotate(warned=warned("container__"))
    return {stay.container_id: stay for stay in stays.select_related("depot__site", "bay")}


@dataclass(frozen=True)
class Life:
    """A container's whole life as one page tells it."""

    container: Container
    place: Stay | None
    warned: bool
    """Whether its holder is warned of its storage time."""
    entries: list[Entry]
    around: list[Entry]
    """Its warnings and the differences in its mass, as far as the actor may see them."""
    manifests: list[Manifest]
    treatments: list[Treatment]
    attestation: Attestation
    """Of all entries that the page shows."""

    @property
    def steps(self) -> list[Entry]:
        """Everything that happened, the latest first."""
        return sorted([*self.entries, *self.around], key=lambda entry: entry.pk, reverse=True)

    def left(self, now: datetime) -> int | None:
        """Whole days until the storage deadline, negative when over; None when no clock runs."""
        deadline = self.container.storage_deadline
        return (deadline.astimezone(now.tzinfo).date() - now.date()).days if deadline else None


def life_of(actor: Actor, code: str) -> Life:
    """A container's life, as far as the actor may see it. Raises NotFound(unknown_code)."""
    container = get_container(actor, code)
    entries = list(history_of([container.subject]))
    manifests = list(manifests_naming(actor, container))
    around = _around(actor, container, manifests)
    place: Any = places([container]).get(container.pk)
    return Life(
        container=container,
        place=place,
        warned=place.warned if place else _warned_in_the_workshop(container),
        entries=entries,
        around=around,
        manifests=manifests,
        treatments=list(treatments_of(container)),
        attestation=attest([*entries, *around], whole=[container.subject]),
    )


def _warned_in_the_workshop(container: Container) -> bool:
    """Whether a drum is warned of that is in no store yet: no stay tells it (one query for such a drum alone)."""
    rows = Container.objects.filter(warned(), pk=container.pk)
    return container.state == ContainerState.LOGGED and rows.exists()


def _around(actor: Actor, container: Container, manifests: Sequence[Manifest]) -> list[Entry]:
    """Entries about the container's deadlines and about its mass on a manifest (two queries)."""
    alerts = Alert.objects.visible_to(actor).filter(about=container.subject).values_list("pk", flat=True)
    warned = Q(subject__in=[f"alert:{pk}" for pk in alerts])
    weighed = Q(subject__in=[manifest.subject for manifest in manifests], kind__in=MASS_KINDS)
    found = [entry for entry in Entry.objects.filter(warned | weighed) if entry.addressed_to(actor)]
    return [entry for entry in found if entry.subject.startswith("alert:") or entry.data["container"] == container.code]
