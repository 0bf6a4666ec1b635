"""Scanning without a network, in a real browser: kept before the beep, sent once, and nothing gone after a kill."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, expect

from tests.browser.conftest import Person
from tools.site import CHROMIUM_FLAGS, PHONE, Site, chromium

pytestmark = pytest.mark.browser
Arrive = Callable[..., Person]


def type_scan(page: Page, text: str) -> None:
    """What a handheld scanner types, with its Enter."""
    field = page.locator("#scan-text")
    field.press_sequentially(text)
    field.press("Enter")


def waits(page: Page, number: int) -> None:
    """The page says how many scans it keeps; the device's own list agrees."""
    line = page.locator("#scan-kept")
    expect(line).to_have_attribute("data-waits", "yes" if number else "no", timeout=20_000)
    if number:
        expect(line).to_contain_text(str(number))
    for _ in range(50):
        if len(kept(page)) == number:
            return
        page.wait_for_timeout(100)
    assert len(kept(page)) == number


def kept(page: Page, store: str = "scans", owner: str = "") -> list[dict[str, Any]]:
    """What the device's own database holds."""
    return list(
        page.evaluate(
            """async ([store, named]) => {
              const owner = named || document.getElementById("scan").dataset.owner;
              const request = (asked) => new Promise((done, failed) => {
                asked.onsuccess = () => done(asked.result);
                asked.onerror = () => failed(asked.error);
              });
              const db = await request(indexedDB.open(`wastetrack-scans:${owner}`));
              const rows = await request(db.transaction(store).objectStore(store).getAll());
              db.close();
              return rows;
            }""",
            [store, owner],
        )
    )


def recorded(site: Site, nonces: list[str]) -> list[str]:
    """The verdicts that the site has under these nonces, in the order in which it recorded them."""
    code = (
        "from scanner.models import Scan; "
        f"print([s.verdict for s in Scan.objects.filter(nonce__in={nonces!r}).order_by('id')])"
    )
    printed = site.manage("shell", "-v", "0", "-c", code)
    return re.findall(r"'(\w+)'", printed)


def stocked(person: Person, count: int) -> list[str]:
    """Short codes of drums that stand in the person's depot."""
    answer = person.context.request.get(f"{person.url}/api/v1/containers?state=stored&limit=50").json()
    codes = [row["short_code"] for row in answer["items"]]
    assert len(codes) >= count
    return codes[:count]


def until(page: Page, expression: str) -> None:
    """Waits in steps: the page's own policy lets no predicate be compiled in it."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never: {expression}")


def ready(page: Page) -> None:
    """The worker has the page and its files, and the device knows the depot's stock."""
    until(page, "() => navigator.serviceWorker.controller !== null")
    until(page, "() => caches.open('pages').then((pages) => pages.match('/scan')).then(Boolean)")
    for _ in range(100):
        if kept(page, "snapshots"):
            return
        page.wait_for_timeout(100)
    raise AssertionError("the stock was not downloaded")


def test_the_page_opens_without_a_network_and_loses_nothing(site: Site, person: Arrive) -> None:
    operator = person("depot", PHONE)
    page = operator.go("/scan?intent=lookup")
    ready(page)
    drums = stocked(operator, 3)
    operator.context.set_offline(True)
    for drum in drums[:2]:
        type_scan(page, drum)
        page.wait_for_timeout(50)
    waits(page, 2)
    # Opened anew without a network: the same page, the same scans, and they can be added to.
    page.goto(f"{site.url}/scan?intent=lookup")
    waits(page, 2)
    type_scan(page, drums[2])
    waits(page, 3)
    nonces = [scan["nonce"] for scan in kept(page)]
    assert recorded(site, nonces) == []
    # Any other page says why it does not open.
    page.goto(f"{site.url}/depots")
    expect(page.locator("main")).to_contain_text("Go on scanning")
    page.get_by_role("link", name="Go on scanning").click()
    waits(page, 3)
    operator.context.set_offline(False)
    waits(page, 0)
    assert recorded(site, nonces) == ["accepted"] * 3


def test_the_device_tells_right_from_wrong_without_a_network(site: Site, person: Arrive) -> None:
    operator = person("depot", PHONE)
    page = operator.go("/scan?intent=check_in")
    ready(page)
    (drum,) = stocked(operator, 1)
    operator.context.set_offline(True)
    type_scan(page, drum)
    expect(page.locator("#verdict")).to_contain_text("Already here")
    type_scan(page, "HTTPS://SHOP.EXAMPLE.COM/SALE")
    expect(page.locator("body")).to_have_attribute("data-verdict", "refused")
    waits(page, 2)
    operator.context.set_offline(False)
    waits(page, 0)
    # The device and the site agree: nobody has to look at anything.
    assert kept(page, "parked") == []


def test_signed_out_meanwhile_the_scan_waits_for_the_person(site: Site, person: Arrive) -> None:
    operator = person("depot", PHONE)
    page = operator.go("/scan?intent=lookup")
    (drum,) = stocked(operator, 1)
    session = [one for one in operator.context.cookies() if one["name"] == "sessionid"]
    operator.context.clear_cookies(name="sessionid")
    type_scan(page, drum)
    expect(page.locator("#scan-status")).to_contain_text("sign", ignore_case=True)
    waits(page, 1)
    (scan,) = kept(page)
    assert session
    assert recorded(site, [scan["nonce"]]) == []
    page.locator("#scan-status a").click()
    page.locator("button[name=demo][value=depot]").click()
    page.wait_for_url(re.compile("/scan"))
    waits(page, 0)
    assert recorded(site, [scan["nonce"]]) == ["accepted"]


