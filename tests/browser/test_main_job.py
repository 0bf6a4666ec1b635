"""The main job as people do it: one drum through every page, two browsers side by side, a connection that breaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Person
from tools.site import DESK, PHONE, Site

pytestmark = pytest.mark.browser
Arrive = Callable[..., Person]


def scan(page: Page, text: str) -> None:
    """What a handheld scanner types, with its Enter."""
    field = page.locator("#scan-text")
    field.press_sequentially(text)
    field.press("Enter")


def verdict(page: Page) -> str:
    shown = page.locator("#verdict")
    expect(shown).to_have_attribute("data-verdict", re.compile("accepted|refused"))
    return str(shown.get_attribute("data-verdict"))


def log_a_drum(clerk: Person, mass: str = "18.5") -> str:
    """900-249-08 in a 200 L steel drum, by search; returns the short code."""
    page = clerk.go("/log?q=900-249-08")
    page.get_by_role("link", name=re.compile("900-249-08")).first.click()
    page.locator("#mass_kg").fill(mass)
    page.locator("input[name=form][value=S]").check(force=True)
    page.locator("#container_kind").select_option("steel_drum")
    page.locator("#volume_l").fill("200")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Logged")).to_be_visible()
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page.locator(".logged-code").inner_text())
    assert code
    return code.group().replace("-", "")


def hand_over(person: Person, drum: str, receiver: str) -> str:
    """A manifest from one drum, drafted and issued; returns its number."""
    page = person.go(f"/manifests/new?container={drum}")
    page.locator(".option", has_text=receiver).first.click()
    page.locator("input[name=carrier]").first.check()
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", name="Issue the manifest")).to_be_visible()
    number = page.url.rsplit("/", 1)[1]
    person.sign("Sign and issue")
    expect(page.locator(".way-head")).to_contain_text("Issued")
    return number


def carry(driver: Person, number: str) -> None:
    page = driver.go(f"/manifests/{number}")
    page.locator("input[name=vehicle]").first.check(force=True)
    page.get_by_label("Not scanned: I compared every label with the list by eye").check()
    driver.sign("Sign and depart")
    expect(page.locator(".way-head")).to_contain_text("On the road")
    page.get_by_role("button", name="Arrived").click()
    expect(page.locator(".way-head")).to_contain_text("Delivered")


def test_one_drum_from_the_workshop_to_the_plant(site: Site, person: Arrive) -> None:
    clerk, driver = person("firm", PHONE), person("carrier", PHONE)
    operator, watcher = person("depot", PHONE), person("depot", DESK)
    plant, regulator = person("plant", DESK), person("regulator", DESK)

    # 1–2: logged, and its label printed
    drum = log_a_drum(clerk)
    pdf = clerk.context.request.post(
        f"{site.url}/labels",
        form={
            "codes": drum,
            "layout": "single",
            "csrfmiddlewaretoken": clerk.page.locator("input[name=csrfmiddlewaretoken]").first.input_value(),
        },
        headers={"Referer": site.url},
    )
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.body().startswith(b"%PDF")
    page = clerk.go(f"/containers/{drum}")
    expect(page.locator("main")).to_contain_text("18.5 kg")
    expect(page.locator("main")).to_contain_text("365 days left")

    # 3: not without a manifest; then over the road and in by one scan, while another screen watches
    watcher.go("/depots")
    board = watcher.page
    expect(board.locator("main")).not_to_contain_text(f"{drum[:4]}-{drum[4:]}")
    operator.go("/scan?intent=check_in")
    scan(operator.page, drum)
    assert verdict(operator.page) == "refused"
    expect(operator.page.locator("#verdict")).to_contain_text("No manifest brings this drum here")
    first = hand_over(clerk, drum, "收集站")
    carry(driver, first)
    board.evaluate("window.stayed = true")
    operator.go("/scan?intent=check_in")
    scan(operator.page, drum)
    assert verdict(operator.page) == "accepted"
    expect(board.locator("main")).to_contain_text(f"{drum[:4]}-{drum[4:]}", timeout=5_000)
    assert board.evaluate("window.stayed"), "the board was loaded anew"
    operator.go(f"/manifests/{first}")
    operator.page.get_by_role("button", name="Close the manifest").click()
    expect(operator.page.locator(".way-head")).to_contain_text("Closed")

    # 4: the clock moves on; both warnings reach the depot and its regulator, also a screen that was cut off
    told = operator.context.request.get(f"{site.url}/api/v1/containers/{drum}").json()
    due = datetime.fromisoformat(told["storage_deadline"])
    frames: list[str] = []
    board.expose_function("noteFrame", lambda kind, about: frames.append(f"{kind} {about}"))
    board.evaluate(
        "document.body.addEventListener('feed', e => noteFrame(e.detail.kind, e.detail.data.short_code || ''))"
    )
    watcher.context.set_offline(True)
    expect(board.locator("#link-lost")).to_be_visible(timeout=8_000)
    site.manage("sweep", "--now", (due - timedelta(days=20)).isoformat())
    site.manage("sweep", "--now", (due + timedelta(days=2)).isoformat())
    site.manage("sweep", "--now", (due + timedelta(days=2)).isoformat())
    watcher.context.set_offline(False)
    expect(board.locator("#link-lost")).to_be_hidden(timeout=30_000)
    mine = f"{drum[:4]}-{drum[4:]}"
    wanted = [f"alert.warn {mine}", f"alert.fall_due {mine}"]
    for _ in range(50):
        if [frame for frame in frames if frame.endswith(mine)] == wanted:
            break
        board.wait_for_timeout(200)
    assert [frame for frame in frames if frame.endswith(mine)] == wanted
    that_day = f"/alerts?kind=storage&day={due.date().isoformat()}"
    expect(regulator.go(f"{that_day}&scope=all").locator("main")).to_contain_text(mine)
    expect(operator.go(that_day).locator("main")).to_contain_text(mine)
    neighbour = person("firm2", PHONE)
    for path in ("/alerts", that_day):
        expect(neighbour.go(path).locator("main")).not_to_contain_text(mine)

    # 5: on to the plant, lighter than declared: settled by both, treated, closed
    second = hand_over(operator, drum, "处置中心")
    carry(driver, second)
    page = plant.go(f"/manifests/{second}")
    page.locator("#mass-1").fill("17.9")
    plant.sign("Sign the receipt")
    expect(page.locator("main")).to_contain_text("Settle the mass of")
    for somebody in (plant, operator):
        form = somebody.go(f"/manifests/{second}")
        form.locator("#settle-mass-1").fill("17.9")
        form.get_by_role("button", name="State this mass").click()
        expect(form.get_by_role("heading", name="Settle the mass of")).to_have_count(0)
    page = plant.go(f"/manifests/{second}")
    page.locator("#treat-method").select_option("R9")
    plant.sign("Sign the treatment")
    page.get_by_role("button", name="Close the manifest").click()
    expect(page.locator(".way-head")).to_contain_text("Closed")
    expect(operator.go("/alerts").locator("#main .alert-open, #main")).not_to_contain_text(f"{mine} must leave")
    expect(clerk.go(f"/containers/{drum}").locator("main")).to_contain_text("Treated")
    expect(clerk.page.locator("main")).to_contain_text("处置中心")

    # 6: the regulator reads its life, and that nobody altered it
    page = regulator.go(f"/containers/{drum}")
    expect(page.locator("main")).to_contain_text("Log intact")
    for words in ("Logged", "Put into the store", "17.9 kg"):
        expect(page.locator("main")).to_contain_text(words)


def test_a_screen_survives_a_restart_of_the_server(site: Site, person: Arrive) -> None:
    watcher, clerk = person("regulator"), person("firm")
    watcher.go("/")
    site.stop()
    expect(watcher.page.locator("#link-lost")).to_be_visible(timeout=8_000)
    site.start()
    expect(watcher.page.locator("#link-lost")).to_be_hidden(timeout=30_000)
    watcher.page.evaluate("document.body.addEventListener('feed', e => { window.last = e.detail.kind })")
    log_a_drum(clerk)
    watcher.page.wait_for_function("window.last === 'container.store'", timeout=8_000)


PAGES: list[tuple[str, str]] = [
    ("firm", "/"),
    ("firm", "/log"),
    ("firm", "/log?q=900-249-08"),
    ("firm", "/containers"),
    ("firm", "/manifests"),
    ("firm", "/manifests/new"),
    ("firm", "/alerts"),
    ("depot", "/"),
    ("depot", "/depots"),
    ("depot", "/scan"),
    ("carrier", "/"),
    ("plant", "/"),
    ("regulator", "/"),
    ("regulator", "/alerts"),
    ("steward", "/"),
    ("viewer", "/"),
]


@pytest.mark.parametrize(("size", "language"), [(DESK, "en"), (PHONE, "zh-CN")], ids=["desk", "phone"])
def test_every_page_is_readable_for_all(
    person: Arrive, axe: Callable[[Page], list[dict[str, Any]]], size: dict[str, int], language: str
) -> None:
    people: dict[str, Person] = {}
    wrong = []
    for user, path in PAGES:
        somebody = people.get(user) or people.setdefault(user, person(user, size, language))
        page = somebody.go(path)
        wrong += [(user, path, finding) for finding in axe(page)]
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            wrong.append((user, path, {"rule": "scrolls sideways", "where": [width]}))
    assert wrong == []


def test_the_label_page_is_open_to_anybody_and_tells_the_label(site: Site, person: Arrive) -> None:
    clerk = person("firm")
    drum = log_a_drum(clerk)
    page = clerk.go(f"/containers/{drum}")
    long = re.search(r"[0-9A-Z]{18} \d{8} \d{8} \d{3}", page.locator("main").inner_text())
    assert long
    code = long.group().replace(" ", "")
    stranger = clerk.context.browser.new_context()  # type: ignore[union-attr]
    public = stranger.new_page()
    public.goto(f"{site.url}/W/{code}")
    expect(public.locator("main")).to_contain_text("900-249-08")
    expect(public.locator("main")).not_to_contain_text("Stored")
    stranger.close()
