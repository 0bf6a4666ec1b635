"""benchmarks/__main__.py: the table that `make bench` prints."""

import pytest

from benchmarks import __main__ as bench


def test_words_stand_left_and_figures_right_under_each_other():
    rows = [{"做法": "逐个 path", "labels/s": 1080.2}, {"做法": "widget", "labels/s": 48.31}]
    assert bench.table(rows).splitlines() == [
        "做法       labels/s",
        "逐个 path     1,080",
        "widget         48.3",
    ]


def test_unknown_benchmark_is_refused_by_name():
    with pytest.raises(SystemExit, match="No such benchmark: drums"):
        bench.subjects(["drums"])
