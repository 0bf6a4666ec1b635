"""A depot that holds more than it was designed for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from depots.selectors import filled
from depots.watched import DEPOTS, OF_DEPOT, depots_of, figures_of, is_over, of_depot, place_of
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.units import kg_text, percent_of


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    depots = list(filled(depots_of(abouts).filter(capacity_g__gt=0)))
    figures = figures_of("facility", depots, look)
    for depot in depots:
        used_g: int = depot.used_g  # type: ignore[attr-defined]
        limit_g = depot.capacity_g or 0
        over = is_over(used_g, limit_g, figures[place_of(depot)]["warn_percent"])
        if over is not None:
            masses = {"mass_kg": kg_text(used_g), "limit_kg": kg_text(limit_g)}
            yield of_depot(depot, over=over, percent=percent_of(used_g, limit_g), **masses)


DEPOT_FULL = register(
    Watch(
        kind="depot_full",
        title=_("Depot full"),
        sentences={
            "warned": _(
                "%(depot_name)s of %(organisation)s is %(percent)s %% full: %(mass_kg)s kg of the %(limit_kg)s kg "
                "it was designed for."
            ),
            "overdue": _(
                "%(depot_name)s of %(organisation)s has held more than the %(limit_kg)s kg it was designed for since "
                "%(due)s: %(mass_kg)s kg stand there."
            ),
        },
        action=_("Hand drums over"),
        states={"warned": _("Nearly full"), "overdue": _("Too much")},
        find=_find,
        on=OF_DEPOT,
        subjects=DEPOTS,
        clause="design_capacity",
        figures=("facility.warn_percent",),
        link="/containers?state=stored&depot=%(depot)s",
    )
)
