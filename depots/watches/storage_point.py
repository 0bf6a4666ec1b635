"""A firm's storage point that holds more than it ever may."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from depots.models import DepotKind
from depots.selectors import filled
from depots.watched import DEPOTS, OF_DEPOT, depots_of, figures_of, is_over, of_depot, place_of
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.units import GRAMS_PER_KG, kg_text


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    depots = list(filled(depots_of(abouts).filter(kind=DepotKind.STORAGE_POINT)))
    figures = figures_of("storage_point", depots, look)
    for depot in depots:
        here, used_g = figures[place_of(depot)], depot.used_g  # type: ignore[attr-defined]
        over = is_over(used_g, here["max_kg"] * GRAMS_PER_KG, here["warn_percent"])
        if over is not None:
            yield of_depot(depot, over=over, mass_kg=kg_text(used_g), limit_kg=f"{here['max_kg']}")


STORAGE_POINT = register(
    Watch(
        kind="storage_point",
        title=_("Storage point too full"),
        sentences={
            "warned": _(
                "%(mass_kg)s kg stand in storage point %(depot_name)s of %(organisation)s: it may never hold more than "
                "%(limit_kg)s kg."
            ),
            "overdue": _(
                "Storage point %(depot_name)s of %(organisation)s has held more than the %(limit_kg)s kg it may hold "
                "since %(due)s: %(mass_kg)s kg stand there."
            ),
        },
        action=_("Hand drums over"),
        states={"warned": _("Nearly full"), "overdue": _("Too much")},
        find=_find,
        on=OF_DEPOT,
        subjects=DEPOTS,
        clause="storage_point_3_t",
        figures=("storage_point.max_kg", "storage_point.warn_percent"),
        link="/containers?state=stored&depot=%(depot)s",
    )
)
