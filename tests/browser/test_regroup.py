"""Splitting a drum on a phone: what is left is counted while it is typed; and the tree that comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Person
from tools.site import DESK, PHONE

Arrive = Callable[..., Person]


def a_stored_drum(somebody: Person) -> str:
    page = somebody.go("/depots")
    page.goto(f"{page.url}#stock")
    return str(page.locator("#stock tbody tr:has(input[name=container]) a.code").first.get_attribute("href"))


@pytest.mark.browser
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_split_counts_what_is_left_and_ends_in_labels_and_a_tree(
    person: Arrive, axe: Callable[[Page], list[Any]], size: dict[str, int]
) -> None:
    operator = person("depot", size)
    drum = a_stored_drum(operator)
    page = operator.go(f"{drum}/split")
    masses, sum_, left = page.locator("[data-mass]"), page.locator("[data-sum]"), page.locator("[data-left]")
    whole = float(left.inner_text())
    masses.nth(0).fill("1,25")
    expect(left).to_have_text(f"{round(whole - 1.25, 3):g}")
    expect(sum_).to_contain_text("Left to place")
    masses.nth(1).fill("99999")
    expect(sum_).to_contain_text("Too much")
    page.locator("[data-save]").click()
    expect(page).to_have_url(f"{operator.url}{drum}/split")
    masses.nth(1).fill("0.5")
    page.locator("[data-add]").click()
    expect(masses).to_have_count(3)
    expect(masses.nth(2)).to_be_focused()
    assert axe(page) == []
    page.locator("[data-rest]").click()
    expect(sum_).to_contain_text("It adds up")
    page.locator("[data-save]").click()
    page.wait_for_url("**/containers/regrouped?**")
    expect(page.get_by_role("button", name="Print the 3 labels")).to_be_visible()
    assert axe(page) == []
    for path in (f"{drum}/family", drum):
        operator.go(path)
        shown, other = (".family-tree", ".family-list") if size == DESK else (".family-list", ".family-tree")
        expect(page.locator(shown)).to_be_visible()
        expect(page.locator(other)).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path
    child = page.locator(f"{shown} a").last.get_attribute("href")
    for path in (f"{child}/repack", f"{child}/reactions", f"/containers/extend?container={str(child)[12:]}"):
        operator.go(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path
