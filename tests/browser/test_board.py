"""The depot's board and plan as people use them: a tile changes under one's eyes, a bay is drawn with a finger."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Person
from tools.site import DESK, PHONE, Site

pytestmark = pytest.mark.browser
Arrive = Callable[..., Person]


def tile(page: Page, code: str) -> Any:
    return page.locator(".bay", has=page.locator(".bay-code", has_text=re.compile(f"^{code}$")))


def call(person: Person, path: str, body: dict[str, Any] | None = None) -> Any:
    """An API call with this person's session."""
    token = person.page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    headers = {"X-CSRFToken": token, "Referer": person.url}
    request = person.context.request
    response = (
        request.get(person.url + path) if body is None else request.post(person.url + path, data=body, headers=headers)
    )
    assert response.ok, response.text()
    return response.json()


def test_a_tile_changes_in_place_for_the_depot_and_its_regulator(site: Site, person: Arrive) -> None:
    operator, watcher, regulator = person("depot", PHONE), person("depot", DESK), person("regulator", DESK)
    board = watcher.go("/depots")
    address = board.url.removeprefix(site.url)
    depot = address.rsplit("/", 1)[1]
    seen = regulator.go(address)
    expect(seen.get_by_role("link", name="Scan in")).to_have_count(0)
    bays = {bay["code"]: bay for bay in call(operator, f"/api/v1/depots/{depot}/bays")["items"]}
    code = next(code for code, bay in bays.items() if bay["containers"])
    for page in (board, seen):
        expect(tile(page, code).locator(".figure").first).to_have_text(str(bays[code]["containers"]))
        page.evaluate("window.stayed = true")
    # The limits change: the tile says at once that it is over them, on both screens.
    call(operator, f"/api/v1/depots/{depot}/bays/{code}", {"capacity_kg": "0.001"})
    for page in (board, seen):
        expect(tile(page, code)).to_contain_text("Too heavy", timeout=5_000)
        expect(page.get_by_role("heading", name="To be put right")).to_be_visible()
    call(operator, f"/api/v1/depots/{depot}/bays/{code}", {"capacity_kg": bays[code]["capacity_kg"], "code": "Q7"})
    # A drum moves into a bay of its own.
    stock = call(operator, f"/api/v1/depots/{depot}/inventory?limit=200")["items"]
    drum = next(item for item in stock if item["bay"] == "Q7")
    call(operator, f"/api/v1/depots/{depot}/bays", {"code": "Q8", "row": 4, "column": 1})
    moved = call(
        operator,
        "/api/v1/scans",
        {"nonce": "board-1", "text": drum["code"], "intent": "put_away", "depot": depot, "bay": "Q8"},
    )
    assert moved["verdict"] == "accepted", moved
    for page in (board, seen):
        expect(tile(page, "Q8")).to_contain_text("1 drum", timeout=5_000)
        expect(page.get_by_role("heading", name="To be put right")).to_have_count(0)
        assert page.evaluate("window.stayed"), "the board was loaded anew"


def test_a_bay_is_drawn_with_a_finger_and_a_tap_shows_its_drums(site: Site, person: Arrive) -> None:
    operator = person("depot", PHONE)
    page = operator.go("/depots")
    page.get_by_role("link", name="Plan", exact=True).click()
    page.get_by_role("link", name="Add a bay at place 3-2").click()
    expect(page.locator("input[name=place][value='3-2']")).to_be_checked()
    page.locator("input[name=place][value='3-2']").check(force=True)
    page.locator("#code").fill("d9")
    page.locator("#admits").fill("HW99")
    page.locator(".chip", has_text="Toxicity").locator("input").check(force=True)
    page.get_by_role("button", name="Save the bay").click()
    expect(page.locator("main")).to_contain_text("neither a waste code nor a category")
    expect(page.locator("input[name=place][value='3-2']")).to_be_checked()
    page.locator("#admits").fill("HW08")
    page.get_by_role("button", name="Save the bay").click()
    expect(page.locator(".saved-note")).to_contain_text("Bay D9 is saved.")
    page.get_by_role("link", name="D9").first.click()
    expect(page.locator("#admits")).to_have_value("HW08")
    page.get_by_role("button", name="Take the bay away").click()
    expect(page.locator(".spot", has_text="D9")).to_have_count(0)
    page = operator.go("/depots")
    filled = page.locator(".bay:not(.is-empty, .is-loose)").first
    code = filled.locator(".bay-code").inner_text()
    filled.click()
    heading = page.get_by_role("heading", name=f"In bay {code}")
    expect(heading).to_be_visible(timeout=15_000)
    # What has moved meanwhile draws the page anew, and may shift it: it is there, a little further at most.
    heading.scroll_into_view_if_needed()
    expect(page).to_have_url(re.compile(r"bay="))
    assert set(page.locator("#stock .bay-tag").all_inner_texts()) == {code}


def test_the_next_truck_becomes_a_manifest(site: Site, person: Arrive) -> None:
    page = person("depot", DESK).go("/depots")
    proposal = page.locator(".next-load")
    expect(proposal).to_contain_text("permit covers")
    page.get_by_role("link", name="Make the manifest").click()
    expect(page.locator("input[name=container]:checked").first).to_be_attached()
    expect(page.locator("input[name=receiver]:checked")).to_have_count(1)
    page.locator("input[name=carrier]").first.check()
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", name="Issue the manifest")).to_be_visible()


def test_a_regulator_sets_a_pair_and_a_figure(site: Site, person: Arrive) -> None:
    page = person("regulator", DESK).go("/district/rules")
    page.locator("summary", has_text="Set a pair").click()
    page.locator("#group_a").select_option("1-A")
    page.locator("#group_b").select_option("5-A")
    page.locator("#pair-source").fill("演示决定")
    page.locator("form", has=page.locator("#group_a")).get_by_role("button", name="Set it for the district").click()
    expect(page.locator(".is-pairs tr.is-own")).to_contain_text("演示决定")
    expect(page.locator(".matrix td.is-own")).to_have_count(2)
    row = page.locator("#mass-deviation-notice-percent")
    row.locator("summary").click()
    row.locator("input[name=value]").fill("4")
    row.locator("input[name=source]").fill("演示文件")
    row.get_by_role("button", name="Set it for the district").click()
    expect(row).to_contain_text("rules: 3 %")
    # Nothing that was typed for one figure has come into another.
    expect(page.locator("#mass-deviation-notice-kg input[name=source]")).to_have_value("")
    expect(page.locator("#history")).to_contain_text("To be noted from a difference of: 4")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_pages_are_open_to_all_and_fit(
    site: Site, person: Arrive, axe: Callable[[Page], list[Any]], size: dict[str, int]
) -> None:
    operator = person("depot", size)
    address = operator.go("/depots").url.removeprefix(site.url)
    for path in (address, f"{address}/plan", f"{address}/plan?new=1", "/district/rules"):
        page = operator.go(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path
    page = person("regulator", size).go("/district/rules")
    page.locator("summary", has_text="Set a pair").click()
    assert axe(page) == []
