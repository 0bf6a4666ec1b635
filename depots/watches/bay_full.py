"""A bay that holds more than its keeper has set: its mass."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from depots.watched import own_limit
from wastetrack.alerts.registry import register
from wastetrack.units import kg_text

BAY_FULL = register(
    own_limit(
        kind="bay_full",
        title=_("Bay full"),
        sentences={
            "warned": _(
                "Bay %(bay)s of %(depot_name)s (%(organisation)s) is nearly full: %(mass_kg)s kg of %(limit_kg)s kg."
            ),
            "overdue": _(
                "Bay %(bay)s of %(depot_name)s (%(organisation)s) has held more than its %(limit_kg)s kg since "
                "%(due)s: %(mass_kg)s kg stand there."
            ),
        },
        states={"warned": _("Nearly full"), "overdue": _("Too much")},
        measured=lambda load: (load.used_g, load.bay.capacity_g),
        told=lambda used_g, limit_g: {"mass_kg": kg_text(used_g), "limit_kg": kg_text(limit_g)},
    )
)
