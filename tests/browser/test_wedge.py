"""A keyboard-wedge scanner at the scan page: what it types becomes scans, each once, whatever comes in between."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import Person
from tools.site import DESK, PHONE, Site

pytestmark = pytest.mark.browser
Arrive = Callable[..., Person]
At = Callable[[str], Page]


def ask(site: Site, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the site's database holds."""
    file = Path(site.environment["DATA_DIR"]) / "wastetrack.sqlite3"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as database:
        return database.execute(query, values).fetchall()


def last_scan(site: Site) -> int:
    return int(ask(site, "SELECT COALESCE(MAX(id), 0) FROM scanner_scan")[0][0])


def scans(site: Site, page: Page, after: int, count: int) -> list[str]:
    """The texts of the scans kept since, once as many as awaited are there, and no more came a moment later."""
    rows: list[tuple[Any, ...]] = []
    for _ in range(100):
        rows = ask(site, "SELECT text FROM scanner_scan WHERE id > ? ORDER BY id", after)
        if len(rows) >= count:
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(200)
    return [row[0] for row in ask(site, "SELECT text FROM scanner_scan WHERE id > ? ORDER BY id", after)]


def drums(site: Site, count: int) -> list[tuple[str, str]]:
    """(37-digit code, short code) of drums that stand in the store that `depot` works at."""
    store = "SELECT MIN(id) FROM depots_depot WHERE kind = 'collection_depot'"
    rows = ask(
        site,
        "SELECT c.code, c.short_code FROM waste_container c JOIN depots_stay s ON s.container_id = c.id "
        f"WHERE s.left_at IS NULL AND c.state = 'stored' AND s.depot_id = ({store}) ORDER BY c.id LIMIT ?",
        count,
    )
    assert len(rows) == count
    return [(row[0], row[1]) for row in rows]


@pytest.fixture(scope="module")
def operator(site: Site, browser: Browser) -> Iterator[Page]:
    """The depot's operator at one screen for all of this: signing in takes longer than scanning."""
    context = browser.new_context(viewport=PHONE, locale="en", base_url=site.url)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto("/sign-in")
    page.locator("button[name=demo][value=depot]").click()
    page.wait_for_url(f"{site.url}/")
    yield page
    context.close()


@pytest.fixture
def at(operator: Page) -> At:
    """The scan page in a mode."""

    def go(intent: str) -> Page:
        operator.goto(f"/scan?intent={intent}")
        operator.locator("#scan-setup-open").wait_for()
        return operator

    return go


@pytest.fixture
def page(at: At) -> Page:
    """Looking up: nothing changes by it, and every scan is kept."""
    return at("lookup")


@pytest.fixture
def keys(page: Page) -> Iterator[CDPSession]:
    """The browser's own door for keys and input methods: events as from a device, not from a script."""
    session = page.context.new_cdp_session(page)
    page.locator("#scan-text").focus()
    yield session
    session.detach()


def insert(keys: CDPSession, text: str) -> None:
    keys.send("Input.insertText", {"text": text})


def press(keys: CDPSession, key: str, code: str, number: int, modifiers: int = 0) -> None:
    about = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers}
    text = {"Enter": "\r"}.get(key, "") if not modifiers else ""
    keys.send("Input.dispatchKeyEvent", {"type": "keyDown" if text else "rawKeyDown", "text": text, **about})
    keys.send("Input.dispatchKeyEvent", {"type": "keyUp", **about})


def verdict(page: Page, kind: str) -> None:
    expect(page.locator("#verdict")).to_have_attribute("data-verdict", re.compile(kind))


# --- nothing is lost -----------------------------------------------------------------------------------------


def test_a_burst_of_keys_is_kept_whole_and_in_order(site: Site, page: Page, keys: CDPSession) -> None:
    typed = [short for _, short in drums(site, 5)] * 8
    after = last_scan(site)
    for character in "".join(f"{code}\r" for code in typed):
        key = {"\r": "Enter"}.get(character, character)
        about = {"key": key, "text": character, "windowsVirtualKeyCode": ord(character)}
        keys.send("Input.dispatchKeyEvent", {"type": "keyDown", **about})
    assert scans(site, page, after, len(typed)) == typed


def test_twenty_scans_a_second_and_more_lose_none(site: Site, page: Page, keys: CDPSession) -> None:
    """As a handheld types that sends a whole code at once: here as fast as the browser takes it."""
    typed = [short for _, short in drums(site, 5)] * 12
    after = last_scan(site)
    began = time.monotonic()
    for code in typed:
        insert(keys, f"{code}\n")
    assert len(typed) / (time.monotonic() - began) > 20, "slower than what this test is about"
    assert scans(site, page, after, len(typed)) == typed


