"""The periods that are planned and declared for, and by when (HJ 1259-2022 5.2.2 and 7.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

YEARS = range(2000, 2101)
PLAN, DECLARATION = "plan", "declaration"
YEAR, QUARTER, MONTH = 12, 3, 1
_FORM = re.compile(r"([0-9]{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """A calendar year, quarter or month, by its first day and its length in months."""

    first: date
    months: int

    @property
    def last(self) -> date:
        return self.after.first - _DAY

    @property
    def after(self) -> Period:
        """The next period of this length."""
        years, month = divmod(self.first.month - 1 + self.months, 12)
        return Period(date(self.first.year + years, month + 1, 1), self.months)

    @property
    def code(self) -> str:
        """As it is kept and sent: `2026`, `2026-Q4`, `2026-11`."""
        if self.months == YEAR:
            return f"{self.first.year}"
        return f"{self.first:%Y}-Q{self.first.month // 3 + 1}" if self.months == QUARTER else f"{self.first:%Y-%m}"


def period_of(day: date, months: int) -> Period:
    """The period of this length that a day lies in."""
    return Period(date(day.year, (day.month - 1) // months * months + 1, 1), months)


def read_period(text: str) -> Period | None:
    """The period that a code means; None for any other text."""
    found = _FORM.fullmatch(text)
    if not found or int(found[1]) not in YEARS:
        return None
    year = int(found[1])
    if found[2]:
        return Period(date(year, int(found[2]) * 3 - 2, 1), QUARTER)
    return Period(date(year, int(found[3] or 1), 1), MONTH if found[3] else YEAR)


def due_day(kind: str, period: Period) -> date:
    """The last day to file it: a plan by 31 March of its year; a year's declaration by the next 31 March, a quarter's
    and a month's by the 15th of the month after."""
    if kind == PLAN:
        return date(period.first.year, 3, 31)
    ended = period.after.first
    return date(ended.year, 3, 31) if period.months == YEAR else ended.replace(day=15)


def earliest_day(kind: str, period: Period) -> date:
    """The first day on which it can be filed: a declaration once its period is over, a plan in the year before."""
    return date(period.first.year - 1, 1, 1) if kind == PLAN else period.after.first
