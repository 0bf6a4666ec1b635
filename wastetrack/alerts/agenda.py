"""The calendar of deadlines: what falls due on which day, gathered by kind, for the month's page and for iCal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import BigIntegerField, Case, Count, F, Max, Q, QuerySet, When, Window
from django.db.models.functions import RowNumber, TruncDate
from django.utils import timezone

from wastetrack.alerts.models import PAST_DUE, Alert, AlertState, Severity
from wastetrack.alerts.registry import kinds, watch_of
from wastetrack.alerts.selectors import Explained, explained, falling_due
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Organisation

TOLD = 3
"""So many of a day's deadlines of one kind are told in a sentence; the rest is a number."""


@dataclass(frozen=True)
class Item:
    """All that falls due on one day of one kind."""

    kind: str
    title: str
    count: int
    state: AlertState
    """The gravest among them: overdue (escalated counts as that), warned, or watching."""
    severity: Severity
    told: Sequence[Explained]
    """The first few in words."""

    @property
    def link(self) -> str:
        """Where to go: of a single one to its action, of several to their list; empty while there is none."""
        if self.count == 1:
            return self.told[0].link
        return f"/alerts?{urlencode({'kind': self.kind})}" if self.severity else ""

    @property
    def whose(self) -> Organisation | None:
        """Whose they are, where they were gathered by that; None for those that the reader sees as their own."""
        alert = self.told[0].alert
        return alert.organisation if getattr(alert, "whose", None) is not None else None

    @property
    def abouts(self) -> list[str]:
        """The subjects of the first few, as the ledger names them."""
        return [explained.alert.about for explained in self.told]


@dataclass(frozen=True)
class Day:
    """A local day on which something falls due, the gravest first."""

    date: date
    rows: Sequence[Item]


def agenda(actor: Actor, first: date, last: date, *, now: datetime, others: Q | None = None) -> list[Day]:
    """Every unresolved deadline that the actor may read with its due day in [first, last], quiet ones too.

    `others`: alerts besides, gathered by their organisation as well; each has its organisation's id as `whose`.
    Only days that have any. As many queries for one as for many deadlines and days.
    """
    rows, by = _falling_due(actor, first, last, others), ("day", "kind", *(["whose"] if others is not None else []))
    told = _told(rows, by, now)
    days = defaultdict[date, list[Item]](list)
    grouped = (
        rows.order_by()
        .values(*by)
        .annotate(
            count=Count("pk"),
            late=Count("pk", filter=Q(state__in=PAST_DUE)),
            soon=Count("pk", filter=Q(state=AlertState.WARNED)),
            grade=Max("severity"),
        )
    )
    for row in grouped:
        item = Item(
            kind=row["kind"],
            title=str(watch_of(row["kind"]).title),
            count=row["count"],
            state=AlertState.OVERDUE if row["late"] else AlertState.WARNED if row["soon"] else AlertState.WATCHING,
            severity=Severity(row["grade"]),
            told=told[tuple(row[name] for name in by)],
        )
        # One that came between the two queries has nothing told of it yet: it is there at the next look.
        if item.told:
            days[row["day"]].append(item)
    return [Day(day, sorted(days[day], key=lambda item: (-item.severity, item.kind))) for day in sorted(days)]


def _falling_due(actor: Actor, first: date, last: date, others: Q | None) -> QuerySet[Any]:
    here = timezone.get_default_timezone()
    begin, end = (datetime.combine(day, time.min, here) for day in (first, last + timedelta(days=1)))
    rows = Alert.objects.visible_to(actor)
    if others is not None:
        own = Alert.visibility(actor)
        whose = Case(When(own, then=None), default=F("organisation_id"), output_field=BigIntegerField())
        rows = Alert.objects.filter(own | others).annotate(whose=whose)
    rows = falling_due(rows).filter(due_at__gte=begin, due_at__lt=end)
    return rows.filter(kind__in=kinds()).annotate(day=TruncDate("due_at", tzinfo=here))


def _told(rows: QuerySet[Any], by: Sequence[str], now: datetime) -> dict[tuple[Any, ...], list[Explained]]:
    """The first few of each day, kind and whose in words."""
    rank = Window(RowNumber(), partition_by=[F(name) for name in by], order_by=[F("due_at").asc(), F("pk").asc()])
    told = defaultdict[tuple[Any, ...], list[Explained]](list)
    few = rows.select_related("organisation").annotate(rank=rank).filter(rank__lte=TOLD)
    for words in explained(few.order_by("due_at", "pk"), now):
        told[tuple(getattr(words.alert, name) for name in by)].append(words)
    return told
