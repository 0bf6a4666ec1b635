"""A bay in which more drums stand than it has places for."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from depots.watched import own_limit
from wastetrack.alerts.registry import register

BAY_PLACES = register(
    own_limit(
        kind="bay_places",
        title=_("No place in a bay"),
        sentences={
            "warned": _(
                "%(drums)s drums stand in bay %(bay)s of %(depot_name)s (%(organisation)s), which has %(places)s "
                "places."
            ),
            "overdue": _(
                "More drums have stood in bay %(bay)s of %(depot_name)s (%(organisation)s) than its %(places)s places "
                "since %(due)s: %(drums)s."
            ),
        },
        states={"warned": _("Nearly full"), "overdue": _("Too many drums")},
        measured=lambda load: (load.containers, load.bay.places),
        told=lambda drums, places: {"drums": drums, "places": places},
    )
)
