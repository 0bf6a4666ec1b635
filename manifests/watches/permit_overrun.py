"""More taken in a year than may be taken without a new permit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from manifests.permits import takers, years_of
from manifests.touched import COUNTS, LICENSED, after, names, organisation_subject, permit_holders, receivers
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.units import kg_text
from wastetrack.waste.clock import start_of


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    today = timezone.localdate(look.now)
    years = years_of(list(takers(names(abouts))), today)
    figures = look.figures("permit", {(one.division, one.pk) for one in years})
    for taker, year in years.items():
        percent = figures[taker.division, taker.pk]["overrun_percent"]
        if not year.goes_beyond(int(percent)):
            continue
        yield Deadline(
            about=organisation_subject(taker.uscc),
            organisation_id=taker.pk,
            division=taker.division,
            over=True,
            details={
                "first": year.first.isoformat(),
                "taken": kg_text(year.taken_g),
                "granted": kg_text(year.granted_g),
                "overrun": str(percent),
            },
            look_at=start_of(date(today.year + 1, 1, 1)),
        )


register(
    Watch(
        kind="permit_overrun",
        title=_("New permit needed"),
        sentences={
            "overdue": _(
                "%(organisation)s has taken, or is to get, %(taken)s kg since %(first)s: over %(overrun)s %% more than "
                "the %(granted)s kg a year of its permits. That needs a new permit of the authority that issued them."
            ),
            "warned": _("%(organisation)s needs a new permit."),
        },
        action=_("See the permits"),
        find=_find,
        on=after(COUNTS, receivers) | {"permit.*": permit_holders},
        subjects=LICENSED,
        clause="permit_scope",
        figures=("permit.overrun_percent",),
        states={"overdue": _("Exceeded")},
        link="/permits?search=%(key)s",
    )
)
