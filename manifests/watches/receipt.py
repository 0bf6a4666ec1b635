"""A load that has arrived and is not confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from manifests.deadlines import MANIFEST, RECEIPT, receipt_deadline, receipt_place
from manifests.models import Manifest, ManifestState
from manifests.touched import after, manifests, names
from wastetrack.alerts.registry import Deadline, Look, Watch, register

STEPS = (
    *("manifest.deliver", "manifest.reopen", "manifest.correct"),
    *("manifest.receive*", "manifest.reject", "manifest.call_off"),
)


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = Manifest.objects.filter(number__in=names(abouts), state=ManifestState.DELIVERED)
    places = {one: receipt_place(one) for one in rows.select_related("sender", "receiver")}
    figures = look.figures(MANIFEST, places.values())
    for manifest, place in places.items():
        if manifest.delivered_at is not None:
            yield receipt_deadline(manifest, manifest.delivered_at, figures[place])


register(
    Watch(
        kind=RECEIPT,
        title=_("Receipt to confirm"),
        sentences={
            "warned": _("Manifest %(number)s from %(sender)s has arrived: confirm its receipt by %(due)s."),
            "overdue": _(
                "Manifest %(number)s from %(sender)s should have been confirmed by %(organisation)s by %(due)s: "
                "%(days)d days over."
            ),
        },
        action=_("Receive it"),
        find=_find,
        on=after(STEPS, manifests),
        figures=("manifest.confirm_working_days", "manifest.confirm_warn_working_days"),
        link="/manifests/%(number)s",
    )
)
