from datetime import date, timedelta

import chinese_calendar
import pytest

from wastetrack.regulations.calendar import add_working_days, is_published, is_working_day, working_days_between


def test_every_day_of_the_table_agrees_with_an_independent_one():
    day = date(2024, 1, 1)
    while day.year <= 2026:
        assert is_working_day(day) == chinese_calendar.is_workday(day), day
        day += timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 10, 1), False),
        (date(2026, 10, 10), True),  # a Saturday made up for
        (date(2026, 10, 17), False),  # a Saturday
        (date(2026, 10, 19), True),
        (date(2028, 10, 2), True),  # not published: a weekday counts
        (date(2028, 10, 1), False),  # and a Sunday does not
    ],
)
def test_working_days(day, works):
    assert is_working_day(day) is works


def test_a_year_without_a_table_is_told_apart():
    assert [is_published(year) for year in (2023, 2024, 2025, 2026, 2028)] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("day", "n", "then"),
    [
        (date(2026, 9, 30), 1, date(2026, 10, 8)),  # over the National Day holiday
        (date(2026, 9, 30), 3, date(2026, 10, 10)),  # the Saturday counts
        (date(2026, 10, 8), -1, date(2026, 9, 30)),
        (date(2026, 10, 3), 0, date(2026, 10, 3)),
        (date(2026, 10, 3), 1, date(2026, 10, 8)),
        (date(2026, 11, 2), 5, date(2026, 11, 9)),
    ],
)
def test_adding_working_days(day, n, then):
    assert add_working_days(day, n) == then


def test_counting_is_the_inverse_of_adding():
    start = date(2026, 9, 18)
    for n in range(-40, 41):
        assert working_days_between(start, add_working_days(start, n)) == n
    assert working_days_between(date(2026, 10, 1), date(2026, 10, 7)) == 0