def test_keys_that_fall_on_a_button_are_a_scan_and_press_nothing(site: Site, page: Page) -> None:
    [(_, code)] = drums(site, 1)
    after = last_scan(site)
    page.locator("#scan-setup-open").focus()
    page.keyboard.type(f"{code}\n")
    assert scans(site, page, after, 1) == [code]
    expect(page.locator("#scan-setup")).not_to_be_visible()


def test_one_scan_one_verdict(site: Site, page: Page) -> None:
    page.evaluate(
        """() => {
            window.shown = [];
            new MutationObserver((changes) => changes.forEach(({ target }) => shown.push(target.dataset.verdict)))
                .observe(document.querySelector('#verdict'), { attributeFilter: ['data-verdict'] });
        }"""
    )
    [(_, code)] = drums(site, 1)
    page.keyboard.type(f"{code}\nHTTPS://SHOP.EXAMPLE/4006381333931\n")
    verdict(page, "refused")
    page.wait_for_timeout(2_000)
    assert [kind for kind in page.evaluate("shown") if kind != "sending"] == ["accepted", "refused"]


# --- how it ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r\n", "\n", "\t", "\r"])
def test_an_end_inside_the_text_ends_the_scan(site: Site, page: Page, keys: CDPSession, end: str) -> None:
    (_, one), (_, two) = drums(site, 2)
    after = last_scan(site)
    insert(keys, f"{one}{end}{two}{end}")
    assert scans(site, page, after, 2) == [one, two]
    assert page.locator("#scan-text").input_value() == ""


@pytest.mark.parametrize(
    ("key", "code", "number", "modifiers"),
    [("Enter", "Enter", 13, 0), ("Enter", "NumpadEnter", 13, 0), ("Tab", "Tab", 9, 0), ("j", "KeyJ", 74, 2)],
    ids=["enter", "numpad", "tab", "line-feed"],
)
def test_a_key_ends_the_scan(
    site: Site, page: Page, keys: CDPSession, key: str, code: str, number: int, modifiers: int
) -> None:
    [(_, drum)] = drums(site, 1)
    after = last_scan(site)
    insert(keys, drum)
    press(keys, key, code, number, modifiers)
    assert scans(site, page, after, 1) == [drum]
    assert page.evaluate("document.activeElement.id") == "scan-text"


def test_nothing_ends_by_a_pause(site: Site, page: Page, keys: CDPSession) -> None:
    [(_, drum)] = drums(site, 1)
    after = last_scan(site)
    insert(keys, drum[:5])
    page.wait_for_timeout(2_500)
    insert(keys, drum[5:] + "\n")
    assert scans(site, page, after, 1) == [drum]


def test_a_text_split_at_every_point_is_one_scan(site: Site, page: Page, keys: CDPSession) -> None:
    [(code, _)] = drums(site, 1)
    text = f"{site.url}/W/{code}".upper()
    after = last_scan(site)
    for cut in range(1, len(text) + 1):
        insert(keys, text[:cut])
        insert(keys, text[cut:] + "\n")
    assert scans(site, page, after, len(text)) == [text] * len(text)
    verdict(page, "accepted")


def test_a_paste_of_two_lines_is_two_scans(site: Site, page: Page) -> None:
    (_, one), (_, two) = drums(site, 2)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    after = last_scan(site)
    page.evaluate("text => navigator.clipboard.writeText(text)", f"{one}\r\n{two}\r\n")
    page.locator("#scan-text").focus()
    page.keyboard.press("Control+V")
    assert scans(site, page, after, 2) == [one, two]


# --- input methods, layouts, marks ---------------------------------------------------------------------------


def test_an_input_method_in_between(site: Site, page: Page, keys: CDPSession) -> None:
    [(_, drum)] = drums(site, 1)
    after = last_scan(site)
    small = drum.lower()
    for end in range(1, len(small) + 1):
        press(keys, "Process", f"Key{small[end - 1].upper()}", 229)
        keys.send("Input.imeSetComposition", {"text": small[:end], "selectionStart": end, "selectionEnd": end})
    assert page.locator("#scan-text").input_value() == small
    press(keys, "Process", "Enter", 229)
    assert scans(site, page, after, 0) == []
    insert(keys, small)
    assert scans(site, page, after, 1) == [small]
    assert page.locator("#scan-text").input_value() == ""
    verdict(page, "accepted")


