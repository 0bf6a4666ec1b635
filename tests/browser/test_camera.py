"""The camera as a scanner: a browser whose camera shows printed labels, drawn by the site itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Person
from tests.browser.test_wedge import drums, last_scan, scans
from tools.site import CHROMIUM_FLAGS, PHONE, Site, chromium

pytestmark = pytest.mark.browser
SIZE = (640, 480)
RATE = 10
Arrive = Callable[..., Person]
Label = tuple[str, str, Image.Image]


@pytest.fixture(scope="module")
def labels(site: Site, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> list[Label]:
    """(code, short code as shown, picture of the printed label) of two drums in the depot."""
    if shutil.which("pdftoppm") is None and not os.environ.get("CI"):
        pytest.skip("no pdftoppm on this machine")
    folder = tmp_path_factory.mktemp("labels")
    context = signed_in(browser, site)
    page = context.new_page()
    page.goto("/scan")
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    found = []
    for code, short in drums(site, 2):
        form: dict[str, str | float | bool] = {"codes": short, "layout": "single", "csrfmiddlewaretoken": token}
        pdf = context.request.post(f"{site.url}/labels", form=form, headers={"Referer": site.url})
        file = folder / f"{short}.pdf"
        file.write_bytes(pdf.body())
        subprocess.run(["pdftoppm", "-r", "150", "-png", "-singlefile", file, folder / short], check=True)
        found.append((code, f"{short[:4]}-{short[4:]}", Image.open(folder / f"{short}.png").convert("RGB")))
    context.close()
    return found


def signed_in(browser: Browser, site: Site) -> BrowserContext:
    context = browser.new_context(viewport=PHONE, locale="en", base_url=site.url)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/sign-in")
    page.locator("button[name=demo][value=depot]").click()
    page.wait_for_url(f"{site.url}/")
    page.close()
    return context


def view(*shown: Image.Image) -> Image.Image:
    """What the camera sees: a table, and the labels beside each other on it."""
    table = Image.new("RGB", SIZE, (128, 132, 126))
    width = SIZE[0] // max(1, len(shown))
    for place, label in enumerate(shown):
        one = label.copy()
        one.thumbnail((width - 20, SIZE[1] - 20), Image.Resampling.LANCZOS)
        table.paste(one, (place * width + (width - one.width) // 2, (SIZE[1] - one.height) // 2))
    return table


def film(path: Path, scenes: Sequence[tuple[Image.Image, float]]) -> Path:
    """A film of scenes, each so many seconds, that the browser's camera plays again and again (YUV4MPEG2)."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for picture, seconds in scenes:
            y, cb, cr = picture.convert("YCbCr").split()
            half = (SIZE[0] // 2, SIZE[1] // 2)
            frame = y.tobytes() + cb.resize(half).tobytes() + cr.resize(half).tobytes()
            for _ in range(round(seconds * RATE)):
                file.write(b"FRAME\n" + frame)
    return path


@pytest.fixture
def watching(site: Site, browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """`watching((picture, seconds), …)`: the depot's scan page, looking up, with that film in its camera."""
    opened: list[Browser] = []

    def watch(*scenes: tuple[Image.Image, float]) -> Page:
        file = film(tmp_path / "film.y4m", scenes)
        fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        flags = [*CHROMIUM_FLAGS, *fake, f"--use-file-for-fake-video-capture={file}"]
        opened.append(browser.browser_type.launch(executable_path=chromium(), args=flags))
        page = signed_in(opened[-1], site).new_page()
        page.goto("/scan?intent=lookup")
        expect(page.locator("#scan-stock-age")).to_contain_text("Stock known")
        page.get_by_role("button", name="Scan with the camera").click()
        return page

    yield watch
    for one in opened:
        one.close()


def verdict(page: Page, kind: str) -> None:
    expect(page.locator("#verdict")).to_have_attribute("data-verdict", re.compile(kind), timeout=15_000)


def test_a_label_in_view_is_one_scan(site: Site, watching: Callable[..., Page], labels: list[Label]) -> None:
    (code, _, label), _ = labels
    after = last_scan(site)
    asked: list[str] = []
    page = watching((view(label), 1))
    page.on("request", lambda request: asked.append(request.url))
    verdict(page, "accepted")
    page.wait_for_timeout(3_000)
    assert scans(site, page, after, 1) == [f"{site.url}/W/{code}".upper()]
    assert all(url.startswith((site.url, "data:", "blob:")) for url in asked)
    page.get_by_role("button", name="Scan with the camera").click()
    assert page.evaluate("document.querySelector('#scan-video').srcObject") is None
    expect(page.locator("#scan-view")).to_be_hidden()


def test_a_label_that_comes_back_counts_again(site: Site, watching: Callable[..., Page], labels: list[Label]) -> None:
    label = labels[0][2]
    after = last_scan(site)
    page = watching((view(label), 1.5), (view(), 3))
    verdict(page, "accepted")
    assert len(scans(site, page, after, 2)) == 2


def test_two_labels_in_view_ask_which(site: Site, watching: Callable[..., Page], labels: list[Label]) -> None:
    (_, _, left), (code, shown, right) = labels
    after = last_scan(site)
    page = watching((view(left, right), 1))
    verdict(page, "which")
    expect(page.locator("#verdict")).to_contain_text("Two codes are in view")
    assert scans(site, page, after, 0) == []
    page.locator(".scan-choice", has_text=shown).click()
    verdict(page, "accepted")
    page.wait_for_timeout(1_500)
    assert scans(site, page, after, 1) == [f"{site.url}/W/{code}".upper()]
    expect(page.locator("#verdict [data-part=code]")).to_be_visible()


def test_without_a_camera_the_page_says_what_to_do(person: Arrive) -> None:
    page = person("depot", PHONE).go("/scan?intent=lookup")
    page.get_by_role("button", name="Scan with the camera").click()
    verdict(page, "refused")
    expect(page.locator("#verdict [data-part=message]")).to_contain_text(re.compile("use a photo"))
    expect(page.locator("#scan-view")).to_be_hidden()


def test_a_photo_with_two_labels_asks_which(site: Site, person: Arrive, labels: list[Label], tmp_path: Path) -> None:
    (_, _, left), (code, shown, right) = labels
    page = person("depot", PHONE).go("/scan?intent=lookup")
    after = last_scan(site)
    both = Image.new("RGB", (max(left.width, right.width), left.height + right.height), "white")
    both.paste(left, (0, 0))
    both.paste(right, (0, left.height))
    both.save(tmp_path / "two.png")
    page.locator("#scan input[type=file]").set_input_files(tmp_path / "two.png")
    verdict(page, "which")
    page.locator(".scan-choice", has_text=shown).click()
    verdict(page, "accepted")
    assert scans(site, page, after, 1) == [f"{site.url}/W/{code}".upper()]


SEQUENCES = {
    "held": ([["a"]] * 40, ["a"]),
    "gone for a moment": ([["a"]] * 5 + [[]] * 18 + [["a"]] * 5, ["a"]),
    "gone for two seconds": ([["a"]] * 5 + [[]] * 20 + [["a"]] * 5, ["a", "a"]),
    "one after the other": ([["a"]] * 5 + [["b"]] * 5 + [["a"]] * 5, ["a", "b"]),
    "a misreading": ([["a"]] * 5 + [["x"]] + [["a"]] * 5, ["a"]),
    "two": ([["a", "b"]] * 5, ["a|b"] * 5),
    "two, of which one flickers": ([["a", "b"], ["a"], ["a", "b"], ["a"], ["a", "b"]], ["a|b"] * 3),
    "two, then one alone": ([["a", "b"]] + [["b"]] * 8, ["a|b", "b"]),
}


@pytest.mark.parametrize("name", list(SEQUENCES))
def test_what_a_row_of_looks_means(site: Site, browser: Browser, name: str) -> None:
    """Ten looks a second; only the clock is given."""
    looks, wanted = SEQUENCES[name]
    page = browser.new_page(base_url=site.url)
    page.goto("/sign-in")
    told = page.evaluate(
        """async (looks) => {
            const { Sight } = await import("/static/wastetrack/scan/camera.js");
            const sight = new Sight();
            return looks.map((texts, number) => sight.look(texts, number * 100))
                .map(({ take, which }) => take ?? which?.join("|")).filter(Boolean);
        }""",
        looks,
    )
    page.close()
    assert told == wanted
