import re

import pytest

from wastetrack.regulations.compatibility import PAIRS
from wastetrack.regulations.data import toml
from wastetrack.regulations.english import in_english


@pytest.mark.parametrize(
    ("zh", "en"),
    [
        ("第二十条", "Article 20"),
        ("第一千一百七十五条", "Article 1175"),
        ("第一百一十二条", "Article 112"),
        ("第五百三十五条第三款", "Article 535, paragraph 3"),
        ("国务院令第408号第十三条", "State Council Order No. 408, Article 13"),
        ("40 CFR 264 附录V 第5对", "40 CFR 264 Appendix V, pair 5"),
        ("本项目自定；部令第23号第十八条未给数值", "our own figure"),
        ("8.3.5", "8.3.5"),
    ],
)
def test_a_source_in_english(zh, en):
    assert in_english(zh) == en


def _sources(table):
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _sources(value)
        elif name == "source":
            yield value


def test_no_source_of_a_figure_a_pair_or_a_clause_keeps_a_chinese_sign():
    figures = list(_sources(toml("parameters.toml")))
    articles = [place for clause in toml("clauses.toml")["clauses"].values() for place in clause["articles"].values()]
    for source in (*figures, *articles, *(pair.source for pair in PAIRS)):
        assert in_english(source)
        assert not re.search("[\u3000-\u9fff\uff00-\uffef]", in_english(source)), source
