"""A waste of which nobody has said what it reacts with, in a bay with others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from depots.watched import BAY_LINK, BAYS, OF_BAY, loads, of_bay
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Watch, register


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    for load in loads(abouts):
        if codes := load.unstated():
            yield of_bay(load.bay, over=True, codes=", ".join(codes))


_SAID = _(
    "%(codes)s has stood with other wastes in bay %(bay)s of %(depot_name)s (%(organisation)s) since %(due)s, and "
    "nobody has said what it reacts with."
)

UNSTATED = register(
    Watch(
        kind="unstated",
        title=_("Reaction unknown"),
        sentences={"warned": _SAID, "overdue": _SAID},
        action=_("Say what it reacts with"),
        states={"overdue": _("Not stated")},
        find=_find,
        on=OF_BAY,
        subjects=BAYS,
        # Unknown is never taken for harmless, and never for proven either: it is the lesser of the two.
        clause="check_before_store",
        severity=Severity.WARNING,
        link=BAY_LINK,
    )
)
