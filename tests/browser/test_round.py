"""A driver's round on a phone: one stop signed without a network, one that cannot be served, and nothing lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from desk.demo.logins import PIN
from tests.browser.conftest import Person
from tools.site import PHONE, Site

pytestmark = pytest.mark.browser
Arrive = Callable[..., Person]


def ask(firm: Person) -> None:
    """The firm asks the depot that signs in as `depot` to fetch its first free drum."""
    page = firm.go("/collections/new")
    page.locator("input[name=container]").first.check()
    page.locator("label.option", has_text="第一收集站").locator("input[name=depot]").check()
    page.get_by_label("When is somebody there?").fill("9–11")
    page.get_by_role("button", name="Ask the depot").click()
    page.wait_for_url(re.compile(r"/collections/\d+$"))


def plan(site: Site, depot: Person) -> str:
    """The depot plans a round of all that fit together with a vehicle it knows and that is empty; its address."""
    page = depot.go("/rounds")
    page.get_by_role("link", name="Plan a round").first.click()
    left = 0
    while page.get_by_role("button", name="Add").count() > left:
        page.get_by_role("button", name="Add").nth(left).click()
        page.wait_for_load_state()
        if page.locator(".round-against").count():
            # It reacts with what is on the list already: for another round.
            page.get_by_role("button", name="off the round").last.click()
            page.wait_for_load_state()
            left += 1
    known = page.locator("input[name=vehicle]").evaluate_all("all => all.map(one => one.value)")
    page.locator(f"input[name=vehicle][value='{next(one for one in known if one in empty(site))}']").check()
    page.get_by_role("button", name="Save the round").click()
    page.wait_for_url(re.compile(r"/rounds/\d+$"))
    return page.url.removeprefix(depot.url)


def sign(page: Page, stop: Any, username: str, pin: str = PIN) -> None:
    stop.get_by_label("User name at the firm").fill(username)
    stop.get_by_label("PIN of that person").fill(pin)
    stop.get_by_label("driver").fill(PIN)
    stop.get_by_role("button", name="Both sign").click()


def kept(page: Page) -> list[dict[str, Any]]:
    """What the phone's own database holds."""
    return list(
        page.evaluate(
            """async () => {
              const owner = document.getElementById("round").dataset.owner;
              const request = (asked) => new Promise((done, failed) => {
                asked.onsuccess = () => done(asked.result);
                asked.onerror = () => failed(asked.error);
              });
              const db = await request(indexedDB.open(`wastetrack-rounds:${owner}`));
              const rows = await request(db.transaction("steps").objectStore("steps").getAll());
              db.close();
              return rows;
            }"""
        )
    )


def ready(page: Page) -> None:
    expect(page.locator("#round")).to_have_attribute("data-ready", "yes")
    for _ in range(100):
        path = "caches.open('pages').then((pages) => pages.match(location.pathname)).then(Boolean)"
        if page.evaluate(f"() => {path}"):
            return
        page.wait_for_timeout(100)
    raise AssertionError("the page is not kept")


def test_a_round_with_a_stop_offline_and_one_refused(site: Site, person: Arrive, axe: Callable[[Page], Any]) -> None:
    for name in ("firm", "firm2"):
        ask(person(name, PHONE))
    depot = person("depot")
    address = plan(site, depot)
    driver = person("carrier", PHONE)
    page = driver.go(address)
    assert axe(page) == []
    page.get_by_role("button", name="Set out").click()
    ready(page)
    assert axe(page) == []
    stops = page.locator("details[data-stop]")
    total = stops.count()
    order = [stops.nth(n).locator("summary strong").inner_text() for n in range(total)]
    assert total >= 2, order
    users = dict(zip(order, signers(site, order), strict=True))

    driver.context.set_offline(True)
    first = stops.nth(0)
    drum = first.locator("input[name=drum]").first
    code = drum.get_attribute("data-short") or ""
    page.locator("#round-text").press_sequentially(code)
    page.locator("#round-text").press("Enter")
    expect(drum).to_be_checked()
    sign(page, first, users[order[0]])
    expect(first.locator("[data-part=waits]")).to_contain_text("kept on this phone")
    rows = kept(page)
    assert len(rows) == 1
    # Nothing on the phone says the PIN.
    assert PIN not in str(rows)
    # Opened anew without a network: the same page, the same stop.
    page.goto(driver.url + address)
    expect(stops.nth(0).locator("[data-part=state]")).to_have_text("Kept on this phone")
    second = stops.nth(1)
    if second.get_attribute("open") is None:
        second.locator("summary").first.click()
    second.get_by_text("Cannot be served").click()
    second.get_by_label("Why").fill("门锁着")
    second.get_by_role("button", name="Go on without it").click()
    expect(second.locator("[data-part=state]")).to_have_text("Kept on this phone")
    assert len(kept(page)) == 2

    driver.context.set_offline(False)
    expect(page.locator("#round-line")).to_be_hidden(timeout=20_000)
    assert kept(page) == []
    expect(stops.nth(0).locator("[data-part=waits]")).to_contain_text("Manifest")
    page = driver.go(address)
    expect(stops.nth(0)).to_have_attribute("data-phase", "served")
    expect(stops.nth(1)).to_have_attribute("data-phase", "missed")
    page.get_by_role("button", name="Finish the round").click()
    expect(page.locator(".round-head .state")).to_have_text("Finished")


def test_a_wrong_pin_without_a_network_is_signed_again(site: Site, person: Arrive) -> None:
    ask(person("firm", PHONE))
    address = plan(site, person("depot"))
    driver = person("carrier", PHONE)
    page = driver.go(address)
    page.get_by_role("button", name="Set out").click()
    ready(page)
    stop = page.locator("details[data-stop]", has=page.locator("input[name=drum]")).first
    name = stop.locator("summary strong").inner_text()
    (user,) = signers(site, [name])
    driver.context.set_offline(True)
    stop.locator("input[name=drum]").first.check()
    sign(page, stop, user, pin="820193")
    expect(stop.locator("[data-part=state]")).to_have_text("Kept on this phone")
    driver.context.set_offline(False)
    expect(stop.locator("[data-part=parked]")).to_be_visible(timeout=20_000)
    sign(page, stop, user)
    expect(stop.locator("[data-part=waits]")).to_contain_text("Manifest", timeout=20_000)


def empty(site: Site) -> list[str]:
    """The vehicles with nothing on them, by their ids."""
    code = (
        "from manifests.selectors import aboard; from wastetrack.parties.models import Vehicle; "
        "print('|'.join(str(one.pk) for one in Vehicle.objects.all() if not aboard(one.plate)))"
    )
    return site.manage("shell", "-v", "0", "-c", code).strip().split("|")


def signers(site: Site, firms: list[str]) -> list[str]:
    """Who signs for each of these firms."""
    code = (
        "from wastetrack.parties.models import Membership; "
        f"print('|'.join(Membership.objects.filter(organisation__name=n, user__pin__isnull=False)"
        f".values_list('user__username', flat=True).first() or '' for n in {firms!r}))"
    )
    return site.manage("shell", "-v", "0", "-c", code).strip().split("|")