def test_an_input_method_that_commits_in_pieces(site: Site, page: Page, keys: CDPSession) -> None:
    [(code, _)] = drums(site, 1)
    text = f"{site.url}/W/{code}".upper()
    after = last_scan(site)
    for piece in re.findall(r"[A-Z]+|[^A-Z]+", text):
        if piece.isalpha():
            keys.send("Input.imeSetComposition", {"text": piece.lower(), "selectionStart": 1, "selectionEnd": 1})
        insert(keys, piece.translate(str.maketrans(":/.", "：/。")))
    press(keys, "Enter", "Enter", 13)
    assert len(scans(site, page, after, 1)) == 1
    verdict(page, "accepted")


@pytest.mark.parametrize("how", ["full-width", "aim", "bom", "small", "layout"])
def test_a_text_that_came_through_changed_is_understood(site: Site, page: Page, keys: CDPSession, how: str) -> None:
    [(code, _)] = drums(site, 1)
    text = f"{site.url}/W/{code}".upper()
    changed = {
        "full-width": "".join(chr(ord(c) + 0xFEE0) for c in text),
        "aim": f"]Q1{text}",
        "bom": f"\ufeff{text}",
        "small": text.lower(),
        "layout": text.replace(":", "Ö").replace("/", "-"),
    }[how]
    insert(keys, changed)
    press(keys, "Enter", "Enter", 13)
    verdict(page, "accepted")
    expect(page.locator("#verdict [data-part=drum]")).to_be_visible()


def test_a_scanner_is_set_up_by_one_reading(page: Page, keys: CDPSession) -> None:
    page.locator("#scan-setup-open").click()
    wanted = page.locator(".setup-text").inner_text()
    says = page.locator("#scan-setup-says")
    insert(keys, wanted)
    expect(says).to_contain_text("no end")
    press(keys, "Tab", "Tab", 9)
    expect(says).to_contain_text("reads as printed and ends with Tab")
    insert(keys, wanted.lower() + "\n")
    expect(says).to_contain_text("small or full-width")
    insert(keys, wanted.replace(":", ";").replace("-", "/") + "\n")
    expect(says).to_contain_text("another keyboard layout")
    insert(keys, "4006381333931\n")
    expect(says).to_contain_text("not the code above")
    insert(keys, wanted)
    press(keys, "Enter", "Enter", 13)
    expect(says).to_contain_text("Enter")
    page.get_by_role("button", name="Done").click()
    # Learned: this scanner ends with Enter, so Tab walks through the page and takes nothing along.
    insert(keys, "ABC")
    press(keys, "Tab", "Tab", 9)
    assert page.locator("#scan-text").input_value() == "ABC"
    assert page.evaluate("document.activeElement.id") != "scan-text"


# --- what the page makes of it -------------------------------------------------------------------------------


def test_a_weight_and_the_label_behind_it(site: Site, at: At) -> None:
    page = at("check_in")
    after = last_scan(site)
    [(code, _)] = drums(site, 1)
    page.locator("#scan-mass").focus()
    page.keyboard.type(f"23.5{site.url}/W/{code}".upper() + "\n")
    assert scans(site, page, after, 1) == [f"{site.url}/W/{code}".upper()]
    verdict(page, "repeated-accepted")
    assert page.locator("#scan-mass").input_value() == ""


def test_a_weight_that_is_none_holds_the_scan(site: Site, at: At) -> None:
    page = at("check_in")
    after = last_scan(site)
    [(_, code)] = drums(site, 1)
    page.locator("#scan-mass").fill("1,234")
    page.locator("#scan-text").focus()
    page.keyboard.type(f"{code}\n")
    expect(page.locator("#scan-status")).to_contain_text("not a number")
    verdict(page, "refused")
    expect(page.locator("#verdict [data-part=word]")).to_have_text("Weight?")
    # Nothing that is tapped meanwhile loses it, nor takes the words off the screen.
    page.locator("label.scan-mode", has=page.locator("[value=lookup]")).click()
    verdict(page, "refused")
    assert page.locator("#scan").get_attribute("data-intent") == "check_in"
    assert scans(site, page, after, 0) == []
    page.locator("#scan-mass").fill("12.34")
    page.locator("#scan-bay").focus()
    assert scans(site, page, after, 1) == [code]


def expected(page: Page, count: int) -> list[str]:
    """Drums that are on their way here, as the page lists them."""
    codes = page.locator("#expected .code").filter(has_text=re.compile(r"^\w{4}-\w{4}$"))
    return [codes.nth(place).inner_text() for place in range(count)]


