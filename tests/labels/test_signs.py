"""Signs of bays and facilities as they come out of the printer, and what their codes open."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from django.test import Client
from PIL import Image

from depots.models import Bay
from depots.signs import print_signs
from labels.codes import bay_payload, read
from labels.signs import BaySign, FacilitySign, Kind, Spot, draw_bay_signs, draw_facility_signs, draw_plates
from scanner.services import ScanRequest, scan
from tests.labels.conftest import Printed
from tests.labels.test_drawing import overlapping
from tests.pages.visitors import Visitor, text
from tests.world import NOW, World

HOST = "https://waste.example"
SPOTS = tuple(Spot(f"A{n}", (n - 1) // 3 + 1, (n - 1) % 3 + 1, ("HW08",)) for n in range(1, 7))
KINDS = (
    Kind("HW08", "废矿物油与含矿物油废物", ("900-249-08", "900-214-08"), ("T", "I")),
    Kind("HW49", "其他废物"),
)


def bay_sign(code: str = "A2", **changes: Any) -> BaySign:
    said: dict[str, Any] = {
        "code": code,
        "name": "废油区",
        "depot": "演示甲类仓库",
        "unit": "演示环保服务（绍兴）有限公司",
        "spots": SPOTS,
        "kinds": KINDS,
        "temperature": "≤ 35 ℃",
        "qr_payload": bay_payload("42", HOST),
        "demo": True,
    }
    return BaySign(**said | changes)


FACILITY = FacilitySign("演示环保服务（绍兴）有限公司", "TS001", "演示联系人", "0575-00000000", True)


def words(page: Printed) -> str:
    return "".join(page.text.split())


def codes_in(pdf: bytes, page: int = 0, dpi: int = 150) -> set[str]:
    """What both readers agree on: zxing-cpp, and pyzbar where the machine has libzbar0."""
    image = pypdfium2.PdfDocument(pdf)[page].render(scale=dpi / 72).to_pil().convert("L")
    found = {code.text for code in zxingcpp.read_barcodes(image)}
    try:
        from pyzbar import pyzbar
    except ImportError:
        return found
    assert {code.data.decode() for code in pyzbar.decode(image)} == found
    return found


def height(page: Printed, letter: str) -> float:
    """The height of a character as it is seen."""
    return next(top - bottom for found, (_, bottom, _, top) in page.characters() if found == letter)


# --- the drawing ---


@pytest.mark.parametrize(
    ("distance", "side", "title", "small"), [(1, 300, 20, 6), (2.5, 300, 20, 6), (3, 450, 30, 9), (4.5, 600, 40, 12)]
)
def test_the_distance_decides_the_size_of_a_bays_sign(
    printed: Callable[..., Printed], distance: float, side: int, title: float, small: float
) -> None:
    page = printed(draw_bay_signs([bay_sign()], distance))
    assert (page.width, page.height) == (pytest.approx(side, abs=0.5), pytest.approx(side, abs=0.5))
    # 物 is the character by which the font was measured; the first one is the title's.
    assert title <= height(page, "物") <= title * 1.05
    assert height(page, "图") >= small * 0.9
    assert page.colour(side * 0.5, side * 0.855) == (255, 255, 0)
    assert page.colour(side * 0.75, side * 0.3) == (255, 150, 0)


def test_a_bays_sign_says_all_that_is_asked_for(printed: Callable[..., Printed]) -> None:
    page = printed(draw_bay_signs([bay_sign()], 2.5))
    for expected in (
        *("危险废物贮存分区标志", "贮存分区平面图", "本标志所在位置", "废物种类信息", "HW08废矿物油与含矿物油废物"),
        *("900-249-08", "毒性、易燃性", "HW49其他废物", "演示甲类仓库", "≤35℃", "演示DEMO", "A1", "A6", "废油区"),
    ):
        assert expected in words(page)
    assert overlapping(page.characters()) == []
    assert "演示DEMO" not in words(printed(draw_bay_signs([bay_sign(demo=False)], 2.5)))
    assert "以容器标签为准" in words(printed(draw_bay_signs([bay_sign(kinds=())], 2.5)))


def test_this_bay_is_the_black_one_on_the_plan(printed: Callable[..., Printed]) -> None:
    page = printed(draw_bay_signs([bay_sign("A6")], 2.5))
    black = [
        column
        for column in range(3)
        for row in range(2)
        if page.colour(11 + (column + 0.1) * 142 / 3, 240 - (row + 0.8) * 60) == (0, 0, 0)
    ]
    assert black == [2]


@pytest.mark.parametrize("count", [1, 2, 5, 30, 120])
def test_bays_that_are_not_drawn_on_the_plan_yet_are_on_it_all_the_same(
    printed: Callable[..., Printed], count: int
) -> None:
    spots = tuple(Spot(f"K{n}") for n in range(1, count + 1))
    page = printed(draw_bay_signs([bay_sign("K1", spots=spots)], 2.5))
    for n in (1, count):
        assert f"K{n}" in words(page)
    for _, (left, bottom, right, top) in page.characters():
        assert min(left, bottom, page.width - right, page.height - top) > 5


def test_however_much_it_says_it_stays_in_its_fields(printed: Callable[..., Printed]) -> None:
    kinds = tuple(Kind(f"HW{n:02d}", "含金属羰基化合物废物", ("900-249-08",) * 9, ("T", "I")) for n in range(1, 46))
    sign = bay_sign(
        "A2-123456789",
        kinds=kinds,
        unit="演示" * 60,
        depot="甲类仓库" * 20,
        name="废油" * 30,
        temperature="不高于" * 13,
    )
    page = printed(draw_bay_signs([sign], 2.5))
    assert overlapping(page.characters()) == []
    assert "共45类" in words(page)
    for _, (left, bottom, right, top) in page.characters():
        assert min(left, bottom, page.width - right, page.height - top) > 5


@pytest.mark.parametrize(
    ("distance", "size", "name", "small"),
    [(4, (300, 186), 16, 8), (10, (600, 372), 32, 16), (10.5, (900, 558), 48, 24)],
)
def test_the_distance_decides_the_size_of_a_facilitys_sign(
    printed: Callable[..., Printed], distance: float, size: tuple[int, int], name: float, small: float
) -> None:
    page = printed(draw_facility_signs([FACILITY], distance))
    assert (page.width, page.height) == (pytest.approx(size[0], abs=0.5), pytest.approx(size[1], abs=0.5))
    assert name <= height(page, "物") <= name * 1.05
    assert height(page, "服") == pytest.approx(small, rel=0.1)
    for expected in ("危险废物", "贮存设施", "演示环保服务（绍兴）有限公司", "TS001", "演示联系人", "0575-00000000"):
        assert expected in words(page)
    assert overlapping(page.characters()) == []
    assert page.colour(size[0] * 0.05, size[1] * 0.9) == (255, 255, 0)


def test_plates_are_six_to_a_page_and_read_from_the_paper() -> None:
    signs = [bay_sign(f"A{n}", qr_payload=bay_payload(str(n), HOST)) for n in range(1, 9)]
    pdf = draw_plates(signs)
    assert len(pypdfium2.PdfDocument(pdf)) == 2
    assert codes_in(pdf) == {f"HTTPS://WASTE.EXAMPLE/B/{n}" for n in range(1, 7)}
    assert codes_in(pdf, 1) == {f"HTTPS://WASTE.EXAMPLE/B/{n}" for n in (7, 8)}


@pytest.mark.parametrize("distance", [2.5, 4, 5])
def test_a_signs_code_is_read_from_the_paper(distance: float) -> None:
    assert codes_in(draw_bay_signs([bay_sign()], distance), dpi=72) == {"HTTPS://WASTE.EXAMPLE/B/42"}


def test_the_same_signs_give_the_same_bytes() -> None:
    assert draw_bay_signs([bay_sign()], 2.5) == draw_bay_signs([bay_sign()], 2.5)
    with pytest.raises(ValueError, match="no_signs"):
        draw_bay_signs([], 2.5)


# --- the store's own ---


def placed(world: World) -> None:
    for number, bay in enumerate(Bay.objects.filter(depot=world.depots["depot"]), 1):
        bay.row, bay.column, bay.admits, bay.hazards = 1, number, "HW08 900-041-49", "T"
        bay.save()


def test_a_bays_sign_says_what_it_admits(world: World, printed: Callable[..., Printed], settings: Any) -> None:
    settings.PUBLIC_URL = HOST
    placed(world)
    depot = world.depots["depot"]
    pdf = print_signs(depot=depot, kind="bay", on=NOW.date(), bays=["A2"])
    assert len(pypdfium2.PdfDocument(pdf)) == 1
    said = words(printed(pdf))
    for expected in ("HW08废矿物油与含矿物油废物", "HW49其他废物", "900-041-49", "毒性", depot.name):
        assert expected in said
    bay = Bay.objects.get(depot=depot, code="A2")
    (code,) = codes_in(pdf, dpi=72)
    assert (read(code, HOST).kind, read(code, HOST).code) == ("bay", str(bay.pk))
    assert len(pypdfium2.PdfDocument(print_signs(depot=depot, kind="bay", on=NOW.date()))) == 2


def test_without_a_rule_of_its_own_it_says_what_stands_there_else_what_the_permit_covers(
    world: World, printed: Callable[..., Printed]
) -> None:
    said = words(printed(print_signs(depot=world.depots["depot"], kind="bay", on=NOW.date(), bays=["A1"])))
    assert "HW06" in said
    world.delivered(drum := world.drum())
    scan(actor=world.actor("depot"), request=ScanRequest("n", drum.code, "check_in", bay="A1"), now=NOW)
    said = words(printed(print_signs(depot=world.depots["depot"], kind="bay", on=NOW.date(), bays=["A1"])))
    assert "900-249-08" in said
    assert said.count("HW06") == 1  # on the plan, in the other bay


def test_a_program_prints_signs(world: World, api: Any) -> None:
    depot = str(world.depots["depot"].pk)
    for kind in ("bay", "plate", "facility"):
        answer = api("depot").post("/signs", {"depot": depot, "kind": kind})
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF")
    for body, code in (
        ({"depot": depot, "kind": "flag"}, "unknown_sign"),
        ({"depot": depot, "kind": "bay", "distance_m": "-1"}, "distance_out_of_range"),
        ({"depot": depot, "kind": "bay", "distance_m": "NaN"}, "distance_out_of_range"),
        ({"depot": str(world.depots["firm"].pk), "kind": "bay"}, "unknown_depot"),
    ):
        assert code in api("depot").post("/signs", body).content.decode()
    assert api("depot").post("/signs", {"depot": depot, "bays": ["B7"]}).json()["code"] == "unknown_bay"
    own = {"depot": str(world.depots["firm"].pk), "kind": "bay"}
    assert "no_bays" in api("firm").post("/signs", own).content.decode()
    assert api("firm").post("/signs", {"depot": depot, "kind": "bay"}).status_code == 404
    assert api("regulator").post("/signs", {"depot": depot, "kind": "bay"}).status_code == 200


def test_signs_are_chosen_on_a_page(world: World, clock: Any) -> None:
    path = f"/depots/{world.depots['depot'].pk}/signs"
    depot = Visitor(world, "depot")
    assert "Plates for the racks" in text(depot.get(path))
    pdf = depot.send(path, kind="plate", bays=["A1", "A2"])
    assert (pdf["Content-Type"], pdf.status_code) == ("application/pdf", 200)
    refused = depot.send(path, kind="bay", distance_m="far")
    assert refused.status_code == 422
    assert 'id="distance_m-error"' in text(refused)
    assert Visitor(world, "firm").get(path).status_code == 404
    assert "Plates for the racks" not in text(Visitor(world, "firm").get(f"/depots/{world.depots['firm'].pk}/signs"))


def test_a_bays_code_opens_its_board_to_whom_may_see_it_and_says_nothing_to_others(world: World, clock: Any) -> None:
    bay = Bay.objects.get(depot=world.depots["depot"], code="A2")
    board = f"/depots/{bay.depot_id}?bay=A2"
    for path in (f"/b/{bay.pk}", f"/B/{bay.pk}"):
        assert Visitor(world, "depot").get(path).url == board
        assert Visitor(world, "regulator").get(path).url == board
    for visitor in (Visitor(world, "firm"), Visitor(world, "depot2"), Visitor(world, "regulator2")):
        known, unknown = text(visitor.get(f"/b/{bay.pk}")), text(visitor.get("/b/999999"))
        assert "sign of a storage bay" in known
        assert "A2" not in known.split("<main")[1]
        assert world.organisations["depot"].name not in known.split("<main")[1]
        assert known.split("<main")[1] == unknown.split("<main")[1]
    stranger = Client(headers={"Accept-Language": "en"})
    for name in (str(bay.pk), "999999", "A2", "９", "1" * 40):
        page = stranger.get(f"/b/{name}")
        assert page.status_code == 200
        assert "sign of a storage bay" in text(page)
        assert world.organisations["depot"].name not in text(page)
    assert page["X-Robots-Tag"] == "noindex, nofollow"


def test_a_plate_photographed_small_and_askew_is_read() -> None:
    """A phone's picture of a rack: the sheet small in it, turned, and not sharp."""
    pdf = draw_plates([bay_sign("A1")])
    sheet = pypdfium2.PdfDocument(pdf)[0].render(scale=60 / 72).to_pil().convert("L")
    photo = Image.new("L", (900, 1100), 110)
    photo.paste(sheet.rotate(7, expand=True, fillcolor=110), (120, 90))
    buffer = BytesIO()
    photo.save(buffer, "JPEG", quality=60)
    assert {code.text for code in zxingcpp.read_barcodes(Image.open(buffer))} == {"HTTPS://WASTE.EXAMPLE/B/42"}
