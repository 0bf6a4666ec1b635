"""A weight as people type it, and what stays refused."""

from __future__ import annotations

import pytest

from wastetrack.errors import Invalid
from wastetrack.units import grams, typed_kg


@pytest.mark.parametrize(
    ("typed", "mass_g"),
    [
        ("18.5", 18_500),
        ("１８．５", 18_500),
        ("18。5", 18_500),
        ("18,5", 18_500),
        ("0,125", 125),
        ("18.5kg", 18_500),
        (" 18.5 KG ", 18_500),
        ("18.5公斤", 18_500),
        ("18.5 千克", 18_500),
        ("5.", 5_000),
        (".5", 500),
    ],
)
def test_a_typed_weight_is_read(typed: str, mass_g: int) -> None:
    assert grams(typed_kg(typed)) == mass_g


@pytest.mark.parametrize("typed", ["1,234", "1.234,5", "1,234.5", "1 2", "1,2345", ".", ",", "kg", "about 5", "1e3"])
def test_what_may_mean_two_things_or_nothing_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        grams(typed_kg(typed))


def test_nothing_typed_is_nothing() -> None:
    assert typed_kg(None) == typed_kg("  ") == ""
