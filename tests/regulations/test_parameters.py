from decimal import Decimal

import pytest

from wastetrack.regulations.data import toml
from wastetrack.regulations.parameters import label_size, parameter


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("container.max_kg", 60_000),
        ("mass_deviation.notice_percent", 3),
        ("mass_deviation.notice_kg", 50),
        ("mass_deviation.significant_percent", 10),
        ("storage_point.max_kg", 3000),
        ("manifest.confirm_working_days", 5),
        ("manifest.confirm_warn_working_days", 4),
        ("manifest.paper_working_days", 10),
        ("manifest.keep_years", 10),
    ],
)
def test_figures(key, value):
    assert parameter(key).value == value


def test_every_figure_has_unit_source_and_confidence_and_none_is_a_float():
    for table, figures in toml("parameters.toml")["figures"].items():
        for name in figures:
            figure = parameter(f"{table}.{name}")
            assert figure.unit
            assert figure.source
            assert figure.confidence in "ABCD"
            assert type(figure.value) in (int, Decimal)


@pytest.mark.parametrize("key", ["", "manifest", "manifest.", "nothing.here"])
def test_an_unknown_figure_is_an_error(key):
    with pytest.raises(KeyError):
        parameter(key)


@pytest.mark.parametrize(
    ("volume", "side", "text", "sides"),
    [
        (1, 100, 3, 1),
        (50, 100, 3, 1),
        (Decimal("50.1"), 150, 5, 1),
        (200, 150, 5, 1),
        (450, 150, 5, 1),
        (Decimal("450.001"), 200, 6, 2),
        (1000, 200, 6, 2),
    ],
)
def test_label_size_by_volume(volume, side, text, sides):
    size = label_size(volume)
    assert (size.width_mm, size.height_mm, size.text_mm, size.sides) == (side, side, text, sides)
