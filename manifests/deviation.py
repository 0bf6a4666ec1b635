"""Whether a weighed mass departs from the declared one. The limits are the district's."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from wastetrack.districts.selectors import figures
from wastetrack.units import GRAMS_PER_KG

Limits = Mapping[str, int | Decimal]


def limits_in(division: str) -> Limits:
    """The limits that hold in a division: notice_percent, notice_kg, significant_percent (one query)."""
    return figures(division, "mass_deviation")


def within_reach(limits: Limits, declared_g: int, received_g: int, agreed_g: int) -> bool:
    """Whether a mass may settle the two: between them, or past either by less than a significant deviation."""
    low, high = sorted((declared_g, received_g))
    margin = limits["significant_percent"]
    return low * (100 - margin) <= agreed_g * 100 <= high * (100 + margin)


def more_than_sent(limits: Limits, declared_g: int, found_g: int) -> bool:
    """Whether more is said to have arrived than was sent, past what scales differ by."""
    return found_g * 100 > declared_g * (100 + limits["significant_percent"])


def severity_of(limits: Limits, declared_g: int, received_g: int) -> str | None:
    """`significant`, `notice`, or None within the limits. Exact: compared in grams times a hundred."""
    difference = abs(received_g - declared_g)
    if difference * 100 > declared_g * limits["significant_percent"]:
        return "significant"
    over_share = difference * 100 > declared_g * limits["notice_percent"]
    over_mass = difference > limits["notice_kg"] * GRAMS_PER_KG
    return "notice" if over_share or over_mass else None
