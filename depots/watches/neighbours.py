"""Wastes in one bay that react with each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from depots.watched import BAY_LINK, BAYS, OF_BAY, loads, of_bay
from wastetrack.alerts.registry import Deadline, Look, Watch, register


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    for load in loads(abouts):
        if pair := next(load.reacting(), None):
            one, other, _conflict = pair
            yield of_bay(load.bay, over=True, a=", ".join(one), b=", ".join(other))


_SAID = _(
    "%(a)s and %(b)s have stood together in bay %(bay)s of %(depot_name)s (%(organisation)s) since %(due)s: they react "
    "with each other."
)

NEIGHBOURS = register(
    Watch(
        kind="neighbours",
        title=_("Incompatible neighbours"),
        sentences={"warned": _SAID, "overdue": _SAID},
        action=_("Put them apart"),
        states={"overdue": _("They react")},
        find=_find,
        on=OF_BAY,
        subjects=BAYS,
        clause="storage_separation",
        figures=("pairs",),
        # A fire does not wait until it has been overdue for a week.
        district="at once",
        link=BAY_LINK,
    )
)
