"""The page's end of the live feed: what is lost on the way is fetched, and a lost line is seen and heals by itself."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Person
from tools.site import Site

pytestmark = pytest.mark.browser
Arrive = Callable[..., Person]
NOTED = """() => {
  window.frames_ = [];
  document.body.addEventListener("feed", (event) => window.frames_.push(event.detail.index));
}"""
HAPPEN = """
from django.db import transaction
from django.utils import timezone
from wastetrack.ledger.models import Entry
from wastetrack.ledger.services import Fact, record, seal
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership
firm = Actor.of(Membership.objects.get(user__username="firm"))
readers = frozenset({"o:%d" % firm.organisation_id})
for _ in range(COUNT):
    with transaction.atomic():
        record(firm, [Fact("test.fact", "t:x", readers, {})], now=timezone.now())
seal()
print(*Entry.objects.visible_to(firm).order_by("-index").values_list("index", flat=True)[:COUNT])
"""


def happen(site: Site, count: int = 1) -> list[int]:
    """So many entries for the firm, written beside the server; their indices."""
    said = site.manage("shell", "--no-imports", "-c", HAPPEN.replace("COUNT", str(count)))
    return sorted(int(index) for index in said.split())


def got(page: Page, indices: list[int], milliseconds: float = 10_000) -> None:
    """Waits until the page has told these, in this order; it must have told nothing else."""
    page.wait_for_function("last => window.frames_.at(-1) >= last", arg=indices[-1], timeout=milliseconds)
    assert page.evaluate("window.frames_") == indices


def on_the_way(page: Page, through: Callable[[dict[str, Any]], bool]) -> list[str]:
    """From its next load on the page gets only the frames that `through` lets pass. The addresses it asked for."""
    asked: list[str] = []

    def route(socket: WebSocketRoute) -> None:
        asked.append(socket.url)
        server = socket.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            lines = [line for line in str(message).split("\n") if through(json.loads(line))]
            if lines:
                socket.send("\n".join(lines))

        server.on_message(pass_on)

    page.route_web_socket("**/ws/feed*", route)
    return asked


@pytest.mark.parametrize("which", ["in the middle", "the last"])
def test_a_frame_lost_on_the_way_is_fetched(site: Site, person: Arrive, which: str) -> None:
    page = person("firm").page
    lost: list[int] = []

    def through(frame: dict[str, Any]) -> bool:
        if frame.get("kind") != "test.fact" or lost:
            return True
        lost.append(frame["index"])
        return False

    asked = on_the_way(page, through)
    page.reload()
    page.evaluate(NOTED)
    page.wait_for_timeout(500)
    indices = happen(site, 1 if which == "the last" else 3)
    got(page, indices)
    assert lost == indices[:1]
    assert len(asked) == 2
    expect(page.locator("#link-lost")).to_be_hidden()


def test_a_server_that_falls_silent_is_seen_within_5_seconds(site: Site, person: Arrive) -> None:
    """Its sockets stay open and say nothing: only who asks finds out. What happened meanwhile shows after."""
    page = person("firm").page
    page.evaluate(NOTED)
    page.wait_for_timeout(2_000)
    assert site.process
    os.kill(site.process.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        expect(page.locator("#link-lost")).to_be_visible(timeout=8_000)
        assert time.monotonic() - begun < 5
        indices = happen(site)
    finally:
        os.kill(site.process.pid, signal.SIGCONT)
    expect(page.locator("#link-lost")).to_have_class("link-lost is-found", timeout=15_000)
    got(page, indices)
    expect(page.locator("#link-lost")).to_be_hidden(timeout=5_000)


def test_a_killed_server_is_seen_and_both_tabs_heal(site: Site, person: Arrive) -> None:
    somebody = person("firm")
    tabs = [somebody.page, somebody.context.new_page()]
    tabs[1].goto(f"{site.url}/containers")
    for tab in tabs:
        tab.evaluate(NOTED)
    before = happen(site)
    for tab in tabs:
        got(tab, before)
    assert site.process
    site.process.kill()
    begun = time.monotonic()
    for tab in tabs:
        expect(tab.locator("#link-lost")).to_be_visible(timeout=8_000)
    assert time.monotonic() - begun < 5
    site.process.wait(10)
    indices = happen(site, 2)
    site.start()
    for tab in tabs:
        got(tab, before + indices, 20_000)
        expect(tab.locator("#link-lost")).to_be_hidden(timeout=5_000)
        assert tab.url.startswith(site.url)
        assert "sign-in" not in tab.url


def test_a_page_that_comes_after_another_tells_what_happened_between(site: Site, person: Arrive) -> None:
    """The cursor is kept for the tab: an entry between two pages is told by the second."""
    page = person("firm").page
    page.evaluate(NOTED)
    first = happen(site)
    got(page, first)
    page.goto("about:blank")
    between = happen(site)
    page.add_init_script("addEventListener('DOMContentLoaded', () => { (" + NOTED + ")() })")
    page.goto(site.url)
    got(page, between)


def test_a_session_that_ends_leads_to_the_door(site: Site, person: Arrive) -> None:
    page = person("firm").page
    page.wait_for_timeout(500)
    begun = time.monotonic()
    site.manage(
        "shell",
        "--no-imports",
        "-c",
        "from django.contrib.sessions.models import Session as S; S.objects.all().delete()",
    )
    page.wait_for_url("**/sign-in?next=*", timeout=10_000)
    assert time.monotonic() - begun < 10
