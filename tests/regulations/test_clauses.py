from datetime import date

import pytest

from wastetrack.regulations.clauses import cite, clause_ids

LAST_DAY_OF_THE_LAW = date(2026, 8, 14)
FIRST_DAY_OF_THE_CODE = date(2026, 8, 15)


@pytest.mark.parametrize(
    ("clause", "before", "after"),
    [
        ("identification_marks", "第七十七条", "第五百三十一条"),
        ("plan_ledger_declaration", "第七十八条", "第五百三十二条"),
        ("no_dumping", "第七十九条", "第五百三十三条"),
        ("permit_required", "第八十条", "第五百三十四条"),
        ("storage_separation", "第八十一条第一款", "第五百三十五条第一款"),
        ("storage_one_year", "第八十一条第三款", "第五百三十五条第三款"),
        ("manifest_required", "第八十二条", "第五百三十六条"),
        ("transport", "第八十三条", "第五百三十七条"),
        ("change_of_use", "第八十四条", "第五百三十八条"),
        ("emergency_plan", "第八十五条", "第五百三十九条"),
        ("information_platform", "第十六条", "第四百七十四条"),
        ("liability_insurance", "第九十九条", "第四百八十四条"),
        ("industrial_ledger", "第三十六条", "第四百八十九条"),
        ("verify_contractor", "第三十七条", "第四百九十条"),
        ("penalties_hazardous", "第一百一十二条", "第一千一百七十五条"),
        ("penalties_disposal_cost", "第一百一十三条", "第一千一百七十七条"),
        ("penalties_no_permit", "第一百一十四条", "第一千一百七十八条"),
        ("detention", "第一百二十条", "第一千一百七十九条"),
    ],
)
def test_the_code_takes_over_from_the_law_in_the_night_to_15_august_2026(clause, before, after):
    old, new = cite(clause, LAST_DAY_OF_THE_LAW), cite(clause, FIRST_DAY_OF_THE_CODE)
    assert (old.law_zh, old.article_zh) == ("中华人民共和国固体废物污染环境防治法", before)
    assert (new.law_zh, new.article_zh) == ("中华人民共和国生态环境法典", after)
    assert new.reference_zh == f"《中华人民共和国生态环境法典》{after}"


def test_what_is_not_in_the_code_stays_where_it_was():
    for day in (LAST_DAY_OF_THE_LAW, FIRST_DAY_OF_THE_CODE):
        assert cite("receipt_5_working_days", day).article_zh == "第十八条第一款"
        assert cite("collection_permit_90_days", day).law_zh == "危险废物经营许可证管理办法"
        assert cite("storage_point_3_t", day).article_zh == "8.3.5"


def test_every_clause_can_be_cited_today_in_both_languages():
    for clause in clause_ids():
        citation = cite(clause, FIRST_DAY_OF_THE_CODE)
        assert citation.law_en
        assert citation.text_zh.endswith("。")
        assert citation.text_en.endswith(".")
        assert citation.text_en.isascii()
        assert citation.confidence in "ABC"


def test_no_better_known_than_the_law_it_stands_in():
    assert cite("permit_scope", FIRST_DAY_OF_THE_CODE).confidence == "A"
    assert cite("storage_one_year_generator", FIRST_DAY_OF_THE_CODE).confidence == "C"
    assert cite("container_code", FIRST_DAY_OF_THE_CODE).confidence == "B"


def test_an_unknown_clause_is_an_error():
    with pytest.raises(KeyError):
        cite("no_such_clause", FIRST_DAY_OF_THE_CODE)


@pytest.mark.parametrize("clause", clause_ids())
def test_every_clause_can_be_cited_on_any_day_since_2000(clause):
    first = cite(clause, date(2000, 1, 1))
    for month in range(12 * 40):
        assert cite(clause, date(2000 + month // 12, month % 12 + 1, 15)).article_zh
    assert first == cite(clause, date(2004, 6, 30))


def test_before_the_earliest_law_of_the_table_that_law_is_cited():
    assert cite("storage_one_year", date(2000, 1, 1)) == cite("storage_one_year", LAST_DAY_OF_THE_LAW)
