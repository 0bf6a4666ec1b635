"""Takes the README's pictures from a freshly seeded demo district into docs/screenshots/."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools.site import CHROMIUM_FLAGS, DESK, PHONE, ROOT, Site, chromium

FOLDER = ROOT / "docs" / "screenshots"


def _sign_in(page: Page, site: Site, user: str) -> None:
    page.goto(f"{site.url}/sign-in")
    page.locator(f"button[name=demo][value={user}]").click()
    page.wait_for_url(f"{site.url}/")


def _log(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/log")
    page.locator("a.waste").first.click()
    page.locator("#mass_kg").fill("18.5")


def _drum(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/containers?state=treated")
    page.locator("main tbody a[href^='/containers/']").first.click()
    page.wait_for_load_state("networkidle")


def _scan(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/scan?intent=check_in")
    code = page.locator("#scan-aside .code").filter(has_text=re.compile(r"^\w{4}-\w{4}$")).first.inner_text()
    page.locator("#scan-text").press_sequentially(code)
    page.locator("#scan-text").press("Enter")
    page.wait_for_selector("#verdict[data-verdict=accepted]")


def _depot(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/depots")


def _home(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/")


PICTURES = {
    "log-390": ("firm", PHONE, _log),
    "home-390": ("firm", PHONE, _home),
    "scan-390": ("depot", PHONE, _scan),
    "depot-1280": ("depot", DESK, _depot),
    "drum-1280": ("regulator", DESK, _drum),
    "regulator-1280": ("regulator", DESK, _home),
}


def main() -> None:
    """Seed, serve, look, stop."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        site = Site.in_folder(Path(data))
        site.manage("migrate", "--verbosity", "0")
        site.manage("seed_demo")
        site.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        try:
            for name, (user, size, show) in PICTURES.items():
                context = browser.new_context(viewport=size, locale="en")  # type: ignore[arg-type]
                page = context.new_page()
                _sign_in(page, site, user)
                show(page, site)
                page.wait_for_timeout(300)
                page.screenshot(path=FOLDER / f"{name}.png")
                context.close()
                print(f"docs/screenshots/{name}.png")
        finally:
            browser.close()
            site.stop()


if __name__ == "__main__":
    main()
