"""Wrapping, narrowing and cutting."""

import pytest

from labels.text import NARROWEST, WHOLE, Setting, cut, fit, width, wrap


def test_a_chinese_character_is_one_em_wide():
    assert width("废物") == pytest.approx(2)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("废油", ["废油"]),
        ("废矿物油滤芯", ["废矿物油", "滤芯"]),
        ("废矿物油，滤芯", ["废矿物", "油，滤芯"]),
        ("废矿物（油）", ["废矿物", "（油）"]),
        ("油 HW8 油", ["油 HW8", "油"]),
        ("废油 900-249", ["废油", "900-249"]),
        ("油a,b,c,d,e,f,g,h", ["油a,b,c,", "d,e,f,g,", "h"]),
        ("苯甲苯1,3-丁", ["苯甲苯", "1,3-丁"]),
    ],
)
def test_lines_break_where_a_reader_expects(text, lines):
    assert wrap(text, 4) == lines


@pytest.mark.parametrize("text", ["M" * 40, "废" * 40, "（" * 9, "。" * 30, "a b " * 20, "油" + "x" * 30 + "油"])
def test_nothing_is_lost_and_no_line_is_too_wide(text):
    lines = wrap(text, 4)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(width(line) for line in lines) <= 4


def test_narrowing_a_little_saves_a_line():
    setting = Setting("废矿物油与", 4.6)
    assert (setting.lines, setting.scale) == (["废矿物油与"], 0.9)


def test_a_cut_line_ends_with_an_ellipsis_and_fits():
    assert cut("废矿物油与", 4) == "废矿物…"


def test_the_longest_gives_way_first():
    short, long = Setting("油", 4), Setting("油" * 40, 4)
    fit([short, long], 3)
    assert (short.lines, short.scale) == (["油"], 1)
    assert (len(long.lines), long.scale) == (2, NARROWEST)
    assert long.lines[-1].endswith("…")


def test_what_must_stay_whole_does():
    code, remarks = Setting("9133069 9MADEM0 9002490", 4, WHOLE), Setting("油" * 40, 4, 2)
    before = list(code.lines)
    fit([code, remarks], len(before) + 1)
    assert code.lines == before
    assert len(remarks.lines) == 1


def test_more_texts_than_lines_do_not_fit():
    with pytest.raises(ValueError, match="more texts"):
        fit([Setting("油", 4), Setting("油", 4)], 1)
