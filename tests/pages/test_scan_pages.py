"""The scan page as a plain form: one scan, one verdict."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from depots.models import Bay
from scanner.models import Scan
from tests.pages.visitors import Visitor, text
from tests.world import World


@pytest.fixture(autouse=True)
def _now(clock: Any) -> None:
    """Every page here is read at NOW."""


def picture() -> SimpleUploadedFile:
    file = io.BytesIO()
    Image.new("L", (64, 64), 255).save(file, "PNG")
    return SimpleUploadedFile("label.png", file.getvalue(), "image/png")


def verdict(response: Any) -> str:
    return text(response).split('data-verdict="')[1].split('"')[0]


def test_a_depot_may_check_in_put_away_and_look_up(world: World) -> None:
    page = text(Visitor(world, "depot").get("/scan"))
    assert all(f'value="{intent}"' in page for intent in ("check_in", "put_away", "lookup"))
    assert 'data-verdict="ready"' in page


@pytest.mark.parametrize("name", ["carrier", "regulator"])
def test_who_has_no_store_may_look_up(world: World, name: str) -> None:
    page = text(Visitor(world, name).get("/scan"))
    assert 'value="lookup"' in page
    assert 'value="check_in"' not in page


def test_a_viewer_does_not_scan(world: World) -> None:
    assert Visitor(world, "viewer").get("/scan").status_code == 403
    assert Visitor(world, "viewer").send("/scan", text="x", intent="lookup").status_code == 403
    assert not Scan.objects.exists()


def test_the_address_names_mode_and_depot(world: World) -> None:
    page = text(Visitor(world, "depot").get("/scan", intent="put_away", depot=world.depots["depot"].pk))
    assert 'data-intent="put_away"' in page


def test_a_scan_says_in_and_the_bay(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    response = Visitor(world, "depot").send("/scan", text=drum.short_code.lower(), intent="check_in", bay="A2")
    assert verdict(response) == "accepted"
    assert '<span class="place-code">A2</span>' in text(response)
    assert drum.short_grouped in text(response)


def test_a_refused_scan_says_why(world: World) -> None:
    response = Visitor(world, "depot").send("/scan", text=world.drum().code, intent="check_in")
    assert verdict(response) == "refused"
    assert "No manifest brings this drum here" in text(response)


def test_the_same_form_again_repeats_the_first_answer(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot, sent = Visitor(world, "depot"), {"text": drum.code, "intent": "check_in"}
    assert verdict(depot.send("/scan", nonce="n1", **sent)) == "accepted"
    again = depot.send("/scan", nonce="n1", **sent)
    assert verdict(again) == "repeated-accepted"
    assert 'value="n1"' not in text(again)


def test_a_mass_that_is_no_number_is_refused_at_its_field(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    response = Visitor(world, "depot").send("/scan", text=drum.code, intent="check_in", mass_kg="heavy")
    assert response.status_code == 422
    assert 'id="mass_kg-error"' in text(response)
    assert f'value="{drum.code}"' in text(response)


def test_a_difference_in_mass_is_said_with_the_verdict(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    response = Visitor(world, "depot").send("/scan", text=drum.code, intent="check_in", mass_kg="15")
    assert "a difference is open" in text(response)


def test_a_photo_without_a_code_is_refused_at_its_field(world: World) -> None:
    response = Visitor(world, "depot").send("/scan", text="", intent="lookup", image=picture())
    assert response.status_code == 422
    assert "No code can be read in this photo" in text(response)


def test_a_missing_reader_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanner.views.engines", lambda: {"zxing-cpp": True, "pyzbar": False})
    assert "libzbar0" in text(Visitor(world, "depot").get("/scan"))
    monkeypatch.setattr("scanner.views.engines", lambda: {"zxing-cpp": True, "pyzbar": True})
    assert "libzbar0" not in text(Visitor(world, "depot").get("/scan"))


def test_the_panel_beside_the_verdict_shows_what_is_missing(world: World) -> None:
    first, second = world.drum(), world.drum()
    world.delivered(first, second)
    depot = Visitor(world, "depot")
    depot.send("/scan", text=first.code, intent="check_in")
    page = text(depot.get("/scan/aside", container=first.short_code))
    assert "1 of 2 in" in page
    assert second.short_grouped in page


def test_nobody_reads_anothers_drum_from_the_panel(world: World) -> None:
    drum = world.drum()
    assert drum.name not in text(Visitor(world, "firm2").get("/scan/aside", container=drum.short_code))


def test_last_scans_are_the_organisations_own(world: World) -> None:
    drum = world.drum()
    depot = world.depots["depot"]
    Visitor(world, "depot").send("/scan", text=drum.code, intent="check_in", depot=depot.pk)
    assert "No manifest brings this drum here" in text(Visitor(world, "depot").get(f"/depots/{depot.pk}/scans"))
    assert "No scans yet" in text(Visitor(world, "regulator").get(f"/depots/{depot.pk}/scans"))


def test_the_page_reads_the_same_number_of_queries_however_many_scans(
    world: World, django_assert_max_num_queries: Any
) -> None:
    depot = Visitor(world, "depot")
    drums = [world.drum() for _ in range(8)]
    world.delivered(*drums)
    for drum in drums[:6]:
        depot.send("/scan", text=drum.code, intent="check_in")
    with django_assert_max_num_queries(16):
        depot.get("/scan")
    with django_assert_max_num_queries(16):
        depot.get("/scan/aside", container=drums[0].short_code)


def test_a_drum_that_is_in_already_is_no_stop(world: World) -> None:
    drum, visitor = world.drum(), Visitor(world, "firm")
    sent: dict[str, Any] = {"text": drum.code, "intent": "check_in", "depot": world.depots["firm"].pk}
    page = visitor.send("/scan", **sent)
    assert verdict(page) == "repeated-accepted"
    assert "Already here" in text(page)


def test_a_collector_without_a_depot_is_told_so(world: World) -> None:
    world.add("new", "collector")
    assert "No depot yet: ask your administrator" in text(Visitor(world, "new").get("/scan"))


def test_this_page_alone_may_compile_webassembly(world: World) -> None:
    depot = Visitor(world, "depot")
    assert "script-src 'self' 'wasm-unsafe-eval'" in depot.get("/scan").headers["Content-Security-Policy"]
    assert "wasm" not in depot.get("/containers").headers["Content-Security-Policy"]


def test_modes_that_need_scripts_are_not_offered_to_a_plain_form(world: World) -> None:
    page = text(Visitor(world, "depot").get("/scan"))
    shown = [
        part.split('value="')[1].split('"')[0]
        for part in page.split('class="scan-mode"')[1:]
        if "hidden" not in part[:25]
    ]
    assert shown == ["check_in", "put_away", "lookup"]


def test_the_best_bay_is_proposed_first_and_the_one_it_stands_in_not_at_all(world: World) -> None:
    drum, depot = world.drum(), Visitor(world, "depot")
    world.delivered(drum)
    depot.send("/scan", text=drum.code, intent="check_in", bay="A2")
    told = depot.get("/scan/proposal", depot=world.depots["depot"].pk, container=drum.short_code).json()
    assert (told["stands_in"], told["refusal"]) == ("A2", None)
    assert told["bays"][0]["problem"] is None
    assert "A2" not in [bay["code"] for bay in told["bays"]]


def test_a_drum_that_does_not_stand_here_has_no_bay(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    told = Visitor(world, "depot").get("/scan/proposal", depot=world.depots["depot"].pk, container=drum.code).json()
    assert (told["refusal"]["code"], told["bays"]) == ("not_here", [])


@pytest.mark.parametrize(("name", "status"), [("firm2", 404), ("viewer", 403)])
def test_nobody_else_is_told_of_bays(world: World, name: str, status: int) -> None:
    query = {"depot": world.depots["depot"].pk, "container": world.drum().code}
    assert Visitor(world, name).get("/scan/proposal", **query).status_code == status


def test_what_is_still_to_load_stands_beside_check_out(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    Visitor(world, "depot").send("/scan", text=drum.code, intent="check_in")
    page = text(Visitor(world, "depot").get("/scan"))
    assert "Still to load" not in page
    drum.refresh_from_db()
    manifest = world.issued(drum, sender="depot", to="plant")
    page = text(Visitor(world, "depot").get("/scan/aside"))
    assert "0 of 1 loaded" in page
    assert manifest.number in page


def test_a_plain_form_asks_for_a_second_weighing_and_says_that_it_still_differs(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot, sent = Visitor(world, "depot"), {"text": drum.code, "intent": "check_in", "mass_kg": "15"}
    first = depot.send("/scan", nonce="w1", **sent)
    assert verdict(first) == "weigh"
    assert "Weigh once more" in text(first)
    second = depot.send("/scan", nonce="w2", **sent)
    assert second.status_code == 200
    assert verdict(second) == "flagged"


def test_a_count_is_not_told_where_the_books_have_a_drum(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot = Visitor(world, "depot")
    depot.send("/scan", text=drum.code, intent="check_in", bay="A2")
    place = '<span class="place-code">A2</span>'
    assert place in text(depot.get("/scan/aside", container=drum.short_code, intent="put_away"))
    assert place not in text(depot.get("/scan/aside", container=drum.short_code, intent="count"))


def test_a_drum_in_the_only_bay_that_fits_stands_right(world: World) -> None:
    drum = world.drum()
    world.delivered(drum)
    depot, place = Visitor(world, "depot"), world.depots["depot"]
    depot.send("/scan", text=drum.code, intent="check_in", bay="A2")
    Bay.objects.filter(depot=place, code="A2").update(places=1)
    told = depot.get("/scan/proposal", depot=place.pk, container=drum.short_code).json()
    assert (told["stands_in"], told["stands_right"]) == ("A2", True)
    Bay.objects.filter(depot=place, code="A2").update(admits="HW49")
    assert depot.get("/scan/proposal", depot=place.pk, container=drum.short_code).json()["stands_right"] is False
