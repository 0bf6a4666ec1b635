"""What a firm must file: its supervision class by what it generates, and the plans and declarations that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from heapq import merge
from itertools import islice, takewhile

from compliance.models import FilingKind, Supervision
from compliance.periods import MONTH, QUARTER, YEAR, YEARS, Period, due_day, earliest_day, period_of
from wastetrack.districts.selectors import Figures
from wastetrack.parties.models import Organisation
from wastetrack.units import GRAMS_PER_TONNE

YEARS_LOOKED_AT = 3
"""A firm's yearly amount is the most of its last three years (HJ 1259 4.2.3)."""
YEARS_ASKED_FOR = 3
"""Months and quarters of so many past years are still asked for; of what is older, the year's declaration tells."""


def asked_from(today: date) -> date:
    """The first day of which a month or quarter is still asked for."""
    return date(today.year - YEARS_ASKED_FOR, 1, 1)


def masses_from(today: date) -> date:
    """The first day whose masses count for the class of a month or quarter that is still asked for."""
    return date(today.year - YEARS_ASKED_FOR - YEARS_LOOKED_AT, 1, 1)


@dataclass(frozen=True)
class Standing:
    """A firm's class on a day, and why: it holds a permit, or its most in a year, grams."""

    supervision: Supervision
    licensed: bool
    most_g: int
    year: int


@dataclass(frozen=True)
class Duty:
    """One plan or declaration to file, by the end of `due`."""

    kind: FilingKind
    period: Period
    due: date

    @property
    def fileable_from(self) -> date:
        return earliest_day(self.kind, self.period)


@dataclass(frozen=True)
class Firm:
    """What an organisation's duties follow from."""

    organisation: Organisation
    today: date
    first: date | None
    """When it logged its first drum; None: it generates nothing, and files nothing."""
    months: Mapping[date, int]
    """Grams logged, by month."""
    permits: tuple[tuple[date, date], ...]
    """First and last days of its permits to collect or treat."""
    limits: Figures
    """The figures of the table `supervision` where it lies."""
    filed: frozenset[tuple[str, str]]
    """Kind and period of what it has filed."""

    def on(self, day: date) -> Standing:
        """Its class, by what was known when the day began: no month that is past is asked for afterwards.

        This year counts as far as it has gone: who is over a limit already does not wait for next year.
        """
        sums = {year: self._logged_in(year, day) for year in range(day.year - YEARS_LOOKED_AT, day.year + 1)}
        year = max(sums, key=lambda year: (sums[year], year))
        licensed = any(first <= day <= last for first, last in self.permits)
        return Standing(self._class(licensed, sums[year]), licensed, sums[year], year)

    def _logged_in(self, year: int, before: date) -> int:
        return sum(mass_g for month, mass_g in self.months.items() if month.year == year and month < before)

    def _class(self, licensed: bool, most_g: int) -> Supervision:
        if licensed or most_g >= self._limit_g("key"):
            return Supervision.KEY
        return Supervision.SIMPLIFIED if most_g >= self._limit_g("simplified") else Supervision.REGISTERED

    def _limit_g(self, name: str) -> int:
        return int(self.limits[f"{name}_tonnes_a_year"] * GRAMS_PER_TONNE)

    # --- what it must file, in the order in which it is due ---

    def unfiled(self, kind: FilingKind) -> Iterator[Duty]:
        """What is not filed yet of a kind, the first to be due first; without an end."""
        duties = self._plans() if kind == FilingKind.PLAN else self._declarations()
        return (duty for duty in duties if (duty.kind, duty.period.code) not in self.filed)

    def open(self, kind: FilingKind, most: int) -> list[Duty]:
        """What is not filed yet and could be, and the next after it."""
        duties = list(islice(self.unfiled(kind), most))
        now = list(takewhile(lambda duty: duty.fileable_from <= self.today, duties))
        return duties[: len(now) + 1]

    def _plans(self) -> Iterator[Duty]:
        """One a year, from the first that was still to be filed when it began to generate."""
        if self.first is None:
            return
        for period in _from(period_of(self.first, YEAR)):
            due = due_day(FilingKind.PLAN, period)
            if due >= self.first:
                yield Duty(FilingKind.PLAN, period, due)

    def _declarations(self) -> Iterator[Duty]:
        if self.first is None:
            return iter(())
        years = _from(period_of(self.first, YEAR))
        streams = (self._declared(period) for period in years), (self._declared(period) for period in self._within())
        return merge(*streams, key=lambda duty: duty.due)

    def _declared(self, period: Period) -> Duty:
        return Duty(FilingKind.DECLARATION, period, due_day(FilingKind.DECLARATION, period))

    def _within(self) -> Iterator[Period]:
        """The months and quarters that have begun and are declared beside the years, by the class when each began."""
        assert self.first is not None
        month = period_of(max(self.first, asked_from(self.today)), MONTH)
        # What its class will be when a later period begins, nobody knows yet.
        while month.first <= self.today:
            supervision = self.on(month.first).supervision
            quarter = period_of(month.first, QUARTER)
            if supervision == Supervision.KEY:
                yield month
            elif supervision == Supervision.SIMPLIFIED:
                yield quarter
            month = month.after if supervision == Supervision.KEY else period_of(quarter.after.first, MONTH)


def _from(period: Period) -> Iterator[Period]:
    while period.first.year in YEARS:
        yield period
        period = period.after
