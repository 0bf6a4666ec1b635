import json
from collections import Counter

import pytest

from tests.regulations.conftest import REFERENCE
from wastetrack.regulations import divisions
from wastetrack.regulations.data import read_json


def test_eleven_cities_and_ninety_counties():
    levels = Counter(len(code) for code in read_json("divisions.json")["divisions"])
    assert levels == {2: 1, 4: 11, 6: 90}


@pytest.mark.skipif(not REFERENCE.exists(), reason="the official table is not beside this repository")
def test_codes_and_names_are_the_official_ones():
    table = json.loads((REFERENCE / "zhejiang_divisions.json").read_text("utf-8"))
    for row in [*table["cities"], *table["areas"]]:
        assert divisions.name_of(row["code"]) == row["name"]
        assert divisions.chain(row["code"])[:-1] == [row[key] for key in ("provinceCode", "cityCode") if key in row]


def test_names():
    assert divisions.name_of("330602") == "越城区"
    assert divisions.name_of("330602", "en") == "Yuecheng District"
    assert divisions.full_name("330602") == "浙江省绍兴市越城区"
    assert divisions.full_name("330602", "en") == "Yuecheng District, Shaoxing, Zhejiang"
    assert divisions.name_of("110101") == "110101"
    assert divisions.name_of("") == ""


def test_a_chain_and_a_city():
    assert divisions.chain("330602") == ["33", "3306", "330602"]
    assert divisions.chain("330600") == ["33", "3306"]
    assert divisions.city_of("330602") == divisions.city_of("3306") == divisions.city_of("330600") == "3306"


@pytest.mark.parametrize("code", ["33", "330000", "", "3", "33060", "3306021", "abcdef", "３３０６"])
def test_what_has_no_city(code):
    with pytest.raises(ValueError, match="division"):
        divisions.city_of(code)


@pytest.mark.parametrize(
    ("code", "district", "inside"),
    [
        ("330602", "330602", True),
        ("330602", "3306", True),
        ("330602", "330600", True),
        ("330602", "33", True),
        ("330602", "330603", False),
        ("330602", "3301", False),
        ("3306", "330602", False),
        ("330602", "", False),
        ("330602", "3", False),
        ("330602", "33060", False),
        ("", "33", False),
        ("", "", False),
    ],
)
def test_within(code, district, inside):
    assert divisions.within(code, district) is inside


def test_exists():
    assert divisions.exists("330602")
    assert divisions.exists("330600")
    assert not divisions.exists("330601")
    assert not divisions.exists("9901")
    assert not divisions.exists("x")


def test_of_other_provinces_the_name_alone_is_known():
    assert divisions.exists("310115")
    assert divisions.province_of("310115") == "31"
    assert divisions.full_name("310115") == "上海市"
    assert divisions.name_of("310115", "en") == "310115"
    assert divisions.within("310115", "31")
    assert not divisions.within("310115", "33")
