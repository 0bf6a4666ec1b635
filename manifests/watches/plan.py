"""Waste that went out beyond the year's plan, or to whom the plan does not name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from manifests.models import PlannedTransfer
from manifests.plan import YEARS, Row, plans_of
from manifests.touched import COUNTS, after, names, plan_of_row, plan_subject, plans
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register, subjects_themselves
from wastetrack.districts.selectors import Figures
from wastetrack.parties.models import Site
from wastetrack.regulations.parameters import Parameter
from wastetrack.units import mass_text
from wastetrack.waste.clock import start_of

MOST_NAMED = 3
"""So many transfers are named in a sentence; its link leads to all."""


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    keys = [(code, int(year)) for code, _, year in (name.rpartition(":") for name in names(abouts))]
    # A plan of a year is told of until the year's declaration is due (HJ 1259, 7.2).
    keys = [key for key in keys if key[1] in YEARS and look.now < _last_told(key[1])]
    if not keys:
        return
    sites = {site.code: site for site in Site.objects.filter(code__in={code for code, _ in keys})}
    places = {code: (site.division, site.organisation_id) for code, site in sites.items()}
    figures = look.figures("plan", places.values())
    for (code, year), rows in plans_of(keys).items():
        # Nobody has planned anything here: that is another matter than to depart from a plan.
        if code in sites and any(row.planned for row in rows):
            yield from _deadline(sites[code], year, rows, figures[places[code]])


def _last_told(year: int) -> datetime:
    return start_of(date(year + 1, 4, 1))


def _deadline(site: Site, year: int, rows: Sequence[Row], limits: Figures) -> Iterable[Deadline]:
    beyond = sorted((row for row in rows if row.over_g), key=lambda row: -row.over_g)
    near = [row for row in rows if row.sent_g and row.sent_g * 100 >= row.planned_g * limits["warn_percent"]]
    if told := beyond or sorted(near, key=lambda row: row.left_g):
        yield Deadline(
            about=plan_subject(site.code, year),
            organisation_id=site.organisation_id,
            division=site.division,
            over=bool(beyond),
            details={
                "site": site.name,
                "code": site.code,
                "year": year,
                "transfers": "; ".join(_said(row) for row in told[:MOST_NAMED])
                + ("; …" if len(told) > MOST_NAMED else ""),
            },
            look_at=_last_told(year),
        )


def _said(row: Row) -> str:
    return f"{row.waste_code} → {row.receiver.name} {mass_text(row.sent_g)} / {mass_text(row.planned_g)}"


register(
    Watch(
        kind="plan",
        title=_("Beyond the plan"),
        sentences={
            "warned": _(
                "%(site)s has sent nearly all that its plan of %(year)s foresees (sent / planned): %(transfers)s."
            ),
            "overdue": _("%(site)s has sent more than its plan of %(year)s foresees (sent / planned): %(transfers)s."),
        },
        action=_("Amend the plan"),
        find=_find,
        on=after(COUNTS, plans) | after(("plan.set",), subjects_themselves),
        subjects=Subjects(
            rows=lambda: PlannedTransfer.objects.select_related("site"),
            about=plan_of_row,
            organisation="site__organisation",
            division="site__division",
        ),
        clause="manifest_from_plan",
        severity=Severity.WARNING,
        parameters={
            "plan.warn_percent": Parameter(
                90,
                "%",
                "本项目自定：转移量接近管理计划时提醒",
                "D",
                name=_("Planned transfers: warning from"),
                stricter="lower",
            )
        },
        states={"warned": _("Nearly all sent"), "overdue": _("Beyond the plan")},
        link="/plan?site=%(code)s&year=%(year)s",
    )
)