def test_a_difference_asks_for_a_second_weighing(site: Site, at: At) -> None:
    page = at("check_in")
    after = last_scan(site)
    drum, other = expected(page, 2)
    page.locator("#scan-mass").fill("300")
    page.locator("#scan-text").focus()
    page.keyboard.type(f"{drum}\n")
    verdict(page, "weigh")
    expect(page.locator("#verdict [data-part=masses]")).to_contain_text("300 kg")
    assert page.evaluate("document.activeElement.id") == "scan-mass"
    # The mass typed now is this drum's: another label behind it is stopped, and nothing is recorded of it.
    page.keyboard.type(f"299.5{other}\n")
    verdict(page, "refused")
    expect(page.locator("#verdict [data-part=message]")).to_contain_text(f"typed for drum {drum}")
    assert scans(site, page, after, 1) == [drum]
    page.keyboard.type(f"{drum}\n")
    assert scans(site, page, after, 2) == [drum, drum]
    verdict(page, "flagged")
    assert page.locator("#scan-mass").input_value() == ""
    assert page.evaluate("document.activeElement.id") == "scan-text"


def test_the_last_scan_that_changed_something_can_be_undone(site: Site, at: At) -> None:
    page = at("check_in")
    after = last_scan(site)
    [drum] = expected(page, 1)
    page.keyboard.type(f"{drum}\n")
    verdict(page, "accepted")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#verdict [data-part=word]")).to_have_text("Undone")
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()
    assert ask(site, "SELECT intent, verdict FROM scanner_scan WHERE id > ? ORDER BY id", after) == [
        ("check_in", "accepted"),
        ("undo", "accepted"),
    ]
    page.keyboard.type(f"{drum}\n")
    expect(page.locator("#verdict [data-part=word]")).to_have_text("In")
    # A stray scan takes nothing away: the button says what it undoes.
    page.keyboard.type("NOTHING\n")
    verdict(page, "refused")
    page.keyboard.type(f"{drum}\n")
    verdict(page, "repeated-accepted")
    page.get_by_role("button", name=f"Undo {drum}").click()
    expect(page.locator("#verdict [data-part=word]")).to_have_text("Undone")
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()


def test_what_is_still_missing_follows_the_scans(at: At) -> None:
    page = at("check_in")
    [drum] = expected(page, 1)
    page.keyboard.type(f"{drum}\n")
    verdict(page, "accepted")
    expect(page.locator("#verdict [data-part=load]")).to_contain_text(re.compile(r"\d+ of \d+ in"))
    expect(page.locator("#scan-aside .load-missing", has_text=drum)).to_have_count(0)


def test_a_bay_that_was_counted_is_not_the_next_drums_place(site: Site, at: At) -> None:
    page = at("count")
    page.locator("#scan-bay").select_option(index=1)
    verdict(page, "bay")
    page.locator("label.scan-mode", has=page.locator("[value=put_away]")).click()
    [(_, code)] = drums(site, 1)
    page.keyboard.type(f"{code}\n")
    verdict(page, "hand")
    page.get_by_role("button", name=re.compile("Put down")).click()


def test_a_drum_in_hand_goes_to_the_bay_scanned_next(site: Site, at: At) -> None:
    page = at("put_away")
    (_, one), (_, two) = drums(site, 2)
    after = last_scan(site)
    page.keyboard.type(f"{one}\n{two}\n")
    verdict(page, "hand")
    expect(page.locator("#scan-hand")).to_contain_text("2 in hand")
    assert scans(site, page, after, 0) == []
    page.reload()
    expect(page.locator("#scan-hand")).to_contain_text("2 in hand")
    # The last one takes whatever comes.
    sign = page.locator("#scan-bay option[data-id]").last
    bay, text = sign.get_attribute("value"), f"{site.url}/B/{sign.get_attribute('data-id')}".upper()
    page.keyboard.type(f"{text}\n")
    assert scans(site, page, after, 2) == [one, two]
    asked = ask(site, "SELECT DISTINCT bay_asked FROM scanner_scan WHERE id > ?", after)
    assert asked == [(bay,)]
    expect(page.locator("#scan-hand")).to_be_hidden()
    # Bay first: it stays for the drums that follow.
    page.keyboard.type(f"{text}\n")
    verdict(page, "bay")
    assert page.locator("#scan-bay").input_value() == bay


def test_a_bay_of_another_depot_is_a_clear_stop(site: Site, at: At) -> None:
    page = at("put_away")
    [(other,)] = ask(site, "SELECT MAX(id) FROM depots_bay")
    page.keyboard.type(f"{site.url}/B/{other}".upper() + "\n")
    verdict(page, "refused")
    expect(page.locator("#verdict [data-part=message]")).to_contain_text("another depot")


