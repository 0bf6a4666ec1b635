"""A real site in its own process, and a real Chromium that looks at it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from desk.demo.logins import PASSWORD, PIN
from tools.site import CHROMIUM_FLAGS, DESK, ROOT, Site, chromium

OURS = {"BACKGROUND": "sealer", "SECRET_KEY": "only-for-tests"}
"""No sweeper of its own: these tests move the clock themselves."""


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo district on disk, made once, by the worker that needs it first: every module works on a copy."""
    if not (ROOT / "build" / "static").exists() and not os.environ.get("CI"):
        pytest.skip("no static files: run `make setup`")
    here = tmp_path_factory.getbasetemp()
    # Workers of one run have their folders side by side.
    folder = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "district"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            making = folder.with_suffix(f".{os.getpid()}")
            site = Site.in_folder(making, **OURS)
            site.manage("migrate", "--verbosity", "0")
            site.manage("seed_demo", "--firms", "6", "--days", "40", "--seed", "7")
            making.rename(folder)
    return folder


@pytest.fixture(scope="module")
def site(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(seeded, folder, dirs_exist_ok=True)
    site = Site.in_folder(folder, **OURS)
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            raise RuntimeError("no chromium")
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


@dataclass
class Person:
    """Somebody at a screen: a browser context of their own, signed in as a demo user."""

    context: BrowserContext
    page: Page
    url: str

    def go(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def sign(self, button: str) -> None:
        """Give the PIN, or the password where there is none, and sign."""
        form = self.page.locator("form", has=self.page.get_by_role("button", name=button))
        pin = form.locator("input[name=pin]")
        if pin.count():
            pin.fill(PIN)
        else:
            form.locator("input[name=password]").fill(PASSWORD)
        form.get_by_role("button", name=button).click()


@pytest.fixture
def person(site: Site, browser: Browser) -> Iterator[Callable[..., Person]]:
    """`person("firm", PHONE)`: signed in by the demo's one click. What their console complains of fails the test."""
    people: list[Person] = []
    complaints: list[str] = []

    def arrive(user: str, size: dict[str, int] = DESK, language: str = "en") -> Person:
        context = browser.new_context(viewport=size, locale=language, base_url=site.url)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(30_000)
        somebody = Person(context, page, site.url)
        people.append(somebody)
        somebody.go("/sign-in")
        page.locator(f"button[name=demo][value={user}]").click()
        page.wait_for_url(f"{site.url}/")
        return somebody

    yield arrive
    for one in people:
        one.context.close()
    assert [text for text in complaints if not _expected(text)] == []


def _expected(text: str) -> bool:
    """A refused form answers 4xx, and a cut line fails requests: the browser says so, and that is right."""
    return any(words in text for words in ("status of 4", "WebSocket", "ERR_CONNECTION", "ERR_INTERNET", "htmx:"))


@pytest.fixture
def axe() -> Callable[[Page], list[dict[str, Any]]]:
    """What axe finds wrong on a page, WCAG 2.2 A and AA."""
    source = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def check(page: Page) -> list[dict[str, Any]]:
        # As tall as the page: what lies under the sticky bar at this moment is not too small to tap.
        size = page.viewport_size or DESK
        page.wait_for_load_state("networkidle")
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": height})
        # Where the page grows with the screen, the bar at its foot would lie on something still.
        page.evaluate(
            "() => document.querySelectorAll('body *').forEach(one => {"
            " if (['fixed', 'sticky'].includes(getComputedStyle(one).position)) one.style.position = 'static' })"
        )
        # A live part that is being exchanged would be measured in mid-air.
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(200)
        # Through the debugger, as the page's own policy allows no script from elsewhere.
        page.evaluate(source)
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
        found = page.evaluate("rules => axe.run(document, rules)", rules)
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        return [
            {"rule": one["id"], "where": [(node["target"], node["failureSummary"]) for node in one["nodes"]][:5]}
            for one in found["violations"]
        ]

    return check
