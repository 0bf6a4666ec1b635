"""What periods are called, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from compliance.periods import MONTH, QUARTER, Period


def period_name(period: Period) -> str:
    """`2026`, `quarter 4 of 2026`, `month 11 of 2026`."""
    year, month = period.first.year, period.first.month
    if period.months == QUARTER:
        return _("quarter %(quarter)d of %(year)d") % {"quarter": month // 3 + 1, "year": year}
    if period.months == MONTH:
        return _("month %(month)d of %(year)d") % {"month": month, "year": year}
    return _("year %(year)d") % {"year": year}
