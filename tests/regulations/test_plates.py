"""Number plates: what is one, and when two spellings are one."""

from __future__ import annotations

import pytest

from wastetrack.regulations.plates import normal, plain, same


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("浙D12345", "浙D12345"),
        ("浙d·12345", "浙D12345"),
        (" 浙 D-1234.5 ", "浙D12345"),
        ("浙D・A1B2C", "浙DA1B2C"),
        ("\uff44浙"[::-1] + "\uff11\uff12\uff13\uff14\uff15", "浙D12345"),
        ("沪AD12345", "沪AD12345"),
        ("沪AFA1234", "沪AFA1234"),
        ("粤B12345D", "粤B12345D"),
        ("粤B12345F", "粤B12345F"),
        ("浙D1234挂", "浙D1234挂"),
    ],
)
def test_a_plate_however_it_is_typed(typed: str, kept: str) -> None:
    assert normal(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "", "浙", "D12345", "浙D1234", "浙D1234567", "浙112345", "浙I12345", "浙O12345", "浙D1234I", "浙DO2345",
        "浙DI12345", "演D12345", "浙D12345挂", "浙D挂1234", "浙D12345X", "浙DZ12345", "浙D1234D5", "浙D演001",
        "浙D１２３４Ⅰ",
    ],
)  # fmt: skip
def test_what_is_no_plate(typed: str) -> None:
    assert normal(typed) is None


def test_two_spellings_are_one_plate_and_nothing_is_none() -> None:
    assert same("浙d·12345", "浙D 12345")
    assert not same("浙D12345", "浙D12346")
    assert not same("", " ·")
    assert plain("浙d·0-0 1.2") == "浙D0012"
