"""A significant difference that is not settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Min, Q
from django.utils.translation import gettext_lazy as _

from manifests.deadlines import DISCREPANCY, MANIFEST, difference_deadline, difference_place
from manifests.models import Manifest, Severity
from manifests.touched import DIFFERS, after, manifests, names
from wastetrack.alerts.registry import Deadline, Look, Watch, register

OPEN = Q(lines__discrepancy__settled_at=None, lines__discrepancy__severity=Severity.SIGNIFICANT)


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = Manifest.objects.filter(number__in=names(abouts)).select_related("sender", "receiver")
    rows = rows.annotate(differs_since=Min("lines__discrepancy__opened_at", filter=OPEN))
    places = {one: difference_place(one) for one in rows.exclude(differs_since=None)}
    figures = look.figures(MANIFEST, places.values())
    for manifest, place in places.items():
        yield difference_deadline(manifest, manifest.differs_since, figures[place])


register(
    Watch(
        kind=DISCREPANCY,
        title=_("Significant difference"),
        sentences={
            "warned": _(
                "What %(receiver)s received under manifest %(number)s differs significantly from what %(sender)s "
                "declared: both settle it by %(due)s."
            ),
            "overdue": _(
                "The significant difference of manifest %(number)s between %(sender)s and %(receiver)s is still not "
                "settled: %(days)d days over."
            ),
        },
        action=_("Settle it"),
        find=_find,
        on=after(DIFFERS, manifests),
        figures=("manifest.settle_days",),
        states={"warned": _("To be settled"), "overdue": _("Not settled")},
        link="/manifests/%(number)s",
    )
)
