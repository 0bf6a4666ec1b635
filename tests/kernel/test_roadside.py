"""The look at the roadside: only by a party's doing, only on the road, only for a while; and the search by plate."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import zxingcpp
from django.test import Client
from PIL import Image

from labels.qr import svg_path
from manifests import services as manifests
from manifests.models import Manifest, RoadsideCheck
from manifests.services.roadside import look_at_roadside, show_roadside
from tests.api.support import refused
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World
from wastetrack.errors import Refused
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Vehicle

pytestmark = pytest.mark.once

HALF_HOUR = timedelta(minutes=30)


@pytest.fixture
def load(world: World, clock: Any) -> Manifest:
    return world.departed(world.drum())


def show(world: World, manifest: Manifest, by: str = "carrier") -> str:
    """The path of a new link."""
    shown = show_roadside(actor=world.actor(by), manifest=manifest, now=NOW)
    return shown.address.partition("/R/")[2]


def look(path: str) -> Any:
    return Client(headers={"Accept-Language": "en"}).get(path)


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as refusal:
        call()
    return refusal.value.code


# --- who may show it ---


@pytest.mark.parametrize("name", ["firm", "carrier", "depot"])
def test_a_party_shows_its_load(world: World, load: Manifest, name: str) -> None:
    page = look(f"/r/{show(world, load, name)}")
    assert page.status_code == 200
    for words in (
        "演示firm",
        "演示carrier",
        "演示depot",
        "浙D00001",
        "演示用户 carrier",
        "废油桶",
        "900-249-08",
    ):
        assert words in text(page), words
    assert "0575-00000000" in text(page), "whom to call"
    assert load.lines.get().container.short_grouped in text(page)


@pytest.mark.parametrize("name", ["regulator", "viewer"])
def test_nobody_else_does(world: World, load: Manifest, name: str) -> None:
    code = "read_only" if name == "viewer" else "not_your_part"
    assert code_of(lambda: show(world, load, name)) == code
    assert not RoadsideCheck.objects.exists()


def test_a_stranger_hears_of_no_manifest(world: World, load: Manifest, api: Any) -> None:
    for name in ("firm2", "depot2", "plant", "regulator2"):
        refused(api(name).post(f"/manifests/{load.number}/roadside"), 404, "unknown_manifest")
        assert Visitor(world, name).send(f"/manifests/{load.number}/roadside").status_code == 404


def test_only_what_is_on_the_road_is_shown(world: World, clock: Any) -> None:
    manifest = world.issued(world.drum())
    assert code_of(lambda: show(world, manifest)) == "not_on_the_road"
    manifests.depart(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    secret = show(world, manifest)
    manifests.deliver(actor=world.actor("carrier"), manifest=manifest, now=NOW)
    assert code_of(lambda: show(world, manifest)) == "not_on_the_road"
    assert look(f"/r/{secret}").status_code == 410


# --- what it opens ---


def test_the_link_holds_for_half_an_hour_to_the_second(world: World, load: Manifest, clock: Any) -> None:
    secret = show(world, load)
    clock(NOW + HALF_HOUR - timedelta(seconds=1))
    assert look(f"/r/{secret}").status_code == 200
    clock(NOW + HALF_HOUR)
    over = look(f"/r/{secret}")
    assert over.status_code == 410
    assert "opens nothing any more" in text(over)


def test_what_is_over_looks_as_what_never_was(world: World, load: Manifest, clock: Any) -> None:
    secret = show(world, load)
    clock(NOW + HALF_HOUR)
    over, never = look(f"/r/{secret}"), look("/r/" + "A" * 32)
    strip = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"|X-CSRFToken": "[^"]*"|/r/[A-Z0-9]+|%2Fr%2F[A-Z0-9]+')
    assert strip.sub("", text(over)) == strip.sub("", text(never))
    assert (over.status_code, never.status_code) == (410, 410)


@pytest.mark.parametrize("path", ["/r/{}", "/R/{}"])
@pytest.mark.parametrize("spelt", [str.lower, str.upper])
def test_any_case_opens_it(world: World, load: Manifest, path: str, spelt: Callable[[str], str]) -> None:
    assert look(path.format(spelt(show(world, load)))).status_code == 200


def test_the_first_look_is_recorded_and_no_other(world: World, load: Manifest, clock: Any) -> None:
    secret = show(world, load, "firm")
    assert not Entry.objects.filter(kind="manifest.roadside").exists()
    clock(NOW + timedelta(minutes=5))
    for _ in range(3):
        look(f"/r/{secret}")
    entry = Entry.objects.get(kind="manifest.roadside")
    assert (entry.event_time, entry.organisation_name, entry.role) == (NOW + timedelta(minutes=5), "", "system")
    assert entry.data["shown_by"] == "演示用户 firm"
    assert entry.addressed_to(world.actor("depot"))
    assert RoadsideCheck.objects.get().opened_at == NOW + timedelta(minutes=5)
    assert Entry.objects.get(kind="manifest.show").username == "firm"


def test_a_look_that_opens_nothing_is_not_recorded(world: World, load: Manifest, clock: Any) -> None:
    secret = show(world, load)
    clock(NOW + HALF_HOUR)
    look(f"/r/{secret}")
    assert Client().head(f"/r/{secret}").status_code == 405
    assert not Entry.objects.filter(kind="manifest.roadside").exists()


def test_the_secret_is_kept_nowhere(world: World, load: Manifest) -> None:
    secret = show(world, load)
    assert RoadsideCheck.objects.get().digest not in secret
    for model in (RoadsideCheck, Entry):
        assert secret not in repr(list(model.objects.values_list()))


def test_it_is_never_kept_or_found(world: World, load: Manifest) -> None:
    page = look(f"/r/{show(world, load)}")
    assert (page["Cache-Control"], page["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "noindex" in page["X-Robots-Tag"]
    assert look("/r/" + "A" * 32)["Cache-Control"] == "no-store"


def test_guesses_are_counted_and_take_no_right_link_from_anybody(world: World, load: Manifest) -> None:
    secret = show(world, load)
    guesses = [look(f"/r/{number:032d}").status_code for number in range(12)]
    assert guesses == [410] * 10 + [429] * 2
    assert look(f"/r/{secret}").status_code == 200


@pytest.mark.parametrize("odd", ["x" * 5_000, "é汉", "%00", "..", "' OR 1=1", "\U0001f6e2"])
def test_no_address_is_a_fault_of_ours(world: World, load: Manifest, odd: str) -> None:
    assert look(f"/r/{odd}").status_code in (400, 404, 410)


def test_two_looks_at_once_are_one_first_look(world: World, load: Manifest) -> None:
    secret = show(world, load)
    for _ in range(2):
        look_at_roadside(secret=secret, address="", now=NOW)
    assert Entry.objects.filter(kind="manifest.roadside").count() == 1


def test_what_the_officer_sees_costs_the_same_however_many_drums(
    world: World, clock: Any, django_assert_max_num_queries: Any
) -> None:
    secret = show(world, world.departed(*(world.drum() for _ in range(12))))
    look(f"/r/{secret}")
    with django_assert_max_num_queries(10):
        look(f"/r/{secret}")


# --- the code on the driver's phone ---


def drawn(box: int, path: str, scale: int = 6) -> Any:
    """The SVG path as an image: every run is `Mx yhNv1h-Nz`."""
    image = Image.new("L", (box * scale, box * scale), 255)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
        left, top = (int(x) + 4) * scale, (int(y) + 4) * scale
        image.paste(0, (left, top, left + int(width) * scale, top + scale))
    return image


def test_the_code_on_the_page_opens_the_load(world: World, load: Manifest) -> None:
    page = Visitor(world, "carrier").send(f"/manifests/{load.number}/roadside")
    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"
    box = int(re.findall(r'viewBox="-4 -4 (\d+) ', text(page))[0])
    path = re.findall(r'<path d="([^"]+)" fill="#000"', text(page))[0]
    (code,) = zxingcpp.read_barcodes(drawn(box, path))
    assert code.text == code.text.upper()
    assert code.text in text(page)
    assert look("/r/" + code.text.partition("/R/")[2]).status_code == 200
    assert svg_path(code.text) == (box, path)


@pytest.mark.parametrize(
    ("name", "offered"), [("firm", True), ("depot", True), ("viewer", False), ("regulator", False)]
)
def test_the_button_is_a_partys_while_it_is_on_the_road(world: World, load: Manifest, name: str, offered: bool) -> None:
    button = f'action="/manifests/{load.number}/roadside"'
    page = Visitor(world, name).get(f"/manifests/{load.number}")
    assert page.status_code == 200
    assert (button in text(page)) is offered
    manifests.deliver(actor=world.actor("carrier"), manifest=load, now=NOW)
    assert button not in text(Visitor(world, name).get(f"/manifests/{load.number}"))


def test_a_program_gets_the_link_too(world: World, load: Manifest, api: Any) -> None:
    answer = api("carrier").post(f"/manifests/{load.number}/roadside")
    assert answer.status_code == 201
    url = answer.json()["url"]
    assert url == url.upper()
    assert look("/r/" + url.partition("/R/")[2]).status_code == 200


# --- the regulator's search ---


def found(world: World, plate: str = "", name: str = "regulator") -> list[str]:
    page = Visitor(world, name).get("/on-the-road", plate=plate)
    assert page.status_code == 200
    return re.findall(r'href="/manifests/(\d{14})"', text(page))


@pytest.mark.parametrize("plate", ["浙D00001", "浙d·00001", "D-0000 1", "0001", "浙", ""])
def test_a_regulator_finds_what_is_on_the_road_by_its_plate(world: World, load: Manifest, plate: str) -> None:
    assert found(world, plate) == [load.number]


def test_another_plate_finds_nothing(world: World, load: Manifest) -> None:
    assert found(world, "浙D00002") == []


def test_only_what_is_on_the_road_is_found(world: World, load: Manifest) -> None:
    world.issued(world.drum())
    manifests.deliver(actor=world.actor("carrier"), manifest=load, now=NOW)
    assert found(world) == []


def test_only_the_vehicle_that_has_it_now_is_found(world: World, load: Manifest) -> None:
    world.add("second", "carrier")
    world.permit("second", "", kind="transport")
    Vehicle.objects.create(organisation=world.organisations["second"], plate="浙D00002")
    to = world.organisations["second"]
    manifests.hand_over(
        actor=world.actor("carrier"), manifest=load, carrier=to, place="杭州", now=NOW, plate="浙D00002"
    )
    assert (found(world, "00001"), found(world, "00002")) == ([load.number], [])
    manifests.take_over(actor=world.actor("second"), manifest=load, now=NOW)
    assert (found(world, "00001"), found(world, "00002")) == ([], [load.number])


def test_another_districts_regulator_finds_nothing(world: World, load: Manifest) -> None:
    assert found(world, "浙D00001", "regulator2") == []


@pytest.mark.parametrize("name", ["firm", "depot", "carrier", "plant", "viewer"])
def test_a_search_by_plate_is_a_regulators(world: World, load: Manifest, name: str) -> None:
    assert Visitor(world, name).get("/on-the-road", plate="浙D00001").status_code == 404


def test_nobody_searches_without_signing_in(world: World, load: Manifest) -> None:
    assert Visitor(world, None).get("/on-the-road").status_code == 302
