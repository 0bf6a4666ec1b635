"""Working days of mainland China, from the maintained table `cn/holidays.json`.

A year that is not in the table counts its weekends only; `is_published` tells it apart, so that a page can say so.
"""

from datetime import date, timedelta
from functools import cache

from wastetrack.regulations.data import read_json

_DAY = timedelta(days=1)


@cache
def _year(year: int) -> tuple[frozenset[date], frozenset[date]] | None:
    """Days off and make-up working days of a published year."""
    table = read_json("holidays.json")["years"].get(str(year))
    if table is None:
        return None
    off = set()
    for holiday in table["holidays"]:
        day, last = date.fromisoformat(holiday["from"]), date.fromisoformat(holiday["to"])
        while day <= last:
            off.add(day)
            day += _DAY
    return frozenset(off), frozenset(map(date.fromisoformat, table["make_up_days"]))


def is_published(year: int) -> bool:
    """Whether the State Council's arrangement of that year is in the table."""
    return _year(year) is not None


def is_working_day(day: date) -> bool:
    """Whether offices work that day: make-up days yes, holidays no, otherwise Monday to Friday."""
    table = _year(day.year)
    if table is not None:
        off, make_up = table
        if day in off:
            return False
        if day in make_up:
            return True
    return day.weekday() < 5


def add_working_days(day: date, n: int) -> date:
    """The n-th working day after `day`, which itself is not counted; before it when n is negative; itself for 0."""
    step = _DAY if n > 0 else -_DAY
    left = abs(n)
    while left:
        day += step
        left -= is_working_day(day)
    return day


def working_days_between(a: date, b: date) -> int:
    """How many working days lie after `a` up to and including `b`; negative when b is before a."""
    if b < a:
        return -working_days_between(b, a)
    return sum(is_working_day(a + timedelta(days=n)) for n in range(1, (b - a).days + 1))
