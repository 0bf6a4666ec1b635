"""A usual waste that goes on a manifest without having been logged as a drum: it is logged on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from depots import services as store
from depots.models import Depot, Stay
from manifests.models import Line, Manifest, ManifestState
from wastetrack.errors import Refused
from wastetrack.lifecycle.services import lock
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, ContainerState, WasteStream
from wastetrack.waste.services import STREAM_FIELDS


@dataclass(frozen=True)
class FromStream:
    """So many grams of a usual waste; since when it was filled, where somebody says."""

    stream: WasteStream
    mass_g: int
    accumulation_start: date | None = None

    def made(self, container: Container) -> bool:
        """Whether a drum is just what this asks for."""
        same = container.stream_id == self.stream.pk and container.mass_g == self.mass_g
        return same and self.accumulation_start in (None, container.accumulation_start)


def logged_from(one: FromStream, *, actor: Actor, since: date, now: datetime) -> Container:
    """A new container of a usual waste, in the firm's own store if only on paper; filled `since` if nobody has said.

    Raises Refused(firm_has_no_store).
    """
    stream = one.stream
    data = {name: getattr(stream, name) for name in STREAM_FIELDS if name != "reaction_groups"}
    data |= {"hazards": stream.hazards.split(), "volume_l": f"{Decimal(stream.volume_l).normalize():f}"}
    data |= {
        "mass_kg": kg_text(one.mass_g),
        "accumulation_start": one.accumulation_start or since,
    }
    depot = store_of(stream.organisation, stream.site_id)
    return store.log_into(actor=actor, depot=depot, data=data, stream=stream, now=now, on_paper=True)


def drop_logged(containers: Sequence[Container], *, manifest: Manifest, actor: Actor, now: datetime) -> None:
    """Void drums that were logged for this draft alone and are no longer in it: nobody has ever filled them.

    One that was put into a bay since, or that another manifest names, is there: it stays in the store.
    """
    lines = Line.objects.filter(container=OuterRef("pk")).exclude(manifest=manifest)
    named = lines.exclude(manifest__state=ManifestState.CANCELLED)
    placed = Stay.objects.filter(container=OuterRef("pk"), bay__isnull=False)
    unused = Container.objects.filter(~Exists(named), ~Exists(placed), pk__in=[one.pk for one in containers])
    reason = _("It was logged for draft %(number)s alone, which does not need it any more.") % {"number": manifest}
    for container in lock(list(unused)):
        if container.state == ContainerState.STORED:
            store.void(actor=actor, container=container, reason=reason, now=now)


def store_of(firm: Organisation, site_id: int) -> Depot:
    """The firm's own store at a site: what it brings was there, if only on paper. Raises Refused(firm_has_no_store)."""
    own = Depot.objects.filter(site=site_id, site__organisation=firm).select_related("site__organisation", "permit")
    depot: Depot | None = own.order_by("pk").first()
    if depot is None:
        raise Refused("firm_has_no_store", firm=firm.name)
    return depot
