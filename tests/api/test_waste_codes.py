"""`GET /waste-codes`: the catalogue by code, name and category."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.support import answered, refused


def codes(api: Any, **query: Any) -> list[str]:
    return [item["code"] for item in answered(api("firm").get("/waste-codes", **query))["items"]]


@pytest.mark.parametrize("q", ["900-249-08", "90024908", " 900-249-08 "])
def test_a_code_is_found_with_and_without_dashes(api: Any, q: str) -> None:
    assert codes(api, q=q) == ["900-249-08"]


def test_a_code_has_its_category_in_both_languages_and_its_hazards(api: Any) -> None:
    (found,) = answered(api("firm").get("/waste-codes", q="900-249-08"))["items"]
    assert found["category"] == "HW08"
    assert found["category_name"]["zh"] == "废矿物油与含矿物油废物"
    assert "mineral oil" in found["category_name"]["en"].lower()
    assert found["hazards"] == ["T", "I"]
    assert found["name"]


@pytest.mark.parametrize("q", ["矿物油", "mineral oil", "MINERAL OIL"])
def test_words_find_codes_in_either_language(api: Any, q: str) -> None:
    assert any(code.endswith("-08") for code in codes(api, q=q))


def test_waste_that_only_tests_have_shown_to_be_hazardous_has_a_code(api: Any) -> None:
    assert codes(api, q="900-000-08") == ["900-000-08"]


def test_a_limit_is_kept(api: Any) -> None:
    assert len(codes(api, q="900", limit=3)) == 3
    assert len(codes(api, q="900", limit=10**9)) <= 100
    assert len(codes(api, q="900", limit=-1)) == 1


@pytest.mark.parametrize("q", ["", "no such thing", "%", "x" * 9_000, "９００", "900-249-8"])
def test_what_fits_nothing_finds_nothing_and_harms_nobody(api: Any, q: str) -> None:
    assert codes(api, q=q) == []


def test_an_edition_is_asked_for_by_its_key(api: Any) -> None:
    assert codes(api, q="900-249-08", edition="2021") == ["900-249-08"]
    refused(api("firm").get("/waste-codes", q="900", edition="1999"), 422, "unknown_edition", "edition")
    refused(api("firm").get("/waste-codes", q="900", edition="a\0b"), 422, "unprintable", "edition")
