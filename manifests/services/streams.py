"""A usual waste that goes on a manifest without having been logged as a drum: it is logged on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone

from depots import services as store
from depots.models import Depot
from wastetrack.errors import Refused
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, WasteStream
from wastetrack.waste.services import STREAM_FIELDS


@dataclass(frozen=True)
class FromStream:
    """So many grams of a usual waste; since when it was filled, today where nobody says."""

    stream: WasteStream
    mass_g: int
    accumulation_start: date | None = None


def logged_from(one: FromStream, *, actor: Actor, now: datetime) -> Container:
    """A new container of a usual waste, in the firm's own store if only on paper. Raises Refused(firm_has_no_store)."""
    stream = one.stream
    data = {name: getattr(stream, name) for name in STREAM_FIELDS if name != "reaction_groups"}
    data |= {"hazards": stream.hazards.split(), "volume_l": f"{Decimal(stream.volume_l).normalize():f}"}
    data |= {
        "mass_kg": kg_text(one.mass_g),
        "accumulation_start": one.accumulation_start or timezone.localdate(now),
    }
    depot = store_of(stream.organisation, stream.site_id)
    return store.log_into(actor=actor, depot=depot, data=data, stream=stream, now=now, on_paper=True)


def store_of(firm: Organisation, site_id: int) -> Depot:
    """The firm's own store at a site: what it brings was there, if only on paper. Raises Refused(firm_has_no_store)."""
    own = Depot.objects.filter(site=site_id, site__organisation=firm).select_related("site__organisation", "permit")
    depot: Depot | None = own.order_by("pk").first()
    if depot is None:
        raise Refused("firm_has_no_store", firm=firm.name)
    return depot