@pytest.mark.parametrize(
    ("text", "says"),
    [("HTTPS://SHOP.EXAMPLE/P/1", "not one of ours"), ("ABCDEFG1", "not a drum's code"), ("]Q1", "not a drum's code")],
    ids=["shop", "damaged", "empty"],
)
def test_a_code_that_means_nothing_here_is_a_clear_stop(page: Page, text: str, says: str) -> None:
    page.keyboard.type(f"{text}\n")
    verdict(page, "refused")
    expect(page.locator("#verdict [data-part=message]")).to_contain_text(says)


READ_BY_ALL = [
    ("lookup", "", "accepted"),
    ("check_in", "", "repeated"),
    ("put_away", "", "hand"),
    ("check_out", "X", "refused"),
]
TARGETS = "#scan button, #scan .scan-mode, #scan input:not([type=radio], [type=file]), #scan select, #scan .btn"
TOO_SMALL = """elements => elements.map(element => [element.id || element.className, element.getBoundingClientRect()])
    .filter(([, box]) => box.height && Math.min(box.height, box.width) < 48).map(([name]) => name)"""


@pytest.mark.parametrize(("size", "language"), [(DESK, "en"), (PHONE, "zh-CN")], ids=["desk", "phone"])
def test_every_verdict_is_readable_for_all(
    site: Site,
    person: Arrive,
    axe: Callable[[Page], list[dict[str, Any]]],
    size: dict[str, int],
    language: str,
) -> None:
    somebody = person("depot", size, language)
    [(_, code)] = drums(site, 1)
    wrong: list[Any] = []
    for intent, text, kind in READ_BY_ALL:
        page = somebody.go(f"/scan?intent={intent}")
        page.keyboard.type(f"{text or code}\n")
        verdict(page, kind)
        page.wait_for_timeout(600)
        wrong += [(kind, finding) for finding in axe(page)]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        if size is PHONE:
            wrong += page.locator(TARGETS).evaluate_all(TOO_SMALL)
    page.locator("#scan-setup-open").click()
    wrong += [("setup", finding) for finding in axe(page)]
    assert wrong == []


def own_bay(site: Site, short: str) -> tuple[int, str]:
    """(id, code) of the bay in which a drum stands."""
    [row] = ask(
        site,
        "SELECT b.id, b.code FROM depots_bay b JOIN depots_stay s ON s.bay_id = b.id JOIN waste_container c "
        "ON c.id = s.container_id WHERE s.left_at IS NULL AND c.short_code = ?",
        short,
    )
    return int(row[0]), str(row[1])


@pytest.fixture
def empty_hands(operator: Page) -> None:
    """What a bay would not take in an earlier test is still in hand."""
    operator.evaluate("localStorage.clear()")


@pytest.mark.usefixtures("empty_hands")
@pytest.mark.parametrize("online", [True, False])
def test_a_bay_that_refuses_leaves_the_drum_in_hand(site: Site, at: At, online: bool) -> None:
    page = at("put_away")
    [(_, drum)] = drums(site, 1)
    [(other,)] = ask(site, "SELECT MAX(id) FROM depots_bay")
    right = f"{site.url}/B/{own_bay(site, drum)[0]}".upper()
    expect(page.locator("#scan-stock-age")).to_contain_text("ago")
    page.context.set_offline(not online)
    # Two signs in one breath: the second one is for the drum that the first one refused.
    page.keyboard.type(f"{drum}\n{site.url}/B/{other}\n{right}\n".upper())
    verdict(page, "accepted|repeated-accepted")
    expect(page.locator("#scan-hand")).to_be_hidden()
    assert page.locator("#scan-bay").input_value() == ""
    page.context.set_offline(False)
    expect(page.locator("#scan-kept")).to_have_attribute("data-waits", "no", timeout=20_000)


@pytest.mark.usefixtures("empty_hands")
def test_a_drum_that_is_in_its_bay_already(site: Site, at: At) -> None:
    page = at("put_away")
    [(_, drum)] = drums(site, 1)
    place, code = own_bay(site, drum)
    page.keyboard.type(f"{drum}\n")
    # Where another bay would take it, it waits in hand for a sign; where none would, there is nothing to do.
    expect(page.locator("#verdict [data-part=from]")).not_to_be_empty()
    if page.locator("#scan-hand").is_visible():
        page.keyboard.type(f"{site.url}/B/{place}\n".upper())
    expect(page.locator("#verdict [data-part=word]")).to_have_text(f"Already in {code}")
    expect(page.locator("#scan-hand")).to_be_hidden()
