"""The regulator's desk: a district in figures, and the rows behind each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Min, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from depots.models import Stay
from manifests.models import AFTER_RECEIPT, UNDER_WAY, Discrepancy, Manifest, ManifestState, Treatment
from manifests.selectors import visible_manifests
from wastetrack.alerts.models import Alert, AlertState, Severity
from wastetrack.alerts.selectors import GRAVEST_FIRST, Explained, explained, open_alerts, tally, title_of
from wastetrack.parties.actors import Actor
from wastetrack.waste.clock import due_soon, start_of, warned

SHOWN, LATEST = 8, 5
LAID_BEFORE = Case(When(state=AlertState.ESCALATED, then=F("due_at")), default=F("opened_at"))
"""In which order alerts came before the office: what was escalated by its due time, what it is told of at once by
when it was opened."""


@dataclass(frozen=True)
class Figures:
    """A district in figures; each has its rows on the same page."""

    stock_g: int
    containers: int
    depots: int
    overdue: int
    overdue_g: int
    due: int
    under_way: int
    to_close: int
    disputes: int
    treated_g: int


@dataclass(frozen=True)
class Kind:
    """How many of a kind of alert are open in a district."""

    kind: str
    title: str
    alarms: int = 0
    warnings: int = 0
    notices: int = 0


@dataclass(frozen=True)
class Warnings:
    """A district's alerts: the latest that were laid before the office, and all that are open by kind."""

    latest: Sequence[Explained]
    kinds: Sequence[Kind]


@dataclass(frozen=True)
class District:
    """The figures, and the rows behind them: places, transfers, disputes, treatments, alerts."""

    figures: Figures
    overdue: Sequence[dict[str, Any]]
    stock: Sequence[dict[str, Any]]
    on_the_way: Sequence[Manifest]
    disputed: Sequence[Manifest]
    treated: Sequence[dict[str, Any]]
    warnings: Warnings


def district_of(actor: Actor, now: datetime) -> District:
    """The actor's district now; the number of queries does not grow with it."""
    stays = Stay.objects.visible_to(actor).filter(left_at=None)
    late = Q(container__storage_deadline__lt=now)
    year = timezone.localdate(now).replace(month=1, day=1)
    treatments = Treatment.objects.visible_to(actor).filter(treated_at__gte=start_of(year))
    by_method: Any = treatments.values("method").annotate(n=Count("id"), total_g=Sum("mass_g")).order_by("-total_g")
    methods = list(by_method)
    manifests: Any = visible_manifests(actor)
    return District(
        figures=_figures(actor, stays, late, sum(row["total_g"] for row in methods), now),
        overdue=list(_by_place(stays.filter(late)).order_by("first")[:SHOWN]),
        stock=list(_by_place(stays).order_by("-total_g")[:SHOWN]),
        on_the_way=list(manifests.filter(state=ManifestState.IN_TRANSIT).order_by("departed_at", "id")[:SHOWN]),
        disputed=list(manifests.filter(disputed=True).order_by("id")[:SHOWN]),
        treated=methods[:SHOWN],
        warnings=warnings_of(actor, now),
    )


def warnings_of(actor: Actor, now: datetime) -> Warnings:
    """The open alerts of the actor's district (two queries)."""
    rows = open_alerts(actor)
    counts: dict[str, dict[Severity, int]] = {}
    for one in tally(rows):
        found = counts.setdefault(one.kind, {})
        found[one.severity] = found.get(one.severity, 0) + one.count
    kinds = [
        Kind(kind, title_of(kind), *(found.get(grade, 0) for grade in GRAVEST_FIRST)) for kind, found in counts.items()
    ]
    told = rows.filter(Alert.addressed_to(actor)).order_by("-felt", LAID_BEFORE.desc(), "-id")[:LATEST]
    return Warnings(explained(told, now), kinds)


def _figures(actor: Actor, stays: QuerySet[Stay], late: Q, treated_g: int, now: datetime) -> Figures:
    stock = stays.aggregate(
        stock_g=Coalesce(Sum("container__mass_g"), 0),
        containers=Count("id"),
        depots=Count("depot", distinct=True),
        overdue=Count("id", filter=late),
        overdue_g=Coalesce(Sum("container__mass_g", filter=late), 0),
        due=Count("id", filter=due_soon(now, "container__")),
    )
    open_manifests = Manifest.objects.visible_to(actor).aggregate(
        under_way=Count("id", filter=Q(state__in=UNDER_WAY)), to_close=Count("id", filter=Q(state__in=AFTER_RECEIPT))
    )
    disputes = Discrepancy.objects.visible_to(actor).filter(settled_at=None).count()
    return Figures(**stock, **open_manifests, disputes=disputes, treated_g=treated_g)


def _by_place(stays: QuerySet[Stay]) -> Any:
    return (
        stays.order_by()
        .values("depot", "depot__name", "depot__site__organisation__name", "depot__site__organisation__uscc")
        .annotate(
            n=Count("id"),
            total_g=Sum("container__mass_g"),
            first=Min("container__storage_deadline"),
            warned=Count("id", filter=warned("container__")),
        )
    )
