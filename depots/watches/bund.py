"""A bay whose bund is too small for the liquids in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from depots.watched import BAY_LINK, BAYS, OF_BAY, figures_of, loads, of_bay, place_of
from wastetrack.alerts.registry import Deadline, Look, Watch, register


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    found = [load for load in loads(abouts) if load.bay.bund_l is not None]
    figures = figures_of("facility", [load.bay.depot for load in found], look)
    for load in found:
        load.liquid_share = figures[place_of(load.bay.depot)]["liquid_share_percent"]
        needed, bund_l = load.bund_needed_l(), load.bay.bund_l
        if bund_l is not None and needed > bund_l:
            yield of_bay(load.bay, over=True, bund_l=bund_l, needed_l=f"{needed.normalize():f}")


_SAID = _(
    "The bund of bay %(bay)s of %(depot_name)s (%(organisation)s) has been too small for the liquids in it since "
    "%(due)s: it holds %(bund_l)s L and must hold %(needed_l)s L."
)

BUND = register(
    Watch(
        kind="bund",
        title=_("Bund too small"),
        sentences={"warned": _SAID, "overdue": _SAID},
        action=_("Move liquids"),
        states={"overdue": _("Too small")},
        find=_find,
        on=OF_BAY,
        subjects=BAYS,
        clause="store_liquid_bund",
        figures=("facility.liquid_share_percent",),
        link=BAY_LINK,
    )
)
