"""What falls due appears on open pages by itself, at once, after a restart too; the pages are open to all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OURS, Person
from tools.site import DESK, PHONE, Site

pytestmark = pytest.mark.browser
Arrive = Callable[..., Person]
SECONDS = 4
"""How long after it was arranged a drum falls due: the site has warned of it by then."""

ARRANGE = f"""
import json
from datetime import timedelta
from django.utils import timezone
from wastetrack.alerts.models import Alert
from wastetrack.parties.models import Membership
from wastetrack.waste.models import Container
firm = Membership.objects.get(user__username="depot").organisation
alert = Alert.objects.filter(kind="storage", state="watching", organisation=firm).first()
due = timezone.now() + timedelta(seconds={SECONDS})
drums = Container.objects.filter(code=alert.data["code"])
drums.update(storage_deadline=due)
Alert.objects.filter(pk=alert.pk).update(due_at=due, next_at=timezone.now())
print(json.dumps([alert.pk, drums.get().short_grouped]))
"""
SEALED = """
from wastetrack.ledger.models import Checkpoint, Entry
entry = Entry.objects.get(kind="alert.fall_due", subject="alert:%d")
print(Checkpoint.objects.filter(size__gt=entry.index).order_by("size").first().sealed_at.isoformat())
"""
WATCH = """code => {
  const places = {
    list: () => document.getElementById("grade-alarm")?.closest("section").textContent.includes(code),
    toast: () => [...document.querySelectorAll("#toasts .is-overdue")].some((one) => one.textContent.includes(code)),
    bell: () => Number(document.querySelector("#bell .is-overdue")?.lastChild.textContent ?? 0) > before,
    tile: () => Number(document.querySelector(".tile.is-overdue dd.figure")?.textContent ?? 0) > overdue,
  };
  const before = Number(document.querySelector("#bell .is-overdue")?.lastChild.textContent ?? 0);
  const overdue = Number(document.querySelector(".tile.is-overdue dd.figure")?.textContent ?? 0);
  window.stayed = true;
  // What watched for the drum before would see that one in the place of this.
  window.watching?.disconnect();
  window.seen = {};
  window.watching = new MutationObserver(() => {
    for (const [place, there] of Object.entries(places)) if (!seen[place] && there()) seen[place] = Date.now();
  });
  window.watching.observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def site(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The one process of `make demo`, its sweeper in it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(seeded, folder, dirs_exist_ok=True)
    site = Site.in_folder(folder, **{**OURS, "BACKGROUND": "sealer,sweeper", "SWEEP_SECONDS": "0.2"})
    site.manage("sweep")
    site.start()
    yield site
    site.stop()


def told(site: Site, code: str) -> str:
    """The last line that a piece of code says inside the site."""
    return site.manage("shell", "-c", code).strip().splitlines()[-1]


def a_drum_falls_due(site: Site, pages: Mapping[Page, tuple[str, ...]]) -> None:
    """It shows in its places on every page within a second of its entry's sealing, and no page was loaded anew."""
    alert, code = json.loads(told(site, ARRANGE))
    for page in pages:
        page.evaluate(WATCH, code)
    for page, places in pages.items():
        page.wait_for_function("places => places.every((one) => seen[one])", arg=places, timeout=20_000)
    sealed = datetime.fromisoformat(told(site, SEALED % alert)).timestamp()
    for page, places in pages.items():
        seen = page.evaluate("seen")
        late = {place: round(seen[place] / 1000 - sealed, 2) for place in places}
        assert max(late.values()) < 1, (page.url, late)
        assert page.evaluate("window.stayed"), "the page was loaded anew"


def test_an_overdue_drum_appears_on_open_pages_also_after_a_restart(site: Site, person: Arrive) -> None:
    operator, phone = person("depot", DESK), person("depot", PHONE)
    listed, board = operator.go("/alerts"), phone.go("/depots")
    pages = {listed: ("list", "toast", "bell"), board: ("tile", "toast", "bell")}
    for page in pages:
        page.wait_for_load_state("networkidle")
    a_drum_falls_due(site, pages)
    assert site.process is not None
    site.process.kill()
    site.process.wait(10)
    for page in pages:
        expect(page.locator("#link-lost")).to_be_visible(timeout=5_000)
    site.start()
    for page in pages:
        expect(page.locator("#link-lost")).to_be_hidden(timeout=25_000)
    a_drum_falls_due(site, pages)
    # What the list says leads to the alert, and there to what ends it.
    listed.locator("#grade-alarm").locator("xpath=../..").locator(".alert-says a").first.click()
    expect(listed.get_by_role("link", name="Hand it over")).to_be_visible()
    expect(listed.locator(".life-step.is-last")).to_contain_text("Overdue")


def test_a_list_in_use_is_held_and_says_so(site: Site, person: Arrive) -> None:
    page = person("depot", DESK).go("/alerts")
    if not page.locator(".alert-note summary").count():
        told(site, ARRANGE)
        expect(page.locator(".alert-note summary").first).to_be_visible(timeout=20_000)
    page.locator(".alert-note summary").first.click()
    page.locator(".alert-note input[name=note]").first.fill("周五清运")
    told(site, ARRANGE)
    expect(page.locator("[data-held]")).to_be_visible(timeout=20_000)
    expect(page.locator(".alert-note input[name=note]").first).to_have_value("周五清运")
    page.locator(".alert-note").first.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#alerts")).to_contain_text("周五清运")


OPEN = """
from datetime import timedelta
from django.utils import timezone
from wastetrack.alerts.models import Alert
from wastetrack.alerts.services import settle
from wastetrack.parties.models import Membership
from wastetrack.waste.models import Container
firm = Membership.objects.get(user__username="depot").organisation
alert = Alert.objects.filter(kind="storage", state="watching", organisation=firm).first()
Container.objects.filter(code=alert.data["code"]).update(storage_deadline=timezone.now() - timedelta(days=1))
settle("storage", [alert.about], now=timezone.now())
print(alert.pk)
"""
SAY = """([kind, id]) => document.body.dispatchEvent(
  new CustomEvent(`feed:alert.${kind}`, {detail: {subject: `alert:${id}`}}))"""
COVERED = """() => {
  const toast = document.querySelector(".toast-note").getBoundingClientRect();
  return [...document.querySelectorAll("main .btn")].map((one) => [one.innerText, one.getBoundingClientRect()])
    .filter(([, box]) => box.height && box.left < toast.right && box.right > toast.left
      && box.top < toast.bottom && box.bottom > toast.top).map(([text]) => text);
}"""


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_toast_goes_by_itself_or_with_its_alert_and_is_held_by_who_reads_it(
    site: Site, person: Arrive, size: dict[str, int]
) -> None:
    alert, somebody = told(site, OPEN), person("depot", size)
    somebody.page.clock.install()
    page = somebody.go("/depots")
    page.wait_for_load_state("networkidle")
    note = page.locator(f'.toast-note[data-alert="{alert}"]')

    def say(kind: str) -> None:
        page.evaluate(SAY, [kind, alert])
        page.clock.run_for(400)

    say("fall_due")
    expect(note).to_be_visible()
    assert page.evaluate(COVERED) == []
    say("resolve")
    expect(note).to_have_count(0)
    page = somebody.go("/depots")
    page.wait_for_load_state("networkidle")
    say("fall_due")
    expect(note).to_be_visible()
    note.locator("[data-close-toast]").focus()
    page.clock.run_for(60_000)
    expect(note).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(31_000)
    expect(note).to_have_count(0)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_pages_are_open_to_all_and_fit(
    site: Site, person: Arrive, axe: Callable[[Page], list[Any]], size: dict[str, int]
) -> None:
    operator, office = person("depot", size), person("regulator", size)
    first = operator.go("/alerts").locator(".alert-says a").first.get_attribute("href")
    paths = ["/alerts", first, "/calendar", "/figures", "/alerts?kind=storage"]
    for somebody, path in [*((operator, path) for path in paths), (office, "/alerts?scope=all"), (office, "/calendar")]:
        page = somebody.go(str(path))
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert axe(page) == [], path
    page = operator.go("/figures")
    page.locator("#storage-warn-days summary").click()
    page.locator("#storage-warn-days input[name=value]").fill("45")
    page.locator("#storage-warn-days").get_by_role("button", name="Set it for us").click()
    expect(page.locator("#storage-warn-days .is-ours")).to_contain_text("45")
    assert axe(page) == []
    page = operator.go("/calendar")
    page.get_by_role("link", name="The next month").click()
    expect(page.get_by_role("link", name="Today")).to_be_visible()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_tile_is_a_link_from_edge_to_edge_and_shows_where_the_focus_is(
    person: Arrive, axe: Callable[[Page], list[Any]], size: dict[str, int]
) -> None:
    for name in ("firm", "depot", "regulator"):
        page = person(name, size).go("/")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert axe(page) == [], name
        for tile in page.locator(".tile").all():
            box = tile.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 48
        page.keyboard.press("Tab")
        link = page.locator(".tile a").last
        link.focus()
        ring = "one => { const ring = getComputedStyle(one, '::after'); return [ring.outlineStyle, ring.height] }"
        style, height = link.evaluate(ring)
        assert (style, float(height.removesuffix("px")) >= 48) == ("solid", True)
        # In the corner that is farthest from the figure.
        box = page.locator(".tile").last.bounding_box()
        assert box is not None
        target = link.get_attribute("href")
        page.locator(".tile").last.click(position={"x": box["width"] - 3, "y": box["height"] - 3})
        page.wait_for_url(f"**{target}")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_counts_of_a_district_stand_under_their_own_heading(person: Arrive, size: dict[str, int]) -> None:
    page = person("regulator", size).go("/")
    heading = page.locator("#warnings h3")
    expect(heading).to_be_visible()
    above, below = heading.bounding_box(), page.locator("#warnings .is-kinds tbody").bounding_box()
    assert above is not None
    assert below is not None
    assert (above["x"] >= 0, above["y"] + above["height"] <= below["y"]) == (True, True)
