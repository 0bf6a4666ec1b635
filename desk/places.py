"""Where a new drum may stand: the choices of the form that logs it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from depots.models import Bay, Depot
from depots.selectors import own_depots
from wastetrack.errors import invalid
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Site


@dataclass(frozen=True)
class Place:
    """One choice: in a depot (in a bay, or in the first with room), or still in the workshop of a site."""

    value: str
    label: str
    site: Site
    depot: Depot | None = None
    bay: Bay | None = None


def places_of(actor: Actor) -> list[Place]:
    """The places of the actor's organisation, its storage points first (three queries)."""
    depots = sorted(own_depots(actor), key=lambda depot: (depot.takes_from_others, depot.pk))
    bays = list(Bay.objects.filter(depot__in=depots).order_by("code"))
    found = []
    for depot in depots:
        own = [bay for bay in bays if bay.depot_id == depot.pk]
        label = _("%(depot)s · first bay with room") % {"depot": depot.name} if own else depot.name
        found.append(Place(f"depot-{depot.pk}", label, depot.site, depot))
        found += [Place(f"bay-{bay.pk}", f"{depot.name} · {bay.code}", depot.site, depot, bay) for bay in own]
    for site in Site.objects.filter(organisation=actor.organisation_id).order_by("pk"):
        label = _("Still in the workshop of %(site)s") % {"site": site.name}
        found.append(Place(f"site-{site.pk}", label, site))
    return found


def place_named(places: list[Place], value: str) -> Place:
    """The place of a form's value. Raises Invalid(missing | unknown_site)."""
    if not value:
        raise invalid("place", "missing")
    for place in places:
        if place.value == value:
            return place
    raise invalid("place", "unknown_site")


def usual_place(places: list[Place], site_id: int | None) -> str:
    """The value to begin with: the first store of the site, else the first store, else the first place."""
    stores = [place for place in places if place.depot is not None]
    at_site = [place for place in stores if place.site.pk == site_id]
    return next((place.value for place in [*at_site, *stores, *places]), "")
