from datetime import date

import pytest

from wastetrack.regulations.clauses import cite
from wastetrack.regulations.storage import PERMIT_KINDS, ROLES, deadline, storage_limit, unit_of, warn_from

DAY = date(2026, 9, 30)


@pytest.mark.parametrize(
    ("role", "permit", "code", "days", "unit", "clause"),
    [
        ("generator", None, "900-249-08", 365, "calendar", "storage_one_year_generator"),
        ("collector", "comprehensive", "900-249-08", 365, "calendar", "storage_one_year"),
        ("collector", "pilot", "900-214-08", 365, "calendar", "storage_one_year"),
        ("collector", None, "900-214-08", 365, "calendar", "storage_one_year"),
        ("collector", "collection", "900-214-08", 90, "working", "collection_permit_90_days"),
        ("collector", "collection", "900-044-49", 90, "working", "collection_permit_90_days"),
        ("collector", "collection", "900-041-49", 365, "calendar", "storage_one_year"),
        ("treater", "collection", "900-214-08", 365, "calendar", "storage_one_year"),
        ("treater", "comprehensive", "900-249-08", 365, "calendar", "storage_one_year"),
    ],
)
def test_limit_by_role_permit_and_waste(role, permit, code, days, unit, clause):
    limit = storage_limit(role, permit, code, DAY)
    assert (limit.days, limit.unit, limit.clause) == (days, unit, clause)


def test_every_limit_has_a_source_and_a_clause_that_can_be_cited():
    for role in ROLES:
        for permit in [None, *PERMIT_KINDS]:
            limit = storage_limit(role, permit, "900-214-08", DAY)
            assert limit.source
            assert limit.confidence in "ABCD"
            assert cite(limit.clause, DAY).text_zh
            assert unit_of(limit.clause) == limit.unit


@pytest.mark.parametrize(
    ("role", "permit", "problem"), [("carrier", None, "storage_role"), ("collector", "old", "permit_kind")]
)
def test_an_unknown_holder_gets_no_limit(role, permit, problem):
    with pytest.raises(ValueError, match=problem):
        storage_limit(role, permit, "900-249-08", DAY)


def test_a_deadline_in_calendar_days():
    limit = storage_limit("generator", None, "900-249-08", DAY)
    assert deadline(date(2025, 3, 1), limit) == date(2026, 3, 1)
    assert deadline(date(2024, 2, 1), limit) == date(2025, 1, 31)
    assert warn_from(date(2026, 3, 31), 30, limit.unit) == date(2026, 3, 1)


def test_a_deadline_in_working_days_steps_over_holidays():
    limit = storage_limit("collector", "collection", "900-214-08", DAY)
    last = deadline(date(2026, 1, 5), limit)
    assert last == date(2026, 5, 20)
    assert warn_from(last, 20, limit.unit) == date(2026, 4, 20)
