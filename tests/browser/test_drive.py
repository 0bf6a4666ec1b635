"""A driver's phone: scan drums on, depart, show the load at the roadside, hand it over, arrive."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page, expect

from desk.demo.logins import PIN
from tests.browser.conftest import Person
from tools.site import DESK, PHONE, Site


def load_named(page: Page, words: str) -> str:
    """The address of the first load whose button says this."""
    found = page.locator("a.drive-go").filter(has_text=words).first.get_attribute("href")
    assert found
    return found


def no_sideways(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_drivers_day(site: Site, browser: Browser, person: Callable[..., Person], axe: Callable[..., Any]) -> None:
    driver = person("carrier", PHONE)
    page = driver.go("/drive")
    no_sideways(page)
    assert axe(page) == []
    load = load_named(page, "Load and depart")

    # Scanned on one by one; what is not scanned keeps the load here.
    page = driver.go(load)
    codes = page.locator(".drive-drums .code").all_inner_texts()
    page.get_by_role("link", name="Scan the drums on").click()
    expect(page.locator("#scan-manifest")).to_have_value(load.rpartition("/")[2])
    for code in codes:
        page.locator("#scan-text").press_sequentially(code)
        page.locator("#scan-text").press("Enter")
        page.wait_for_selector("#verdict[data-verdict=accepted]")
    page = driver.go(load)
    expect(page.locator(".drive-facts")).to_contain_text(f"{len(codes)} of {len(codes)} drums")
    assert axe(page) == []
    page.locator("#step-depart .chip").first.click()
    driver.sign("Sign and depart")
    page.wait_for_url(f"{site.url}/drive")

    # The officer needs no account.
    page = driver.go(load)
    page.get_by_role("button", name="Show it at the roadside").click()
    address = page.locator(".setup-text").inner_text()
    no_sideways(page)
    assert axe(page) == []
    officer = browser.new_context(viewport=PHONE, locale="en").new_page()  # type: ignore[arg-type]
    officer.goto(f"{site.url}/R/{address.rpartition('/')[2]}")
    for code in codes:
        expect(officer.locator("main")).to_contain_text(code)
    no_sideways(officer)
    assert axe(officer) == []

    # Handed over, and brought all the same: nobody has taken it.
    page = driver.go(load)
    page.get_by_text("Hand over to another carrier").click()
    no_sideways(page)
    assert axe(page) == []
    page.locator("#hand-over-carrier").select_option(index=1)
    page.locator("#hand-over-place").fill("绍兴北服务区")
    page.locator("#step-hand-over input[name=pin]").fill(PIN)
    page.get_by_role("button", name="Sign the hand-over").click()
    page.wait_for_url(f"{site.url}/drive")
    expect(page.locator("main")).to_contain_text("who has not signed for it yet")
    page = driver.go(load)
    page.get_by_role("button", name="Arrived").click()
    page.wait_for_url(f"{site.url}/drive")
    assert page.locator(f"a.drive-go[href='{load}']").count() == 0
    officer.reload()
    expect(officer.locator("main")).to_contain_text("This code opens nothing any more.")
    officer.context.close()


def test_a_regulator_finds_a_lorry(site: Site, person: Callable[..., Person], axe: Callable[..., Any]) -> None:
    watch = person("regulator", DESK)
    page = watch.go("/on-the-road")
    plate = page.locator("main tbody .plate").first.inner_text()
    assert axe(page) == []
    page.locator("#plate").fill(plate[-2:])
    page.get_by_role("button", name="Search").click()
    expect(page.locator("main tbody .plate").filter(has_text=plate)).to_have_count(1)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    no_sideways(page)
    assert re.search(r"/on-the-road\?plate=", page.url)
