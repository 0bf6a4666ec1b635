"""A difference in mass that is to be noted and is not significant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from manifests.deadlines import named
from manifests.models import Discrepancy, Line
from manifests.models import Severity as Grade
from manifests.touched import DIFFERS, after, manifests, names
from wastetrack.alerts.models import Severity
from wastetrack.alerts.registry import Deadline, Look, Subjects, Watch, register
from wastetrack.districts.selectors import Place
from wastetrack.regulations.parameters import Parameter
from wastetrack.units import kg_text

TABLE, DAYS = "mass_deviation", "notice_days"


def _noted() -> QuerySet[Discrepancy]:
    rows = Discrepancy.objects.filter(severity=Grade.NOTICE, settled_at=None)
    return rows.select_related("line__manifest__sender", "line__manifest__receiver")


def _place(one: Discrepancy) -> Place:
    manifest = one.line.manifest
    return manifest.receiver.division, manifest.sender_id


def _find(abouts: Sequence[str], look: Look) -> Iterable[Deadline]:
    rows = list(_noted().filter(line__manifest__number__in=names(abouts)).order_by("opened_at", "pk"))
    figures = look.figures(TABLE, {_place(one) for one in rows})
    told: dict[str, list[tuple[datetime, Discrepancy]]] = {}
    for one in rows:
        until = one.opened_at + timedelta(days=int(figures[_place(one)][DAYS]))
        if look.now < until:
            told.setdefault(one.line.manifest.subject, []).append((until, one))
    for about, found in told.items():
        yield _deadline(about, [one for _, one in found], min(until for until, _ in found))


def _deadline(about: str, rows: Sequence[Discrepancy], until: datetime) -> Deadline:
    line: Line = rows[0].line
    manifest = line.manifest
    return Deadline(
        about=about,
        organisation_id=manifest.sender_id,
        division=manifest.receiver.division,
        warn_at=rows[0].opened_at,
        details={
            **named(manifest),
            "declared": kg_text(sum(one.declared_mass_g for one in rows)),
            "received": kg_text(sum(one.received_mass_g for one in rows)),
        },
        also=[manifest.receiver_id],
        look_at=until,
    )


register(
    Watch(
        kind="deviation",
        title=_("Difference in mass"),
        sentences={
            "warned": _(
                "Of manifest %(number)s, %(receiver)s weighed %(received)s kg where %(sender)s declared "
                "%(declared)s kg: agree on one mass."
            )
        },
        action=_("Settle it"),
        find=_find,
        on=after(DIFFERS, manifests),
        subjects=Subjects(
            rows=_noted,
            about=lambda one: str(one.line.manifest.subject),
            organisation="line__manifest__sender",
            division="line__manifest__receiver__division",
        ),
        severity=Severity.NOTICE,
        legal=False,
        district="never",
        parameters={
            f"{TABLE}.{DAYS}": Parameter(
                30,
                "calendar days",
                "本项目自定：未达重大差异的重量偏差提示的天数；之后仍须双方一致方可办结",
                "D",
                name=_("What is to be noted is told for"),
                stricter="higher",
            )
        },
        states={"warned": _("To be noted")},
        link="/manifests/%(number)s",
    )
)
