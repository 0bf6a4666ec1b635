"""Waste that none of its holder's permits names, in its store or on its way there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from manifests.permits import announced, in_stock, not_covered, takers
from manifests.touched import LICENSED, after, licensed_parties, names, organisation_subject, permit_holders
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.waste.selectors import STOCK_ENTRIES

STEPS = (
    *("manifest.issue", "manifest.cancel", "manifest.call_off", "manifest.receive*", "manifest.reject"),
    *("manifest.reopen", "container.reject", *STOCK_ENTRIES),
)


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    today, holders = timezone.localdate(look.now), list(takers(names(abouts)))
    stock, coming = in_stock(holders), announced(holders)
    for holder in holders:
        here = not_covered(holder, stock.get(holder.pk, {}), today)
        on_the_way = not_covered(holder, coming.get(holder.pk, {}), today)
        if told := here or on_the_way:
            yield Deadline(
                about=organisation_subject(holder.uscc),
                organisation_id=holder.pk,
                division=holder.division,
                over=bool(here),
                details={"drums": sum(told.values()), "codes": ", ".join(told)},
            )


register(
    Watch(
        kind="permit_codes",
        title=_("Waste without a permit"),
        sentences={
            "warned": _(
                "Waste that no valid permit of %(organisation)s names is on its way there (drums: %(drums)d): "
                "%(codes)s."
            ),
            "overdue": _(
                "Waste that no valid permit of %(organisation)s names stands in its store (drums: %(drums)d, noticed "
                "since %(since)s): %(codes)s."
            ),
        },
        action=_("See these drums"),
        find=_find,
        on=after(STEPS, licensed_parties) | {"permit.*": permit_holders},
        subjects=LICENSED,
        clause="permit_required",
        states={"warned": _("On its way"), "overdue": _("In the store")},
        link="/containers?unnamed=%(key)s",
    )
)
