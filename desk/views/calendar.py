"""The calendar of deadlines: a month on a desk, a list of days on a phone."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.views.decorators.http import require_safe

from wastetrack.alerts.agenda import Item, agenda
from wastetrack.alerts.selectors import alerts_of, overdue_before
from wastetrack.errors import invalid
from wastetrack.http import actor_of, now_of
from wastetrack.pages import seen_from
from wastetrack.regulations.calendar import is_published, is_working_day
from wastetrack.templatetags.trade import GRADES, Look
from wastetrack.waste.clock import start_of

YEARS = range(2000, 2200)
SHOWN = 3
"""Kinds that the square of a day shows; the rest is a number that leads to the day's list."""


@dataclass(frozen=True)
class Row:
    """What falls due on a day of one kind, as a line that leads to it."""

    title: str
    count: int
    look: Look
    sentence: str
    address: str


@dataclass(frozen=True)
class Square:
    """A day of the month's page."""

    day: date
    rows: Sequence[Row]
    in_month: bool
    is_today: bool
    is_off: bool
    """Whether offices are closed: a holiday, or a weekend that is not worked."""
    is_made_up: bool
    """Whether a Saturday or Sunday is worked for a holiday."""

    @property
    def shown(self) -> Sequence[Row]:
        return self.rows if len(self.rows) <= SHOWN else self.rows[: SHOWN - 1]

    @property
    def hidden(self) -> int:
        return len(self.rows) - len(self.shown)


@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """What falls due in a month, that of today unless the address names another."""
    actor, now = actor_of(request), now_of(request)
    today = now.date()
    month = _month(request.GET.get("month", ""), today)
    weeks = Calendar().monthdatescalendar(month.year, month.month)
    days = agenda(actor, weeks[0][0], weeks[-1][-1], now=now)
    due = {day.date: [_row(day.date, item) for item in day.rows] for day in days}
    squares = [[_square(day, month, today, due.get(day, [])) for day in week] for week in weeks]
    in_month = [square for week in squares for square in week if square.in_month]
    context = {
        "month": month,
        "weeks": squares,
        "days": [square for square in in_month if square.rows],
        "total": sum(row.count for square in in_month for row in square.rows),
        "overdue": overdue_before(alerts_of(actor), start_of(month)).count(),
        "weekdays": [(WEEKDAYS[number], WEEKDAYS_ABBR[number]) for number in range(7)],
        "before": (month - timedelta(days=1)).strftime("%Y-%m"),
        "after": (month + timedelta(days=31)).strftime("%Y-%m"),
        "is_now": (month.year, month.month) == (today.year, today.month),
        "published": is_published(month.year),
        **seen_from(actor, "/alerts"),
    }
    return render(request, "desk/calendar.html", context)


def _month(text: str, today: date) -> date:
    """The first day of the month `2026-12`. Raises Invalid(wrong_type)."""
    if not text:
        return today.replace(day=1)
    year, dash, month = text.partition("-")
    digits = year.isascii() and year.isdigit() and month.isascii() and month.isdigit() and len(text) == 7
    if not (dash and digits and int(year) in YEARS and 1 <= int(month) <= 12):
        raise invalid("month", "wrong_type")
    return date(int(year), int(month), 1)


def _square(day: date, month: date, today: date, rows: Sequence[Row]) -> Square:
    works = is_working_day(day)
    return Square(
        day=day,
        rows=rows,
        in_month=day.month == month.month,
        is_today=day == today,
        is_off=not works,
        is_made_up=works and day.weekday() >= 5,
    )


def _row(day: date, item: Item) -> Row:
    first = item.told[0]
    listed = f"/alerts?kind={item.kind}&day={day.isoformat()}"
    return Row(
        title=item.title,
        count=item.count,
        look=GRADES[item.severity],
        sentence=first.sentence if item.count == 1 else "",
        address=f"/alerts/{first.alert.pk}" if item.count == 1 else listed,
    )
