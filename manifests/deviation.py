"""Whether a weighed mass departs from the declared one. The limits are the district's parameters."""

from __future__ import annotations

from wastetrack.regulations.parameters import parameter
from wastetrack.units import GRAMS_PER_KG


def within_reach(declared_g: int, received_g: int, agreed_g: int) -> bool:
    """Whether a mass may settle the two: between them, or past either by less than a significant deviation."""
    low, high = sorted((declared_g, received_g))
    margin = parameter("mass_deviation.significant_percent").value
    return low * (100 - margin) <= agreed_g * 100 <= high * (100 + margin)


def severity_of(declared_g: int, received_g: int) -> str | None:
    """`significant`, `notice`, or None within the limits. Exact: compared in grams times a hundred."""
    difference = abs(received_g - declared_g)
    if difference * 100 > declared_g * parameter("mass_deviation.significant_percent").value:
        return "significant"
    over_share = difference * 100 > declared_g * parameter("mass_deviation.notice_percent").value
    over_mass = difference > parameter("mass_deviation.notice_kg").value * GRAMS_PER_KG
    return "notice" if over_share or over_mass else None
