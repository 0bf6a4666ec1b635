"""The year's mass under an organisation's permits that is nearly taken, or taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from manifests.permits import takers, years_of
from manifests.touched import COUNTS, LICENSED, after, names, organisation_subject, permit_holders, receivers
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Watch, register
from wastetrack.regulations.parameters import Parameter
from wastetrack.units import kg_text, percent_of
from wastetrack.waste.clock import start_of


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    today = timezone.localdate(look.now)
    years = years_of(list(takers(names(abouts))), today)
    figures = look.figures("permit", {(one.division, one.pk) for one in years})
    for taker, year in years.items():
        limits = figures[taker.division, taker.pk]
        # Past what may be taken without a new permit, that is what is told: see permit_overrun.
        beyond = year.goes_beyond(int(limits["overrun_percent"]))
        if beyond or year.taken_g * 100 < year.granted_g * limits["mass_warn_percent"]:
            continue
        yield Deadline(
            about=organisation_subject(taker.uscc),
            organisation_id=taker.pk,
            division=taker.division,
            over=year.taken_g >= year.granted_g,
            details={
                "first": year.first.isoformat(),
                "taken": kg_text(year.taken_g),
                "granted": kg_text(year.granted_g),
                "percent": percent_of(year.taken_g, year.granted_g),
            },
            look_at=start_of(date(today.year + 1, 1, 1)),
        )


register(
    Watch(
        kind="permit_mass",
        title=_("Permitted mass of the year"),
        sentences={
            "warned": _(
                "%(organisation)s has taken, or is to get, %(taken)s kg since %(first)s: %(percent)d %% of the "
                "%(granted)s kg that its permits let it take a year."
            ),
            "overdue": _(
                "%(organisation)s has taken, or is to get, %(taken)s kg since %(first)s: all of the "
                "%(granted)s kg, or more, that its permits let it take a year."
            ),
        },
        action=_("See the permits"),
        find=_find,
        on=after(COUNTS, receivers) | {"permit.*": permit_holders},
        subjects=LICENSED,
        clause="permit_scope",
        severity=Severity.WARNING,
        figures=("permit.overrun_percent",),
        parameters={
            "permit.mass_warn_percent": Parameter(
                80,
                "%",
                "本项目自定：年累计接受量接近许可年经营规模时提醒",
                "D",
                name=_("A permit's mass of the year: warning from"),
                stricter="lower",
            )
        },
        states={"warned": _("Nearly reached"), "overdue": _("Reached")},
        link="/permits?search=%(key)s",
    )
)