def test_scans_are_never_sent_in_another_name(site: Site, person: Arrive) -> None:
    operator = person("depot", PHONE)
    page = operator.go("/scan?intent=lookup")
    (drum,) = stocked(operator, 1)
    operator.context.set_offline(True)
    type_scan(page, drum)
    waits(page, 1)
    (scan,) = kept(page)
    mine = str(page.locator("#scan").get_attribute("data-owner"))
    # Somebody else signs in on this device, and scans; the first one's page still stands open in another tab.
    other = operator.context.new_page()
    operator.context.clear_cookies(name="sessionid")
    operator.context.set_offline(False)
    other.goto(f"{site.url}/sign-in")
    other.locator("button[name=demo][value=firm]").click()
    other.wait_for_url(f"{site.url}/")
    other.goto(f"{site.url}/scan")
    expect(other.locator("#scan-status")).to_be_visible(timeout=20_000)
    type_scan(other, drum)
    expect(other.locator("body")).to_have_attribute("data-verdict", re.compile("refused|accepted"))
    waits(other, 0)
    expect(other.locator("#scan-status")).to_contain_text("another person")
    assert kept(other) == []
    assert kept(other, owner=mine) == [scan]
    assert recorded(site, [scan["nonce"]]) == []
    # Back again, it goes in the name of whoever made it.
    operator.context.clear_cookies(name="sessionid")
    other.goto(f"{site.url}/sign-in")
    other.locator("button[name=demo][value=depot]").click()
    other.wait_for_url(f"{site.url}/")
    other.goto(f"{site.url}/scan")
    waits(other, 0)
    assert recorded(site, [scan["nonce"]]) == ["accepted"]


def test_a_batch_with_five_poisoned_items(site: Site, person: Arrive) -> None:
    operator = person("depot", PHONE)
    page = operator.go("/scan?intent=lookup")
    (drum,) = stocked(operator, 1)
    operator.context.set_offline(True)
    type_scan(page, drum)
    waits(page, 1)
    # As an older version, or a fault, may have left them on the device.
    page.evaluate(
        """async (drum) => {
          const owner = document.getElementById("scan").dataset.owner;
          const db = await new Promise((done) => {
            const asked = indexedDB.open(`wastetrack-scans:${owner}`);
            asked.onsuccess = () => done(asked.result);
          });
          const poison = [
            { intent: "dance" }, { text: "a\\u0000b" },
            { mass_kg: "heavy", intent: "check_in" }, { device: "x".repeat(50) }, { scanned_at: "noon", text: "" },
          ];
          const tx = db.transaction("scans", "readwrite");
          for (let n = 0; n < 30; n++) {
            const made = { nonce: `poisoned-${n}-${Date.now()}`, seq: 1000 + n, scanned_at: new Date().toISOString() };
            const scan = { ...made, text: drum, intent: "lookup" };
            tx.objectStore("scans").add({ ...scan, ...(n % 6 === 3 ? poison[(n - 3) / 6] : {}) });
          }
          await new Promise((done) => { tx.oncomplete = done; });
          db.close();
        }""",
        drum,
    )
    nonces = [scan["nonce"] for scan in kept(page)]
    assert len(nonces) == 31
    operator.context.set_offline(False)
    waits(page, 0)
    assert len(recorded(site, nonces)) == 26
    parked = kept(page, "parked")
    assert len(parked) == 5
    assert all(one["answer"]["reason"] for one in parked)
    # They stay until a person has seen them.
    page.reload()
    opener = page.locator("#scan-settle")
    expect(opener).to_contain_text("5")
    opener.click()
    for left in range(4, -1, -1):
        page.locator("#scan-parked li button").first.click()
        expect(page.locator("#scan-parked li")).to_have_count(left)
    assert kept(page, "parked") == []


# --- a browser that is killed ---


@contextmanager
def own_browser(kind: BrowserType, profile: Path) -> Iterator[tuple[BrowserContext, Callable[[], None]]]:
    """A Chromium with this profile in a process of its own, and what kills it outright."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(chromium()), *CHROMIUM_FLAGS, "--headless=new", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        [*command, f"--remote-debugging-port={port}", "--lang=en", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip

    def kill() -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)

    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/json/version", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        opened = kind.connect_over_cdp(f"http://127.0.0.1:{port}")
        yield opened.contexts[0], kill
    finally:
        if process.poll() is None:
            kill()


def test_killed_in_the_middle_of_scanning_and_opened_again(
    site: Site, person: Arrive, browser: Browser, tmp_path: Path
) -> None:
    operator = person("depot", PHONE)
    drums = stocked(operator, 10)
    beeped: list[str] = []
    with own_browser(browser.browser_type, tmp_path / "profile") as (context, kill):
        page = context.new_page()
        page.goto(f"{site.url}/sign-in")
        page.locator("button[name=demo][value=depot]").click()
        page.wait_for_url(f"{site.url}/")
        page.goto(f"{site.url}/scan?intent=lookup")
        ready(page)
        context.set_offline(True)
        for drum in drums:
            type_scan(page, drum)
            beeped.append(drum)
        waits(page, len(drums))
        nonces = [scan["nonce"] for scan in kept(page)]
        kill()
    with own_browser(browser.browser_type, tmp_path / "profile") as (context, kill):
        # A killed browser may have forgotten its session, as it writes cookies late. The scans are there.
        page = context.new_page()
        page.goto(f"{site.url}/sign-in")
        page.locator("button[name=demo][value=depot]").click()
        page.wait_for_url(f"{site.url}/")
        page.goto(f"{site.url}/scan?intent=lookup")
        waits(page, 0)
        kill()
    assert recorded(site, nonces) == ["accepted"] * len(drums)
