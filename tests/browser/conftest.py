"""A real site in its own process, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Site:
    """A served demo district with a database of its own."""

    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        port = self.url.rsplit(":", 1)[1]
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", port], cwd=ROOT, env=self.environment
        )
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the site did not get ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not (ROOT / "build" / "static").exists() and not os.environ.get("CI"):
        pytest.skip("no static files: run `make setup`")
    url = f"http://127.0.0.1:{_free_port()}"
    data = tmp_path_factory.mktemp("site")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}},
        "WASTETRACK_DEMO": "1",
        "DJANGO_SETTINGS_MODULE": "wastetrack.settings",
        "DATA_DIR": str(data),
        "PUBLIC_URL": url,
        "BACKGROUND": "sealer",
        "LOG_LEVEL": "WARNING",
        "SECRET_KEY": "only-for-tests",
    }
    site = Site(url, environment)
    site.manage("migrate", "--verbosity", "0")
    site.manage("seed_demo", "--firms", "6", "--days", "40", "--seed", "7")
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            raise RuntimeError("no chromium")
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


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
        """Give the password where the form asks for it, and sign."""
        form = self.page.locator("form", has=self.page.get_by_role("button", name=button))
        form.locator("input[type=password]").fill("demo")
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
        page.set_default_timeout(10_000)
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
        # Through the debugger, as the page's own policy allows no script from elsewhere.
        page.evaluate(source)
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
        found = page.evaluate("rules => axe.run(document, rules)", rules)
        return [
            {"rule": one["id"], "where": [node["target"] for node in one["nodes"]][:5]} for one in found["violations"]
        ]

    return check
