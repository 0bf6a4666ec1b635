from collections import Counter
from datetime import date

import pytest

from wastetrack.regulations.catalogue import (
    EDITIONS,
    Catalogue,
    builtin,
    categories,
    edition_on,
    normalise_code,
    standing_in,
)

CATALOGUE = Catalogue(EDITIONS[0], builtin())


def test_all_codes_in_all_categories():
    assert len(builtin()) == 467
    assert len(categories()) == 46
    assert {waste.category for waste in builtin().values()} == set(categories())


def test_a_code_tells_its_category_and_industry():
    for code, waste in builtin().items():
        assert waste.code == code == normalise_code(code)
        assert (waste.industry_code, waste.category) == (code[:3], f"HW{code[-2:]}")
        assert waste.industry
        assert waste.category_name_zh
        assert waste.category_name_en


def test_names_are_short_and_tell_siblings_apart():
    names = [waste.name_zh for waste in builtin().values()]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert all(2 <= len(name) <= 14 for name in names)


def test_codes_and_hazards_are_the_official_ones(official_entries):
    assert list(builtin()) == [entry["code"] for entry in official_entries]
    for entry in official_entries:
        waste = builtin()[entry["code"]]
        assert str(waste.hazards) == entry["hazard"].replace("，", ",")
        assert list(waste.hazards.letters) == entry["hazard_codes"]
        assert waste.hazards.mode == entry["hazard_mode"].replace("first_certain_rest_possible", "first_always")
        assert waste.category_name_zh == entry["category_name"]
        # The official list spells industry 398 in two ways; we keep the one of GB/T 4754.
        assert waste.industry == entry["industry"] or entry["code"] == "398-001-08"


def test_no_name_is_a_piece_of_an_official_description(official_entries):
    taken = [
        name
        for entry in official_entries
        if len(name := builtin()[entry["code"]].name_zh) >= 8 and name in entry["description"]
    ]
    assert taken == []
    assert not any(waste.description for waste in builtin().values())


def test_an_edition_that_is_not_shipped_is_not_made_up():
    with pytest.raises(KeyError):
        builtin("2025")


@pytest.mark.parametrize(
    ("day", "key"),
    [
        (date(2021, 1, 1), "2021"),
        (date(2024, 12, 31), "2021"),
        (date(2025, 1, 1), "2025"),
        (date(2030, 1, 1), "2025"),
        (date(2019, 1, 1), "2021"),
    ],
)
def test_the_edition_of_a_day(day, key):
    assert edition_on(day).key == key


@pytest.mark.parametrize("text", ["900-249-08", "90024908", " 900-249-08 "])
def test_a_code_is_found_with_and_without_dashes(text):
    found = CATALOGUE.find(text)
    assert found is not None
    assert (found.code, found.category) == ("900-249-08", "HW08")


@pytest.mark.parametrize(
    "text", ["", "900-249", "900-24908", "900249-08", "999-999-99", "９0024908", "HW08", "900-249-088"]
)
def test_what_is_no_code_is_not_found(text):
    assert CATALOGUE.find(text) is None


@pytest.mark.parametrize("category", ["01", "08", "49", "50"])
def test_waste_identified_by_testing_has_a_code_in_every_category(category):
    found = CATALOGUE.find(f"900-000-{category}")
    assert found is not None
    assert found.category == f"HW{category}"
    assert found.note_zh
    assert found.hazards.allows({"T", "I"})
    assert not found.hazards.allows({"In"})


@pytest.mark.parametrize("code", ["900-000-00", "900-000-41", "900-000-51", "336-000-17"])
def test_but_only_there(code):
    assert CATALOGUE.find(code) is None


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("900-249-08", "900-249-08"),
        ("90024908", "900-249-08"),
        ("249", "900-249-08"),
        ("900-24", "900-249-08"),
        ("油桶", "900-249-08"),
        ("抹布 手套", "900-041-49"),
        ("engine oil", "900-214-08"),
        ("漆渣", "900-252-12"),
        ("asbestos", "900-030-36"),
        ("hw15", "267-001-15"),
        ("石棉废物", "367-001-36"),
        ("900-000-49", "900-000-49"),
    ],
)
def test_search_finds_by_code_name_and_category(q, first):
    assert CATALOGUE.search(q)[0].code == first


@pytest.mark.parametrize("q", ["", "   ", "没有这样的东西", "99999999"])
def test_search_for_nothing_finds_nothing(q):
    assert CATALOGUE.search(q) == []


def test_search_is_bounded():
    assert len(CATALOGUE.search("废")) == 20
    assert len(CATALOGUE.search("废", limit=3)) == 3
    assert CATALOGUE.search("废", limit=0) == CATALOGUE.search("废", limit=-1) == []


def test_codes_that_stand_in_for_another_edition_say_so():
    lent = standing_in(EDITIONS[1], builtin())
    for waste in (lent.find("900-249-08"), lent.find("900-000-08"), *lent.search("油桶")):
        assert waste is not None
        assert waste.edition == "2021"
        assert "2025" in waste.note_zh
        assert "2025" in waste.note_en
    own = CATALOGUE.find("900-249-08")
    assert own is not None
    assert own.note_zh == own.note_en == ""
